"""Who gave a language, and answers that need a code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change the tables of the revision before."""
    op.add_column("idempotency", sa.Column("by_code", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("orders", sa.Column("language_by", sa.String(length=32), nullable=True))
