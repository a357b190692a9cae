"""Time as an argument: a wall clock, a monotonic clock, and how late it is by all that is known.

Touches: nothing. Start with ``Clock``.

Times inside the SDK are seconds since the Unix epoch, UTC; ``datetime`` values appear only in what users are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import CallbackFailed

DAY = 86_400.0
LARGEST_BELIEVED_STEP = 400 * DAY
"""A wall clock this far beyond the highest seen is more likely wrong than right."""
LONGEST_BELIEVED_GAP = 31 * DAY
"""A clock that was set back still tells how long the app was closed, up to this."""
_LONGEST_RUN = 1e10
_LONGEST_ID = 64
_LAST = datetime.max.replace(tzinfo=UTC).timestamp()
LEAP_BELIEVED_AFTER = 72 * 3600.0
"""Seconds of running after which a leap is believed without a server's word."""
_LEAST_LEAD = 2 * DAY
"""Twice what a server and a clock that agree may differ by, so that such differences never add up."""
_SHORTEST_CLOSING = 0.001
"""Seconds by which the machine's count must have gone on since the last writing to be taken for one that counts."""
_NOTICED_AFTER = 3600.0
"""A leap that is seen for the first time counts as this old at most, however long nobody looked at the clock."""


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
    since_boot = staticmethod(platforms.since_boot)
    boot_id = staticmethod(platforms.boot_id)


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

    def since_boot(self) -> float:
        """See ``since_boot_of``.

        Raises:
            CallbackFailed: as ``monotonic``.
        """
        return self._asked(lambda: since_boot_of(self._clock)(), _LONGEST_RUN)

    def boot_id(self) -> str:
        """See ``boot_id``.

        Raises:
            CallbackFailed: it raised something, or returned no short text.
        """
        try:
            told = boot_id(self._clock)
            if type(told) is str and len(told) <= _LONGEST_ID:
                return told
        except Exception as error:
            raise CallbackFailed(name="clock", problem=type(error).__name__) from error
        raise CallbackFailed(name="clock", problem="what it returned is no name of a machine's run")

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


def since_boot_of(clock: Clock) -> Callable[[], float]:
    """Return how ``clock`` counts also while the machine is suspended, where it can tell; else its ``monotonic``."""
    ask: Callable[[], float] = getattr(clock, "since_boot", clock.monotonic)
    return ask


def boot_id(clock: Clock) -> str:
    """Return what names the run of the machine that ``since_boot_of`` counts; empty where ``clock`` cannot tell."""
    ask: Callable[[], str] = getattr(clock, "boot_id", str)
    return ask()


class Word(msgspec.Struct, frozen=True):
    """How far servers moved the age, and would like to: one answer, or several within a day, must not destroy all."""

    since: float
    """What had passed by the device's own clocks when the first of this day's answers moved it; see ``Age.own``."""
    base: float
    """The age before that."""
    ahead: float | None = None
    """What a server said last that was more than 31 days beyond; it hides, until another says so a day later."""
    least: float = 0.0
    """The least that all such answers said."""
    warned_at: float = 0.0
    """What had passed by the device's own clocks at the first of them."""


class Age(msgspec.Struct, frozen=True):
    """How late it is, told by more than the wall clock: kept in the vault, and never goes back.

    It grows by running, by the wall clock's step beyond the highest time seen, and by a server's word. So setting the
    clock back does not lengthen a retention while the machine runs, or once a server was heard. A step of more than 400
    days is more likely a mistake: until it is confirmed it hides data and destroys none, and stepping back cancels it.

    Four clocks come of it: ``highest`` for what is destroyed, ``ends``, ``begins`` and ``fresh``.
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
    """How late it is for sure: what the wall clock and a server said at once, and what the clock ran since.

    Before a server was heard, from the first opening on. No step counts. 0: from before this was written down.
    """
    vouched: float | None = None
    """The same, from servers alone; ``None``: none was heard."""
    said: float | None = None
    """What a server said last, and what the clock ran since; one that said later is not forgotten for one that lies."""
    word: Word | None = None
    """How servers moved this lately."""
    lead: float = 0.0
    """How far, beyond two days, ``highest`` was ahead of a server that agreed with the wall clock: one was ahead once.

    What passes counts from there, or what was recorded then would be kept until the rest of the world has caught up.
    """
    served: float = 0.0
    """Seconds by which the word of servers and of other processes moved ``highest`` so far."""
    boot: str = ""
    """Names the machine's run in which this was last written; empty where the system does not tell."""
    booted_for: float = 0.0
    """Seconds that this run had lasted then."""

    @property
    def ends(self) -> float:
        """The clock for what *ends* (retention, consent, tokens): the largest."""
        ahead = self.word.ahead if self.word else None
        return max(self.highest, self.leap_to or self.highest, ahead or self.highest)

    @property
    def warned(self) -> bool:
        """Whether a server said that it is far later, and none has agreed a day later yet."""
        return self.word is not None and self.word.ahead is not None

    def begins(self, wall: float) -> float:
        """Return the clock for what *begins* (effective dates, notice periods): the smallest, and none that only leapt.

        So anyone who sets the clock forward, and back, lets nothing begin; what was closed for long waits for a server.
        """
        return min(wall, self.highest, self.proven or self.highest) if self.highest else wall

    def earliest(self, wall: float) -> float:
        """Return what nothing that comes from now on can be older than: as ``begins``, and by servers.

        The first opening may have been by a clock that was ahead, which only a server's word shows.
        """
        return min(self.begins(wall), self.vouched or wall)

    def fresh(self, wall: float) -> float:
        """Return the clock for whether something signed is *still fresh*: ``wall``, or what servers proved if later.

        So a clock that was ahead once stops nothing once it is right, and neither a clock set back nor a server that
        sends old dates brings to life what has expired.
        """
        return max(wall, self.vouched or wall, self.said or wall)

    @property
    def own(self) -> float:
        """How late it is without a server's word; for measuring what has passed, not for telling the time."""
        return self.highest - self.served

    def opened(self, wall: float, boot: str = "", booted_for: float = 0.0) -> Age:
        """Return the age after an opening at ``wall``; the time since the last close counts, as far as it is known.

        Args:
            wall: what the wall clock says.
            boot: names the machine's run; empty where the system does not tell.
            booted_for: seconds that it has lasted.
        """
        if not self.highest:
            return Age(wall, wall, proven=wall)
        known = msgspec.structs.replace(self, proven=self.proven or self.highest)
        closed = booted_for - self.booted_for
        if (
            boot and boot == self.boot and closed > _SHORTEST_CLOSING
        ):  # the machine went on, whatever was done to the wall clock
            # What begins waits for a server all the same, or for the app to run: see decision 11.
            return _stepped(msgspec.structs.replace(_passed(known, closed), proven=known.proven), wall, closed)
        gap = wall - self.saved_at
        if wall <= self.highest and 0 <= gap <= LONGEST_BELIEVED_GAP:
            known = msgspec.structs.replace(known, highest=self.highest + gap)
        return _stepped(known, wall, None)

    def ran(self, seconds: float, wall: float) -> Age:
        """Return the age after running for ``seconds`` by the monotonic clock, with the wall clock now at ``wall``."""
        passed = max(seconds, 0.0)
        later = _stepped(_passed(self, passed), wall, passed)
        if later.leap_to is None:
            return later
        ran = later.leap_ran + passed if _same_leap(self, wall, passed) else min(passed, _NOTICED_AFTER)
        if ran >= LEAP_BELIEVED_AFTER:
            return msgspec.structs.replace(later, highest=wall, leap_to=None, leap_ran=0.0, word=None)
        return msgspec.structs.replace(later, leap_ran=ran)

    def agreed(self, server: float, wall: float) -> Age:
        """Return the age after a server that proved who it is named the time, with the wall clock at ``wall``.

        It moves the age by up to 31 days a day at once. What is further ahead hides, as a leap does, until an answer a
        day later says so too. A pending leap is believed where it agrees.
        """
        age, met, alike = self, min(server, wall), abs(server - wall) <= DAY
        if self.leap_to is not None and server >= self.leap_to - DAY:
            highest = max(self.highest, min(server, self.leap_to))
            age = msgspec.structs.replace(self, highest=highest, leap_to=None, leap_ran=0.0, word=None)
        age = _heard(age, server + self.lead)
        settled = self.said is None or server >= self.said or alike
        return msgspec.structs.replace(
            age,
            lead=max(age.highest - server - _LEAST_LEAD, 0.0) if alike and not age.warned else self.lead,
            proven=max(self.proven, met) if self.proven else 0.0,
            vouched=met if self.vouched is None else max(self.vouched, met),
            said=server if settled else self.said,
        )

    def joined(self, other: Age) -> Age:
        """Return the age of a process that learns what another process of the same vault wrote."""
        moved = max(other.highest - self.highest, 0.0)
        return msgspec.structs.replace(
            self,
            highest=self.highest + moved,
            served=self.served + moved,
            proven=max(self.proven, other.proven),
            vouched=_later(self.vouched, other.vouched),
            said=other.said if self.said is None else self.said,
        )


def _later(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _passed(age: Age, seconds: float) -> Age:
    """Return ``age`` after so many seconds that passed for sure."""
    word = age.word
    if word is not None and word.ahead is not None:
        word = msgspec.structs.replace(word, ahead=word.ahead + seconds, least=word.least + seconds)
    return msgspec.structs.replace(
        age,
        highest=age.highest + seconds,
        proven=age.proven + seconds if age.proven else 0.0,
        vouched=None if age.vouched is None else age.vouched + seconds,
        said=None if age.said is None else age.said + seconds,
        word=word,
    )


def _stepped(age: Age, wall: float, passed: float | None) -> Age:
    """Return ``age`` with the wall clock at ``wall``, ``passed`` seconds after the last look; ``None``: not known."""
    if wall - age.highest <= LARGEST_BELIEVED_STEP:
        return msgspec.structs.replace(age, highest=max(wall, age.highest), leap_to=None, leap_ran=0.0)
    return msgspec.structs.replace(age, leap_to=wall, leap_ran=age.leap_ran if _same_leap(age, wall, passed) else 0.0)


def _same_leap(age: Age, wall: float, passed: float | None) -> bool:
    """Whether the wall clock went on from where it leapt to; moved once more, it has to stay there again."""
    if age.leap_to is None:
        return False
    moved = wall - age.leap_to - (passed or 0.0)
    return -DAY <= moved <= (LONGEST_BELIEVED_GAP if passed is None else DAY)


def _heard(age: Age, server: float) -> Age:
    """Return ``age`` after a server said that it is ``server``: moved, or warned."""
    own, word = age.own, age.word
    if word is None or (word.ahead is None and own - word.since >= DAY):
        word = Word(own, age.highest)
    if server <= word.base + (own - word.since) + LONGEST_BELIEVED_GAP:
        if server <= age.highest and word.base == age.highest:
            return msgspec.structs.replace(age, word=None)  # it says nothing new, and nothing is pending
        return _moved(age, server, msgspec.structs.replace(word, ahead=None))
    if word.ahead is None or server < word.least - DAY:
        word = msgspec.structs.replace(word, ahead=server, least=server, warned_at=own)
    elif own - word.warned_at < DAY:
        word = msgspec.structs.replace(word, ahead=server, least=min(server, word.least))
    else:
        return _heard(_moved(age, min(server, word.least), None), server)
    return msgspec.structs.replace(age, word=word)


def _moved(age: Age, server: float, word: Word | None) -> Age:
    by = max(server - age.highest, 0.0)
    return msgspec.structs.replace(age, highest=age.highest + by, served=age.served + by, word=word)


def utc(seconds: float) -> datetime:
    """Return ``seconds`` since the epoch as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def iso_utc(seconds: float) -> str:
    """Return ``seconds`` since the epoch as people and servers write it, e.g. ``2026-02-15T12:00:00Z``."""
    return utc(int(seconds)).isoformat().replace("+00:00", "Z")
