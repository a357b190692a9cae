"""What the server holds about a device and its order, field by field as the policy declares it (A1, R1, R2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import addresses
from rocketvpn_sdk.sandbox.accounts import devices_of, ends_with, tickets_of
from rocketvpn_sdk.sandbox.disclosures import FIELD, disclosures_of
from rocketvpn_sdk.sandbox.mail import masked
from rocketvpn_sdk.sandbox.rows import every
from rocketvpn_sdk.sandbox.tables import (
    ConsentRow,
    DeviceRow,
    GuardianConfirmationRow,
    GuardianRequestRow,
    OrderRow,
    PaymentRow,
    PendingAddressRow,
    RecoveryCodeRow,
    RefreshTokenRow,
    TunnelRow,
)

HOLD_REASON = "Tax law requires the operator to keep its invoices."


@dataclass(frozen=True, slots=True)
class HeldData:
    """What is held about an order and one of its devices, read once. What has expired is not among it."""

    policy: Policy
    order: OrderRow
    device: DeviceRow
    pending: PendingAddressRow | None
    account: list[wire.HeldField]
    records: list[wire.HeldField]
    """Payments and disclosures."""
    tickets: list[tuple[wire.HeldField, str | None]]
    """Each with the row of the device that made it."""
    of_device: list[wire.HeldField]

    @property
    def fields(self) -> list[wire.HeldField]:
        """Every field; the value is ``None`` if only its hash is held (the session token)."""
        return [*self.account, *self.records, *(ticket for ticket, _ in self.tickets), *self.of_device]

    @property
    def shown_to_member(self) -> list[wire.HeldField]:
        """What the device is shown without an e-mailed code: what it gave itself, and the names of the rest.

        Whether there is a payment, a disclosure or another device's ticket is not said: each is named all the same.
        """
        account = [self._withheld(field.id, field) if self._withholds(field.id) else field for field in self.account]
        own = [ticket for ticket, maker in self.tickets if maker == self.device.row_id]
        withheld = [self._withheld(name) for name in ("payment_record", FIELD, "erasure_ticket")]
        return [*account, *own, *withheld, *self.of_device]

    @property
    def entity_tag(self) -> str:
        """The version of all that is held (RFC 9110 §8.8.3): the same for members, who are shown less of it.

        So what a member saw goes stale when something withheld is changed. The order's random row is in it, or what is
        withheld could be guessed from it.
        """
        return f'"{hashlib.sha256(self.order.row_id.encode() + encode(self.fields)).hexdigest()[:32]}"'

    def _withholds(self, name: str) -> bool:
        if name == "contact_email":  # while there is none, every device sees what waits, and can call it off
            return self.order.contact_email is not None
        return name == "recovery_code" or (name == "language" and self.order.language_by != self.device.row_id)

    def _withheld(self, name: str, field: wire.HeldField | None = None) -> wire.HeldField:
        rule = self.policy.fields[name]
        # What is to take the address's place is known to the device that gave it.
        own = field is not None and self.pending is not None and self.pending.device_row == self.device.row_id
        return wire.HeldField(
            id=name,
            value=None,
            code_needed=True,
            recipients=list(rule.recipients),
            correctable=rule.correctable,
            pending=field.pending if field and own else None,
        )


def held_data(db: Connection, policy: Policy, order: OrderRow, device: DeviceRow, now: int) -> HeldData:
    """Return what is held about ``order`` and ``device``, as ``device`` sees it after an e-mailed code."""
    read = _Reader(db, policy, now)
    pending = addresses.pending_of(db, order, now)
    return HeldData(
        policy=policy,
        order=order,
        device=device,
        pending=pending,
        account=list(read.account(order, device, pending)),
        records=list(read.records(order.number)),
        tickets=list(read.tickets(order, device)),
        of_device=list(read.device(device)),
    )


def held_of_order(db: Connection, policy: Policy, order: OrderRow, now: int) -> list[wire.HeldField]:
    """Return every field that is held about an order and all its devices, one device after the other."""
    read = _Reader(db, policy, now)
    account = read.account(order, None, addresses.pending_of(db, order, now))
    tickets = (ticket for ticket, _ in read.tickets(order, None))
    of_devices = (field for device in devices_of(db, order.number) for field in read.device(device))
    return [*account, *read.records(order.number), *tickets, *of_devices]


def encode(fields: Sequence[wire.HeldField]) -> bytes:
    """Return the body of ``GET /v1/data``."""
    return msgspec.json.encode(wire.ServerData(fields=list(fields)))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads rows as fields of the policy."""

    db: Connection
    policy: Policy
    now: int

    def account(
        self, order: OrderRow, asking: DeviceRow | None, pending: PendingAddressRow | None
    ) -> Iterator[wire.HeldField]:
        """Yield the order's own fields."""
        yield self._field("order_number", order.number, order.created_on)
        if order.contact_email is not None or pending is not None:
            held = self._field("contact_email", order.contact_email, order.contact_since or order.created_on)
            yield msgspec.structs.replace(held, pending=_pending(asking, pending) if pending else None)
        for code in every(self.db, RecoveryCodeRow, order_number=order.number):
            yield self._field("recovery_code", None, code.made_on)
        if order.language is not None:
            yield self._field("language", order.language, order.language_since or order.created_on)

    def records(self, number: str) -> Iterator[wire.HeldField]:
        """Yield the payments, and to whom something was disclosed."""
        today = utc(self.now).date()
        for payment in sorted(every(self.db, PaymentRow, order_number=number), key=lambda row: row.invoice):
            if payment.hold_until > today:
                hold = wire.Hold(basis="law", until=payment.hold_until, reason=HOLD_REASON)
                held = self._field("payment_record", payment.record, payment.paid_on)
                yield msgspec.structs.replace(held, hold=hold)
        for told in disclosures_of(self.db, number, self.now):
            yield self._field(FIELD, f"{told.recipient}: {told.basis}, {told.day.isoformat()}", told.day)

    def tickets(self, order: OrderRow, asking: DeviceRow | None) -> Iterator[tuple[wire.HeldField, str | None]]:
        """Yield each ticket, and the row of the device that made it."""
        for row in tickets_of(self.db, order.number):
            held = self._field("erasure_ticket", f"for the {row.scope}, fingerprint {row.ticket_id[:8]}", row.made_on)
            # Of another device's, and of those for the whole account, none goes with the device that asks.
            belongs = "device" if asking is not None and ends_with(asking, row) else "order"
            yield msgspec.structs.replace(held, belongs=belongs), row.device_row

    def device(self, device: DeviceRow) -> Iterator[wire.HeldField]:
        """Yield the fields of a device, of its tunnel, its choices and its guardians."""
        yield self._field("device_id", device.id, device.bound_on)
        yield self._field("device_public_key", device.jkt, device.bound_on)
        yield self._field("device_name", device.name, device.bound_on)
        yield self._field("bound_on", device.bound_on.isoformat(), device.bound_on)
        for token in every(self.db, RefreshTokenRow, device_row=device.row_id):
            yield self._field("session_token", None, token.issued_on)
        for tunnel in every(self.db, TunnelRow, device_row=device.row_id):
            if tunnel.expires_at > self.now:
                yield self._field("tunnel_public_key", tunnel.public_key, tunnel.created_at)
                yield self._field("tunnel_address", tunnel.address, tunnel.created_at)
        yield from self._choices(device)

    def _choices(self, device: DeviceRow) -> Iterator[wire.HeldField]:
        choices = every(self.db, ConsentRow, device_row=device.row_id)
        for row in sorted(choices, key=lambda row: (row.purpose, row.recipient)):
            about = f"{row.purpose}/{row.recipient}" if row.recipient else row.purpose
            if row.expires_at > self.now:
                yield self._field("consent_record", f"{about}: {row.state}, version {row.policy_version}", row.at)
        for word in every(self.db, GuardianConfirmationRow, device_row=device.row_id):
            yield self._field("guardian_confirmation", f"version {word.policy_version}: agreed", word.confirmed_at)
        kept = self.policy.fields["guardian_code"].retention.server
        ends = sorted(row.expires_at for row in every(self.db, GuardianRequestRow, device_row=device.row_id))
        for end in ends:  # of each code that a guardian was sent there is a fingerprint, so that it counts once
            if end > self.now:
                yield self._field("guardian_code", None, end - int(kept.seconds if kept else 0))

    def _field(self, name: str, value: Any, since: date | int) -> wire.HeldField:
        rule = self.policy.fields[name]
        kept = rule.retention.server
        start = utc(since) if isinstance(since, int) else datetime.combine(since, time.min, UTC)
        return wire.HeldField(
            id=name,
            value=value,
            since=start,
            until=None if kept is None or kept.text == "bound" else start + timedelta(seconds=kept.seconds),
            recipients=list(rule.recipients),
            correctable=rule.correctable,
        )


def _pending(asking: DeviceRow | None, row: PendingAddressRow) -> wire.PendingValue:
    """Return the address that does not count yet: in full to the device that gave it and to the owner, else masked."""
    whole = asking is None or asking.row_id == row.device_row
    waits = row.counts_from is not None
    return wire.PendingValue(
        value=row.address if whole else masked(row.address),
        state="waiting" if waits else "code_needed",
        until=utc((row.counts_from if waits else row.expires_at) or 0),
    )
