"""A text as it is written and as it reads: without percent-encoding, HTML entities and escapes of JSON (C2)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_MOST_LAYERS = 3
"""An encoding inside an encoding is undone so many times."""
_ESCAPED = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|&(?:quot|apos|amp|lt|gt|#\d{2,6}|#x[0-9A-Fa-f]{2,5});|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
)


def layers(text: str) -> Iterator[tuple[str, list[int] | None]]:
    """Yield ``text``, then each text that is encoded in it, with the place in ``text`` of each of its characters.

    The places end with the length of ``text``; ``None`` stands for those of ``text`` itself.
    """
    yield text, None
    places: list[int] | None = None
    for _ in range(_MOST_LAYERS):
        if not ("%" in text or "&" in text or "\\" in text) or not _ESCAPED.search(text):
            return
        text, inner = _decoded(text)
        places = inner if places is None else [places[place] for place in inner]
        yield text, places


def _decoded(text: str) -> tuple[str, list[int]]:
    """Return ``text`` with one encoding undone, and where each of its characters began; last, the text's end."""
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for match in _ESCAPED.finditer(text):
        parts.append(text[done : match.start()])
        places += range(done, match.start())
        at, written = match.start(), match[0]
        if written[0] == "%":
            for character in bytes.fromhex(written.replace("%", "")).decode("utf-8", "surrogateescape"):
                parts.append(character)
                places.append(at)
                at += 3 * len(character.encode("utf-8", "surrogateescape"))
        else:
            read = html.unescape(written)[:1] if written[0] == "&" else chr(int(written[2:], 16))
            parts.append(read)
            places += [at] * len(read)
        done = match.end()
    parts.append(text[done:])
    places += range(done, len(text) + 1)
    return "".join(parts), places
