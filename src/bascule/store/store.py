"""The store as journeys see it: records in, records out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Select, func, select

from bascule.attest import (
    PREDICATE_APPROVAL,
    PREDICATE_CONTEXT,
    PREDICATE_DECISION,
    PREDICATE_SUBJECT,
    PREDICATE_WAIVER,
    KeyRing,
    Signed,
    content_identity,
    keep_pack,
    kept_pack,
    read_evidence,
    read_record,
    sign_record,
)
from bascule.kernel.clock import Clock
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import BasculeError, EvidenceError
from bascule.records import Approval, Context, Decision, Evidence, Record, Slot, Subject, Waiver
from bascule.store import tables
from bascule.store.audit import Fault
from bascule.store.blobs import Blobs, FolderBlobs
from bascule.store.database import Database, open_database
from bascule.store.entry import Draft, Entry
from bascule.store.heads import Head
from bascule.store.ledger import Consistency, Inclusion, Ledger

RecordT = TypeVar("RecordT", bound=Record)


def open_store(home: Path, url: str | None, keyring: KeyRing, clock: Clock, blobs: Blobs | None = None) -> Store:
    """The store of a house, made or brought up to date where needed.

    home: where the ledger's file and the blobs lie; url: a PostgreSQL to keep the ledger in instead; blobs: where large
    bodies lie instead. Raises as `open_database` does. Close it, or use it as a context manager.
    """
    database = open_database(home, url)
    return Store(database, Ledger(database, blobs or FolderBlobs(home / "blobs"), keyring, clock), keyring)


class Store:
    """What was recorded, and its proof."""

    def __init__(self, database: Database, ledger: Ledger, keyring: KeyRing) -> None:
        self._database = database
        self._keyring = keyring
        self.ledger = ledger

    # Evidence

    def record_evidence(self, envelope: bytes) -> Evidence:
        """Record an envelope of observations, by whoever signed it, once: what was said before changes nothing.

        Raises EvidenceError as `read_evidence` does, and StoreError as `Ledger.append` does.
        """
        evidence = read_evidence(envelope, self._keyring)
        draft = Draft(
            kind="evidence",
            body=envelope,
            record=content_identity(envelope),
            subject=evidence.slot.subject,
            slot=evidence.slot.tool,
            issued_at=evidence.issued_at,
            expires_at=evidence.expires_at,
        )
        # Once, and by what is said: an old statement that is brought again, as it was or in an envelope that is spelled
        # otherwise, must not become a slot's newest.
        self._record_once(draft)
        return evidence

    def evidence_for(self, subject: Digest, size: int | None = None) -> tuple[Evidence, ...]:
        """The newest evidence of each slot of a subject, sorted by tool; silent where it is not to be had.

        size: as the ledger stood when it had that many entries, which is what a past decision saw.
        """
        with self._database.reading() as connection:
            rows = connection.execute(_newest_per_slot(subject, size)).mappings()
            entries = [Entry.of(dict(row)) for row in rows]
        return tuple(self._evidence(entry) for entry in entries)

    def evidence(self, digest: Digest) -> Evidence | None:
        """One piece of evidence by its envelope's digest, whether or not it still speaks for its slot."""
        entries = self._entries(tables.entries.c.kind == "evidence", tables.entries.c.digest == digest)
        return self._evidence(entries[0]) if entries else None

    def envelope(self, digest: Digest) -> bytes:
        """The bytes of any recorded envelope. Raises EvidenceError `store.no-such-envelope`, StoreError."""
        entries = self._entries(tables.entries.c.digest == digest)
        if not entries:
            raise EvidenceError(
                "store.no-such-envelope", f"`{digest}` was never recorded here", "check the digest, or --home"
            )
        return self.ledger.body(entries[0].seq)

    # Subjects

    def record_subject(self, subject: Subject) -> Digest:
        """Record what a reference pointed at, unless that is what was recorded for it last; the subject's digest."""
        record = subject.content_digest()
        self.ledger.append(
            Draft(
                kind="subject",
                body=sign_record(subject, PREDICATE_SUBJECT, self._keyring),
                record=record,
                subject=subject.digest,
                slot=subject.ref,
            ),
            unless=lambda connection: connection.execute(
                select(tables.subjects.c.seq).where(
                    tables.subjects.c.ref == subject.ref, tables.subjects.c.record == record
                )
            ).scalar(),
        )
        return subject.digest

    def find_subject(self, ref: str) -> Digest | None:
        """The digest of the subject that was last recorded under a reference."""
        with self._database.reading() as connection:
            query = select(tables.subjects.c.subject).where(tables.subjects.c.ref == ref)
            return connection.execute(query).scalar()

    def subject(self, digest: Digest) -> Subject | None:
        """A subject as it was last recorded. Raises EvidenceError or StoreError when its record is not to be had."""
        entries = self._entries(tables.entries.c.kind == "subject", tables.entries.c.subject == digest)
        return self._signed(entries[-1], Subject, PREDICATE_SUBJECT).record if entries else None

    # Decisions

    def record_decision(self, decision: Decision) -> Signed[Decision]:
        """Sign and record a decision, unless it is the one that stands last for its subject and ladder."""
        record = decision.content_digest()
        entry = self.ledger.append(
            Draft(
                kind="decision",
                body=sign_record(decision, PREDICATE_DECISION, self._keyring),
                record=record,
                subject=decision.subject,
                slot=decision.ladder,
                issued_at=decision.as_of,
                expires_at=decision.review_by,
            ),
            unless=lambda connection: _if_last(connection, decision, record),
        )
        return Signed(decision, record, entry.digest, (self._keyring.key_id,))

    def latest_decision(self, subject: Digest, ladder: str) -> Signed[Decision] | None:
        """The last decision on a subject; None where there was none.

        Raises EvidenceError or StoreError when its record is not to be had: an older one does not stand in for it.
        """
        with self._database.reading() as connection:
            seq = connection.execute(_last_decision(subject, ladder)).scalar()
        return None if seq is None else self._decision(seq)

    def decision(self, digest: Digest) -> Signed[Decision] | None:
        """A decision by its digest, the one that people sign. Raises as `latest_decision` does."""
        with self._database.reading() as connection:
            query = select(func.max(tables.decisions.c.seq)).where(tables.decisions.c.digest == digest)
            seq = connection.execute(query).scalar()
        return None if seq is None else self._decision(seq)

    def decisions(self, subject: Digest | None = None, limit: int | None = 1000) -> tuple[Signed[Decision], ...]:
        """Decisions, the newest first, of one subject or of all; limit None: every one. Raises as `latest_decision`."""
        query = select(tables.decisions.c.seq).order_by(tables.decisions.c.seq.desc()).limit(limit)
        if subject is not None:
            query = query.where(tables.decisions.c.subject == subject)
        with self._database.reading() as connection:
            seqs = connection.execute(query).scalars().all()
        return tuple(self._decision(seq) for seq in seqs)

    # What judging again needs

    def record_context(self, context: Context) -> Digest:
        """Record a context, once; the digest by which decisions name it."""
        record = context.content_digest()
        body = sign_record(context, PREDICATE_CONTEXT, self._keyring)
        self._record_once(Draft("context", body, record=record))
        return record

    def context(self, digest: Digest) -> Context | None:
        """A context by its digest. Raises EvidenceError or StoreError when its record is not to be had."""
        entries = self._entries(tables.entries.c.kind == "context", tables.entries.c.record == digest)
        return self._signed(entries[-1], Context, PREDICATE_CONTEXT).record if entries else None

    def record_policy(self, digest: Digest, files: Mapping[str, bytes]) -> None:
        """Record the files of a policy pack under the digest by which decisions name it, once."""
        self._record_once(Draft("policy", keep_pack(digest, files, self._keyring), record=digest))

    def policy_files(self, digest: Digest) -> dict[str, bytes] | None:
        """The files of a pack by its digest. Raises EvidenceError or StoreError when they are not to be had."""
        entries = self._entries(tables.entries.c.kind == "policy", tables.entries.c.record == digest)
        return kept_pack(self.ledger.body(entries[-1].seq), digest, self._keyring) if entries else None

    def record_result(self, data: bytes, subject: Digest, tool: str) -> Digest:
        """Keep another tool's result as it came, once for a subject and tool; the digest of its bytes."""
        table = tables.entries.c
        draft = Draft("result", data, subject=subject, slot=tool)
        said = select(table.seq).where(
            table.kind == draft.kind,
            table.digest == digest_of(data),
            table.subject == subject,
            table.slot == tool,
        )
        query = said.order_by(table.seq).limit(1)
        return self.ledger.append(draft, unless=lambda connection: connection.execute(query).scalar()).digest

    # What named people add

    def record_waiver(self, envelope: bytes) -> Signed[Waiver]:
        """Record a signed waiver, once. Raises EvidenceError as `read_record` does."""
        signed = read_record(envelope, Waiver, PREDICATE_WAIVER, self._keyring)
        waiver = signed.record
        draft = Draft(
            kind="waiver",
            body=envelope,
            record=signed.digest,
            subject=waiver.subject,
            slot=waiver.rule,
            issued_at=waiver.issued_at,
            expires_at=waiver.expires_at,
        )
        self.ledger.append(draft, unless=_same_envelope(draft))
        return signed

    def waivers_for(self, subject: Digest) -> tuple[Signed[Waiver], ...]:
        """Every waiver for a subject that still verifies, in the order of recording, expired ones included."""
        seqs = self._seqs(select(tables.waivers.c.seq).where(tables.waivers.c.subject == subject))
        return tuple(self._vouched(seqs, Waiver, PREDICATE_WAIVER))

    def record_approval(self, envelope: bytes) -> Signed[Approval]:
        """Record a signed approval of a recorded decision, or of a waiver that renews another, once.

        Raises EvidenceError as `read_record` does; `store.approved-with-another-key` when the approval names a key that
        did not sign it; `store.no-such-decision`.
        """
        signed = read_record(envelope, Approval, PREDICATE_APPROVAL, self._keyring)
        approval = signed.record
        _check_own_key(signed)
        with self._database.reading() as connection:
            known = any(
                connection.execute(select(table.c.seq).where(table.c.digest == approval.decision).limit(1)).scalar()
                is not None
                for table in (tables.decisions, tables.waivers)
            )
        if not known:
            raise EvidenceError(
                "store.no-such-decision",
                f"the approval is for `{approval.decision}`, which was never decided or waived here",
                "check the digest, or --home",
            )
        draft = Draft(
            kind="approval",
            body=envelope,
            record=signed.digest,
            subject=approval.decision,
            slot=approval.role,
            issued_at=approval.issued_at,
        )
        self.ledger.append(draft, unless=_same_envelope(draft))
        return signed

    def approvals_for(self, decision: Digest) -> tuple[Signed[Approval], ...]:
        """Every approval of a decision that still verifies, in the order of recording."""
        seqs = self._seqs(select(tables.approvals.c.seq).where(tables.approvals.c.decision == decision))
        approvals = self._vouched(seqs, Approval, PREDICATE_APPROVAL)
        return tuple(signed for signed in approvals if signed.record.key_id in signed.key_ids)

    # Proof

    def head(self) -> Head | None:
        """The ledger's last signed head; None while it is empty."""
        return self.ledger.head()

    def inclusion(self, seq: int) -> Inclusion:
        """See `Ledger.inclusion`."""
        return self.ledger.inclusion(seq)

    def consistency(self, old_size: int) -> Consistency:
        """See `Ledger.consistency`."""
        return self.ledger.consistency(old_size)

    def verify(self, known_root: Digest | None = None) -> list[Fault]:
        """See `Ledger.verify`."""
        return self.ledger.verify(known_root)

    def replay(self) -> int:
        """See `Ledger.replay`."""
        return self.ledger.replay()

    def export(self, path: Path) -> None:
        """See `Ledger.export`."""
        self.ledger.export(path)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _evidence(self, entry: Entry) -> Evidence:
        """What speaks in that entry's slot, or the fact that something should."""
        assert entry.subject is not None
        assert entry.slot is not None
        assert entry.issued_at is not None
        assert entry.expires_at is not None
        slot = Slot(subject=entry.subject, tool=entry.slot)
        silent = Evidence(digest=entry.digest, slot=slot, issued_at=entry.issued_at, expires_at=entry.expires_at)
        self._keyring.verifiers()  # a key ring that cannot be read is an error of its own, not silence
        try:
            evidence = read_evidence(self.ledger.body(entry.seq), self._keyring)
        except BasculeError:
            return silent
        told = (evidence.digest, evidence.slot, evidence.issued_at, evidence.expires_at)
        return evidence if told == (entry.digest, slot, entry.issued_at, entry.expires_at) else silent

    def _record_once(self, draft: Draft) -> None:
        table = tables.entries.c
        said = select(table.seq).where(table.kind == draft.kind, table.record == draft.record)
        query = said.order_by(table.seq).limit(1)
        self.ledger.append(draft, unless=lambda connection: connection.execute(query).scalar())

    def _decision(self, seq: int) -> Signed[Decision]:
        return self._signed(self._entries(tables.entries.c.seq == seq)[0], Decision, PREDICATE_DECISION)

    def _signed(self, entry: Entry, record_type: type[RecordT], predicate_type: str) -> Signed[RecordT]:
        return read_record(self.ledger.body(entry.seq), record_type, predicate_type, self._keyring)

    def _vouched(self, seqs: list[int], record_type: type[RecordT], predicate: str) -> Iterator[Signed[RecordT]]:
        """Those that still verify: a permission that nobody can be shown to have given is none."""
        self._keyring.verifiers()  # as in `_evidence`
        for seq in seqs:
            try:
                yield read_record(self.ledger.body(seq), record_type, predicate, self._keyring)
            except BasculeError:
                continue

    def _entries(self, *conditions: Any) -> list[Entry]:
        query = select(*tables.entry_fields).where(*conditions).order_by(tables.entries.c.seq)
        with self._database.reading() as connection:
            return [Entry.of(dict(row)) for row in connection.execute(query).mappings()]

    def _seqs(self, query: Select[Any]) -> list[int]:
        with self._database.reading() as connection:
            return sorted(connection.execute(query).scalars())


def _same_envelope(draft: Draft) -> Callable[[Connection], int | None]:
    table = tables.entries.c
    query = select(table.seq).where(table.digest == digest_of(draft.body), table.kind == draft.kind)
    return lambda connection: connection.execute(query.order_by(table.seq).limit(1)).scalar()


def _newest_per_slot(subject: Digest, size: int | None) -> Select[Any]:
    table = tables.entries.c
    newest = select(func.max(table.seq)).where(table.kind == "evidence", table.subject == subject)
    if size is None:
        newest = select(tables.evidence.c.seq).where(tables.evidence.c.subject == subject)
    else:
        newest = newest.where(table.seq < size).group_by(table.slot)
    return select(*tables.entry_fields).where(table.seq.in_(newest)).order_by(table.slot)


def _last_decision(subject: str, ladder: str) -> Select[Any]:
    table = tables.decisions.c
    return select(func.max(table.seq)).where(table.subject == subject, table.ladder == ladder)


def _if_last(connection: Connection, decision: Decision, record: Digest) -> int | None:
    seq = connection.execute(_last_decision(decision.subject, decision.ladder)).scalar()
    query = select(tables.decisions.c.seq).where(tables.decisions.c.seq == seq, tables.decisions.c.digest == record)
    return connection.execute(query).scalar()


def _check_own_key(signed: Signed[Approval]) -> None:
    if signed.record.key_id not in signed.key_ids:
        raise EvidenceError(
            "store.approved-with-another-key",
            f"the approval names the key `{signed.record.key_id[:16]}`, which did not sign it",
            "have the person who approves sign with their own key",
        )
