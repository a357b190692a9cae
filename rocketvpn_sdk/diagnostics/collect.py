"""What a report is made of: the journal's records of the purpose, coarser once more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rocketvpn_sdk.consent.reports import ErasureHandle, SentReports
from rocketvpn_sdk.diagnostics.otlp import NAME, TIME, Part
from rocketvpn_sdk.journal.entry import Entry
from rocketvpn_sdk.policy import Operation

HOUR = 3600
MOST_RECORDS = 200
"""Of one report; what is left comes with the next one."""
PURPOSE = "improvement"


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """Records that no report had yet."""

    records: Sequence[Part] = ()
    until: float = 0.0
    """The time of the newest, in seconds since the epoch."""
    taken: int = 0
    """How many of that very time there are up to it, those of earlier reports included."""
    left_out: frozenset[str] = frozenset()
    """Names of fields that are kept here, and that no report carries."""


def collect(entries: Iterable[Entry], sent: SentReports, operation: Operation) -> Collected:
    """Return what ``entries``, which come by time, have that was not reported yet.

    Args:
        entries: from the time of the newest that was reported on.
        sent: what was reported.
        operation: the call that carries a report.
    """
    records: list[Part] = []
    left_out: set[str] = set()
    until, taken = sent.until, 0
    for entry in entries:
        at = entry.at.timestamp()
        if entry.purpose != PURPOSE or at < sent.until:
            continue
        taken = taken + 1 if at == until else 1
        until = at
        if at == sent.until and taken <= sent.taken:
            continue
        records.append(_record(entry, operation.fields))
        left_out |= {name for name, value in entry.fields.items() if value is not None} - set(operation.fields)
        if len(records) == MOST_RECORDS:
            break
    return Collected(records=records, until=until, taken=taken, left_out=frozenset(left_out))


def shared(handle: ErasureHandle, *, platform: str, app_version: str | None) -> Part:
    """Return what all records of a report share."""
    common: dict[str, Any] = {"erasure_handle": handle.value, "platform": platform}
    return common if app_version is None else {**common, "app_version": app_version}


def _record(entry: Entry, fields: Sequence[str]) -> Part:
    hour = int(entry.at.timestamp()) // HOUR * HOUR
    kept = {name: value for name, value in entry.fields.items() if name in fields and value is not None}
    return {TIME: hour, NAME: entry.event, **kept}
