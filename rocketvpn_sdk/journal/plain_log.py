"""Reads plain log files, as apps wrote them before they had this journal: what is one entry, how bad it was. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

_LEVELS = {
    "TRACE": "DEBUG", "DEBUG": "DEBUG", "VERBOSE": "DEBUG", "INFO": "INFO", "NOTICE": "INFO", "WARN": "WARNING",
    "WARNING": "WARNING", "ERR": "ERROR", "ERROR": "ERROR", "FATAL": "CRITICAL", "CRITICAL": "CRITICAL",
}  # fmt: skip
_LEVEL = re.compile(rf"\b(?i:({'|'.join(sorted(_LEVELS, key=len, reverse=True))}))\b")
_TIME = re.compile(r"(\d{4})[-/.](\d\d)[-/.](\d\d)[T ](\d\d):(\d\d)")
_HEAD = 120
"""Characters at the beginning of a line that say when it was written and how bad it was."""
_LONGEST = 8000
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\xef\xbb\xbf": "utf-8"}


class PlainEntry(NamedTuple):
    """An entry of a plain log: a line, with those below it that are indented, as tracebacks are."""

    level: str
    """One of ours; ``INFO`` where the line does not say."""
    message: str
    written: datetime | None
    """The time at its beginning, taken as UTC; ``None`` where there is none that can be read."""


def encoding_of(beginning: bytes) -> str:
    """Return how a file is encoded that begins with these bytes: as its mark says, else UTF-8."""
    return next((name for mark, name in _BOMS.items() if beginning.startswith(mark)), "utf-8")


def entries_in(lines: Iterable[str]) -> Iterator[PlainEntry]:
    """Yield the entries of a log, line ends and empty lines left out; each is cut to a bounded length."""
    entry: PlainEntry | None = None
    for line in lines:
        text = line.rstrip("\r\n\0").lstrip("\ufeff")[:_LONGEST]
        if not text.strip():
            continue
        if entry is not None and (text[0].isspace() or text.startswith(("Traceback ", "Caused by"))):
            entry = entry._replace(message=f"{entry.message}\n{text}"[:_LONGEST])
            continue
        if entry is not None:
            yield entry
        entry = PlainEntry(_level(text), text, _time(text))
    if entry is not None:
        yield entry


def _level(text: str) -> str:
    found = _LEVEL.search(text[:_HEAD])
    return _LEVELS[found[1].upper()] if found else "INFO"


def _time(text: str) -> datetime | None:
    found = _TIME.search(text[:_HEAD])
    if found is None:
        return None
    try:
        year, month, day, hour, minute = map(int, found.groups())
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
