"""``Config(background=True)``: one thread that does what is due, and sleeps in between.

It sleeps until the next due time, and never wakes more than once a minute. Due times are the wall clock's, while a
sleeping thread counts what the monotonic clock counts, which stands still during suspend: so no nap is longer than a
quarter of an hour, and after a resume there is one more minute for the network to come up.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from rocketvpn_sdk.clock import DAY, Clock
from rocketvpn_sdk.errors import RocketVPNError, VaultClosed, VaultLocked
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.vault.due import SPREAD, Uniform, is_due, jitter, next_due

logger = logging.getLogger(__name__)

SHORTEST, LONGEST = 60.0, 900.0
"""Seconds of a nap."""
_SETTLING = 1.5
"""How much longer than the shortest a nap may be, at random, after a resume or a poke."""
_NOTICED = 30.0
"""Seconds by which the two clocks must differ after a nap for it to have been a suspend, or somebody's hand."""
HOUR = 3600.0
CHECK_AGAIN = 4 * HOUR
"""After a check of the policy that failed: it is done daily, and is not worth what a user's request is."""
CHECKED = "policy-check"


class Job(msgspec.Struct, frozen=True):
    """Something that becomes due."""

    name: str
    due: Callable[[], float | None]
    """When, by the wall clock, in seconds since the epoch; ``None``: never, as things are."""
    run: Callable[[], object]
    paced: bool = False
    """Each of its parts has a due time of its own, which grows with its failures, so that the job's need not as well.

    Where it got nowhere, it is put off for no longer than a nap, and not at all once there is something new.
    """
    least: float = 0.0
    """Seconds, about, by which it is put off at least where it failed: nothing waits for it."""


def put_off_until(failures: int, now: float, least: float, uniform: Uniform, phase: float) -> float:
    """Return when a job is tried again that failed so many times in a row; pure."""
    return max(next_due(failures, now, uniform=uniform, phase=phase), now + jitter(least, uniform))


class BackgroundStatus(msgspec.Struct, frozen=True):
    """How the background worker is."""

    running: bool
    problems: dict[str, str]
    """By job, the code of the error with which it last ended; it is tried again, ever later, at least once a day."""


class Background:
    """Runs jobs when they are due, one after the other. Errors never end it; a vault that is closed does.

    Args:
        jobs: what there is to do.
        clock: the time.
        wait: pauses until the event is set, or so many seconds have passed; in tests something else.
        uniform: random numbers.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        clock: Clock,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._wait = wait
        self._uniform = uniform
        self._phase = uniform(0.0, 1.0)
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._problems: dict[str, str] = {}
        self._wake = threading.Event()
        self._stopped = False
        self._news = False
        self._asleep_until = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; calling it again is fine."""
        with self._lock:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self.work, name="rocketvpn-background", daemon=True)
                with suppress(RuntimeError):  # the interpreter is ending
                    thread.start()
                    self._thread = thread

    def poke(self) -> None:
        """Say that something new may become due: it is looked at within a minute or so, not at once."""
        if threading.current_thread() is not self._thread:  # what a job itself writes is no news
            self._news = True
        if self._asleep_until - self._clock.monotonic() > SHORTEST * _SETTLING:
            self._wake.set()

    def end(self) -> None:
        """Ask the thread to end."""
        self._stopped = True
        # In a forked child, a thread that is not there may hold the event's lock for ever.
        if self._thread is None or self._thread.is_alive():
            self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end, at most ``timeout`` seconds; a call in flight then ends on its own."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def status(self) -> BackgroundStatus:
        """Return how it is."""
        running = self._thread is not None and self._thread.is_alive() and not self._stopped
        return BackgroundStatus(running, dict(self._problems))

    # ------------------------------------------------------------ the thread

    def work(self) -> None:
        """Work until ``end``; the thread's function."""
        with suppress(VaultClosed, VaultLocked):  # there is nothing left to do anything with
            self._nap(SHORTEST * self._uniform(1.0, 2.0))  # after a reboot of many machines they do not come at once
            while not self._stopped:
                self._round()
                self._nap(self._until_next())

    def _round(self) -> None:
        if self._news:
            self._news = False
            for name in [job.name for job in self._jobs if job.paced]:
                self._failures.pop(name, None)
                self._not_before.pop(name, None)
        for job in self._jobs:
            if self._stopped:
                return
            due = self._due(job)
            if due is not None and due <= self._clock.time():
                self._try(job)

    def _due(self, job: Job) -> float | None:
        try:
            due = job.due()
        except (VaultClosed, VaultLocked):
            raise
        except Exception as error:  # noqa: BLE001 - what cannot say when it is due is asked again later
            self._problems[job.name] = _code(error)
            self._put_off(job)
            due = 0.0
        if due is None:
            return None
        put_off = self._not_before.get(job.name, 0.0)
        return due if is_due(put_off, self._clock.time()) else max(due, put_off)

    def _try(self, job: Job) -> None:
        try:
            job.run()
        except (VaultClosed, VaultLocked):
            raise
        except Exception as error:  # noqa: BLE001 - nobody to tell here but the status, and the other jobs have to go on
            self._problems[job.name] = _code(error)
            logger.info("background: %s failed (%s)", job.name, _code(error))
            if not job.paced:
                self._put_off(job)
                return
        else:
            self._problems.pop(job.name, None)
            logger.debug("background: %s done", job.name)
        self._not_before.pop(job.name, None)
        due = self._due(job)
        if due is not None and due <= self._clock.time():
            self._put_off(job)  # it got nowhere
        else:
            self._failures.pop(job.name, None)

    def _put_off(self, job: Job) -> None:
        self._failures[job.name] = failures = self._failures.get(job.name, 0) + 1
        now = self._clock.time()
        until = put_off_until(failures, now, job.least, self._uniform, self._phase)
        self._not_before[job.name] = min(until, now + LONGEST) if job.paced else until

    def _until_next(self) -> float:
        dues = [due for job in self._jobs if (due := self._due(job)) is not None]
        wanted = min(dues, default=float("inf")) - self._clock.time()
        return min(max(wanted, SHORTEST), LONGEST)

    def _nap(self, seconds: float) -> None:
        while seconds and not self._stopped:
            wall, monotonic = self._clock.time(), self._clock.monotonic()
            self._asleep_until = monotonic + seconds
            self._wait(self._wake, seconds)
            poked = self._wake.is_set()
            self._wake.clear()
            gap = (self._clock.time() - wall) - (self._clock.monotonic() - monotonic)
            seconds = SHORTEST * self._uniform(1.0, _SETTLING) if poked or abs(gap) > _NOTICED else 0.0


def _code(error: Exception) -> str:
    return error.code if isinstance(error, RocketVPNError) else type(error).__name__


class Every:
    """When something is due that is done again and again.

    Args:
        clock: the time.
        seconds: how long after the last time.
        work: what is done.
    """

    def __init__(self, clock: Clock, seconds: float, work: Callable[[], object]) -> None:
        self._clock, self._seconds, self._work = clock, seconds, work
        self._next = clock.time() + seconds

    def due(self) -> float:
        """Return when; a clock that was set back does not put it off."""
        if self._next - self._clock.time() > self._seconds:
            return 0.0
        return self._next

    def run(self) -> None:
        """Do it, and count from now."""
        self._next = self._clock.time() + self._seconds
        self._work()


class _Checked(msgspec.Struct, frozen=True):
    """When the newest version of the policy is asked for next, by the wall clock."""

    next_at: float


class PolicyCheck:
    """Asks for the newest version of the policy once a day, counted over restarts.

    Args:
        vault: where the time rests.
        check: asks.
        uniform: random numbers.
    """

    def __init__(self, vault: Vault, check: Callable[[], object], uniform: Uniform = random.uniform) -> None:
        self._vault, self._check, self._uniform = vault, check, uniform
        self._first = vault.clock.time() + uniform(SHORTEST, HOUR)

    def due(self) -> float:
        """Return when; a clock that was set back does not put it off."""
        kept = self._vault.get(CHECKED, _Checked)
        planned = kept.next_at if kept else self._first
        return planned if planned - self._vault.clock.time() <= DAY * (1 + SPREAD) else 0.0

    def run(self) -> None:
        """Ask, and write down when to ask again."""
        self._check()
        following = _Checked(self._vault.clock.time() + jitter(DAY, self._uniform))
        with self._vault.write() as transaction:  # nothing personal is replaced, so that no rotation is owed for it
            transaction.put(CHECKED, following)
