"""CSV that a spreadsheet can open without running what is in it.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break may be taken for a formula (OWASP, "CSV
Injection"). As OWASP advises, every cell stands in double quotes, and a text that begins so gets an apostrophe before
it. So does one that begins with an apostrophe: taking one off each cell that has one gives what was there. What
cannot be seen is written out; the JSON beside the table has it as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rocketvpn_sdk.visible import escaped_json, visible

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and their wide forms


def lines(heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """Yield a table line by line, in UTF-8; RFC 4180."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    yield _line(writer, buffer, heads)
    for row in rows:
        yield _line(writer, buffer, (cell(value) for value in row))


def cell(value: object) -> str:
    """Return what stands in the cell of ``value``."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if not isinstance(value, str):
        return escaped_json(msgspec.json.encode(value)).decode()
    text = visible(value, breaks=True)
    return f"'{text}" if value.startswith(_RISKY) else text


def _line(writer: Any, buffer: io.StringIO, cells: Iterable[str]) -> bytes:
    writer.writerow(cells)
    line = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return line.encode("utf-8", "replace")
