"""The letters of the recovery code, which is on paper for the day when the mailbox is lost.

Touches: nothing. Start with ``new_code``.

It is 128 random bits and a checksum of 32, which finds a slip of the pen before a server is asked.
"""

from __future__ import annotations

import hashlib
import secrets

from rocketvpn_sdk import crockford
from rocketvpn_sdk.entered import plain

LETTERS = 32
_SECRET, _CHECKSUM = 16, 4
_LONGEST = 200
_LABEL = b"rocketvpn/recovery/checksum/1\0"


def new_code() -> str:
    """Return a new code: 32 letters and digits, nothing between them."""
    secret = secrets.token_bytes(_SECRET)
    return crockford.encoded(secret + _checksum(secret))


def read_code(text: str) -> str | None:
    """Return the code that somebody typed; ``None``: it is none, or a character of it is not the one on the paper.

    Small letters, missing hyphens, other dashes, spaces, and O, I or L for 0 and 1 do no harm.
    """
    letters = crockford.typed(plain(text)) if len(text) <= _LONGEST else ""
    if len(letters) != LETTERS or not set(letters) <= set(crockford.ALPHABET):
        return None
    raw = crockford.decoded(letters) or b""
    return letters if _checksum(raw[:_SECRET]) == raw[_SECRET:] else None


def _checksum(secret: bytes) -> bytes:
    return hashlib.sha256(_LABEL + secret).digest()[:_CHECKSUM]
