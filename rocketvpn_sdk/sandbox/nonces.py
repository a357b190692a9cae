"""DPoP nonces (RFC 9449 §8): a time and its MAC, under a key that all processes on one database share."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode

from rocketvpn_sdk.sandbox.database import ServerDatabase
from rocketvpn_sdk.sandbox.http_messages import b64url
from rocketvpn_sdk.sandbox.rows import add_if_new, change, one
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.sandbox.tables import MetaRow

_NAME = "nonce-key"


class Nonces:
    """Makes and checks nonces; thread-safe. The key is made with the database, by the first process."""

    def __init__(self, settings: ServerSettings, database: ServerDatabase) -> None:
        self._settings = settings
        self._database = database
        with database.begin() as db:
            add_if_new(db, _new_key())
        self._key = self._load()

    def current(self, now: float) -> str:
        """Return the nonce of the period that ``now`` lies in."""
        period = int(now) // self._settings.nonce_period * self._settings.nonce_period
        return self._nonce(period)

    def valid(self, nonce: str, now: float) -> bool:
        """Whether ``nonce`` was made lately, by any process; a stale one is no attack, so this does not raise."""
        try:
            made = int.from_bytes(urlsafe_b64decode(nonce + "==")[:8], "big")
        except ValueError:
            return False
        if not -self._settings.nonce_period <= now - made <= self._settings.nonce_lifetime:
            return False
        if hmac.compare_digest(nonce.encode(), self._nonce(made).encode()):
            return True
        self._key = self._load()  # another process may have taken a new one
        return hmac.compare_digest(nonce.encode(), self._nonce(made).encode())

    def forget(self) -> None:
        """Make every nonce handed out so far invalid; other processes learn it from the first new one they see."""
        key = _new_key()
        with self._database.begin() as db:
            change(db, key, value=key.value)
        self._key = self._load()

    def _load(self) -> bytes:
        row = self._database.transact(lambda db: one(db, MetaRow, name=_NAME))
        return bytes.fromhex(row.value if row else "")

    def _nonce(self, period: int) -> str:
        stamp = period.to_bytes(8, "big", signed=False)
        return b64url(stamp + hmac.digest(self._key, stamp, hashlib.sha256)[:16])


def _new_key() -> MetaRow:
    return MetaRow(name=_NAME, value=secrets.token_hex(32))
