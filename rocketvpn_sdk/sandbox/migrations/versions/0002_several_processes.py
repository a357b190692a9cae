"""Times beyond 2038; who works on an idempotency key, and until when; the proofs that were seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIMES = {
    "access_tokens": ("expires_at",),
    "auth_codes": ("expires_at",),
    "auth_sessions": ("expires_at",),
    "consents": ("at", "expires_at"),
    "disclosures": ("expires_at",),
    "guardian_confirmations": ("confirmed_at",),
    "guardian_requests": ("code_until", "expires_at"),
    "idempotency": ("expires_at",),
    "removed_keys": ("expires_at",),
    "rights_requests": ("received_at", "expected_by", "expires_at"),
    "tickets": ("expires_at",),
    "tunnels": ("created_at", "expires_at"),
}


def upgrade() -> None:
    """Change the tables of the revision before."""
    moment = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    if op.get_bind().dialect.name != "sqlite":  # there, an integer has 64 bits anyway
        for table, columns in _TIMES.items():
            for column in columns:
                op.alter_column(table, column, type_=moment)
    op.create_table(
        "proofs",
        sa.Column("proof_hash", sa.String(length=43), nullable=False),
        sa.Column("key_hash", sa.String(length=43), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("proof_hash"),
    )
    op.create_index(op.f("ix_proofs_key_hash"), "proofs", ["key_hash"], unique=False)
    op.add_column("idempotency", sa.Column("claim", sa.String(length=32), nullable=True))
    # Claims of the former kind ended after a day, and their processes are gone.
    op.execute("DELETE FROM idempotency WHERE status IS NULL")
