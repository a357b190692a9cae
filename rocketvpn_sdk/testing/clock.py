"""A clock that tests turn."""

from __future__ import annotations

import math
import threading

from rocketvpn_sdk.clock import Clock


class FakeClock(Clock):
    """A wall clock that stands still until ``advance``; thread-safe.

    Its monotonic clock goes on by the least there is whenever it was read, as a real one does: that tells
    what came first.
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._lock = threading.RLock()  # a signal handler may log, and read it, while it is read
        self._wall = float(start)
        self._monotonic = 0.0

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        """Return the seconds that were advanced so far, and the least there is for each time it was asked since."""
        with self._lock:
            now, self._monotonic = self._monotonic, math.nextafter(self._monotonic, math.inf)
            return now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass.

        Raises:
            ValueError: time does not run backwards; ``turn`` is a user who turns the clock.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def turn(self, seconds: float) -> None:
        """Turn the wall clock forward, or back by a negative number, as a user does; the monotonic clock goes on."""
        with self._lock:
            self._wall += seconds
