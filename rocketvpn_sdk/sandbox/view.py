"""What the server holds about a device and its order, field by field as the policy declares it (A1, R1, R2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import devices_of, dies_with
from rocketvpn_sdk.sandbox.disclosures import FIELD, disclosures_of
from rocketvpn_sdk.sandbox.rows import ConfirmationRow, ConsentRow, DeviceRow, OrderRow, TicketRow
from rocketvpn_sdk.sandbox.store import every

HOLD_REASON = "Tax law requires the operator to keep its invoices."


def held_fields(db: Connection, policy: Policy, order: OrderRow, device: DeviceRow) -> list[wire.HeldField]:
    """Return every field that is held; the value is ``None`` where only its hash is (the session token)."""
    return [*_of_order(db, policy, order, asking=device), *_of_device(db, policy, device)]


def held_of_order(db: Connection, policy: Policy, order: OrderRow) -> list[wire.HeldField]:
    """Return every field that is held about an order and all its devices, one device after the other."""
    devices = devices_of(db, order.number)
    return [*_of_order(db, policy, order), *(field for device in devices for field in _of_device(db, policy, device))]


def _of_order(
    db: Connection, policy: Policy, order: OrderRow, *, asking: DeviceRow | None = None
) -> Iterator[wire.HeldField]:
    yield from _account(policy, order)
    yield from _payments(db, policy, order.number)
    yield from _disclosures(db, policy, order.number)
    yield from _tickets(db, policy, order, asking)


def _of_device(db: Connection, policy: Policy, device: DeviceRow) -> Iterator[wire.HeldField]:
    yield from _device(db, policy, device)
    yield from _tunnel(db, policy, device)
    yield from _choices(db, policy, device)
    yield from _codes(db, policy, device)


def entity_tag(data: bytes) -> str:
    """Return the strong validator of an answer's bytes (RFC 9110 §8.8.3)."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def encode(fields: list[wire.HeldField]) -> bytes:
    """Return the body of ``GET /v1/data``."""
    return msgspec.json.encode(wire.ServerData(fields=fields))


def _account(policy: Policy, order: OrderRow) -> Iterator[wire.HeldField]:
    yield _field(policy, "order_number", order.number, _midnight(order.created_on))
    if order.contact_email is not None:
        yield _field(policy, "contact_email", order.contact_email, _midnight(order.contact_since or order.created_on))
    if order.language is not None:
        yield _field(policy, "language", order.language, _midnight(order.language_since or order.created_on))


def _device(db: Connection, policy: Policy, device: DeviceRow) -> Iterator[wire.HeldField]:
    since = _midnight(device.bound_on)
    yield _field(policy, "device_id", device.id, since)
    yield _field(policy, "device_public_key", device.jkt, since)
    yield _field(policy, "device_name", device.name, since)
    yield _field(policy, "bound_on", device.bound_on.isoformat(), since)
    table = tables.refresh_tokens.c
    query = select(table.issued_on).where(table.order_number == device.order_number, table.device_id == device.id)
    for (issued_on,) in db.execute(query):
        yield _field(policy, "session_token", None, _midnight(issued_on))


def _payments(db: Connection, policy: Policy, number: str) -> Iterator[wire.HeldField]:
    table = tables.payments.c
    query = select(table.record, table.paid_on, table.hold_until).where(table.order_number == number)
    for record, paid_on, hold_until in db.execute(query.order_by(table.invoice)):
        hold = wire.Hold(basis="law", until=hold_until, reason=HOLD_REASON)
        yield _field(policy, "payment_record", record, _midnight(paid_on), hold=hold)


def _tickets(db: Connection, policy: Policy, order: OrderRow, asking: DeviceRow | None) -> Iterator[wire.HeldField]:
    table = tables.tickets.c
    query = select(tables.tickets).where(table.order_number == order.number).order_by(table.made_on, table.ticket_id)
    ending = select(table.ticket_id).where(*dies_with(asking)) if asking else None
    mine = set() if ending is None else set(db.execute(ending).scalars())
    for row in every(db, query, TicketRow):
        value = f"for the {row.scope}, fingerprint {row.ticket_id[:8]}"
        held = _field(policy, "erasure_ticket", value, _midnight(row.made_on))
        # Of another device's, and of those for the whole account, none goes with the device that asks.
        yield msgspec.structs.replace(held, belongs="device" if row.ticket_id in mine else "order")


def _tunnel(db: Connection, policy: Policy, device: DeviceRow) -> Iterator[wire.HeldField]:
    table = tables.tunnels.c
    query = select(table.public_key, table.address, table.created_at).where(
        table.order_number == device.order_number, table.device_id == device.id
    )
    for public_key, address, created_at in db.execute(query):
        since = datetime.fromtimestamp(created_at, UTC)
        yield _field(policy, "tunnel_public_key", public_key, since)
        yield _field(policy, "tunnel_address", address, since)


def _choices(db: Connection, policy: Policy, device: DeviceRow) -> Iterator[wire.HeldField]:
    held = tables.consents.c
    query = select(tables.consents).where(held.order_number == device.order_number, held.device_id == device.id)
    for row in every(db, query.order_by(held.purpose, held.recipient), ConsentRow):
        about = f"{row.purpose}/{row.recipient}" if row.recipient else row.purpose
        yield _field(policy, "consent_record", f"{about}: {row.state}, version {row.policy_version}", _moment(row.at))
    given = tables.guardian_confirmations.c
    query = select(tables.guardian_confirmations).where(
        given.order_number == device.order_number, given.device_id == device.id
    )
    for word in every(db, query, ConfirmationRow):
        since = _moment(word.confirmed_at)
        yield _field(policy, "guardian_confirmation", f"version {word.policy_version}: agreed", since)


def _codes(db: Connection, policy: Policy, device: DeviceRow) -> Iterator[wire.HeldField]:
    """Yield what is kept of the codes that guardians were sent: a fingerprint, so that each counts once."""
    sent, kept = tables.guardian_requests.c, policy.fields["guardian_code"].retention.server
    query = select(sent.expires_at).where(sent.order_number == device.order_number, sent.device_id == device.id)
    for (expires_at,) in db.execute(query.order_by(sent.expires_at)):
        yield _field(policy, "guardian_code", None, _moment(expires_at - int(kept.seconds if kept else 0)))


def _disclosures(db: Connection, policy: Policy, number: str) -> Iterator[wire.HeldField]:
    for row in disclosures_of(db, number):
        yield _field(policy, FIELD, f"{row.recipient}: {row.basis}, {row.day.isoformat()}", _midnight(row.day))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _field(policy: Policy, name: str, value: Any, since: datetime, *, hold: wire.Hold | None = None) -> wire.HeldField:
    rule = policy.fields[name]
    kept = rule.retention.server
    until = None if kept is None or kept.text == "bound" else since + timedelta(seconds=kept.seconds)
    return wire.HeldField(
        id=name,
        value=value,
        since=since,
        until=until,
        recipients=list(rule.recipients),
        hold=hold,
        correctable=rule.correctable,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
