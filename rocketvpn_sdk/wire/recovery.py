"""Recovery codes: what a device tells the server about the one that it made."""

from __future__ import annotations

from datetime import date

from rocketvpn_sdk.wire.base import Wire

RECOVERY_LABEL = b"rocketvpn/recovery/1\0"
"""Goes before the code, 32 characters of Crockford's base32, into the SHA-256 that the server keeps."""


class NewRecoveryCode(Wire, frozen=True, kw_only=True):
    """``POST /v1/recovery-codes``."""

    fingerprint: str
    """SHA-256 of ``RECOVERY_LABEL`` and the code, in hexadecimal digits."""


class RecoveryCodeMade(Wire, frozen=True, kw_only=True):
    """The server knows the code; the order's former one is worth nothing any more."""

    made_on: date
