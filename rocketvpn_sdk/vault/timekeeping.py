"""How late it is, told by two clocks and by what was stored."""

from __future__ import annotations

import threading

import msgspec

from rocketvpn_sdk.clock import Age, Clock


class Timekeeper:
    """Keeps an ``Age`` growing. Thread-safe, by a lock of its own: who only asks must not wait for a keyring.

    Args:
        clock: the clocks of this machine.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._age = Age()
        self._ticked = clock.monotonic()

    def opened(self, stored: Age | None) -> None:
        """Go on from what was stored; ``None`` where nothing was."""
        with self._lock:
            self._age = (stored or Age()).opened(self._clock.time())
            self._ticked = self._clock.monotonic()

    def age(self) -> Age:
        """Return how late it is now."""
        with self._lock:
            ticked = self._clock.monotonic()
            self._age = self._age.ran(ticked - self._ticked, self._clock.time())
            self._ticked = ticked
            return self._age

    def saw(self, moment: float) -> None:
        """Take note of a moment that is past for sure."""
        with self._lock:
            if moment > self._age.highest:
                self._age = msgspec.structs.replace(self._age, highest=moment)

    def agree(self, server: float) -> None:
        """Take a server's word for a leap of the wall clock."""
        with self._lock:
            self._age = self.age().agreed(server)

    def forked(self) -> None:
        """In a forked child: the parent's lock may be held by a thread that does not exist here."""
        self._lock = threading.RLock()
