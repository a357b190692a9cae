"""The rows of the tables, as values."""

from __future__ import annotations

from datetime import date

import msgspec


class OrderRow(msgspec.Struct, frozen=True):
    """A row of ``orders``."""

    number: str
    device_limit: int
    paid_until: date
    created_on: date
    contact_email: str | None
    contact_since: date | None
    language: str | None
    language_since: date | None


class DeviceRow(msgspec.Struct, frozen=True):
    """A row of ``devices``."""

    order_number: str
    id: str
    jkt: str
    name: str
    bound_on: date


class SessionRow(msgspec.Struct, frozen=True):
    """A row of ``auth_sessions``."""

    id_hash: str
    jkt: str
    client_id: str
    kind: str
    order_number: str
    device_id: str
    replaces: str | None
    code_hash: str
    tries: int
    max_age: int
    expires_at: int


class CodeRow(msgspec.Struct, frozen=True):
    """A row of ``auth_codes``."""

    code_hash: str
    jkt: str
    client_id: str
    kind: str
    order_number: str
    device_id: str
    replaces: str | None
    verified: bool
    max_age: int
    expires_at: int


class RightsRow(msgspec.Struct, frozen=True):
    """A row of ``rights_requests``."""

    id: str
    jkt: str
    refresh_hash: str | None
    exercise: str
    scope: str
    status: str
    received_at: int
    expected_by: int | None
    expires_at: int
    order_number: str | None
    device_id: str | None
    receipt: str | None


class DisclosureRow(msgspec.Struct, frozen=True):
    """A row of ``disclosures``."""

    id: str
    order_number: str
    recipient: str
    kind: str
    basis: str
    categories: str
    day: date
    expires_at: int


class TicketRow(msgspec.Struct, frozen=True):
    """A row of ``tickets``."""

    ticket_id: str
    order_number: str | None
    device_id: str | None
    scope: str
    by_code: bool
    made_on: date
    replay_hash: str | None
    receipt: str | None
    expires_at: int | None


class ConsentRow(msgspec.Struct, frozen=True):
    """A row of ``consents``."""

    order_number: str
    device_id: str
    purpose: str
    recipient: str
    record_id: str
    state: str
    policy_version: int
    policy_sha256: str
    at: int
    expires_at: int


class GuardianRow(msgspec.Struct, frozen=True):
    """A row of ``guardian_requests``."""

    id_hash: str
    order_number: str
    device_id: str
    about: str
    policy_version: int
    policy_sha256: str
    code_hash: str
    tries: int
    used: bool
    code_until: int
    expires_at: int


class ConfirmationRow(msgspec.Struct, frozen=True):
    """A row of ``guardian_confirmations``."""

    order_number: str
    device_id: str
    request_hash: str
    policy_version: int
    policy_sha256: str
    confirmed_at: int
