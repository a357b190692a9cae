"""What the journal holds, counted field by field: pure, block by block, without making an entry of each record."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.journal.compiled import NAME_FIELD, TIME_FIELD
from rocketvpn_sdk.journal.entry import Entry

Stored = tuple[float, int, Any]
"""A record as the vault's stream has it: its time, its place, and purpose, event and fields."""


class FieldCount(msgspec.Struct, frozen=True):
    """How often a field is there, and between which times, in seconds since the epoch."""

    count: int
    first: float
    last: float


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the journal holds, counted."""

    records: int
    oldest: datetime | None
    newest: datetime | None
    by_event: dict[str, int]
    fields: dict[str, FieldCount]
    """By the field's id; what is empty in a record does not count."""
    samples: tuple[Entry, ...]
    """The newest ones, oldest first."""
    capped: int = 0
    """How many were removed because the log was full."""


def take_inventory(blocks: Iterable[list[Stored]], samples: int) -> Inventory:
    """Count ``blocks``, which come by time, and keep the newest ``samples`` records."""
    counts: Counter[str] = Counter()
    events: Counter[str] = Counter()
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    newest: deque[Stored] = deque(maxlen=samples)
    oldest_at = newest_at = None
    for block in blocks:
        if oldest_at is None:
            oldest_at = block[0][0]
        newest_at = block[-1][0]
        present = _count(block)
        counts.update(present)
        events.update(event for _, _, (_, event, _) in block)
        for name in present:
            if name not in first:
                first[name] = _time_of(name, block)
            last[name] = _time_of(name, reversed(block))
        newest.extend(block[-samples:] if samples else ())
    fields = {name: FieldCount(count, first[name], last[name]) for name, count in counts.items()}
    if oldest_at is not None and newest_at is not None:
        fields |= dict.fromkeys((TIME_FIELD, NAME_FIELD), FieldCount(events.total(), oldest_at, newest_at))
    return Inventory(
        records=events.total(),
        oldest=None if oldest_at is None else utc(oldest_at),
        newest=None if newest_at is None else utc(newest_at),
        by_event=dict(events),
        fields=fields,
        samples=tuple(Entry(utc(at), name, purpose, values) for at, _, (purpose, name, values) in newest),
    )


def _count(block: list[Stored]) -> Counter[str]:
    """Count each field of a block's records: by which fields they have first, since most have the same ones."""
    shapes = Counter(
        tuple(fields) if None not in fields.values() else tuple(name for name in fields if fields[name] is not None)
        for _, _, (_, _, fields) in block
    )
    counts: Counter[str] = Counter()
    for names, count in shapes.items():
        counts.update(dict.fromkeys(names, count))
    return counts


def _time_of(name: str, records: Iterable[Stored]) -> float:
    """Return the time of the first of ``records`` that has the field."""
    return next(at for at, _, (_, _, fields) in records if fields.get(name) is not None)
