"""Opening an export as whoever gets it does."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any


class Unpacked:
    """The members of an export; the manifest is checked."""

    def __init__(self, source: Path | bytes) -> None:
        with zipfile.ZipFile(source if isinstance(source, Path) else io.BytesIO(source)) as opened:
            assert opened.testzip() is None
            self.members = {name: opened.read(name) for name in opened.namelist()}
        self.manifest: dict[str, Any] = self.json("manifest.json")
        listed = {member["name"]: member for member in self.manifest["members"]}
        assert set(listed) == set(self.members) - {"manifest.json"}
        for name, member in listed.items():
            assert member["size"] == len(self.members[name]), name
            assert member["sha256"] == hashlib.sha256(self.members[name]).hexdigest(), name
            assert "/" in member["media_type"], name

    def text(self, name: str) -> str:
        return self.members[name].decode()

    def json(self, name: str) -> Any:
        return json.loads(self.members[name])

    def json_lines(self, name: str) -> list[Any]:
        return [json.loads(line) for line in self.members[name].splitlines()]

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the rows with what the README says undone: one apostrophe off each cell that has one."""
        rows = csv.DictReader(io.StringIO(self.text(name), newline=""))
        return [{head: cell.removeprefix("'") for head, cell in row.items()} for row in rows]
