"""What reading the journal gives: entries, and what there is of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.masking import MaskedRepr

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Entry(MaskedRepr, frozen=True):
    """A record, as it is kept: minimised."""

    at: datetime
    """To the resolution that the policy allows."""
    event: str
    purpose: str
    fields: dict[str, Any]


class Tally(msgspec.Struct, frozen=True):
    """Entries, counted."""

    records: int
    oldest: datetime | None
    newest: datetime | None
    by_event: dict[str, int]


class JournalStats(Tally, frozen=True, kw_only=True):
    """How much the journal holds."""

    bytes: int
    """Sealed, on the disk."""
    next_purge: datetime | None
    """When the next records are destroyed, at the latest."""
    waiting: int
    """Recorded, not yet sealed."""
    dropped: int
    """Not kept, since this was opened: the vault was locked for too long, the disk did not take it, or it was deleted
    while it waited in memory. The last includes what waited when another process let more be recorded, by a consent.
    Where it was reopened, also what was recorded between the vault's end and that.
    """
    capped: int
    """Removed, the oldest first, because the log was full."""
    refused: int
    """Not kept: the policy, a missing consent, or collect mode said no, since this was opened."""


def tally(entries: Iterable[Entry]) -> Tally:
    """Count ``entries``, which come by time."""
    records, oldest, newest = 0, None, None
    by_event: dict[str, int] = {}
    for entry in entries:
        records += 1
        oldest, newest = oldest or entry.at, entry.at
        by_event[entry.event] = by_event.get(entry.event, 0) + 1
    return Tally(records, oldest, newest, by_event)


def levels_from(level: str | None) -> tuple[str, ...] | None:
    """Return ``level`` and those above it.

    Raises:
        ValueRefused: there is no such level.
    """
    if level is None:
        return None
    if level not in LEVELS:
        raise ValueRefused(name="level", problem=f"it must be one of {', '.join(LEVELS)}")
    return LEVELS[LEVELS.index(level) :]
