"""New addresses wait, and recovery codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Change the tables of the revision before."""
    op.create_table(
        "recovery_codes",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number"),
    )
    op.create_table(
        "pending_addresses",
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("by_code", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("counts_from", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("expires_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row_id"),
        sa.UniqueConstraint("order_number"),
    )
    op.create_index(op.f("ix_pending_addresses_counts_from"), "pending_addresses", ["counts_from"], unique=False)
    op.create_index(op.f("ix_pending_addresses_device_row"), "pending_addresses", ["device_row"], unique=False)
    op.create_index(op.f("ix_pending_addresses_order_number"), "pending_addresses", ["order_number"], unique=False)
    op.add_column(
        "rights_requests",
        sa.Column("carry_out_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    )
    op.add_column("rights_requests", sa.Column("order_row", sa.String(length=32), nullable=True))
    op.add_column("rights_requests", sa.Column("erased_first", sa.Text(), nullable=True))
    op.create_index(op.f("ix_rights_requests_carry_out_at"), "rights_requests", ["carry_out_at"], unique=False)
    op.create_index(op.f("ix_rights_requests_order_row"), "rights_requests", ["order_row"], unique=False)
