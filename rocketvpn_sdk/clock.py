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
LONGEST_BELIEVED_GAP = 31 * DAY
"""A clock that was set back still tells how long the app was closed, up to this."""
LEAP_BELIEVED_AFTER = 72 * 3600.0
"""Seconds of running after which a leap is believed without a server's word."""


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

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


class Age(msgspec.Struct, frozen=True):
    """How late it is, told by more than the wall clock: kept in the vault, and never goes back.

    It grows by running, and by the wall clock's step beyond the highest time seen. So setting the clock back cannot
    lengthen a retention. A step of more than 400 days is more likely a mistake: until it is confirmed it hides data and
    destroys none, and stepping back cancels it.
    """

    highest: float = 0.0
    """The latest time believed, in seconds since the epoch; what is destroyed goes by it."""
    saved_at: float = 0.0
    """What the wall clock said when this was last written."""
    leap_to: float | None = None
    """Where the wall clock leapt to, not believed yet."""
    leap_ran: float = 0.0
    """Seconds run since that leap."""

    @property
    def ends(self) -> float:
        """The clock for what *ends* (retention, consent, tokens): the largest."""
        return self.highest if self.leap_to is None else max(self.highest, self.leap_to)

    def begins(self, wall: float) -> float:
        """Return the clock for what *begins* (effective dates, notice periods): the smallest."""
        return min(wall, self.highest) if self.highest else wall

    def opened(self, wall: float) -> Age:
        """Return the age after an opening at ``wall``; the time since the last close counts, as far as it is known."""
        if not self.highest:
            return Age(wall, wall)
        gap = wall - self.saved_at
        if wall <= self.highest and 0 <= gap <= LONGEST_BELIEVED_GAP:
            return self._stepped(wall, self.highest + gap)
        return self._stepped(wall, self.highest)

    def ran(self, seconds: float, wall: float) -> Age:
        """Return the age after running for ``seconds`` by the monotonic clock, with the wall clock now at ``wall``."""
        later = self._stepped(wall, self.highest + max(seconds, 0.0))
        if later.leap_to is None:
            return later
        ran = self.leap_ran + max(seconds, 0.0)
        if ran >= LEAP_BELIEVED_AFTER:
            return Age(wall, self.saved_at)
        return msgspec.structs.replace(later, leap_ran=ran)

    def agreed(self, server: float) -> Age:
        """Return the age after a server that proved who it is named the time; only a pending leap listens to it."""
        if self.leap_to is None or server < self.leap_to - DAY:
            return self
        return Age(max(self.highest, server), self.saved_at)

    def _stepped(self, wall: float, highest: float) -> Age:
        if wall - highest > LARGEST_BELIEVED_STEP:
            return Age(highest, self.saved_at, wall, self.leap_ran)
        return Age(max(wall, highest), self.saved_at)


def utc(seconds: float) -> datetime:
    """Return ``seconds`` since the epoch as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
