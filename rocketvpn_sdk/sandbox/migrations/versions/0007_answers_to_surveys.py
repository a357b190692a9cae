"""Answers to surveys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Change the tables of the revision before."""
    op.create_table(
        "survey_responses",
        sa.Column("id_hash", sa.String(length=43), nullable=False),
        sa.Column("handle_hash", sa.String(length=43), nullable=False),
        sa.Column("survey", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("expires_at", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index(op.f("ix_survey_responses_handle_hash"), "survey_responses", ["handle_hash"], unique=False)
