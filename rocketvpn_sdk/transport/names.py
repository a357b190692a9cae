"""The addresses of a name, within the call's deadline.

The operating system's look-up (``getaddrinfo``) takes as long as the resolver's own settings say, and nobody can end it
from outside. So it has a thread of its own, which whoever waits for it leaves behind when their time is over; the next
call for the same name waits for the same look-up, and no second one piles up beside it.
"""

from __future__ import annotations

import socket
import threading
from copy import copy
from typing import Any

from rocketvpn_sdk.transport import deadline

THREAD = "rocketvpn-names"

Address = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` returns: family, kind, protocol, canonical name, address."""


class _LookUp:
    """One look-up, and what came of it."""

    __slots__ = ("error", "found", "over")

    def __init__(self) -> None:
        self.over = threading.Event()
        self.found: list[Address] = []
        self.error: Exception | None = None

    def run(self, host: str, port: int) -> None:
        """Look it up, however long that takes."""
        try:
            self.found = list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, on their threads
            self.error = error
        self.over.set()


class Names:
    """Looks up names. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], _LookUp] = {}

    def addresses(self, host: str, port: int, timeout: float | None) -> list[Address]:
        """Return the addresses of ``host``, the best first.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds, or than the call in progress has.
            OSError: it has none (``socket.gaierror``), or everything was cut.
        """
        look_up = self._join(host, port)
        if not look_up.over.wait(deadline.cap(timeout)):
            raise TimeoutError("the look-up of the name")
        if look_up.error is not None:
            raise copy(look_up.error)  # several may wait for it
        return look_up.found

    def end(self) -> None:
        """Wake everybody who waits: for them there is no address any more."""
        with self._lock:
            for look_up in self._under_way.values():
                look_up.error = ConnectionAbortedError()
                look_up.over.set()

    def _join(self, host: str, port: int) -> _LookUp:
        with self._lock:
            under_way = self._under_way.get((host, port))
            if under_way is not None:
                return under_way
            look_up = self._under_way[host, port] = _LookUp()
        try:
            threading.Thread(target=self._run, args=(look_up, host, port), name=THREAD, daemon=True).start()
        except RuntimeError:  # none can be started any more: this process ends, or has too many
            self._run(look_up, host, port)
        return look_up

    def _run(self, look_up: _LookUp, host: str, port: int) -> None:
        look_up.run(host, port)
        with self._lock:
            self._under_way.pop((host, port), None)
