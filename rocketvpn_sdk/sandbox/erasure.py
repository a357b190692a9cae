"""Erasure (A3, R2): what goes, what a law holds back, and the receipt that says so."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, delete, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import devices_of, drop_device, find_device, find_order, remember_removed
from rocketvpn_sdk.sandbox.disclosures import to_be_told
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.rows import DeviceRow, OrderRow, RightsRow
from rocketvpn_sdk.sandbox.store import every
from rocketvpn_sdk.sandbox.view import held_fields, held_of_order


class Erased(msgspec.Struct, frozen=True):
    """What came of an erasure."""

    fields: list[str] = []
    """The ids of those that went."""
    held_back: list[wire.HeldBack] = []
    """Those that a law holds back."""
    told: list[str] = []
    """The recipients that are told of it."""


def fulfil(db: Connection, parts: Parts, request: RightsRow) -> None:
    """Carry out an open deletion, sign its receipt, and keep of the request what its receipt's reader needs."""
    refresh_hash = None if request.scope == "logs" else _refresh_hash(db, request)
    number = request.order_number or ""
    erased = erase(db, parts, number, request.device_id or "", request.scope, asking=request.jkt)
    _close(db, parts, request, erased, refresh_hash)
    if request.scope == "account":
        close_others(db, parts, number)


def erase(db: Connection, parts: Parts, number: str, device_id: str, scope: str, *, asking: str | None) -> Erased:
    """Erase what is in scope.

    ``asking`` is the key of the device that asked, which needs no telling; every other one that goes can learn it.
    """
    order = find_order(db, number)
    if order is None or scope == "logs":  # of logs, this server holds none
        return Erased()
    device = find_device(db, number, device_id)
    affected = devices_of(db, number) if scope == "account" else [device] if device else []
    erased, held_back = _reach(db, parts, order, affected, scope)
    for gone in affected:
        drop_device(db, gone)
        if gone.jkt != asking:
            remember_removed(db, gone.jkt, parts.now() + parts.settings.removed_key_lifetime)
    if scope != "account":
        return Erased(erased, held_back)
    told = to_be_told(db, number)
    _erase_order(db, order)
    return Erased(erased, held_back, told)


def _reach(
    db: Connection, parts: Parts, order: OrderRow, affected: Iterable[DeviceRow], scope: str
) -> tuple[list[str], list[wire.HeldBack]]:
    """Return the ids of the fields that go, and those that a law holds back."""
    if scope == "account":
        held = held_of_order(db, parts.policy, order)
    else:
        of_devices = [field for device in affected for field in held_fields(db, parts.policy, order, device)]
        held = [field for field in of_devices if _goes_with_device(parts.policy, field)]
    back = {(field.id, field.hold.until): field.hold for field in held if field.hold}
    erased = sorted({field.id for field in held if not field.hold})
    return erased, [wire.HeldBack(field=name, basis=hold.basis, until=hold.until) for (name, _), hold in back.items()]


def _goes_with_device(policy: Policy, held: wire.HeldField) -> bool:
    return (held.belongs or policy.fields[held.id].belongs) == "device"


def _erase_order(db: Connection, order: OrderRow) -> None:
    # Whom the operator told goes too; the receipt names those who are told of the erasure.
    for table in (tables.auth_codes, tables.auth_sessions, tables.disclosures, tables.tickets):
        db.execute(delete(table).where(table.c.order_number == order.number))
    # An owner's token, from now on good for the receipt alone; the devices' went with them.
    issued = tables.access_tokens
    db.execute(update(issued).where(issued.c.order_number == order.number).values(order_number=None))
    # The invoice stays, by law; what ties it to the order goes.
    held = tables.payments
    db.execute(update(held).where(held.c.order_number == order.number).values(order_number=None))
    db.execute(delete(tables.orders).where(tables.orders.c.number == order.number))


def _close(
    db: Connection,
    parts: Parts,
    request: RightsRow,
    erased: Erased,
    refresh_hash: str | None,
) -> None:
    receipt = signed(parts, request.id, request.device_id or "", request.scope, erased)
    table = tables.rights_requests
    db.execute(
        update(table)
        .where(table.c.id == request.id)
        .values(
            status="fulfilled",
            order_number=None,
            device_id=None,
            expected_by=None,
            refresh_hash=refresh_hash,
            receipt=receipt,
        )
    )


def signed(parts: Parts, request_id: str, device_id: str, scope: str, erased: Erased) -> str:
    """Return the receipt of an erasure, signed."""
    receipt = wire.Receipt(
        iss=parts.base,
        jti=request_id,
        iat=parts.now(),
        device_id=device_id,
        scope=scope,  # type: ignore[arg-type]  # the columns hold what was taken in as this type
        erased=erased.fields,
        held_back=erased.held_back,
        recipients_told=erased.told,
    )
    return parts.receipts.sign(receipt)


def close_others(db: Connection, parts: Parts, number: str) -> None:
    """Close what the devices of an erased order had asked for: their data is gone as well."""
    table = tables.rights_requests
    for other in every(db, select(table).where(table.c.order_number == number), RightsRow):
        _close(db, parts, other, Erased(), None)


def _refresh_hash(db: Connection, request: RightsRow) -> str | None:
    table = tables.refresh_tokens.c
    query = select(table.token_hash).where(
        table.order_number == request.order_number, table.device_id == request.device_id, table.jkt == request.jkt
    )
    found = db.execute(query).scalar()
    return None if found is None else str(found)
