"""The addresses of a name, within the call's deadline.

The operating system's look-up (``getaddrinfo``) takes as long as the resolver's own settings say, and nobody can end it
from outside. So it has a thread of its own, which whoever waits for it leaves behind when their time is over. Those who
want the same name wait together; where the answer takes long, it is asked for once more beside: the network may be
another one by now, and the first question lost.
"""

from __future__ import annotations

import socket
import threading
import time
from copy import copy
from typing import Any

from rocketvpn_sdk.transport import deadline

THREAD = "rocketvpn-names"
ASK_AGAIN = 2.0
"""Seconds after which a name is asked for once more."""
MOST = 4
"""Look-ups of one name at the same time."""

Address = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` returns: family, kind, protocol, canonical name, address."""


class _Name:
    """A name that is being looked up. What changes here does so under the lock of ``Names``."""

    __slots__ = ("asked_at", "error", "found", "over", "running")

    def __init__(self) -> None:
        self.over = threading.Event()
        self.found: list[Address] = []
        self.error: Exception | None = None
        self.running = 0
        self.asked_at = 0.0


class Names:
    """Looks up names. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], _Name] = {}
        self._ended = False

    def addresses(self, host: str, port: int, default: float) -> list[Address]:
        """Return the addresses of ``host``, the best first.

        Takes as long as the call in progress may; outside of one, ``default`` seconds.

        Raises:
            TimeoutError: it took longer.
            OSError: it has none (``socket.gaierror``), or everything was cut.
        """
        end = time.monotonic() + deadline.remaining(default)
        while True:
            name = self._ask(host, port)
            left = end - time.monotonic()
            if name.over.wait(max(0.0, min(left, ASK_AGAIN))):
                break
            if left <= ASK_AGAIN:
                raise TimeoutError("the look-up of the name")
        if name.error is not None:
            raise copy(name.error)  # several may wait for it
        return name.found

    def end(self) -> None:
        """Wake everybody who waits: for them, and for whoever comes, there is no address any more."""
        with self._lock:
            self._ended = True
            for name in self._under_way.values():
                name.error = ConnectionAbortedError()
                name.over.set()

    def _ask(self, host: str, port: int) -> _Name:
        """Return the look-up that is under way, begun here if there is none, or begun again if it takes long."""
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError
            name = self._under_way.setdefault((host, port), _Name())
            now = time.monotonic()
            if name.running and (name.running >= MOST or now < name.asked_at + ASK_AGAIN):
                return name
            name.running, name.asked_at = name.running + 1, now
        try:
            threading.Thread(target=self._look_up, args=(name, host, port), name=THREAD, daemon=True).start()
        except RuntimeError:  # none can be started any more: this process ends, or has too many
            self._look_up(name, host, port)
        except BaseException:  # an interrupt: nobody must wait for what nobody does
            self._came(name, host, port, ConnectionAbortedError())
            raise
        return name

    def _look_up(self, name: _Name, host: str, port: int) -> None:
        outcome: list[Address] | Exception = ConnectionAbortedError()
        try:
            outcome = list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, on their threads
            outcome = error
        finally:
            self._came(name, host, port, outcome)

    def _came(self, name: _Name, host: str, port: int, outcome: list[Address] | Exception) -> None:
        """Take what a look-up brought: the first good answer counts, or the last error."""
        with self._lock:
            name.running -= 1
            if name.over.is_set() or (isinstance(outcome, Exception) and name.running):
                return
            if isinstance(outcome, Exception):
                name.error = outcome
            else:
                name.found = outcome
            name.over.set()
            if self._under_way.get((host, port)) is name:
                del self._under_way[host, port]
