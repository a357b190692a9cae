"""The order's e-mail address: a new one counts once a code that was sent to it is given back (A2, A4).

Where there is an address, whoever changes it has shown by a code that it is theirs, and the new one counts at once.
A first one could be anybody's who knows the number: it waits for a week, and every device of the order can call it off.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from rocketvpn_sdk.sandbox.accounts import Subject, end_mailed, find_order, new_row_id, one_of_order
from rocketvpn_sdk.sandbox.mail import Message, masked
from rocketvpn_sdk.sandbox.rows import add, change, every, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AuthSessionRow, OrderRow, PendingAddressRow, RecoveryCodeRow

_CHANGED = (
    "The e-mail address of your Rocket VPN order is {new} from now on. Codes go there, and none come here any more."
    " If it was not you: confirm who you are with your recovery code, if you have printed one, or ask the operator."
)
_REMOVED = (
    "This e-mail address was taken off your Rocket VPN order, and no other one is there now. A recovery code that you"
    " have printed is worth nothing any more. If it was not you, ask the operator."
)
_COUNTS = "This is the e-mail address of a Rocket VPN order from now on: codes that prove who somebody is go here."
_DUE = select(PendingAddressRow.table).where(PendingAddressRow.c.counts_from <= bindparam("now"))


def pending_of(db: Connection, order: OrderRow, now: int) -> PendingAddressRow | None:
    """Return the address that the order is to have, if it does not count yet and its time is not over at ``now``."""
    row = one(db, PendingAddressRow, order_number=order.number)
    return row if row is not None and (row.expires_at is None or row.expires_at > now) else None


def propose(
    db: Connection, services: Services, subject: Subject, address: str | None, *, by_code: bool
) -> tuple[Message, ...]:
    """Take in what a correction wants the address to be; ``None`` removes it. What was pending before is called off.

    ``by_code``: the user has shown that the present address is theirs, which whoever corrects it has to.

    Returns:
        The e-mails to send once it is stored.
    """
    order = subject.order
    remove(db, PendingAddressRow, order_number=order.number)
    if address is None:
        return _remove(db, services, order)
    if address != order.contact_email:
        now = services.now()
        row = PendingAddressRow(
            row_id=new_row_id(),
            order_number=order.number,
            device_id=subject.device.id,
            device_row=subject.device.row_id,
            address=address,
            by_code=by_code,
            asked_at=now,
            expires_at=now + services.settings.pending_address_lifetime,
        )
        add(db, row)
    return ()


def to_confirm(db: Connection, services: Services, subject: Subject) -> PendingAddressRow | None:
    """Return the address whose code this device may ask for: the one that it proposed itself."""
    row = pending_of(db, subject.order, services.now())
    unconfirmed = row is not None and row.counts_from is None
    return row if row is not None and unconfirmed and row.device_row == subject.device.row_id else None


def confirmed(db: Connection, services: Services, session: AuthSessionRow) -> Message | None:
    """Let the address count whose code was given back, at once or after a week; return whom to tell, and what.

    A code that was sent to an address which was replaced or called off in the meantime confirms nothing.
    """
    order = find_order(db, session.order_number)
    row = pending_of(db, order, services.now()) if order else None
    if order is None or row is None or row.row_id != session.replaces or row.device_row != session.device_row:
        return None
    if row.counts_from is not None:
        return None
    if order.contact_email is None:
        counts_from = services.now() + services.settings.order_wait
        change(db, row, counts_from=counts_from, expires_at=None)
        return None
    return _count(db, services, order, row) if row.by_code else None


def carry_out_due(services: Services, now: int) -> None:
    """Let the first addresses count whose week is over."""
    told = []
    with services.database.begin() as db:
        for row in every(db, PendingAddressRow, _DUE, now=now):
            still = one_of_order(db, PendingAddressRow, row_id=row.row_id)
            order = find_order(db, row.order_number)
            if still is not None and order is not None and order.contact_email is None:
                told.append(_count(db, services, order, still))
    services.mail.send_all(told)


def _count(db: Connection, services: Services, order: OrderRow, row: PendingAddressRow) -> Message:
    end_mailed(db, order.number)
    change(db, order, contact_email=row.address, contact_since=services.today())
    remove(db, PendingAddressRow, row_id=row.row_id)
    if order.contact_email is None:
        return services.message(row.address, _COUNTS)
    return services.message(order.contact_email, _CHANGED.format(new=masked(row.address)))


def _remove(db: Connection, services: Services, order: OrderRow) -> tuple[Message, ...]:
    if order.contact_email is None:
        return ()
    end_mailed(db, order.number)
    # It stood in for the mailbox; without one, the order is back where a number is all that there is.
    remove(db, RecoveryCodeRow, order_number=order.number)
    change(db, order, contact_email=None, contact_since=None)
    return (services.message(order.contact_email, _REMOVED),)
