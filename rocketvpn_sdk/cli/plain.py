"""Values as plain JSON values, every member present, so that what ``--json`` prints has a stable shape."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import msgspec

from rocketvpn_sdk.visible import visible as clean

__all__ = ["ascii_json", "clean", "plain"]


def plain(value: Any) -> Any:
    """Return ``value`` as what JSON knows: structs become objects, times RFC 3339 in UTC, bytes hexadecimal digits."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(member) for member in value]
    return value


def ascii_json(value: Any) -> str:
    r"""Return a plain value as JSON in printable ASCII; everything else is written as ``\uXXXX``."""
    return json.dumps(value).replace("\x7f", "\\u007f")
