"""Counts tries by name, in memory and only for as long as they count; no name is written anywhere."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict

from rocketvpn_sdk.sandbox.http_messages import rate_limited

_MOST = 10_000


class AttemptCounter:
    """Tries of each name: an address, or what else tries can be counted by. Thread-safe.

    Args:
        allowed: how many within a window, where a call does not say otherwise.
        window: seconds, from a name's first try; the same for every call of one name.
    """

    def __init__(self, allowed: int, window: int) -> None:
        self._allowed, self._window = allowed, window
        self._salt = secrets.token_bytes(16)
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, tuple[int, int, int]] = OrderedDict()

    def check(self, name: str, now: int, allowed: int | None = None) -> None:
        """Let another try through.

        Raises:
            Refused: there were too many.
        """
        left = self.wait(name, now, self._allowed if allowed is None else allowed)
        if left:
            raise rate_limited(left)

    def wait(self, name: str, now: int, allowed: int) -> int:
        """Return for how many seconds the next try has to wait; 0 if it need not wait."""
        with self._lock:
            until, count, _ = self._count(name, now, self._window)
        return max(1, until - now) if count >= allowed else 0

    def failed(self, name: str, now: int, window: int | None = None) -> int:
        """Count a try; return how many there are now."""
        with self._lock:
            until, count, length = self._count(name, now, self._window if window is None else window)
            self._seen[self._name(name)] = (until, count + 1, length)
            while len(self._seen) > _MOST:
                self._seen.popitem(last=False)
        return count + 1

    def forgive(self, name: str, now: int) -> None:
        """Take one try back: it came to a good end."""
        with self._lock:
            until, count, length = self._count(name, now, self._window)
            if count:
                self._seen[self._name(name)] = (until, count - 1, length)

    def _count(self, name: str, now: int, window: int) -> tuple[int, int, int]:
        """Return until when tries count together, how many there were, and the window's length."""
        until, count, length = self._seen.get(self._name(name), (now + window, 0, window))
        if now >= until or now < until - length:  # over; or the clock was set back
            self._seen.pop(self._name(name), None)
            return now + window, 0, window
        return until, count, length

    def _name(self, name: str) -> bytes:
        return hashlib.sha256(self._salt + name.encode()).digest()
