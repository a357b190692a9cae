"""The one text of a document: canonical JSON (RFC 8785), of which everybody computes the same SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring

LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly (RFC 7493, section 2.2)."""


def canonical(value: object) -> bytes:
    """Return ``value`` as canonical JSON (RFC 8785), in UTF-8.

    Args:
        value: made of texts, whole numbers up to ``LARGEST`` either way, booleans, ``None``, lists, tuples and mappings
            from texts. Fractions are refused, although the RFC has them: no policy holds one, and how to write them is
            where implementations differ.

    Raises:
        ValueError: anything else, or a text that is not Unicode (half of a surrogate pair).
    """
    return _written(value).encode("utf-8")  # RFC 8785, 3.2.4; a lone surrogate raises a ValueError, as 3.2.2.2 asks


def _written(value: object) -> str:
    if isinstance(value, str):
        # As ``json`` does with ``ensure_ascii`` off: what ECMAScript escapes, in the same way (RFC 8785, 3.2.2.2).
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]  # 3.2.2.1
    if isinstance(value, int) and -LARGEST <= value <= LARGEST:
        return str(value)  # 3.2.2.3: ECMAScript writes these digit by digit; larger ones it rounds
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(_members(value))}}}"
    raise ValueError(f"a {type(value).__name__} that canonical JSON cannot carry here")


def _members(value: Mapping[object, object]) -> list[str]:
    names = [name for name in value if isinstance(name, str)]
    if len(names) != len(value):
        raise ValueError("a member whose name is no text")
    # 3.2.3: by UTF-16 code units, which is not the order of code points. Bytes in big-endian order compare alike.
    names.sort(key=None if "".join(names).isascii() else _code_units)
    return [f"{encode_basestring(name)}:{_written(value[name])}" for name in names]


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be")
