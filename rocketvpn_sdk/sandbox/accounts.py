"""Orders and their devices in the database."""

from __future__ import annotations

import secrets
from datetime import date

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.exchange import digest
from rocketvpn_sdk.sandbox.rows import DeviceRow, OrderRow
from rocketvpn_sdk.sandbox.store import every, one

RIGHTS_PATH = "/v1/data-rights-requests"

_ABOUT_A_DEVICE = (
    tables.tunnels,
    tables.refresh_tokens,
    tables.access_tokens,
    tables.auth_codes,
    tables.auth_sessions,
    tables.consents,
    tables.guardian_requests,
    tables.guardian_confirmations,
)

_FIRST = ("Amber", "Blue", "Coral", "Green", "Ivory", "Lilac", "Ochre", "Red", "Silver", "Teal", "Violet", "White")
_SECOND = ("Badger", "Crane", "Dolphin", "Falcon", "Fox", "Heron", "Lynx", "Marten", "Otter", "Owl", "Seal", "Wren")


def find_order(db: Connection, number: str) -> OrderRow | None:
    """Return the order, or nothing."""
    return one(db, select(tables.orders).where(tables.orders.c.number == number), OrderRow)


def devices_of(db: Connection, number: str) -> list[DeviceRow]:
    """Return the order's devices, the oldest first."""
    table = tables.devices
    query = select(table).where(table.c.order_number == number).order_by(table.c.bound_on, table.c.name)
    return every(db, query, DeviceRow)


def find_device(db: Connection, number: str, device_id: str) -> DeviceRow | None:
    """Return a device of the order, or nothing."""
    return next((device for device in devices_of(db, number) if device.id == device_id), None)


def device_by_key(db: Connection, jkt: str, device_id: str) -> DeviceRow | None:
    """Return the device with this key and id, or nothing."""
    table = tables.devices
    return one(db, select(table).where(table.c.jkt == jkt, table.c.id == device_id), DeviceRow)


def listed(device: DeviceRow, *, current: bool = False) -> wire.Device:
    """Return what the other devices of the order may know of ``device``."""
    return wire.Device(id=device.id, name=device.name, bound_on=device.bound_on, current=current)


def count_devices(db: Connection, number: str) -> int:
    """Return how many devices the order has."""
    table = tables.devices
    return db.execute(select(func.count()).select_from(table).where(table.c.order_number == number)).scalar_one()


def add_device(db: Connection, number: str, device_id: str, jkt: str, today: date) -> DeviceRow:
    """Bind a device and give it a name that none of the others has."""
    taken = {device.name for device in devices_of(db, number)}
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND if f"{first} {second}" not in taken]
    name = secrets.choice(names) if names else f"Device {len(taken) + 1}"
    device = DeviceRow(order_number=number, id=device_id, jkt=jkt, name=name, bound_on=today)
    values = {field: getattr(device, field) for field in device.__struct_fields__}
    db.execute(insert(tables.devices).values(values))
    db.execute(delete(tables.removed_keys).where(tables.removed_keys.c.key_hash == digest(jkt)))
    return device


def drop_device(db: Connection, device: DeviceRow) -> None:
    """Delete every row about ``device`` but its rights requests and the stored answers to them."""
    for table in _ABOUT_A_DEVICE:
        db.execute(delete(table).where(table.c.order_number == device.order_number, table.c.device_id == device.id))
    _drop_tickets(db, device)
    stored = tables.idempotency.c
    db.execute(delete(tables.idempotency).where(stored.jkt == device.jkt, stored.path != RIGHTS_PATH))
    bound = tables.devices.c
    db.execute(delete(tables.devices).where(bound.order_number == device.order_number, bound.id == device.id))


def _drop_tickets(db: Connection, device: DeviceRow) -> None:
    """Delete the tickets that ``device`` made, but those for the account that an e-mailed code stood behind.

    Else whoever found a device could make one and use it after the owner has taken the device off.
    """
    table = tables.tickets
    db.execute(delete(table).where(*dies_with(device)))
    mine = (table.c.order_number == device.order_number, table.c.device_id == device.id)
    db.execute(update(table).where(*mine).values(device_id=None))


def dies_with(device: DeviceRow) -> tuple[ColumnElement[bool], ...]:
    """Return which tickets end when ``device`` is taken off its order."""
    table = tables.tickets.c
    unproven = or_(table.scope == "device", table.by_code.is_(False))
    return table.order_number == device.order_number, table.device_id == device.id, unproven


def remember_removed(db: Connection, jkt: str, expires_at: int) -> None:
    """Keep the hash of a removed device's key for a while, so that the device can learn what happened."""
    key_hash = digest(jkt)
    db.execute(delete(tables.removed_keys).where(tables.removed_keys.c.key_hash == key_hash))
    db.execute(insert(tables.removed_keys).values(key_hash=key_hash, expires_at=expires_at))


def was_removed(db: Connection, jkt: str, now: int) -> bool:
    """Whether a device with this key was taken off an order lately."""
    table = tables.removed_keys
    query = select(table.c.key_hash).where(table.c.key_hash == digest(jkt), table.c.expires_at > now)
    return db.execute(query).first() is not None


def remove_device(db: Connection, device: DeviceRow, removed_until: int) -> None:
    """Take ``device`` off its order; it will be told ``device-revoked``."""
    drop_device(db, device)
    remember_removed(db, device.jkt, removed_until)
