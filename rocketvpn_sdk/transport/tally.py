"""The ledger added up: by operation, and by purpose and week; pure, in one pass, without keeping its records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec

from rocketvpn_sdk.clock import DAY, utc

BEGUN, ENDED = "begun", "ended"
"""The kinds of records: that a call is about to go, and what came of it."""
NOT_DELIVERED = "not delivered"
"""How the outcome of a call begins that never reached its server."""


class OperationTally(msgspec.Struct, kw_only=True):
    """One operation's calls."""

    purpose: str
    recipient: str
    fields: set[str]
    times: int = 0
    not_delivered: int = 0
    first: float = 0.0
    last: float = 0.0
    """Seconds since the epoch."""


class SentTally(msgspec.Struct, frozen=True):
    """The ledger, added up."""

    operations: dict[str, OperationTally]
    weeks: dict[tuple[date, str], int]
    """How many calls in the week that begins on this Monday (UTC) for this purpose."""


def tally(records: Iterable[tuple[float, Any]]) -> SentTally:
    """Add up a ledger's records, which come by time: an outcome comes after the beginning it belongs to."""
    operations: dict[str, OperationTally] = {}
    days: dict[tuple[int, str], int] = {}
    unanswered: dict[str, OperationTally] = {}
    for at, record in records:
        if record[0] == ENDED:
            ended = unanswered.pop(record[1], None)
            if ended is not None and record[2].startswith(NOT_DELIVERED):
                ended.not_delivered += 1
        elif record[0] == BEGUN:
            _, record_id, operation, purpose, recipient, _, fields, *_ = record
            known = operations.get(operation)
            if known is None:
                known = operations[operation] = OperationTally(
                    purpose=purpose, recipient=recipient, fields=set(), first=at
                )
            known.times, known.last = known.times + 1, at
            known.fields.update(fields)
            unanswered[record_id] = known
            on = (int(at // DAY), purpose)
            days[on] = days.get(on, 0) + 1
    weeks: dict[tuple[date, str], int] = {}
    for (day, purpose), times in sorted(days.items()):
        week = (_monday(day), purpose)
        weeks[week] = weeks.get(week, 0) + times
    return SentTally(operations, weeks)


def _monday(day: int) -> date:
    """Return the Monday on or before a day, counted from the epoch."""
    found = utc(day * DAY).date()
    return found - timedelta(days=found.weekday())
