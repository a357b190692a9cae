"""DPoP nonces (RFC 9449 §8): a time and its MAC, so that nothing has to be stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from base64 import urlsafe_b64decode

from rocketvpn_sdk.sandbox.exchange import b64url
from rocketvpn_sdk.sandbox.settings import Settings


class Nonces:
    """Makes and checks nonces under a key of this process; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)

    def current(self, now: float) -> str:
        """Return the nonce of the period that ``now`` lies in."""
        period = int(now) // self._settings.nonce_period * self._settings.nonce_period
        return self._nonce(period)

    def valid(self, nonce: str, now: float) -> bool:
        """Whether ``nonce`` was made here, lately; a stale one is no attack, so this does not raise."""
        try:
            made = int.from_bytes(urlsafe_b64decode(nonce + "==")[:8], "big")
        except ValueError:
            return False
        if not -self._settings.nonce_period <= now - made <= self._settings.nonce_lifetime:
            return False
        return hmac.compare_digest(nonce.encode(), self._nonce(made).encode())

    def forget(self) -> None:
        """Make every nonce handed out so far invalid."""
        with self._lock:
            self._key = secrets.token_bytes(32)

    def _nonce(self, period: int) -> str:
        with self._lock:
            key = self._key
        stamp = period.to_bytes(8, "big", signed=False)
        return b64url(stamp + hmac.digest(key, stamp, hashlib.sha256)[:16])
