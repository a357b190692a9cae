"""What is settled when it is sealed: the base of log lines and exceptions, for the minimiser of their field."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from rocketvpn_sdk.journal.scrub import UNREADABLE


class PrivateValue(msgspec.Struct):
    """A value of a log line's field that holds nothing of the app's own objects."""

    error: ClassVar[PrivateValue | None] = None
    """The exception that came with it through a queue."""

    def text(self, key: bytes | None) -> str:
        """Return what is kept; ``key`` is for hashes."""
        raise NotImplementedError  # each kind says it

    @property
    def needs_key(self) -> bool:
        """Whether a hash is in it."""
        return False


def settled(value: PrivateValue, key: bytes | None) -> str:
    """Return the text of ``value``; never raises."""
    try:
        return value.text(key)
    except Exception:  # noqa: BLE001 - what cannot be settled must not be kept, nor stop what waits behind it
        return UNREADABLE
