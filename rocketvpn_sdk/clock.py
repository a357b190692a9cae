"""Time, as an argument: a wall clock, a monotonic clock, and the highest time ever seen.

Times inside the SDK are seconds since the Unix epoch, UTC; ``datetime`` values appear only in what users are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import msgspec

from rocketvpn_sdk.errors import CallbackFailed

DAY = 86_400.0
LARGEST_BELIEVED_STEP = 400 * DAY
"""A wall clock this far beyond the highest seen is more likely wrong than right."""
LONGEST_BELIEVED_GAP = 31 * DAY
"""A clock that was set back still tells how long the app was closed, up to this."""
_LONGEST_RUN = 1e10
_LAST = datetime.max.replace(tzinfo=UTC).timestamp()
LEAP_BELIEVED_AFTER = 72 * 3600.0
"""Seconds of running after which a leap is believed without a server's word."""


@runtime_checkable
class Clock(Protocol):
    """Where the SDK reads the time; ``rocketvpn_sdk.testing.FakeClock`` is one that tests can turn."""

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; never goes back, and is the same for all processes of the machine.

        It tells what was recorded before a deletion; one that stands still makes what comes after it look like before.
        """
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


class CheckedClock:
    """A clock of the app's own, whose answers are times."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        """See ``Clock.time``.

        Raises:
            CallbackFailed: it raised something, or returned no time up to the year 9999.
        """
        return self._asked(self._clock.time, _LAST)

    def monotonic(self) -> float:
        """See ``Clock.monotonic``.

        Raises:
            CallbackFailed: it raised something, or returned no number of seconds that a machine can have run.
        """
        return self._asked(self._clock.monotonic, _LONGEST_RUN)

    def _asked(self, ask: Callable[[], float], most: float) -> float:
        try:
            now = ask()
            if type(now) in (int, float) and -most < now < most:
                return now
        except Exception as error:
            raise CallbackFailed(name="clock", problem=type(error).__name__) from error
        raise CallbackFailed(name="clock", problem="what it returned is no time")


def checked_clock(clock: Clock | None) -> Clock:
    """Return ``clock`` with its answers checked; ``None``: the machine's own clocks, which need no check."""
    if clock is None:
        return SystemClock()
    return clock if type(clock) in (SystemClock, CheckedClock) else CheckedClock(clock)


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
    proven: float = 0.0
    """How late it is for sure: what a server said that proved who it is, and what the clock ran since; no step counts.

    0: from before this was written down.
    """

    @property
    def ends(self) -> float:
        """The clock for what *ends* (retention, consent, tokens): the largest."""
        return self.highest if self.leap_to is None else max(self.highest, self.leap_to)

    def begins(self, wall: float) -> float:
        """Return the clock for what *begins* (effective dates, notice periods): the smallest, and none that only leapt.

        So whoever sets the clock forward, and back, lets nothing begin; what was closed for long waits for a server.
        """
        return min(wall, self.highest, self.proven or self.highest) if self.highest else wall

    def opened(self, wall: float) -> Age:
        """Return the age after an opening at ``wall``; the time since the last close counts, as far as it is known."""
        if not self.highest:
            return Age(wall, wall, proven=wall)
        gap = wall - self.saved_at
        known = msgspec.structs.replace(self, proven=self.proven or self.highest)
        if wall <= self.highest and 0 <= gap <= LONGEST_BELIEVED_GAP:
            return _stepped(known, wall, self.highest + gap)
        return _stepped(known, wall, self.highest)

    def ran(self, seconds: float, wall: float) -> Age:
        """Return the age after running for ``seconds`` by the monotonic clock, with the wall clock now at ``wall``."""
        passed = max(seconds, 0.0)
        proven = self.proven + passed if self.proven else 0.0
        later = _stepped(msgspec.structs.replace(self, proven=proven), wall, self.highest + passed)
        if later.leap_to is None:
            return later
        ran = self.leap_ran + passed
        if ran >= LEAP_BELIEVED_AFTER:
            return Age(wall, self.saved_at, proven=proven)
        return msgspec.structs.replace(later, leap_ran=ran)

    def agreed(self, server: float) -> Age:
        """Return the age after a server that proved who it is named the time.

        Of what ends, only a pending leap listens to it.
        """
        proven = max(self.proven, server)
        if self.leap_to is None or server < self.leap_to - DAY:
            return msgspec.structs.replace(self, proven=proven)
        return Age(max(self.highest, server), self.saved_at, proven=proven)


def _stepped(age: Age, wall: float, highest: float) -> Age:
    if wall - highest > LARGEST_BELIEVED_STEP:
        return msgspec.structs.replace(age, highest=highest, leap_to=wall)
    return Age(max(wall, highest), age.saved_at, proven=age.proven)


def utc(seconds: float) -> datetime:
    """Return ``seconds`` since the epoch as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
