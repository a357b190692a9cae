"""What the command line prints, word for word: a story is run, and compared with what was read and found right.

``RENEW_TRANSCRIPTS=1`` writes the files in tests/data/transcripts anew; read what changed before it is committed.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

import pytest

from support.command_line import ROOT, CommandLine

FOLDER = ROOT / "tests" / "data" / "transcripts"
_RENEW = "RENEW_TRANSCRIPTS"
_MASKS = (
    (re.compile(r"localhost:\d+"), "SERVER"),
    (re.compile(r"…[0-9A-Z]{4}\b"), "…LAST"),
    (re.compile(r"\b[A-Z2-7]{52}\b"), "DEVICE-ID"),
    (re.compile(r"^[A-Z2-7]{8}(?= )", re.MULTILINE), "DEVICE.."),
    (re.compile(r"(?<=device_public_key: )[\w-]{43}"), "KEY"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "RECORD-ID"),
    (re.compile(r"\bINV-[0-9A-F]{12}\b"), "INVOICE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA-256-SUM"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "REQUEST-ID"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "WAITING-ID"),
    (re.compile(r"(?<=fingerprint )[0-9a-f]{8}\b"), "TICKET"),
    (re.compile(r"\b\d\d,\d{3} bytes"), "MANY bytes"),
    (re.compile(r"\bRed (Fox|Owl)\b"), "Red Fox"),
    (re.compile(r"(?<=Next try  )[-\d]+ [\d:]+"), "SOON"),
)
"""What differs from run to run."""


class Transcript:
    """Runs commands, and writes down what they print.

    Args:
        cli: runs them.
        named: what is replaced by a name: folders, orders, codes.
    """

    def __init__(self, cli: CommandLine, named: Mapping[str, str]) -> None:
        self._cli, self._named = cli, dict(named)
        self._lines: list[str] = []

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run a command; return what it printed."""
        done = self._cli.run(*arguments, typed=typed)
        self._lines.append(f"$ rocketvpn {shlex.join(arguments)}")
        self._lines += [f"< {line}" for line in typed.splitlines()]
        self._lines += done.out.splitlines()
        self._lines += [f"! {line}" for line in done.err.splitlines()]
        if done.code:
            self._lines.append(f"[exit code {done.code}]")
        self._lines.append("")
        return done.out

    def name(self, value: str, name: str) -> None:
        """Have ``value`` stand as ``name`` from here on, and before."""
        self._named[value] = name

    def text(self) -> str:
        """Return all of it, without what differs from run to run."""
        text = "\n".join(line.rstrip() for line in self._lines)
        for value, name in sorted(self._named.items(), key=lambda each: -len(each[0])):  # the longest first
            text = text.replace(value, name)
        for pattern, name in _MASKS:
            text = pattern.sub(name, text)
        return text

    def check(self, story: str) -> None:
        """Compare it with the file of ``story``; where they differ, say in which lines and what to do."""
        file, now = FOLDER / f"{story}.txt", self.text() + "\n"
        if _RENEW in os.environ:
            file.write_text(now, "utf-8")
        read = file.read_text("utf-8")
        if now != read:
            names = str(file.relative_to(ROOT)), "printed now"
            lines = unified_diff(read.splitlines(), now.splitlines(), *names, n=1, lineterm="")
            how = f"If it is right: {_RENEW}=1 pytest tests/e2e/test_transcripts.py"
            pytest.fail("\n".join([*lines, how]), pytrace=False)


def files(folder: Path) -> dict[str, str]:
    """Return the names under which a story's folder stands in a transcript."""
    return {str(folder.resolve()): "/home/lena", str(folder): "/home/lena"}
