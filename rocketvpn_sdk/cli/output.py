"""What commands print: one JSON document, or text that reads well at 80 columns with and without colour."""

from __future__ import annotations

import codecs
import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from io import TextIOWrapper
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.plain import clean, plain

_NO_TERMINAL_WIDTH = 80
_WIDEST = 110
_NARROWEST = 20


def _console(stream: TextIO) -> Console:
    """Return a console that takes every text literally: no markup, no emoji, no guessed highlights."""
    console = Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False)
    console.width = min(console.width, _WIDEST) if console.is_terminal else _NO_TERMINAL_WIDTH
    return console


def forgive_encodings() -> None:
    """Let what the encoding of a terminal lacks be shown as "?". What is read stays strict."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _takes(text: str) -> bool:
    """Whether the standard output can show all of ``text``."""
    try:
        text.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _wrapped(text: str, width: int, indent: int = 0, hanging: int = 0) -> list[str]:
    lines = textwrap.wrap(
        clean(text),
        max(width, indent + hanging + _NARROWEST),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_on_hyphens=False,
    )
    return lines or [""]


class Out:
    """Where a command prints. With ``json`` all texts are left out, and ``document`` prints.

    Args:
        json: whether ``--json`` was given.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.printed = False
        """Whether a document was printed, or begun."""
        self._console = _console(sys.stdout)
        self._errors = _console(sys.stderr)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._console.width

    def leave_stdout(self) -> None:
        """Print texts on the standard error stream from now on: a file's content goes to the standard output."""
        self._console = self._errors

    def document(self, value: Any) -> None:
        """Print ``value`` as one line of JSON; whatever the output's encoding is, it reads as UTF-8."""
        utf8 = codecs.lookup(_encoding()).name == "utf-8"
        text = json.dumps(plain(value), ensure_ascii=not utf8) + "\n"
        self.printed = True
        sys.stdout.write(text)
        sys.stdout.flush()

    def say(self, text: str = "", *, style: str = "", indent: int = 0, hanging: int = 0) -> None:
        """Print a paragraph; with ``hanging`` its further lines are indented by that much more."""
        if self.json:
            return
        for line in _wrapped(text, self._console.width, indent, hanging):
            self._console.print(Text(line, style=style), soft_wrap=True)

    def verbatim(self, text: str) -> None:
        """Print lines of our own making as they are: a drawing, whose spaces count; none that cannot be shown."""
        if not self.json and _takes(text):
            for line in text.splitlines():
                self._console.print(Text(line), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print a heading with an empty line before it."""
        self.say()
        self.say(text, style="bold")

    def bullet(self, text: str, *, indent: int = 2) -> None:
        """Print one item of a list."""
        self.say(f"- {text}", indent=indent, hanging=2)

    def facts(self, rows: Iterable[tuple[str, object]], *, indent: int = 2) -> None:
        """Print names and values, one under the other."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(clean(name), clean(value))
        self._print(table, indent)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]], *, indent: int = 0) -> None:
        """Print a table; the last column takes the room that is left."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for place, head in enumerate(heads):
            last = place == len(heads) - 1
            table.add_column(head, overflow="fold", no_wrap=not last, ratio=1 if last else None)
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self._print(table, indent)

    def error(self, text: str) -> None:
        """Print to the standard error stream."""
        for line in _wrapped(text, self._errors.width):
            self._errors.print(Text(line), soft_wrap=True)

    def _print(self, table: Table, indent: int) -> None:
        if self.json:
            return
        block = Padding(table, (0, 0, 0, indent), expand=False)
        if self._console.is_terminal:
            self._console.print(block)
            return
        with self._console.capture() as captured:
            self._console.print(block)
        for line in captured.get().splitlines():
            self._console.print(Text(line.rstrip()), soft_wrap=True)


class Answer(NamedTuple):
    """What a command came to: a document for programs, a way to show it to people, an exit code."""

    document: Any
    show: Callable[[Out], None]
    code: int = codes.DONE
