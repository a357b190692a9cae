"""Counts wrong tries by address, in memory and only for as long as they count; no address is written anywhere."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict

from rocketvpn_sdk.sandbox.exchange import Refused

_MOST = 10_000


class Tries:
    """Wrong tries of each address. Thread-safe.

    Args:
        allowed: how many within a window.
        window: seconds, from an address's first wrong try.
    """

    def __init__(self, allowed: int, window: int) -> None:
        self._allowed, self._window = allowed, window
        self._salt = secrets.token_bytes(16)
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def check(self, address: str, now: int) -> None:
        """Let another try through.

        Raises:
            Refused: there were too many.
        """
        with self._lock:
            since, count = self._count(address, now)
        if count >= self._allowed:
            raise Refused("rate-limited", headers=(("Retry-After", str(max(1, since + self._window - now))),))

    def failed(self, address: str, now: int) -> None:
        """Count a wrong try."""
        with self._lock:
            since, count = self._count(address, now)
            self._seen[self._name(address)] = (since, count + 1)
            while len(self._seen) > _MOST:
                self._seen.popitem(last=False)

    def _count(self, address: str, now: int) -> tuple[int, int]:
        since, count = self._seen.get(self._name(address), (now, 0))
        if now - since >= self._window:
            self._seen.pop(self._name(address), None)
            return now, 0
        return since, count

    def _name(self, address: str) -> bytes:
        return hashlib.sha256(self._salt + address.encode()).digest()
