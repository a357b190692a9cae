"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("device_limit", sa.Integer(), nullable=False),
        sa.Column("paid_until", sa.Date(), nullable=False),
        sa.Column("created_on", sa.Date(), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=True),
        sa.Column("contact_since", sa.Date(), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("language_since", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("row_id"),
    )


def _removed_keys() -> None:
    op.create_table(
        "removed_keys",
        sa.Column("key_hash", sa.String(length=43), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash"),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("row_id", sa.String(length=32), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("bound_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "id"),
        sa.UniqueConstraint("order_number", "id", "row_id"),
        sa.UniqueConstraint("row_id"),
    )
    op.create_index(op.f("ix_devices_jkt"), "devices", ["jkt"], unique=False)


def _disclosures() -> None:
    op.create_table(
        "disclosures",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("basis", sa.String(length=40), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_disclosures_order_number"), "disclosures", ["order_number"], unique=False)


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("invoice", sa.String(length=40), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("record", sa.String(length=200), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("hold_until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("invoice"),
    )
    op.create_index(op.f("ix_payments_order_number"), "payments", ["order_number"], unique=False)


def _rights_requests() -> None:
    op.create_table(
        "rights_requests",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("asked_by", sa.String(length=32), nullable=False),
        sa.Column("refresh_hash", sa.String(length=43), nullable=True),
        sa.Column("exercise", sa.String(length=10), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.Integer(), nullable=False),
        sa.Column("expected_by", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_number"],
            ["orders.number"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_rights_requests_asked_by"), "rights_requests", ["asked_by"], unique=False)
    op.create_index(op.f("ix_rights_requests_jkt"), "rights_requests", ["jkt"], unique=False)
    op.create_index(op.f("ix_rights_requests_order_number"), "rights_requests", ["order_number"], unique=False)
    op.create_index(op.f("ix_rights_requests_refresh_hash"), "rights_requests", ["refresh_hash"], unique=False)


def _access_tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("request_id", sa.String(length=32), nullable=True),
        sa.Column("acr", sa.String(length=60), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["request_id"], ["rights_requests.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_access_tokens_device_row"), "access_tokens", ["device_row"], unique=False)
    op.create_index(op.f("ix_access_tokens_order_number"), "access_tokens", ["order_number"], unique=False)
    op.create_index(op.f("ix_access_tokens_request_id"), "access_tokens", ["request_id"], unique=False)


def _auth_codes() -> None:
    op.create_table(
        "auth_codes",
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("replaces_row", sa.String(length=32), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["replaces_row"], ["devices.row_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_index(op.f("ix_auth_codes_device_row"), "auth_codes", ["device_row"], unique=False)
    op.create_index(op.f("ix_auth_codes_order_number"), "auth_codes", ["order_number"], unique=False)
    op.create_index(op.f("ix_auth_codes_replaces_row"), "auth_codes", ["replaces_row"], unique=False)


def _auth_sessions() -> None:
    op.create_table(
        "auth_sessions",
        sa.Column("id_hash", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("asked", sa.String(length=43), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("replaces_row", sa.String(length=32), nullable=True),
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["replaces_row"], ["devices.row_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index(op.f("ix_auth_sessions_asked"), "auth_sessions", ["asked"], unique=False)
    op.create_index(op.f("ix_auth_sessions_device_row"), "auth_sessions", ["device_row"], unique=False)
    op.create_index(op.f("ix_auth_sessions_order_number"), "auth_sessions", ["order_number"], unique=False)
    op.create_index(op.f("ix_auth_sessions_replaces_row"), "auth_sessions", ["replaces_row"], unique=False)


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "device_id", "purpose", "recipient"),
    )
    op.create_index(op.f("ix_consents_device_row"), "consents", ["device_row"], unique=False)


def _guardian_confirmations() -> None:
    op.create_table(
        "guardian_confirmations",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("request_hash", sa.String(length=43), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy_sha256", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "device_id"),
    )
    op.create_index(
        op.f("ix_guardian_confirmations_device_row"), "guardian_confirmations", ["device_row"], unique=False
    )


def _guardian_requests() -> None:
    op.create_table(
        "guardian_requests",
        sa.Column("id_hash", sa.String(length=43), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=10), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy_sha256", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=43), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("code_until", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index(op.f("ix_guardian_requests_device_row"), "guardian_requests", ["device_row"], unique=False)
    op.create_index(op.f("ix_guardian_requests_order_number"), "guardian_requests", ["order_number"], unique=False)


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("key_hash", sa.String(length=43), nullable=False),
        sa.Column("fingerprint", sa.String(length=43), nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("request_id", sa.String(length=32), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["request_id"], ["rights_requests.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("jkt", "key_hash"),
    )
    op.create_index(op.f("ix_idempotency_device_row"), "idempotency", ["device_row"], unique=False)
    op.create_index(op.f("ix_idempotency_order_number"), "idempotency", ["order_number"], unique=False)
    op.create_index(op.f("ix_idempotency_request_id"), "idempotency", ["request_id"], unique=False)


def _refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_refresh_tokens_device_row"), "refresh_tokens", ["device_row"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_order_number"), "refresh_tokens", ["order_number"], unique=False)


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket_id", sa.String(length=64), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("device_row", sa.String(length=32), nullable=True),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("by_code", sa.Boolean(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("replay_hash", sa.String(length=43), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id"),
    )
    op.create_index(op.f("ix_tickets_device_row"), "tickets", ["device_row"], unique=False)
    op.create_index(op.f("ix_tickets_order_number"), "tickets", ["order_number"], unique=False)


def _tunnels() -> None:
    op.create_table(
        "tunnels",
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("device_row", sa.String(length=32), nullable=False),
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("address", sa.String(length=18), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_number", "device_id", "device_row"],
            ["devices.order_number", "devices.id", "devices.row_id"],
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "device_id"),
        sa.UniqueConstraint("address"),
    )
    op.create_index(op.f("ix_tunnels_device_row"), "tunnels", ["device_row"], unique=False)


def upgrade() -> None:
    """Change the tables of the revision before."""
    _meta()
    _orders()
    _removed_keys()
    _devices()
    _disclosures()
    _payments()
    _rights_requests()
    _access_tokens()
    _auth_codes()
    _auth_sessions()
    _consents()
    _guardian_confirmations()
    _guardian_requests()
    _idempotency()
    _refresh_tokens()
    _tickets()
    _tunnels()
