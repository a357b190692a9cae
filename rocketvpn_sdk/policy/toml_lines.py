"""Finds the line of a table or key in a TOML text, for error messages: ``tomllib`` does not tell."""

from __future__ import annotations

import re

_NAME = r'"?([A-Za-z0-9_-]+)"?'
_HEADER = re.compile(rf"\s*\[\[?\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*\]")
_KEY = re.compile(rf"\s*{_NAME}(?:\s*\.\s*{_NAME})*\s*=")
_TOKEN = re.compile(r"""\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*""", re.DOTALL)


class TomlLines:
    """An index of a TOML text's table headers and top-level keys, by line (from 1)."""

    def __init__(self, text: str) -> None:
        self._headers: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        self._count: dict[str, int] = {}
        table = ""
        for number, line in enumerate(_TOKEN.sub(_without_lines, text).split("\n"), 1):
            if match := _HEADER.match(line):
                table = re.sub(r'[\s"]', "", match[1])
                self._header(table, number)
            elif match := _KEY.match(line):
                self._keys.setdefault((table, self._last(table), match[1]), number)

    def _last(self, table: str) -> int:
        return max(self._count.get(table, 0) - 1, 0)

    def _header(self, table: str, number: int) -> None:
        self._count[table] = self._count.get(table, 0) + 1
        self._headers[table, self._last(table)] = number
        outer, _, inner = table.rpartition(".")
        self._keys.setdefault((outer, self._last(outer), inner), number)

    def find(self, table: str = "", index: int = 0, key: str = "") -> int:
        """Return the line of ``key`` in the ``index``-th ``table``, or of its header, or of ``table``'s key, or 0."""
        places = (
            self._keys.get((table, index, key)),
            self._headers.get((table, index)),
            self._keys.get(("", 0, table)),
        )
        return next((line for line in places if line), 0)

    def find_path(self, path: str, key: str = "") -> int:
        """Return the line for a path as msgspec writes it, e.g. ``$.field[3].retention.device``."""
        match = re.match(r"\$(?:\.(\w+))?(?:\[(\d+)\])?(?:\.(\w+))?", path)
        table, index, inner = match.groups() if match else (None, None, None)
        return self.find(table or "", int(index or 0), inner or key)


def _without_lines(token: re.Match[str]) -> str:
    """Return the token, or as many empty lines where it runs over several: what is inside is no header and no key."""
    return "\n" * token[0].count("\n") or token[0]
