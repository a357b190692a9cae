"""The tables. Times are whole seconds since the epoch, days are dates; secrets are there only as SHA-256.

After a change here, ``tests/support/new_revision.py`` writes the migration that databases of operators need.

What was issued for an order or a device refers to its row by foreign key, and the database deletes it with that row.
Numbers and device IDs can come back; a ``row_id`` is random and never does.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from sqlalchemy import String, UniqueConstraint

from rocketvpn_sdk.sandbox.columns import (
    Address,
    ClientId,
    Digest,
    HexDigest,
    Id,
    KeyedByDevice,
    Name,
    OfDevice,
    OfDeviceIfAny,
    OfOrder,
    OfRequest,
    OrderNumber,
    ReplacedRow,
    Seconds,
    Word,
    with_device,
)
from rocketvpn_sdk.sandbox.http_messages import About
from rocketvpn_sdk.sandbox.rows import INDEX, KEY, UNIQUE, TableRow, refers_to, stored_in
from rocketvpn_sdk.sandbox.rows import metadata as metadata


@stored_in("orders")
class OrderRow(TableRow, frozen=True, kw_only=True):
    """A paid order."""

    number: Annotated[OrderNumber, KEY]
    row_id: Annotated[Id, UNIQUE]
    device_limit: int
    paid_until: date
    created_on: date
    contact_email: Address | None = None
    contact_since: date | None = None
    language: Annotated[str, String(35)] | None = None
    language_since: date | None = None
    language_by: Id | None = None  # the row of the device that gave it; no foreign key, since that may go


@stored_in("devices", UniqueConstraint("order_number", "id", "row_id"))
class DeviceRow(TableRow, frozen=True, kw_only=True):
    """A device that is bound to an order."""

    order_number: Annotated[OfOrder, KEY]
    id: Annotated[Name, KEY]
    row_id: Annotated[Id, UNIQUE]
    jkt: Annotated[Digest, INDEX]
    name: Annotated[str, String(60)]
    bound_on: date

    @property
    def about(self) -> About:
        """What is deleted together with the device."""
        return About(order_number=self.order_number, device_id=self.id, device_row=self.row_id)


@stored_in("pending_addresses", with_device(), UniqueConstraint("order_number"))
class PendingAddressRow(OfDevice, frozen=True, kw_only=True):
    """An e-mail address that an order is to have, and that does not count yet."""

    row_id: Annotated[Id, KEY]
    address: Address
    by_code: bool  # whether the user had shown that the present address is theirs
    asked_at: Seconds
    counts_from: Annotated[Seconds, INDEX] | None = None  # empty until the code that was sent to it is given back
    expires_at: Seconds | None = None  # emptied then


@stored_in("recovery_codes")
class RecoveryCodeRow(TableRow, frozen=True, kw_only=True):
    """The hash of an order's recovery code."""

    order_number: Annotated[OfOrder, KEY]
    code_hash: HexDigest
    made_on: date


@stored_in("payments")
class PaymentRow(TableRow, frozen=True, kw_only=True):
    """An invoice. It stays when the account is erased, by law, and no longer says whose it is."""

    invoice: Annotated[str, String(40), KEY]
    order_number: Annotated[OrderNumber, refers_to("orders.number", "SET NULL"), INDEX] | None
    record: Annotated[str, String(200)]
    paid_on: date
    hold_until: date


@stored_in("removed_keys")
class RemovedKeyRow(TableRow, frozen=True, kw_only=True):
    """The hash of a removed device's key."""

    key_hash: Annotated[Digest, KEY]
    expires_at: Seconds


@stored_in("auth_sessions", with_device())
class AuthSessionRow(OfDeviceIfAny, frozen=True, kw_only=True):
    """A session that waits for an e-mailed code."""

    id_hash: Annotated[Digest, KEY]
    jkt: Digest
    client_id: ClientId
    kind: Word
    budget: Annotated[Digest, INDEX]  # the row of ``code_budgets`` that its tries count in
    long: bool  # whether the code is too long to be guessed
    replaces: Name | None = None
    replaces_row: ReplacedRow | None = None
    code_hash: Digest
    tries: int
    max_age: int
    expires_at: Seconds


@stored_in("code_budgets")
class CodeBudgetRow(TableRow, frozen=True, kw_only=True):
    """What is counted for an order, its number known or not: it outlives whatever it counts (``budgets``)."""

    name: Annotated[Digest, KEY]
    since: Seconds  # when its window began
    sent: int  # what was sent, less what was answered rightly
    wrong: int  # wrong codes
    used: int  # long codes that were entered: each is good once
    mailed: int  # the period that a long code was last mailed in
    expires_at: Seconds


@stored_in("proven_devices", with_device())
class ProvenDeviceRow(KeyedByDevice, frozen=True, kw_only=True):
    """A device on which a code from the order's present e-mail address was entered."""


@stored_in("auth_codes", with_device())
class AuthCodeRow(OfDeviceIfAny, frozen=True, kw_only=True):
    """An authorization code."""

    code_hash: Annotated[Digest, KEY]
    jkt: Digest
    client_id: ClientId
    kind: Word
    replaces: Name | None = None
    replaces_row: ReplacedRow | None = None
    verified: bool
    max_age: int
    expires_at: Seconds


@stored_in("refresh_tokens", with_device())
class RefreshTokenRow(OfDevice, frozen=True, kw_only=True):
    """A device's refresh token."""

    token_hash: Annotated[Digest, KEY]
    jkt: Digest
    client_id: ClientId
    issued_on: date


@stored_in("access_tokens", with_device())
class AccessTokenRow(OfDeviceIfAny, frozen=True, kw_only=True):
    """An access token: without a device, an owner's; with a request in place of both, for a receipt after erasure."""

    token_hash: Annotated[Digest, KEY]
    jkt: Digest
    request_id: OfRequest | None = None
    acr: Annotated[str, String(60)]
    expires_at: Seconds


@stored_in("tunnels", with_device(), UniqueConstraint("address"))
class TunnelRow(KeyedByDevice, frozen=True, kw_only=True):
    """A device's tunnel."""

    public_key: Annotated[str, String(44)]
    address: Annotated[str, String(18)]
    created_at: Seconds
    expires_at: Seconds


@stored_in("rights_requests")
class RightsRequestRow(TableRow, frozen=True, kw_only=True):
    """A data rights request."""

    id: Annotated[Id, KEY]
    jkt: Annotated[Digest, INDEX]
    asked_by: Annotated[Id, INDEX]  # the row of the device, or of the owner's order
    refresh_hash: Annotated[Digest, INDEX] | None = None
    exercise: Word
    scope: Word
    status: Annotated[str, String(12)]
    received_at: Seconds
    expected_by: Seconds | None = None
    expires_at: Seconds
    # Until when the deletion of an order without a confirmed address waits (``order_changes``).
    carry_out_at: Annotated[Seconds, INDEX] | None = None
    order_row: Annotated[Id, INDEX] | None = None  # the order whose devices may see and cancel a deletion that waits
    # The fields that were erased at once, with the device that asked for a deletion that waits.
    erased_first: str | None = None
    # Like the next two, only while the request is open; an order is not deleted before that.
    order_number: Annotated[OrderNumber, refers_to("orders.number", None), INDEX] | None = None
    device_id: Name | None = None
    device_row: Id | None = None  # no foreign key: the request outlives the device
    receipt: str | None = None


@stored_in("disclosures")
class DisclosureRow(TableRow, frozen=True, kw_only=True):
    """What the operator told somebody about an order's owner."""

    id: Annotated[Id, KEY]
    order_number: Annotated[OfOrder, INDEX]
    recipient: Annotated[str, String(200)]
    kind: Annotated[str, String(40)]
    basis: Annotated[str, String(40)]
    categories: str
    day: date
    expires_at: Seconds


@stored_in("tickets", with_device())
class TicketRow(OfDeviceIfAny, frozen=True, kw_only=True):
    """An erasure ticket, and who made it: emptied when it is used, the device also when that is unbound."""

    ticket_id: Annotated[HexDigest, KEY]
    scope: Word
    by_code: bool
    made_on: date
    # Like the next two, once it is used, so that an answer that got lost can be given again.
    replay_hash: Digest | None = None
    receipt: str | None = None
    expires_at: Seconds | None = None


@stored_in("consents", with_device())
class ConsentRow(KeyedByDevice, frozen=True, kw_only=True):
    """What holds on a device for a purpose, or for a third party in it."""

    purpose: Annotated[Name, KEY]
    recipient: Annotated[Name, KEY]  # empty: the purpose itself
    record_id: Annotated[str, String(36)]
    state: Word
    policy_version: int
    policy_sha256: HexDigest
    at: Seconds
    expires_at: Seconds


@stored_in("guardian_requests", with_device())
class GuardianRequestRow(OfDevice, frozen=True, kw_only=True):
    """A code that a guardian was sent."""

    id_hash: Annotated[Digest, KEY]
    about: Word
    policy_version: int
    policy_sha256: HexDigest
    code_hash: Digest
    tries: int
    used: bool
    code_until: Seconds
    expires_at: Seconds


@stored_in("guardian_confirmations", with_device())
class GuardianConfirmationRow(KeyedByDevice, frozen=True, kw_only=True):
    """That a guardian agreed."""

    request_hash: Digest
    policy_version: int
    policy_sha256: HexDigest
    confirmed_at: Seconds


@stored_in("reports")
class ReportRow(TableRow, frozen=True, kw_only=True):
    """A report of how an app ran; it belongs to nobody that this database knows."""

    id_hash: Annotated[Digest, KEY]  # of its idempotency key: the same report counts once
    handle_hash: Annotated[Digest, INDEX]
    body: str
    received_on: date
    expires_at: Seconds


@stored_in("survey_responses")
class SurveyResponseRow(TableRow, frozen=True, kw_only=True):
    """Answers to a survey; they belong to nobody that this database knows."""

    id_hash: Annotated[Digest, KEY]  # of the idempotency key: the same response counts once
    handle_hash: Annotated[Digest, INDEX]
    survey: Name
    body: str
    received_on: date
    expires_at: Seconds


@stored_in("idempotency", with_device())
class IdempotencyRow(OfDeviceIfAny, frozen=True, kw_only=True):
    """An idempotency key, deleted with what its answer is about: an order, a device, or a rights request."""

    jkt: Annotated[Digest, KEY]
    key_hash: Annotated[Digest, KEY]
    fingerprint: Digest
    path: Annotated[str, String(200)]
    request_id: OfRequest | None = None
    claim: Id | None = None  # who works on it, until ``expires_at``; empty once there is an answer
    status: int | None = None  # empty while the first request runs
    by_code: bool  # whether the answer was given after an e-mailed code
    headers: str | None = None
    body: bytes | None = None
    expires_at: Seconds


@stored_in("proofs")
class ProofRow(TableRow, frozen=True, kw_only=True):
    """A proof that was used."""

    proof_hash: Annotated[Digest, KEY]
    key_hash: Annotated[Digest, INDEX]
    expires_at: Seconds


@stored_in("meta")
class MetaRow(TableRow, frozen=True, kw_only=True):
    """A value of the server itself."""

    name: Annotated[str, String(40), KEY]
    value: str


EXPIRING = tuple(table for table in metadata.sorted_tables if "expires_at" in table.c)
"""What goes once ``expires_at`` has passed (R1)."""
