"""The ledger, and the read models over it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_DIGEST = sa.String(71)
_INSTANT = sa.String(20)


def upgrade() -> None:
    """Make every table. There is no way down: the ledger only grows."""
    _truth()
    _read_models()


def _truth() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("record", _DIGEST),
        sa.Column("subject", _DIGEST),
        sa.Column("slot", sa.Text),
        sa.Column("issued_at", _INSTANT),
        sa.Column("expires_at", _INSTANT),
        sa.Column("appended_at", _INSTANT, nullable=False),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("ledger_entries_by_digest", "ledger_entries", ["digest"])
    op.create_index("ledger_entries_by_record", "ledger_entries", ["record"])
    op.create_index("ledger_entries_by_subject", "ledger_entries", ["subject", "kind", "seq"])
    op.create_table(
        "ledger_nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "ledger_heads",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
    )


def _read_models() -> None:
    op.create_table(
        "evidence",
        sa.Column("subject", _DIGEST, primary_key=True),
        sa.Column("tool", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "subjects",
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("subject", _DIGEST, nullable=False),
        sa.Column("record", _DIGEST, nullable=False),
    )
    op.create_index("ix_subjects_subject", "subjects", ["subject"])
    op.create_table(
        "decisions",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("subject", _DIGEST, nullable=False),
        sa.Column("ladder", sa.Text, nullable=False),
        sa.Column("as_of", _INSTANT, nullable=False),
        sa.Column("review_by", _INSTANT),
    )
    op.create_index("ix_decisions_digest", "decisions", ["digest"])
    op.create_index("decisions_by_subject", "decisions", ["subject", "ladder", "seq"])
    op.create_table(
        "waivers",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("subject", _DIGEST, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_waivers_subject", "waivers", ["subject"])
    op.create_table(
        "approvals",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("decision", _DIGEST, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_approvals_decision", "approvals", ["decision"])
