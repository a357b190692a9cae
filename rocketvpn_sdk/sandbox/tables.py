"""The tables. Times are whole seconds since the epoch, days are dates; secrets are there only as SHA-256."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("number", String(40), primary_key=True),
    Column("device_limit", Integer, nullable=False),
    Column("paid_until", Date, nullable=False),
    Column("created_on", Date, nullable=False),
    Column("contact_email", String(254)),
    Column("contact_since", Date),
    Column("language", String(35)),
    Column("language_since", Date),
)

payments = Table(
    "payments",
    metadata,
    Column("invoice", String(40), primary_key=True),
    Column("order_number", String(40), index=True),  # emptied when the account is erased; the invoice stays, by law
    Column("record", String(200), nullable=False),
    Column("paid_on", Date, nullable=False),
    Column("hold_until", Date, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("order_number", String(40), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("jkt", String(43), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("bound_on", Date, nullable=False),
)

removed_keys = Table(
    "removed_keys",
    metadata,
    Column("key_hash", String(43), primary_key=True),
    Column("expires_at", Integer, nullable=False),
)

auth_sessions = Table(
    "auth_sessions",
    metadata,
    Column("id_hash", String(43), primary_key=True),
    Column("jkt", String(43), nullable=False),
    Column("client_id", String(100), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("order_number", String(40), nullable=False, index=True),
    Column("device_id", String(64), nullable=False),
    Column("replaces", String(64)),
    Column("code_hash", String(43), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("max_age", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
)

auth_codes = Table(
    "auth_codes",
    metadata,
    Column("code_hash", String(43), primary_key=True),
    Column("jkt", String(43), nullable=False),
    Column("client_id", String(100), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("order_number", String(40), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("replaces", String(64)),
    Column("verified", Boolean, nullable=False),
    Column("max_age", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", String(43), primary_key=True),
    Column("jkt", String(43), nullable=False),
    Column("client_id", String(100), nullable=False),
    Column("order_number", String(40), nullable=False),
    Column("device_id", String(64), nullable=False),
    Column("issued_on", Date, nullable=False),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("token_hash", String(43), primary_key=True),
    Column("jkt", String(43), nullable=False),
    # Without a device: the owner's; without both: good for rights requests only.
    Column("order_number", String(40)),
    Column("device_id", String(64)),
    Column("acr", String(60), nullable=False),
    Column("expires_at", Integer, nullable=False),
)

tunnels = Table(
    "tunnels",
    metadata,
    Column("order_number", String(40), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("public_key", String(44), nullable=False),
    Column("address", String(18), nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
    UniqueConstraint("address"),
)

rights_requests = Table(
    "rights_requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("jkt", String(43), nullable=False, index=True),
    Column("refresh_hash", String(43), index=True),
    Column("exercise", String(10), nullable=False),
    Column("scope", String(10), nullable=False),
    Column("status", String(12), nullable=False),
    Column("received_at", Integer, nullable=False),
    Column("expected_by", Integer),
    Column("expires_at", Integer, nullable=False),
    Column("order_number", String(40)),  # these two only while the request is open
    Column("device_id", String(64)),
    Column("receipt", Text),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("order_number", String(40), nullable=False, index=True),
    Column("recipient", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("basis", String(40), nullable=False),
    Column("categories", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("expires_at", Integer, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_id", String(64), primary_key=True),
    Column("order_number", String(40), index=True),  # emptied when it is used
    Column("device_id", String(64)),  # who made it; emptied when that is unbound
    Column("scope", String(10), nullable=False),
    Column("by_code", Boolean, nullable=False),
    Column("made_on", Date, nullable=False),
    Column("replay_hash", String(43)),  # these three once it is used, so that an answer that got lost can be had again
    Column("receipt", Text),
    Column("expires_at", Integer),
)

consents = Table(
    "consents",
    metadata,
    Column("order_number", String(40), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("purpose", String(64), primary_key=True),
    Column("recipient", String(64), primary_key=True),  # empty: the purpose itself
    Column("record_id", String(36), nullable=False),
    Column("state", String(10), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("policy_sha256", String(64), nullable=False),
    Column("at", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
)

guardian_requests = Table(
    "guardian_requests",
    metadata,
    Column("id_hash", String(43), primary_key=True),
    Column("order_number", String(40), nullable=False, index=True),
    Column("device_id", String(64), nullable=False),
    Column("about", String(10), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("policy_sha256", String(64), nullable=False),
    Column("code_hash", String(43), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("code_until", Integer, nullable=False),
    Column("expires_at", Integer, nullable=False),
)

guardian_confirmations = Table(
    "guardian_confirmations",
    metadata,
    Column("order_number", String(40), primary_key=True),
    Column("device_id", String(64), primary_key=True),
    Column("request_hash", String(43), nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("policy_sha256", String(64), nullable=False),
    Column("confirmed_at", Integer, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("jkt", String(43), primary_key=True),
    Column("key_hash", String(43), primary_key=True),
    Column("fingerprint", String(43), nullable=False),
    Column("path", String(200), nullable=False),
    Column("status", Integer),  # empty while the first request runs
    Column("headers", Text),
    Column("body", LargeBinary),
    Column("expires_at", Integer, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

EXPIRING = (
    removed_keys,
    auth_sessions,
    auth_codes,
    access_tokens,
    tunnels,
    rights_requests,
    disclosures,
    tickets,
    consents,
    guardian_requests,
    idempotency,
)
"""What goes once ``expires_at`` has passed (R1)."""
