"""URIs in the form in which two of them are compared (RFC 3986 §6.2.2 and §6.2.3, which RFC 9449 §4.3 asks for)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ASCII = re.compile(r"[\x21-\x7e]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def comparable(uri: str) -> str | None:
    """Return ``uri`` without query and fragment, normalised; ``None`` if it is no absolute URI with a host."""
    if not _ASCII.fullmatch(uri):  # RFC 3986 §2: anything else has to be percent-encoded; urlsplit drops some of it
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    scheme, host = parts.scheme.lower(), parts.netloc.rpartition("@")[2]
    # §6.2.2.1: scheme and host are compared without case. §6.2.3: the scheme's own port, or none, is the same.
    name = re.sub(r":[0-9]*$", "", host).lower()
    user = parts.netloc[: -len(host)] if "@" in parts.netloc else ""
    where = user + _unescaped(name) + ("" if port in (None, _DEFAULT_PORTS.get(scheme)) else f":{port}")
    return f"{scheme}://{where}{_path(parts.path)}"


def _path(path: str) -> str:
    return _without_dots(_unescaped(path)) or "/"  # §6.2.3: an empty path is the same as "/"


def _unescaped(text: str) -> str:
    """§6.2.2.2: decode what need not be encoded; §6.2.2.1: the digits of other escapes are upper case."""

    def one(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(one, text)


def _without_dots(path: str) -> str:
    """§6.2.2.3: remove ``.`` and ``..``, as §5.2.4 does."""
    out: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del out[-1:]
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out) if path else ""
