"""Orders and their devices in the database."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import digest
from rocketvpn_sdk.sandbox.rows import R, add, every, locked, one, remove
from rocketvpn_sdk.sandbox.tables import (
    AccessTokenRow,
    AuthCodeRow,
    AuthSessionRow,
    DeviceRow,
    OrderRow,
    ProvenDeviceRow,
    RemovedKeyRow,
    TicketRow,
)

RIGHTS_PATH = "/v1/data-rights-requests"

_FIRST = ("Amber", "Blue", "Coral", "Green", "Ivory", "Lilac", "Ochre", "Red", "Silver", "Teal", "Violet", "White")
_SECOND = ("Badger", "Crane", "Dolphin", "Falcon", "Fox", "Heron", "Lynx", "Marten", "Otter", "Owl", "Seal", "Wren")

_NUMBER: BindParameter[str] = bindparam("number")
_KEEP_PROVEN = (
    update(TicketRow.table)
    .where(TicketRow.c.order_number == _NUMBER, TicketRow.c.device_row == bindparam("row"))
    .where(TicketRow.c.scope == "account", TicketRow.c.by_code.is_(True))
    .values(device_id=None, device_row=None)
)
_END_MAILED = (
    delete(AuthSessionRow.table).where(AuthSessionRow.c.order_number == _NUMBER, AuthSessionRow.c.kind != "step_up"),
    delete(AuthCodeRow.table)
    .where(AuthCodeRow.c.order_number == _NUMBER, AuthCodeRow.c.kind != "step_up")
    .where(AuthCodeRow.c.verified.is_(True)),
    delete(AccessTokenRow.table).where(AccessTokenRow.c.order_number == _NUMBER, AccessTokenRow.c.device_row.is_(None)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A bound device and its order."""

    order: OrderRow
    device: DeviceRow


def new_row_id() -> str:
    """Return the identity of a new row: random, so that no later row has it."""
    return secrets.token_hex(16)


def find_order(db: Connection, number: str | None) -> OrderRow | None:
    """Return the order, or ``None``. Nobody else can change it or its rows before the transaction ends."""
    return locked(db, OrderRow, number=number)


def one_of_order(db: Connection, kind: type[R], **values: object) -> R | None:
    """Return the row whose columns equal ``values`` as it is once nobody else can change it: see ``find_order``.

    The row itself is locked too: it may be about an order that does not exist.
    """
    found: Any = one(db, kind, **values)
    if found is None:
        return None
    find_order(db, found.order_number)
    return locked(db, kind, **values)  # again: it may have ended before the order was ours


def find_subject(db: Connection, number: str | None, device_row: str | None) -> Subject | None:
    """Return the order and this row of its devices, or ``None``; nobody else can change them meanwhile."""
    order = find_order(db, number)
    device = find_row(db, number, device_row) if order else None
    return Subject(order=order, device=device) if order and device else None


def devices_of(db: Connection, number: str) -> list[DeviceRow]:
    """Return the order's devices, the oldest first."""
    return sorted(every(db, DeviceRow, order_number=number), key=lambda device: (device.bound_on, device.name))


def find_device(db: Connection, number: str, name: str) -> DeviceRow | None:
    """Return the device of the order with this ID or handle, or ``None``."""
    return next((device for device in devices_of(db, number) if is_called(device, name)), None)


def find_row(db: Connection, number: str | None, device_row: str | None) -> DeviceRow | None:
    """Return this row of the order's devices, or ``None``; a device bound later with the same id is another row."""
    return one(db, DeviceRow, order_number=number, row_id=device_row)


def device_by_key(db: Connection, jkt: str, device_id: str) -> DeviceRow | None:
    """Return the device with this key and id, or ``None``; if several orders have one, the newest."""
    return max(every(db, DeviceRow, jkt=jkt, id=device_id), key=lambda device: device.bound_on, default=None)


def handle_of(device: DeviceRow) -> str:
    """Return what ``device`` is called in lists, in the form of a device ID: it says nothing about the device.

    It is made of the row's random identity, which never leaves the server, and is worth nothing without a code.
    """
    return b32encode(hashlib.sha256(f"handle\n{device.row_id}".encode()).digest()).decode().rstrip("=")


def is_called(device: DeviceRow, name: str) -> bool:
    """Whether ``name`` is the device's ID or its handle."""
    return name in (device.id, handle_of(device))


def named(device: DeviceRow) -> wire.Device:
    """Return what somebody who only knows the order's number may know about ``device``."""
    return wire.Device(id=handle_of(device), name=device.name)


def listed(device: DeviceRow, *, current: bool = False) -> wire.Device:
    """Return what a device is told of ``device`` after an e-mailed code; ``current``: it is that one itself."""
    device_id = device.id if current else handle_of(device)
    return wire.Device(id=device_id, name=device.name, bound_on=device.bound_on, current=current)


def add_device(db: Connection, number: str, device_id: str, jkt: str, today: date) -> DeviceRow:
    """Bind a device and give it a name that none of the others has."""
    taken = {device.name for device in devices_of(db, number)}
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND if f"{first} {second}" not in taken]
    name = secrets.choice(names) if names else f"Device {len(taken) + 1}"
    device = DeviceRow(order_number=number, id=device_id, row_id=new_row_id(), jkt=jkt, name=name, bound_on=today)
    add(db, device)
    remove(db, RemovedKeyRow, key_hash=digest(jkt))
    return device


def drop_device(db: Connection, device: DeviceRow) -> None:
    """Delete the device and, by its foreign keys, what was issued for it, but its rights requests and their answers."""
    _keep_proven_tickets(db, device)
    for kind in (AuthCodeRow, AuthSessionRow):  # those to bind it, from before it was bound, too
        remove(db, kind, order_number=device.order_number, device_id=device.id)
    remove(db, DeviceRow, row_id=device.row_id)


def _keep_proven_tickets(db: Connection, device: DeviceRow) -> None:
    """Let the tickets for the account that an e-mailed code stood behind outlive ``device``, which made them.

    The others go with it: else whoever found a device could make one and use it after the owner took the device off.
    """
    db.execute(_KEEP_PROVEN, {"number": device.order_number, "row": device.row_id})


def end_mailed(db: Connection, number: str) -> None:
    """End what rests on the order's present address alone, since that is about to change: an owner's and a stranger's.

    A device of the order that waits for a code goes on: it is bound, and may correct what another one changes.
    """
    for statement in _END_MAILED:
        db.execute(statement, {"number": number})
    remove(db, ProvenDeviceRow, order_number=number)


def tickets_of(db: Connection, number: str) -> list[TicketRow]:
    """Return the erasure tickets of an order, the oldest first."""
    return sorted(every(db, TicketRow, order_number=number), key=lambda row: (row.made_on, row.ticket_id))


def ends_with(device: DeviceRow, ticket: TicketRow) -> bool:
    """Whether ``ticket`` ends when ``device`` is taken off its order."""
    return ticket.device_row == device.row_id and (ticket.scope == "device" or not ticket.by_code)


def remember_removed(db: Connection, jkt: str, expires_at: int) -> None:
    """Keep the hash of a removed device's key for a while, so that the device can learn what happened."""
    key_hash = digest(jkt)
    remove(db, RemovedKeyRow, key_hash=key_hash)
    add(db, RemovedKeyRow(key_hash=key_hash, expires_at=expires_at))


def was_removed(db: Connection, jkt: str, now: int) -> bool:
    """Whether a device with this key was taken off an order lately."""
    row = one(db, RemovedKeyRow, key_hash=digest(jkt))
    return row is not None and row.expires_at > now


def remove_device(db: Connection, device: DeviceRow, removed_until: int) -> None:
    """Take ``device`` off its order; it will be told ``device-revoked``."""
    drop_device(db, device)
    remember_removed(db, device.jkt, removed_until)
