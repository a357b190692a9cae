"""Values in words: times, durations, numbers, names of fields."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.text import duration_parts, in_utc, spelled_out
from rocketvpn_sdk.text import listed as listed
from rocketvpn_sdk.text import name as name
from rocketvpn_sdk.wire import OrderChange

_AGO = re.compile(r"(\d{1,6})(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BASES = {
    "law": "because a law demands it",
    "court": "because a court ordered it",
    "authority": "because an authority ordered it",
    "order": "because it belongs to your order, which goes on",
}


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 line``, ``2 lines``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def moment(at: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return in_utc(at).strftime("%Y-%m-%d %H:%M")


def day(at: date) -> str:
    """Return a day; of a time, its day in UTC."""
    return (in_utc(at).date() if isinstance(at, datetime) else at).isoformat()


def kept(duration: str) -> str:
    """Return how long something is kept, from an ISO 8601 duration or ``bound``."""
    if duration == "bound":
        return "while this device is bound"
    if duration_parts(duration) is None:
        return duration
    return f"for {spelled_out(duration) or '0 seconds'}"


def order_change(change: OrderChange) -> str:
    """Return what waits for the order, and how it is called off."""
    on, who = day(change.takes_effect_at), "this device" if change.current else "another device"
    if change.kind == "account_deletion":
        what = f"Everything about your order will be deleted on {on}: {who} asked for it."
        return f"{what} If you do not want that: `rocketvpn requests --cancel {change.id}`."
    what = f"{change.hint} will be the e-mail address of your order from {on} on: {who} asked for it."
    return f"{what} If it is not yours: `rocketvpn correct contact_email --remove`."


def basis(name: str) -> str:
    """Return why something may be held back."""
    return _BASES.get(name, name)


def keeps(keeper: str) -> str:
    """Return what to do about a program that keeps what is deleted from it."""
    return (
        f"{keeper} keeps the old key in its recycle bin: until that is emptied, a copy of the folder from before can be"
        " opened with it. Empty it there, or switch the bin off."
    )


def since(text: str, now: datetime) -> datetime:
    """Return the time that ``text`` names: a date, an ISO 8601 time, or how long ago (``90m``, ``24h``, ``7d``).

    Without an offset it is UTC, as the log shows it.

    Raises:
        ValueRefused: it is none of these.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    try:
        if ago:
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ValueRefused(
            name="TIME", problem="it is not a time such as 2026-11-22, 2026-11-22T08:30 or 24h"
        ) from None
    if len(text.strip()) <= len("2026-11-22"):
        at = datetime.combine(at.date(), time.min)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
