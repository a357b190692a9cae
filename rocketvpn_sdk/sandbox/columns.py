"""The types of columns, and the columns of rows that are deleted with a device."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, ForeignKeyConstraint, Integer, String

from rocketvpn_sdk.sandbox.rows import INDEX, KEY, TableRow, refers_to

Seconds = Annotated[int, BigInteger().with_variant(Integer, "sqlite")]
"""Since the epoch, beyond 2038 too; SQLite's integers have 64 bits anyway."""
Id = Annotated[str, String(32)]
"""Random."""
Digest = Annotated[str, String(43)]
"""SHA-256 in base64url, or a key's thumbprint."""
HexDigest = Annotated[str, String(64)]
Word = Annotated[str, String(10)]
Name = Annotated[str, String(64)]
ClientId = Annotated[str, String(100)]
Address = Annotated[str, String(254)]
OrderNumber = Annotated[str, String(40)]
OfOrder = Annotated[OrderNumber, refers_to("orders.number")]
ReplacedRow = Annotated[Id, refers_to("devices.row_id"), INDEX]
"""The device that is to be replaced: the wish to replace it is deleted with it."""
OfRequest = Annotated[Id, refers_to("rights_requests.id"), INDEX]


def with_device() -> ForeignKeyConstraint:
    """Return the foreign key of rows that are deleted with their device."""
    columns = ["order_number", "device_id", "device_row"]
    return ForeignKeyConstraint(columns, ["devices.order_number", "devices.id", "devices.row_id"], ondelete="CASCADE")


class OfDevice(TableRow, frozen=True, kw_only=True):
    """A row that is deleted with its device."""

    order_number: Annotated[OfOrder, INDEX]
    device_id: Name
    device_row: Annotated[Id, INDEX]


class KeyedByDevice(TableRow, frozen=True, kw_only=True):
    """The same, with the device in its primary key."""

    order_number: Annotated[OfOrder, KEY]
    device_id: Annotated[Name, KEY]
    device_row: Annotated[Id, INDEX]


class OfDeviceIfAny(TableRow, frozen=True, kw_only=True):
    """A row that is deleted with its order or device; the device may be missing, or not be bound yet."""

    order_number: Annotated[OfOrder, INDEX] | None = None
    device_id: Name | None = None
    device_row: Annotated[Id, INDEX] | None = None
