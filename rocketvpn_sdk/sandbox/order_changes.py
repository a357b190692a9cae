"""What waits for a week, since nobody could be asked: the deletion of an order that has no confirmed address (A3, A4).

A number alone binds a device. So what one device asks for that concerns the whole order is told to all of its devices,
and each of them can call it off, also one that is bound in the meantime. A first address waits alike (``addresses``).
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, bindparam, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import addresses
from rocketvpn_sdk.sandbox.accounts import one_of_order
from rocketvpn_sdk.sandbox.erasure import ErasureScope, erase, fulfil, refresh_hash_of
from rocketvpn_sdk.sandbox.mail import Message, masked
from rocketvpn_sdk.sandbox.rows import change, every
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import DeviceRow, OrderRow, RightsRequestRow

_REQUEST = RightsRequestRow.c
_DUE = (
    select(RightsRequestRow.table)
    .where(_REQUEST.carry_out_at <= bindparam("now"), _REQUEST.status == "open")
    .order_by(_REQUEST.carry_out_at, _REQUEST.id)
)


def begin(db: Connection, services: Services, order: OrderRow, request: RightsRequestRow) -> None:
    """Erase the device that asked, at once; the rest of the account waits."""
    refresh_hash = refresh_hash_of(db, request)  # before it goes with the device
    reach = ErasureScope(number=order.number, device_row=request.device_row, scope="device")
    erased = erase(db, services, reach, asking=request.jkt)
    carry_out_at = services.now() + services.settings.order_wait
    change(
        db,
        request,
        carry_out_at=carry_out_at,
        expected_by=carry_out_at,
        order_row=order.row_id,
        erased_first=json.dumps(erased.fields),
        refresh_hash=refresh_hash,
    )


def changes(db: Connection, order: OrderRow, device: DeviceRow | None, now: int) -> list[wire.OrderChange]:
    """Return what waits for the order, for each of its devices to see; the soonest first."""
    found = [
        wire.OrderChange(
            kind="account_deletion",
            id=row.id,
            asked_at=utc(row.received_at),
            takes_effect_at=utc(row.carry_out_at),
        )
        for row in every(db, RightsRequestRow, order_number=order.number)
        if row.carry_out_at is not None
    ]
    address = addresses.pending_of(db, order, now)
    if address is not None and address.counts_from is not None:
        found.append(
            wire.OrderChange(
                kind="first_address",
                id=address.row_id,
                asked_at=utc(address.asked_at),
                takes_effect_at=utc(address.counts_from),
                hint=masked(address.address),
                current=device is not None and device.row_id == address.device_row,
            )
        )
    return sorted(found, key=lambda change: (change.takes_effect_at, change.id))


def carry_out_due(services: Services, now: int) -> bool:
    """Carry out the deletions whose time has come; return whether there were any."""
    carried_out, mails = False, list[Message]()
    with services.database.begin() as db:
        for request in every(db, RightsRequestRow, _DUE, now=now):
            # Again, with the order's lock: it may have been called off, or have gone with another one just now.
            still = one_of_order(db, RightsRequestRow, id=request.id)
            if still is not None and still.status == "open" and (still.carry_out_at or now + 1) <= now:
                mails += fulfil(db, services, still)
                carried_out = True
    services.mail.send_all(mails)
    return carried_out
