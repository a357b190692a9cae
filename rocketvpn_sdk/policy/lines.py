"""Which line of a TOML text a table or a key stands on: ``tomllib`` does not say, and a person needs to know."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)[A-Za-z0-9_.-]*\s*=")


class Lines:
    """An index of a TOML text's table headers and top-level keys, by line (from 1)."""

    def __init__(self, text: str) -> None:
        self._headers: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        table, index, quoted = "", 0, False
        for number, line in enumerate(text.splitlines(), 1):
            inside, quoted = quoted, quoted ^ (line.count('"""') % 2 == 1)
            if inside:
                continue
            if match := _HEADER.match(line):
                table = match[2]
                index = sum(name == table for name, _ in self._headers)
                self._headers[table, index] = number
            elif match := _KEY.match(line):
                self._keys.setdefault((table, index, match[1]), number)

    def find(self, table: str = "", index: int = 0, key: str = "") -> int:
        """Return the line of ``key`` in the ``index``-th ``table``, or of its header, or 0."""
        return self._keys.get((table, index, key)) or self._headers.get((table, index), 0)

    def find_path(self, path: str, key: str = "") -> int:
        """Return the line for a path as msgspec writes it, e.g. ``$.field[3].retention.device``."""
        match = re.match(r"\$(?:\.(\w+))?(?:\[(\d+)\])?(?:\.(\w+))?", path)
        table, index, inner = match.groups() if match else (None, None, None)
        if index is None and inner is None:
            return self.find(table or "", 0, key) or self.find("", 0, table or key)
        return self.find(table or "", int(index or 0), inner or key)
