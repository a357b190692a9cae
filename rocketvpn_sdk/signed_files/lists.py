"""A signed list that every device fetches whole: read, and held against what it has to look like."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec

from rocketvpn_sdk.errors import UpdateRefused
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.wire import OBLIVIOUS_TARGET

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files.trust import TrustedFiles

T = TypeVar("T", bound=msgspec.Struct)

_UNREADABLE = "a signed list is not one that this version can read"


def read_list(files: TrustedFiles, path: str, kind: type[T]) -> T:
    """Return the signed list ``path`` by the metadata that was verified last; an empty one, if none is signed.

    Raises:
        UpdateRefused: it cannot be trusted, does not look like a ``kind``, or is signed and withheld.
        RocketVPNError: as ``TrustedFiles.read``.
    """
    try:
        content = files.read(path)
    except UpdateRefused as error:
        if error.params["reason"] != "not-found":
            raise
        return kind()
    return parse_list(content, kind)


def keep_route(files: TrustedFiles) -> None:
    """Have at hand which relay there is: fetched when something goes through it, it would tell the operator from where.

    Whoever fetches a list fetches this, too, whether anything is to go or not.

    Raises:
        RocketVPNError: as ``TrustedFiles.read``, but for a route that cannot be trusted: nothing goes by it.
    """
    with suppress(UpdateRefused):
        files.read(OBLIVIOUS_TARGET)


def parse_list(content: bytes, kind: type[T]) -> T:
    """Return the list in ``content``, without entries that this version cannot read: they do not take others along.

    Raises:
        UpdateRefused: it is none, or has entries and none of them can be read.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError):
        pass
    try:
        return _readable(content, kind)
    except (ValueError, RecursionError, KeyError):
        raise UpdateRefused(reason="tampered", problem=translate(_UNREADABLE)) from None


def _readable(content: bytes, kind: type[T]) -> T:
    whole, name = msgspec.json.decode(content, type=dict[str, msgspec.Raw]), kind.__struct_fields__[-1]
    entries = msgspec.json.decode(whole[name], type=list[msgspec.Raw])
    readable = [entry for entry in entries if _is_readable(msgspec.json.encode({name: [entry]}), kind)]
    if not readable:
        raise ValueError("no entry can be read")
    return msgspec.json.decode(msgspec.json.encode({**whole, name: readable}), type=kind)


def _is_readable(content: bytes, kind: type[msgspec.Struct]) -> bool:
    try:
        msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError):
        return False
    return True
