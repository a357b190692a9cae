"""Calls in flight: closing waits for them, so that what came of them is written down while there is a place for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rocketvpn_sdk.errors import VaultClosed
from rocketvpn_sdk.transport.forked import mend


class Flights:
    """Counts the calls that threads are in. Thread-safe."""

    def __init__(self) -> None:
        self._closed = False
        self.forked()
        mend(self)

    def forked(self) -> None:
        """In a forked child: the parent's calls are not here, and its lock may be held by a thread that is not."""
        self._changed = threading.Condition()
        self._threads: list[int] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Be in a call.

        Raises:
            VaultClosed: there are none any more.
        """
        with self._changed:
            if self._closed:
                raise VaultClosed(problem="it was closed before a call went out")
            self._threads.append(threading.get_ident())
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be out of the call for a while: a person is asked, whom nobody who closes waits for."""
        self._leave()
        try:
            yield
        finally:
            with self._changed:
                self._threads.append(threading.get_ident())

    def close(self) -> None:
        """Let no other call begin."""
        with self._changed:
            self._closed = True

    def wait(self, seconds: float) -> None:
        """Wait until no other thread is in a call, at most so many seconds."""
        mine = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: all(thread == mine for thread in self._threads), timeout=seconds)

    def _leave(self) -> None:
        with self._changed:
            with suppress(ValueError):  # the process was forked in the middle of it
                self._threads.remove(threading.get_ident())
            self._changed.notify_all()
