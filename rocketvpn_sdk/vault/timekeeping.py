"""How late it is, told by two clocks and by what was stored."""

from __future__ import annotations

import threading

import msgspec

from rocketvpn_sdk.clock import Age, Clock, boot_id, since_boot_of


class Timekeeper:
    """Keeps an ``Age`` growing. Thread-safe, by a lock of its own: who only asks must not wait for a keyring.

    Args:
        clock: the clocks of this machine.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_boot = since_boot_of(clock)
        self._lock = threading.RLock()
        self._age = Age()
        self._ticked = self._since_boot()

    def opened(self, stored: Age | None) -> None:
        """Go on from what was stored; ``None`` where nothing was."""
        with self._lock:
            self._ticked = self._since_boot()
            age = (stored or Age()).opened(self._clock.time(), boot_id(self._clock), self._ticked)
            self._age = msgspec.structs.replace(age, boot="", booted_for=0.0)  # ``status`` shows it, and names no run

    def age(self) -> Age:
        """Return how late it is now."""
        with self._lock:
            ticked = self._since_boot()
            self._age = self._age.ran(ticked - self._ticked, self._clock.time())
            self._ticked = ticked
            return self._age

    def to_store(self, stored: Age | None) -> Age:
        """Return what to write, where ``stored`` is there, which another process may have written; it counts from now.

        What both know is the later of the two: none may take from the other what it learned.
        """
        with self._lock:
            age = self.age()
            self._age = age if stored is None else age.joined(stored)
            return msgspec.structs.replace(
                self._age, saved_at=self._clock.time(), boot=boot_id(self._clock), booted_for=self._ticked
            )

    def agree(self, server: float) -> tuple[Age, Age]:
        """Take the word of a server that proved who it is; return how late it was before, and is now."""
        with self._lock:
            before = self.age()
            self._age = before.agreed(server, self._clock.time())
            return before, self._age

    def reset_after_fork(self) -> None:
        """In a forked child: the parent's lock may be held by a thread that does not exist here."""
        self._lock = threading.RLock()
