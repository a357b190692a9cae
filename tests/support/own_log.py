"""The lines that the SDK logs of its own steps, as ``docs/embedding.md`` lists them."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `([\w.]+)` \| ([A-Z]+) \| `(.+?)` \|", re.MULTILINE)


class Line(NamedTuple):
    """A line of the log: its logger below ``rocketvpn_sdk``, its level, and its text before the arguments are in it."""

    logger: str
    level: str
    text: str


def documented() -> set[Line]:
    """Return each row of the page."""
    section = (ROOT / "docs" / "embedding.md").read_text("utf-8").partition("\n## The SDK's own log\n")[2]
    return {Line(*row) for row in _ROW.findall(section.partition("\n## ")[0])}


class OwnLog(logging.Handler):
    """Keeps what the SDK logs: which lines, and every text in them."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[Line] = []
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        name = f"{record.name}."
        if name.startswith("rocketvpn_sdk.") and not name.startswith("rocketvpn_sdk.sandbox."):
            self.lines.append(Line(record.name.removeprefix("rocketvpn_sdk."), record.levelname, record.msg))
            self.said.append(f"{record.getMessage()} {record.args!r} {record.exc_info!r} {record.stack_info!r}")
