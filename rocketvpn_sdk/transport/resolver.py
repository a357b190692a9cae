"""Looks up the addresses of a host name, within the call's deadline.

The operating system's look-up (``getaddrinfo``) takes as long as the system's settings say, and cannot be ended from
outside. So it runs in a thread of its own, and a caller whose time is over stops waiting for it. Callers that want the
same name wait together. If the answer takes long, the name is asked for once more in parallel: the network may have
changed, and the first question may be lost.

An answer is kept for a minute, so that a slow resolver costs once. It is kept only as long as it does no harm: a call
that was lost, or whose server could not prove who it is, drops it (``Resolver.forget``), and so does another network.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from copy import copy
from typing import Any

from rocketvpn_sdk.cancelling import cancelled, look_again
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.progress import current

THREAD = "rocketvpn-names"
ASK_AGAIN = 2.0
"""Seconds after which a name is asked for once more."""
MOST = 4
"""Look-ups of one name at the same time."""
KEPT = 60.0
"""Seconds for which an answer is used again."""

Address = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` returns: family, kind, protocol, canonical name, address."""
_Key = tuple[str, int]
"""Host and port."""


class _Lookup:
    """A name that is being looked up. What changes here does so under the lock of ``Resolver``."""

    __slots__ = ("asked_at", "error", "found", "over", "running")

    def __init__(self) -> None:
        self.over = threading.Event()
        self.found: list[Address] = []
        self.error: Exception | None = None
        self.running = 0
        self.asked_at = 0.0


class Resolver:
    """Looks up names. Thread-safe.

    Args:
        now: the time in seconds, monotonic: how old an answer is.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[_Key, tuple[list[Address], float]] = {}
        """With the time until which each is used."""
        self._network = 0
        """Counts the networks: an answer that was asked for in an earlier one is not kept."""
        self._under_way: dict[_Key, _Lookup] = {}
        self._ended = False

    def addresses(self, host: str, port: int, default: float) -> list[Address]:
        """Return the addresses of ``host``, the best first.

        Takes as long as the call in progress may; outside of one, ``default`` seconds.

        Raises:
            TimeoutError: it took longer.
            OSError: it has none (``socket.gaierror``), or everything was cut.
        """
        key = host, port
        end = time.monotonic() + deadline.remaining(default)
        while True:
            kept = self._fresh(key)
            if kept is not None:
                current().kept = True
                return kept
            lookup = self._ask(key)
            left = end - time.monotonic()
            wait = max(0.0, min(left, ASK_AGAIN))
            if lookup.over.wait(look_again(wait)):
                break
            if cancelled() or left <= look_again(ASK_AGAIN):
                raise TimeoutError("the look-up of the name")
        if lookup.error is not None:
            raise copy(lookup.error)  # several may wait for it
        return lookup.found

    def end(self) -> None:
        """Wake everybody who waits: for them, and for anyone who comes, there is no address any more."""
        with self._lock:
            self._ended = True
            for lookup in self._under_way.values():
                lookup.error = ConnectionAbortedError()
                lookup.over.set()

    def forget(self, *, moved: bool) -> None:
        """Keep no answer that was there before: a call was lost, or the device ``moved`` to another network.

        An answer that comes later, to a question that was asked before, is not kept either. The one exception: a call
        was lost while nothing was kept, so that it may have been lost to a slow resolver, whose answer is still good.
        """
        with self._lock:
            if moved or self._kept:
                self._network += 1
            self._kept.clear()
            for lookup in self._under_way.values() if moved else ():
                lookup.asked_at = -ASK_AGAIN  # who comes next asks at once

    def _fresh(self, key: _Key) -> list[Address] | None:
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError
            found, until = self._kept.get(key, (None, 0.0))
            return found if self._now() < until else None

    def _ask(self, key: _Key) -> _Lookup:
        """Return the look-up that is under way, begun here if there is none, or begun again if it takes long."""
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError
            lookup, network = self._under_way.setdefault(key, _Lookup()), self._network
            now = time.monotonic()
            if lookup.running and (lookup.running >= MOST or now < lookup.asked_at + ASK_AGAIN):
                return lookup
            lookup.running, lookup.asked_at = lookup.running + 1, now
        try:
            threading.Thread(target=self._look_up, args=(lookup, key, network), name=THREAD, daemon=True).start()
        except RuntimeError:  # none can be started any more: this process ends, or has too many
            self._look_up(lookup, key, network)
        except BaseException:  # an interrupt: nobody must wait for what nobody does
            self._finish(lookup, key, network, ConnectionAbortedError())
            raise
        return lookup

    def _look_up(self, lookup: _Lookup, key: _Key, network: int) -> None:
        outcome: list[Address] | Exception = ConnectionAbortedError()
        try:
            outcome = list(socket.getaddrinfo(*key, 0, socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait, on their threads
            outcome = error
        finally:
            self._finish(lookup, key, network, outcome)

    def _finish(self, lookup: _Lookup, key: _Key, network: int, outcome: list[Address] | Exception) -> None:
        """Take what a look-up brought: the first good answer counts, or the last that is an error or outdated."""
        with self._lock:
            lookup.running -= 1
            current = network == self._network
            if current and not isinstance(outcome, Exception):
                now = self._now()
                self._kept = {each: kept for each, kept in self._kept.items() if now < kept[1]}
                self._kept[key] = outcome, now + KEPT
            if lookup.over.is_set() or (lookup.running and (isinstance(outcome, Exception) or not current)):
                return
            if isinstance(outcome, Exception):
                lookup.error = outcome
            else:
                lookup.found = outcome
            lookup.over.set()
            if self._under_way.get(key) is lookup:
                del self._under_way[key]
