"""The ledger: it only grows, anybody can check that it did, and one changed byte is found.

An append is one transaction: the entry, the tree's new nodes, a signed head, and the read models. Rules, in order:
1. One writer at a time, in every process: the place of an entry is settled under the database's lock.
2. Nothing is built on a damaged ledger: the last head must verify, and must be the root of the tree that is there.
3. A small body lies in its row, a larger one is a blob that is on the disk before the row is.
4. An append that did not return may be there or not, whole; one that returned is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from securesystemslib.signer import Key
from sqlalchemy import Connection, and_, func, insert, select

from bascule.attest import KeyRing
from bascule.kernel.clock import Clock
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import BasculeError, EvidenceError, InputError, StoreError
from bascule.store import merkle, tables
from bascule.store.audit import Fault, Kept, KeptHead, audit, in_step
from bascule.store.blobs import Blobs
from bascule.store.database import Database
from bascule.store.entry import FIELDS, Draft, Entry, leaf_of
from bascule.store.export import write_export
from bascule.store.heads import Head, read_head, sign_head
from bascule.store.projections import differences, project, replay

INLINE_BYTES = 1 << 20
"""bodies up to this size lie in the database, where a team's machines all see them"""

_PAGE = 64

AlreadySaid: TypeAlias = Callable[[Connection], int | None]
"""asked under the lock: the place of an entry that makes this one unnecessary, or None"""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Shows that `entry` stands at its place under `head`: `verify_inclusion(leaf, entry.seq, size, path, root)`."""

    entry: Entry
    leaf: bytes
    path: tuple[bytes, ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Consistency:
    """Shows that the ledger under `head` begins with the `old_size` entries under `old_root`."""

    old_size: int
    old_root: bytes
    path: tuple[bytes, ...]
    head: Head


class Ledger:
    """An append-only list of entries in a database, its larger bodies in blobs."""

    def __init__(
        self, database: Database, blobs: Blobs, keyring: KeyRing, clock: Clock, inline_bytes: int = INLINE_BYTES
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._keyring = keyring
        self._clock = clock
        self._inline_bytes = inline_bytes

    def append(self, draft: Draft, unless: AlreadySaid = lambda _connection: None) -> Entry:
        """Add an entry; or, where `unless` names one that already says it, give that one back.

        Raises StoreError: `store.full`, `store.unavailable`, `kernel.cannot-write`, or `store.ledger-damaged`, after
        which the ledger is as it was.
        """
        signer = self._keyring.signer
        digest = digest_of(draft.body)
        inline = len(draft.body) <= self._inline_bytes
        if not inline:
            self._blobs.put(draft.body)
        with self._database.writing() as connection:
            already = unless(connection)
            if already is not None:
                return _entry(connection, already)
            nodes = _Nodes(connection)
            size = self._sound_size(connection, nodes)
            entry = Entry(
                seq=size,
                kind=draft.kind,
                digest=digest,
                record=draft.record,
                subject=draft.subject,
                slot=draft.slot,
                issued_at=draft.issued_at,
                expires_at=draft.expires_at,
                appended_at=self._clock.now(),
            )
            fields = entry.fields()
            nodes.write(merkle.completed(size, leaf_of(fields), nodes))
            connection.execute(insert(tables.entries).values(**fields, body=draft.body if inline else None))
            head = sign_head(size + 1, merkle.root(size + 1, nodes), entry.appended_at, signer)
            connection.execute(insert(tables.heads).values(size=head.size, envelope=head.envelope))
            project(connection, entry)
            return entry

    def entries(self, kind: str | None = None, start: int = 0) -> Iterator[Entry]:
        """Entries from `start` on, in order, page by page, so that nothing is held open between them."""
        while True:
            with self._database.reading() as connection:
                query = select(*tables.entry_fields).where(tables.entries.c.seq >= start)
                if kind is not None:
                    query = query.where(tables.entries.c.kind == kind)
                page = [Entry.of(row) for row in _mappings(connection, query.order_by("seq").limit(_PAGE))]
            yield from page
            if len(page) < _PAGE:
                return
            start = page[-1].seq + 1

    def body(self, seq: int) -> bytes:
        """The bytes of an entry.

        Raises StoreError `store.no-such-entry`, `store.body-changed`, `store.blob-missing`, `store.blob-changed`.
        """
        with self._database.reading() as connection:
            query = select(tables.entries.c.digest, tables.entries.c.body).where(tables.entries.c.seq == seq)
            row = connection.execute(query).one_or_none()
        if row is None:
            raise _no_such_entry(seq)
        body = self._body(row.digest, row.body)
        if digest_of(body) != row.digest:
            raise StoreError(
                "store.body-changed", f"the body of entry {seq} is not `{row.digest}`", "run `bascule ledger verify`"
            )
        return body

    def head(self) -> Head | None:
        """The last signed head; None for a ledger without entries. Raises EvidenceError when it does not verify."""
        with self._database.reading() as connection:
            return self._head(connection)

    def inclusion(self, seq: int) -> Inclusion:
        """The proof for one entry under the last head. Raises StoreError `store.no-such-entry`."""
        with self._database.reading() as connection:
            entry, head, nodes = _entry(connection, seq), self._some_head(connection), _Nodes(connection)
            return Inclusion(entry, nodes(0, seq), merkle.inclusion_proof(seq, head.size, nodes), head)

    def consistency(self, old_size: int) -> Consistency:
        """The proof that the ledger still begins as it was at `old_size`. Raises InputError `store.never-that-long`."""
        with self._database.reading() as connection:
            head, nodes = self._some_head(connection), _Nodes(connection)
            if not 0 <= old_size <= head.size:
                raise InputError(
                    "store.never-that-long",
                    f"the ledger has {head.size} entries and never had {old_size}",
                    "give the size of an earlier head",
                )
            path = merkle.consistency_proof(old_size, head.size, nodes)
            return Consistency(old_size, merkle.root(old_size, nodes), path, head)

    def verify(self, known_root: Digest | None = None) -> list[Fault]:
        """Everything recomputed: bodies, fields, leaves, inner nodes, roots, signatures and read models.

        known_root: of a head that somebody kept; the ledger must still begin with what it covers. Without one, nobody
        can tell a ledger that lost its last entries from one that never had them.
        """
        verifiers = self._keyring.authorities()
        with self._database.reading() as connection:
            faults = list(audit(in_step(self._kept(connection), _kept_heads(connection)), verifiers))
            faults += _node_faults(connection)
            if not any(fault.what == "fields-changed" for fault in faults):
                # Read models are compared with what the entries say, which must first be what they said.
                for table, seq, what in differences(connection, _all_entries(connection)):
                    detail = f"`{table}`: {what}; run `bascule ledger replay`"
                    faults.append(Fault("read-model-differs", seq, None, detail))
            if known_root is not None and known_root not in set(_roots(connection, verifiers)):
                detail = f"no head over the root `{known_root}`: entries that it covered are gone or changed"
                faults.append(Fault("head-missing", None, None, detail))
        return faults

    def replay(self) -> int:
        """Drop every read model's rows and make them anew; how many entries were read."""
        with self._database.writing() as connection:
            return replay(connection, _all_entries(connection))

    def export(self, path: Path) -> None:
        """Write the whole ledger, bodies and heads and public keys included, as lines of JSON.

        The same ledger and trust give the same bytes; `verify_export` checks them without a database.
        """
        with self._database.reading() as connection:
            found = in_step(self._kept(connection), _kept_heads(connection))
            write_export(path, found, self._keyring.trusted())

    def _sound_size(self, connection: Connection, nodes: _Nodes) -> int:
        """How many entries there are, once it is clear that the last head stands for exactly these."""
        try:
            head = self._head(connection)
        except EvidenceError as error:
            raise _damaged(error.message) from error
        size = head.size if head else 0
        last = connection.execute(select(func.max(tables.entries.c.seq))).scalar()
        if (-1 if last is None else last) != size - 1:
            raise _damaged(f"its last head covers {size} entries, and the last entry is number {last}")
        if head is not None and merkle.root(size, nodes).hex() != head.root.removeprefix("sha256:"):
            raise _damaged(f"its last head, over {size} entries, is not the root of its tree")
        return size

    def _head(self, connection: Connection) -> Head | None:
        query = select(tables.heads.c.envelope).order_by(tables.heads.c.size.desc()).limit(1)
        envelope = connection.execute(query).scalar()
        return None if envelope is None else read_head(envelope, self._keyring.authorities())

    def _some_head(self, connection: Connection) -> Head:
        head = self._head(connection)
        if head is None:
            raise StoreError("store.empty", "the ledger has no entries", "run `bascule review` first")
        return head

    def _body(self, digest: Digest, inline: bytes | None) -> bytes:
        return self._blobs.get(digest) if inline is None else inline

    def _kept(self, connection: Connection) -> Iterator[Kept]:
        leaves = tables.nodes.alias()
        at_its_place = and_(leaves.c.level == 0, leaves.c.position == tables.entries.c.seq)
        query = select(tables.entries, leaves.c.hash).outerjoin_from(tables.entries, leaves, at_its_place)
        for row in _mappings(connection, query.order_by(tables.entries.c.seq)):
            body: bytes | BasculeError
            try:
                body = self._body(row["digest"], row["body"])
            except BasculeError as error:
                body = error
            yield Kept({name: row[name] for name in FIELDS}, row["hash"], body)


class _Nodes:
    """The tree's nodes in their table; each is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, position: int) -> bytes:
        known = self._known.get((level, position))
        if known is None:
            table = tables.nodes.c
            query = select(table.hash).where(table.level == level, table.position == position)
            known = self._connection.execute(query).scalar()
            if known is None:
                raise _damaged(f"its tree has no node {position} on level {level}")
            self._known[level, position] = known
        return known

    def write(self, completed: Iterable[tuple[int, int, bytes]]) -> None:
        """Add nodes to the table."""
        for level, position, node in completed:
            self._known[level, position] = node
            self._connection.execute(insert(tables.nodes).values(level=level, position=position, hash=node))


def _node_faults(connection: Connection) -> Iterator[Fault]:
    """Inner nodes that are not the hash over the two below them, or that should be there and are not."""
    node, left, right = tables.nodes, tables.nodes.alias(), tables.nodes.alias()
    query = (
        select(node.c.level, node.c.position, node.c.hash, left.c.hash, right.c.hash)
        .outerjoin_from(node, left, and_(left.c.level == node.c.level - 1, left.c.position == node.c.position * 2))
        .outerjoin(right, and_(right.c.level == node.c.level - 1, right.c.position == node.c.position * 2 + 1))
        .where(node.c.level > 0)
        .order_by(node.c.level, node.c.position)
    )
    for level, position, found, below_left, below_right in connection.execute(query.execution_options(yield_per=_PAGE)):
        if below_left is None or below_right is None or merkle.node_hash(below_left, below_right) != found:
            first = position << level
            detail = f"node {position} on level {level} is not the hash over entries {first} to {first + 2**level - 1}"
            yield Fault("node-changed", first, None, detail)
    counts = select(node.c.level, func.count()).group_by(node.c.level).order_by(node.c.level)
    by_level = {row.level: row[1] for row in connection.execute(counts)}
    size = connection.execute(select(func.count()).select_from(tables.entries)).scalar_one()
    for level in range(max(size.bit_length(), max(by_level, default=-1) + 1)):
        if by_level.get(level, 0) != size >> level:
            detail = f"level {level} of the tree has {by_level.get(level, 0)} nodes where {size >> level} belong"
            yield Fault("node-changed", None, None, detail)


def _entry(connection: Connection, seq: int) -> Entry:
    query = select(*tables.entry_fields).where(tables.entries.c.seq == seq)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise _no_such_entry(seq)
    return Entry.of(dict(row))


def _all_entries(connection: Connection) -> Iterator[Entry]:
    query = select(*tables.entry_fields).order_by(tables.entries.c.seq)
    return (Entry.of(row) for row in _mappings(connection, query))


def _kept_heads(connection: Connection) -> Iterator[KeptHead]:
    for row in _mappings(connection, select(tables.heads).order_by(tables.heads.c.size)):
        yield KeptHead(row["size"], row["envelope"])


def _roots(connection: Connection, verifiers: Sequence[Key]) -> Iterator[Digest]:
    """Of every head that verifies."""
    for kept in _kept_heads(connection):
        with contextlib.suppress(EvidenceError):
            yield read_head(kept.envelope, verifiers).root


def _mappings(connection: Connection, query: Any) -> Iterator[Mapping[str, Any]]:
    for row in connection.execute(query.execution_options(yield_per=_PAGE)).mappings():
        yield {str(name): value for name, value in row.items()}


def _no_such_entry(seq: int) -> StoreError:
    return StoreError("store.no-such-entry", f"the ledger has no entry {seq}", "entries are counted from 0")


def _damaged(why: str) -> StoreError:
    return StoreError(
        "store.ledger-damaged",
        f"the ledger is damaged, and nothing was added to it: {why}",
        "run `bascule ledger verify`, and restore the ledger from a copy",
    )
