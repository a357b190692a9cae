"""The app's idempotency keys: repeating a write with the same key does it once. Pure.

``Idempotency-Key``, draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import re
import uuid

from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.policy import Operation

_NAME = "idempotency_key"
_FIT = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,255}")
"""What a structured-field string holds without escapes (RFC 9651 §3.3.3), in the length that servers take."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_APP = uuid.UUID("6f7a2d4e-1a57-4d0b-9a3e-0c5b8f1e7d62")
"""The name space of keys that are texts of the app's own (RFC 9562 §5.5)."""


def key_of(operation: Operation, given: str | None) -> str | None:
    """Return the key under which ``operation`` goes: the one ``given``, or a random one; ``None`` for a read.

    Raises:
        ValueRefused: the operation takes no key, or what was given cannot be one.
    """
    writes = operation.method != "GET"
    if given is None:
        return str(uuid.uuid4()) if writes else None
    if not writes:
        raise _refused(f"{operation.id!r} only reads, so repeating it does no harm; call it without a key")
    # A member by that name would be taken for the key, and the key for the member.
    if _NAME in {*operation.fields, *operation.names, *operation.protocol}:
        raise _refused(f"the policy has a member of {operation.id!r} by that name; rename it in the policy")
    if not _FIT.fullmatch(given):
        raise _refused(
            "it must be 1 to 255 characters of printable ASCII, without quotation mark and backslash; a random UUID is"
            " best: str(uuid.uuid4())"
        )
    return given


def on_the_wire(key: str) -> str:
    """Return what leaves for ``key``: a UUID as it is, and another text as the UUID that is made of it (version 5).

    A text could tell something about a person or a device, and the policy has no say in headers (C2).
    """
    return key if _UUID.fullmatch(key) else str(uuid.uuid5(_APP, key))


def _refused(problem: str) -> ValueRefused:
    return ValueRefused(name=_NAME, problem=problem)
