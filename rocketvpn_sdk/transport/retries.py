"""When a call is tried again: full jitter, what the server asks for, and a budget, so that an outage stays an outage.

A loop of its own, since it is bounded by a budget, a deadline and ``close()`` (decision 21).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rocketvpn_sdk.cancelling import check, waking
from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import VaultClosed
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.vault.due import asked_for

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0
"""Seconds: the widest first pause, and the widest of all; each next one is twice as wide."""
BUDGET_REFILL = 60.0
"""Seconds in which the budget grows by one retry, whether or not there are calls."""


_once: ContextVar[bool] = ContextVar("once", default=False)


@contextmanager
def one_try(wanted: bool = True) -> Iterator[None]:
    """Try each call inside only once: what is tried again by a schedule of its own need not be tried within seconds.

    In an outage that is one request where it would be three, from each device, each time.
    """
    token = _once.set(wanted or _once.get())
    try:
        yield
    finally:
        _once.reset(token)


class Retry(Exception):
    """A failed try after which another may help, no sooner than ``at_least`` seconds later (the server's wish)."""

    def __init__(self, what: str, *, at_least: float = 0.0) -> None:
        self.at_least = at_least
        super().__init__(what)


def full_jitter(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Return the pause in seconds after ``failures`` tries: anything up to a bound that doubles (full jitter)."""
    return uniform(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (failures - 1)))


class RetryBudget:
    """Retries that one client may still make: a share of its calls and a small burst. Thread-safe.

    Where everything fails, retries then add a tenth to the load and do not multiply it.

    Args:
        clock: the time.
        share: retries that one call earns.
        burst: the most that can be saved up.
    """

    def __init__(self, clock: Clock, *, share: float, burst: float) -> None:
        self._clock = clock
        self._share, self._burst = share, burst
        self._tokens = burst
        self._at = clock.monotonic()
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Count a call."""
        with self._lock:
            self._tokens = min(self._burst, self._tokens + self._share)

    def spend(self) -> bool:
        """Take one retry out; return whether there was one."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) / BUDGET_REFILL)
            self._at = now
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True


class Retries:
    """Tries the calls of one client again. Thread-safe.

    Args:
        clock: the time, for the budget.
        limits: the bounds.
        wait: pauses for so many seconds, or until the event is set; in tests something else.
    """

    def __init__(
        self, clock: Clock, limits: Limits, wait: Callable[[threading.Event, float], object] = threading.Event.wait
    ) -> None:
        self.budget = RetryBudget(clock, share=limits.retry_share, burst=limits.retry_burst)
        self._limits = limits
        self._wait = wait
        self._closed = threading.Event()
        self._pauses: set[threading.Event] = set()

    def close(self) -> None:
        """End every pause: anyone who waits in one raises ``VaultClosed``."""
        self._closed.set()
        for pause in list(self._pauses):
            pause.set()

    def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, trying again after a ``Retry`` as long as that can help.

        Raises:
            Retry: the last one; another try is not worth it, or not allowed.
            VaultClosed: this client was closed during a pause.
            CallCancelled: the call was cancelled during a pause.
        """
        self.budget.earn()
        tries = 0
        while True:
            tries += 1
            try:
                return work()
            except Retry as retry:
                # Spread upwards, so that a fleet which was told the same time does not come back all at once.
                seconds = asked_for(retry.at_least) + full_jitter(tries)
                if not self._worth_it(tries, seconds):
                    raise
            logger.info("trying again in %d ms, after try %d", round(1000 * seconds), tries)
            self.pause(seconds)
            check()
            if self._closed.is_set():
                raise VaultClosed(problem="it was closed while a call waited to be tried again")

    def pause(self, seconds: float) -> None:
        """Wait ``seconds``, or until this client is closed or the call cancelled."""
        pause = threading.Event()
        self._pauses.add(pause)
        try:
            with waking(pause.set):
                if not self._closed.is_set():
                    self._wait(pause, seconds)
        finally:
            self._pauses.discard(pause)

    def _worth_it(self, tries: int, seconds: float) -> bool:
        """Whether to try again in so many ``seconds``, after so many ``tries``."""
        if _once.get():
            return False
        if tries >= self._limits.retry_attempts or seconds >= deadline.remaining(self._limits.total_timeout):
            return False
        # The budget comes last: only what will be tried is paid for.
        return not self._closed.is_set() and self.budget.spend()
