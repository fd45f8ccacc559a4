"""Read models: tables that answer questions quickly and can be dropped at any time.

A read model is a table, the kind of entry it follows, and a pure function from an entry to a row. Of two rows with the
same key the later stands: that is how a slot's newest evidence comes to speak, and no older one ever again.

Rules: a row depends on entries' fields alone, never on bodies, so that it can be made anew when a body is lost.
Law: replaying the ledger gives the rows that appending gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, and_, delete, insert, select

from bascule.store import tables
from bascule.store.entry import Entry

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadModel:
    """kind: which entries it follows; row: what such an entry's fields make."""

    table: Table
    kind: str
    row: Callable[[Row], Row]

    def key(self, row: Row) -> tuple[Any, ...]:
        """The values of the table's primary key."""
        return tuple(row[column.name] for column in self.table.primary_key)


def _evidence(fields: Row) -> Row:
    names = ("seq", "digest", "subject", "issued_at", "expires_at")
    return {"tool": fields["slot"], **{name: fields[name] for name in names}}


def _subject(fields: Row) -> Row:
    return {"ref": fields["slot"], **{name: fields[name] for name in ("seq", "subject", "record")}}


def _decision(fields: Row) -> Row:
    return {
        "seq": fields["seq"],
        "digest": fields["record"],
        "subject": fields["subject"],
        "ladder": fields["slot"],
        "as_of": fields["issued_at"],
        "review_by": fields["expires_at"],
    }


def _waiver(fields: Row) -> Row:
    names = ("seq", "subject", "issued_at", "expires_at")
    return {"digest": fields["record"], "rule": fields["slot"], **{name: fields[name] for name in names}}


def _approval(fields: Row) -> Row:
    return {
        "seq": fields["seq"],
        "digest": fields["record"],
        "decision": fields["subject"],
        "role": fields["slot"],
        "issued_at": fields["issued_at"],
    }


READ_MODELS = (
    ReadModel(tables.evidence, "evidence", _evidence),
    ReadModel(tables.subjects, "subject", _subject),
    ReadModel(tables.decisions, "decision", _decision),
    ReadModel(tables.waivers, "waiver", _waiver),
    ReadModel(tables.approvals, "approval", _approval),
)


def project(connection: Connection, entry: Entry) -> None:
    """Bring every read model that follows this kind of entry up to date, in the entry's own transaction."""
    fields = entry.fields()
    for model in READ_MODELS:
        if model.kind == entry.kind:
            row = model.row(fields)
            same_key = [column == row[column.name] for column in model.table.primary_key]
            connection.execute(delete(model.table).where(and_(*same_key)))
            connection.execute(insert(model.table).values(row))


def replay(connection: Connection, entries: Iterable[Entry]) -> int:
    """Empty every read model and make it anew; how many entries were read."""
    for model in READ_MODELS:
        connection.execute(delete(model.table))
    count = 0
    for entry in entries:
        project(connection, entry)
        count += 1
    return count


def differences(connection: Connection, entries: Iterable[Entry]) -> Iterator[tuple[str, int, str]]:
    """(table, seq, what differs) for every row that replaying would change, by table and seq."""
    expected: dict[str, dict[tuple[Any, ...], Row]] = {model.table.name: {} for model in READ_MODELS}
    for entry in entries:
        for model in READ_MODELS:
            if model.kind == entry.kind:
                row = model.row(entry.fields())
                expected[model.table.name][model.key(row)] = row
    for model in READ_MODELS:
        found = {model.key(dict(row)): dict(row) for row in connection.execute(select(model.table)).mappings()}
        wanted = expected[model.table.name]
        faults = [(row["seq"], "a row is missing or differs") for key, row in wanted.items() if found.get(key) != row]
        faults += [(row["seq"], "a row that no entry made") for key, row in found.items() if key not in wanted]
        yield from ((model.table.name, seq, what) for seq, what in sorted(faults))
