"""Erasure (A3, R2): what goes, what a law holds back, and the receipt that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import notices
from rocketvpn_sdk.sandbox.accounts import devices_of, drop_device, find_order, find_row, remember_removed
from rocketvpn_sdk.sandbox.disclosures import to_be_told
from rocketvpn_sdk.sandbox.held_data import held_data, held_of_order
from rocketvpn_sdk.sandbox.http_messages import digest
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.rows import change, every, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AccessTokenRow, DeviceRow, OrderRow, RefreshTokenRow, RightsRequestRow


class ErasureScope(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be erased."""

    number: str | None
    """The order's."""
    device_row: str | None
    """Of the device, where the scope is one: not of a device that was bound by the same id later."""
    scope: str


class ErasureResult(msgspec.Struct, frozen=True):
    """What came of an erasure."""

    fields: list[str] = []
    """The ids of those that went."""
    held_back: list[wire.HeldBack] = []
    """Those that a law holds back."""
    told: list[str] = []
    """The recipients that are told of it."""
    mails: list[Message] = []
    """To the order's owner, about devices that somebody else put out."""


def fulfil(db: Connection, services: Services, request: RightsRequestRow) -> tuple[Message, ...]:
    """Carry out an open deletion, sign its receipt, and keep of the request what its receipt's reader needs.

    Returns:
        The e-mails to send once it is stored.
    """
    refresh_hash = None if request.scope == "logs" else refresh_hash_of(db, request)
    change(db, request, status="in_progress", order_number=None)
    reach = ErasureScope(number=request.order_number, device_row=request.device_row, scope=request.scope)
    erased = erase(db, services, reach, asking=request.jkt)
    _close(db, services, request, erased, refresh_hash)
    return tuple(erased.mails)


def erase(db: Connection, services: Services, reach: ErasureScope, *, asking: str | None) -> ErasureResult:
    """Erase what is in reach.

    ``asking`` is the key of the device that asked, which needs no telling; every other one that goes can learn it.
    """
    order = find_order(db, reach.number)
    scope = reach.scope
    if order is None or scope == "logs":  # of logs, this server holds none
        return ErasureResult()
    device = find_row(db, order.number, reach.device_row)
    affected = devices_of(db, order.number) if scope == "account" else [device] if device else []
    erased, held_back = _reach(db, services, order, affected, scope)
    for gone in affected:
        drop_device(db, gone)
        if gone.jkt != asking:
            remember_removed(db, gone.jkt, services.now() + services.settings.removed_key_lifetime)
    if scope != "account":
        others = [gone for gone in affected if gone.jkt != asking]
        return ErasureResult(
            erased, held_back, mails=[mail for gone in others for mail in notices.removed(services, order, gone)]
        )
    told = to_be_told(db, order.number, services.now())
    _erase_order(db, services, order)
    return ErasureResult(erased, held_back, told)


def _reach(
    db: Connection, services: Services, order: OrderRow, affected: Iterable[DeviceRow], scope: str
) -> tuple[list[str], list[wire.HeldBack]]:
    """Return the ids of the fields that go, and those that a law holds back."""
    if scope == "account":
        held = held_of_order(db, services.policy, order, services.now())
    else:
        of_devices = [held_data(db, services.policy, order, device, services.now()) for device in affected]
        held = [field for data in of_devices for field in data.fields if _goes_with_device(services.policy, field)]
    back = {(field.id, field.hold.until): field.hold for field in held if field.hold}
    erased = sorted({field.id for field in held if not field.hold})
    return erased, [wire.HeldBack(field=name, basis=hold.basis, until=hold.until) for (name, _), hold in back.items()]


def _goes_with_device(policy: Policy, held: wire.HeldField) -> bool:
    return (held.belongs or policy.fields[held.id].belongs) == "device"


def _erase_order(db: Connection, services: Services, order: OrderRow) -> None:
    """Delete the order and, by their foreign keys, all rows that were about it; an invoice stays, and forgets it."""
    for other in every(db, RightsRequestRow, order_number=order.number):
        _close(db, services, other, ErasureResult(), None)  # what other devices asked for: their data is gone as well
    for asked in every(db, RightsRequestRow, asked_by=order.row_id):
        _leave_receipt(db, order, asked)
    remove(db, OrderRow, number=order.number)


def _leave_receipt(db: Connection, order: OrderRow, asked: RightsRequestRow) -> None:
    """Leave the owner who made the request ``asked`` a token that is good for its receipt, and nothing else."""
    for token in every(db, AccessTokenRow, order_number=order.number, jkt=asked.jkt):
        if token.device_row is None:
            change(db, token, order_number=None, request_id=asked.id)


def _close(
    db: Connection,
    services: Services,
    request: RightsRequestRow,
    erased: ErasureResult,
    refresh_hash: str | None,
) -> None:
    first = json.loads(request.erased_first or "[]")  # what went with the device that asked, before the wait
    erased = msgspec.structs.replace(erased, fields=sorted({*erased.fields, *first}))
    receipt = signed(services, request.id, request.device_id or "", request.scope, erased)
    change(
        db,
        request,
        status="fulfilled",
        order_number=None,
        device_id=None,
        device_row=None,
        expected_by=None,
        refresh_hash=refresh_hash or request.refresh_hash,
        receipt=receipt,
    )


def signed(services: Services, request_id: str, device_id: str, scope: str, erased: ErasureResult) -> str:
    """Return the receipt of an erasure, signed."""
    receipt = wire.ReceiptClaims(
        iss=services.base,
        jti=request_id,
        iat=services.now(),
        device_id=device_id,
        scope=scope,  # type: ignore[arg-type]  # the columns hold what was taken in as this type
        erased=erased.fields,
        held_back=erased.held_back,
        recipients_told=erased.told,
    )
    return services.receipts.sign(receipt)


def former_token(client_id: str, token_hash: str) -> str:
    """Return what is kept of an erased device's refresh token: it reads the receipt for the same client, as before."""
    return digest(f"{client_id}\n{token_hash}")


def refresh_hash_of(db: Connection, request: RightsRequestRow) -> str | None:
    """Return what is kept of the refresh token of the device that asked, with which it reads its receipt."""
    token = one(db, RefreshTokenRow, device_row=request.device_row, jkt=request.jkt)
    return None if token is None else former_token(token.client_id, token.token_hash)
