"""Counts the calls in flight, so that closing waits for them and their outcomes are still recorded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rocketvpn_sdk.errors import VaultClosed
from rocketvpn_sdk.files.forks import ForkSafe


class InFlight(ForkSafe):
    """Counts the calls in flight, by thread. Thread-safe."""

    def __init__(self) -> None:
        self._closed = False
        super().__init__()

    def reset_after_fork(self) -> None:
        """Start with no calls and a new lock: the parent's threads do not exist in a forked child."""
        self._changed = threading.Condition()
        self._threads: list[int] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a call for the duration of the ``with`` block.

        Raises:
            VaultClosed: ``close`` was called.
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
        """Leave the call out of the count while the user is asked: closing does not wait for a person."""
        self._leave()
        try:
            yield
        finally:
            with self._changed:
                self._threads.append(threading.get_ident())

    def close(self) -> None:
        """Refuse every new call from now on."""
        with self._changed:
            self._closed = True

    def wait(self, seconds: float) -> None:
        """Wait until no other thread is in a call, at most ``seconds``."""
        mine = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: all(thread == mine for thread in self._threads), timeout=seconds)

    def _leave(self) -> None:
        with self._changed:
            with suppress(ValueError):  # the process was forked in the middle of it
                self._threads.remove(threading.get_ident())
            self._changed.notify_all()
