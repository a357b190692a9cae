"""ISO 8601 durations: their parts, and how they are said."""

from __future__ import annotations

import re

from rocketvpn_sdk.text.lists import listed
from rocketvpn_sdk.text.messages import translate

UNITS = ("year", "month", "week", "day", "hour", "minute", "second")
_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
    re.ASCII,
)


def duration_parts(duration: str) -> dict[str, int] | None:
    """Return the number of each unit in an ISO 8601 duration, the largest unit first; ``None`` if it is not one."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        return None
    return {unit: int(count) for unit, count in zip(UNITS, match.groups(), strict=True) if count}


def spelled_out(duration: str) -> str:
    """Return an ISO 8601 duration in words: ``1 year and 2 months``; one of no length is empty."""
    parts = (duration_parts(duration) or {}).items()
    return listed((f"{count} {translate(unit if count == 1 else f'{unit}s')}" for unit, count in parts if count), "")
