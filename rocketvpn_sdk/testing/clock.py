"""A clock that tests turn, of a machine that they suspend, switch off and start again."""

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
        self._suspended = 0.0
        self._boots = 1

    def time(self) -> float:
        """Return the wall clock, in seconds since the Unix epoch."""
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        """Return the seconds that were advanced so far, and the least there is for each time it was asked since."""
        with self._lock:
            now, self._monotonic = self._monotonic, math.nextafter(self._monotonic, math.inf)
            return now

    def since_boot(self) -> float:
        """Return the seconds since the machine was started, those included in which it was suspended."""
        with self._lock:
            return self._monotonic + self._suspended

    def boot_id(self) -> str:
        """Return what names the machine's run since it was started."""
        with self._lock:
            return f"boot-{self._boots}"

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass.

        Raises:
            ValueError: time does not run backwards; ``turn`` is a user who turns the clock.
        """
        _forward(seconds)
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def suspend(self, seconds: float) -> None:
        """Let ``seconds`` pass while the machine is suspended: its monotonic clock stands still.

        Raises:
            ValueError: as ``advance``.
        """
        _forward(seconds)
        with self._lock:
            self._wall += seconds
            self._suspended += seconds

    def reboot(self, off: float = 0.0) -> None:
        """Switch the machine off, let ``off`` seconds pass, and start it: no process of it is left.

        Raises:
            ValueError: as ``advance``.
        """
        _forward(off)
        with self._lock:
            self._wall += off
            self._monotonic = self._suspended = 0.0
            self._boots += 1

    def turn(self, seconds: float) -> None:
        """Turn the wall clock forward, or back by a negative number, as a user does; the monotonic clock goes on."""
        with self._lock:
            self._wall += seconds


def _forward(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("time does not run backwards")
