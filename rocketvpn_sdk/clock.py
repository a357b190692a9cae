"""Time, as an argument: a wall clock, a monotonic clock, and the highest time ever seen.

Times inside the SDK are seconds since the Unix epoch, UTC; ``datetime`` values appear only in what users are shown.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

import msgspec

DAY = 86_400.0
LARGEST_BELIEVED_STEP = 400 * DAY
"""A wall clock this far beyond the highest seen is more likely wrong than right."""


class Clock(Protocol):
    """Where the SDK reads the time; ``rocketvpn_sdk.testing.FakeClock`` is one that tests can turn."""

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def time(self) -> float:
        """Return ``time.time()``."""
        return time.time()

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()


class Mark(msgspec.Struct, frozen=True):
    """The highest wall clock seen, kept in the vault so that setting the clock back cannot lengthen a retention."""

    highest: float = 0.0

    def observe(self, wall: float) -> Mark:
        """Return the mark after seeing ``wall``; a step of more than 400 days is not believed."""
        if wall <= self.highest or (self.highest and wall - self.highest > LARGEST_BELIEVED_STEP):
            return self
        return Mark(wall)

    def latest(self, wall: float) -> float:
        """Return the clock for what *ends* (retention, consent, tokens): the larger one, within belief."""
        return self.observe(wall).highest

    def earliest(self, wall: float) -> float:
        """Return the clock for what *begins* (effective dates, notice periods): the smaller one."""
        return min(wall, self.highest) if self.highest else wall


def utc(seconds: float) -> datetime:
    """Return ``seconds`` since the epoch as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
