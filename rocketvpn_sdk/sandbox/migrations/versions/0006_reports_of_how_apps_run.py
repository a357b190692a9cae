"""Reports of how apps run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Change the tables of the revision before."""
    op.create_table(
        "reports",
        sa.Column("id_hash", sa.String(length=43), nullable=False),
        sa.Column("handle_hash", sa.String(length=43), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("expires_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index(op.f("ix_reports_handle_hash"), "reports", ["handle_hash"], unique=False)
