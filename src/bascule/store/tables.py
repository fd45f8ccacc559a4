"""The tables. Three are the truth; the others are read models, which can be dropped and replayed.

    ledger_entries   what was said: the fields of each entry, and its body where it is small
    ledger_nodes     the Merkle tree over the entries: level 0 holds the leaves' hashes
    ledger_heads     what we signed: one envelope over {size, root, appended_at} for each append
    evidence, subjects, decisions, waivers, approvals

Rules: a digest stands with its prefix, an instant as RFC 3339 text, so that a row is the same in every database and a
leaf can be taken over exactly what is stored.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0001"
"""the schema that this code reads and writes: the newest revision under `migrations/versions`"""

metadata = MetaData()

_DIGEST = String(71)
_INSTANT = String(20)

entries = Table(
    "ledger_entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("digest", _DIGEST, nullable=False),
    Column("record", _DIGEST),
    Column("subject", _DIGEST),
    Column("slot", Text),
    Column("issued_at", _INSTANT),
    Column("expires_at", _INSTANT),
    Column("appended_at", _INSTANT, nullable=False),
    Column("body", LargeBinary),
    Index("ledger_entries_by_digest", "digest"),
    Index("ledger_entries_by_record", "record"),
    Index("ledger_entries_by_subject", "subject", "kind", "seq"),
)

entry_fields = [column for column in entries.c if column.name != "body"]
"""what an entry says; its body is fetched by itself, because it may be large"""

nodes = Table(
    "ledger_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

heads = Table(
    "ledger_heads",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("subject", _DIGEST, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("digest", _DIGEST, nullable=False),
    Column("issued_at", _INSTANT, nullable=False),
    Column("expires_at", _INSTANT, nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("ref", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("subject", _DIGEST, nullable=False, index=True),
    Column("record", _DIGEST, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", _DIGEST, nullable=False, index=True),
    Column("subject", _DIGEST, nullable=False),
    Column("ladder", Text, nullable=False),
    Column("as_of", _INSTANT, nullable=False),
    Column("review_by", _INSTANT),
    Index("decisions_by_subject", "subject", "ladder", "seq"),
)

waivers = Table(
    "waivers",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", _DIGEST, nullable=False),
    Column("subject", _DIGEST, nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("issued_at", _INSTANT, nullable=False),
    Column("expires_at", _INSTANT, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", _DIGEST, nullable=False),
    Column("decision", _DIGEST, nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("issued_at", _INSTANT, nullable=False),
)
