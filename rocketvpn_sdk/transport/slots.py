"""Bounds how many calls use connections at a time; unlike a wait in httpcore's pool, one here can be cancelled."""

from __future__ import annotations

import threading

from rocketvpn_sdk.cancelling import cancelled, waking


class Slots:
    """So many places. Thread-safe.

    Args:
        number: how many.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._changed = threading.Condition()

    def take(self, seconds: float) -> bool:
        """Take a place; return whether one was free within ``seconds`` and before the call was cancelled."""
        with waking(self._wake), self._changed:
            self._changed.wait_for(lambda: self._free > 0 or cancelled(), timeout=seconds)
            if self._free == 0 or cancelled():
                self._changed.notify()  # that a place is free may have been told to this call alone
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        """Let the next one have the place."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
