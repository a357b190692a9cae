"""What may be asked for an order, and how often: counted in rows that outlive whatever they count.

A budget belongs to an order's number, a purpose and a kind of asker:

- ``proven``: a device of the order on which a code from its e-mail address was entered;
- ``bound``: any other device of the order. Whoever knows the order's number can have one;
- ``unknown``: any other key.

So what strangers use up is theirs, and deleting a device or a session gives nothing back. Nobody is refused a code when
a budget is used up, since the order's owner may be among those who ask: codes are too long to be guessed then, and one
is mailed only once in a while, good for all who ask (``long_code``).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import b64url, rate_limited
from rocketvpn_sdk.sandbox.rows import add, add_if_new, change, every, locked, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AuthSessionRow, CodeBudgetRow, DeviceRow, ProvenDeviceRow

Asker = Literal["proven", "bound", "unknown"]

_NEVER = -1


class LongCode(msgspec.Struct, frozen=True):
    """A code too long to be guessed; the same for everybody who asks within its period."""

    code: str
    expires_at: int
    due: bool
    """Whether it is to be mailed now; otherwise it was mailed earlier in this period."""


def asker(db: Connection, number: str | None, jkt: str) -> Asker:
    """Return whose budget the key ``jkt`` uses when it asks for the order."""
    mine = every(db, DeviceRow, order_number=number, jkt=jkt)
    if not mine:
        return "unknown"
    return "proven" if any(one(db, ProvenDeviceRow, device_row=device.row_id) for device in mine) else "bound"


def mark_proven(db: Connection, device: DeviceRow) -> None:
    """Note that a code from the order's address was entered on ``device``."""
    remove(db, ProvenDeviceRow, device_row=device.row_id)
    add(db, ProvenDeviceRow(order_number=device.order_number, device_id=device.id, device_row=device.row_id))


def open_budget(
    db: Connection, services: Services, number: str, purpose: str, who: Asker, *, window: int
) -> CodeBudgetRow:
    """Return the budget as it is now; nobody else changes it until the transaction ends.

    ``number`` is the order's; whether there is such an order makes no difference. ``window`` is in seconds, from the
    budget's first use on; then it is full again.
    """
    name = b64url(hmac.digest(services.code_key, f"budget\n{number}\n{purpose}\n{who}".encode(), hashlib.sha256))
    now = services.now()
    fresh = CodeBudgetRow(name=name, since=now, sent=0, wrong=0, used=0, mailed=_NEVER, expires_at=now + window)
    found = locked(db, CodeBudgetRow, name=name)
    if found is None and not add_if_new(db, fresh):  # another process was faster
        found = locked(db, CodeBudgetRow, name=name)
    if found is None:
        return fresh
    if found.since <= now < found.expires_at:
        return found
    return _changed(db, fresh)  # over; or the clock was set back


def count_sent(db: Connection, budget: CodeBudgetRow, by: int = 1) -> None:
    """Count what is sent."""
    _changed(db, msgspec.structs.replace(budget, sent=max(0, budget.sent + by)))


def spend(db: Connection, services: Services, caller: Caller, purpose: str, *, most: int, window: int) -> None:
    """Count one more of the ``most`` that the caller's order has of ``purpose`` within ``window`` seconds.

    Devices on which no code was entered share one budget. They may be strangers', so when it is used up a code from the
    order's e-mail helps: from then on the device belongs to those that share the other budget.

    Raises:
        Refused: there were too many (``rate-limited``), or a code is needed first.
    """
    order = caller.owned or caller.bound().order
    trusted = caller.acr in (wire.ACR_EMAIL_CODE, wire.ACR_OWNER)
    who = "proven" if trusted else asker(db, caller.about.order_number, caller.jkt)
    budget = open_budget(db, services, order.number, purpose, who, window=window)
    if budget.sent < most:
        count_sent(db, budget)
        return
    if who != "proven" and order.contact_email:
        caller.require_code(services.settings.step_up_lifetime)
    raise rate_limited(budget.expires_at - services.now())


def too_many(services: Services, budget: CodeBudgetRow) -> bool:
    """Whether no more short codes are to be had."""
    return budget.sent >= services.settings.short_mails or budget.wrong >= services.settings.short_tries


def long_code(db: Connection, services: Services, budget: CodeBudgetRow) -> LongCode:
    """Return the code that is good for all who ask within this period, and note that it is mailed.

    It is derived from a key that is not in the database, so nothing about it is stored.
    """
    settings, now = services.settings, services.now()
    period = (now - budget.since) // settings.long_period
    began = budget.since + period * settings.long_period
    about = f"code\n{budget.name}\n{budget.since}\n{budget.used}\n{period}"
    number = int.from_bytes(hmac.digest(services.code_key, about.encode(), hashlib.sha256), "big")
    code = f"{number % 10**settings.long_digits:0{settings.long_digits}d}"
    due = budget.mailed != period
    if due:
        _changed(db, msgspec.structs.replace(budget, mailed=period))
    return LongCode(code=code, expires_at=began + settings.long_period * 3 // 2, due=due)


def code_was_wrong(db: Connection, services: Services, name: str) -> CodeBudgetRow | None:
    """Count a wrong short code; if it was the last, end the other short codes and return the budget."""
    budget = locked(db, CodeBudgetRow, name=name)
    if budget is None:
        return None
    budget = _changed(db, msgspec.structs.replace(budget, wrong=budget.wrong + 1))
    if budget.wrong != services.settings.short_tries:
        return None
    _end_sessions(db, name, long=False)
    return budget


def code_was_right(db: Connection, name: str, *, long: bool) -> None:
    """Note that somebody who reads the order's e-mail answered."""
    budget = locked(db, CodeBudgetRow, name=name)
    if budget is None:
        return
    if not long:
        count_sent(db, budget, -1)
        return
    _end_sessions(db, name, long=True)  # a long code is good once, too
    _changed(db, msgspec.structs.replace(budget, used=budget.used + 1, mailed=_NEVER))


def _end_sessions(db: Connection, name: str, *, long: bool) -> None:
    remove(db, AuthSessionRow, budget=name, long=long)


def _changed(db: Connection, budget: CodeBudgetRow) -> CodeBudgetRow:
    change(db, budget, **msgspec.structs.asdict(budget))
    return budget
