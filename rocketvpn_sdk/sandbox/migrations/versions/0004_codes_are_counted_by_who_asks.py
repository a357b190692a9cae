"""Codes are counted by order, purpose and who asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change the tables of the revision before."""
    op.create_table(
        "code_budgets",
        sa.Column("name", sa.String(length=43), nullable=False),
        sa.Column("since", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("mailed", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "proven_devices",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "device_id"),
    )
    op.create_index(op.f("ix_proven_devices_device_row"), "proven_devices", ["device_row"], unique=False)
    op.execute("DELETE FROM auth_sessions")  # of ten minutes, and without a budget: who waits for a code asks again
    op.add_column("auth_sessions", sa.Column("budget", sa.String(length=43), nullable=False, server_default=""))
    op.add_column("auth_sessions", sa.Column("long", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_index(op.f("ix_auth_sessions_asked"), table_name="auth_sessions")
    op.create_index(op.f("ix_auth_sessions_budget"), "auth_sessions", ["budget"], unique=False)
    op.drop_column("auth_sessions", "asked")
