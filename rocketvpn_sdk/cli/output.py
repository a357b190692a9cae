"""What commands print: one JSON document, or text that reads well at 80 columns with and without colour."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any, NamedTuple, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rocketvpn_sdk.cli import codes, streams
from rocketvpn_sdk.cli.plain import ascii_json, clean, plain

_NO_TERMINAL_WIDTH = 80
_WIDEST = 110
_NARROWEST = 20


class _Console(Console):
    """Takes every text literally: no markup, no emoji, no guessed highlights."""

    def __init__(self, stream: TextIO) -> None:
        # Both are given, since rich fails at a COLUMNS or LINES such as "²".
        super().__init__(file=stream, width=_NO_TERMINAL_WIDTH, height=25, markup=False, highlight=False, emoji=False)
        if self.is_terminal:
            self.width = min(max(get_terminal_size().columns, _NARROWEST), _WIDEST)

    def on_broken_pipe(self) -> None:
        """Raise what the system said; rich would end the process."""
        raise


@contextmanager
def printing() -> Iterator[None]:
    """Print to the standard output.

    Raises:
        OutputLost: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise streams.OutputLost(error) from None


def _takes(text: str) -> bool:
    """Whether the standard output can show all of ``text``."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
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
        self._begun = False
        """Whether any text was printed."""
        self._console = _Console(sys.stdout)
        self._errors = _Console(sys.stderr)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._console.width

    def leave_stdout(self) -> None:
        """Print texts on the standard error stream from now on: a file's content goes to the standard output."""
        self._console = self._errors

    def document(self, value: Any) -> None:
        """Print ``value`` as one line of JSON in printable ASCII: it reads the same in every encoding and terminal."""
        self.printed = True
        self.raw(ascii_json(plain(value)))

    def raw(self, line: str) -> None:
        """Print one line as it is, however long, so that it can be searched for and copied.

        Raises:
            OutputLost: it cannot be written, as in every method that prints to the standard output.
        """
        with printing():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def exactly(self, content: bytes) -> None:
        """Print bytes as they are, whose SHA-256 counts; at a terminal, what could steer it is written as escapes."""
        if self._console.is_terminal:
            self.raw(clean(content.decode()))
            return
        with printing():
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()

    def say(self, text: str = "", *, style: str = "", indent: int = 0, hanging: int = 0) -> None:
        """Print a paragraph; with ``hanging`` its further lines are indented by that much more."""
        if self.json:
            return
        self._begun = True
        with printing():
            for line in _wrapped(text, self._console.width, indent, hanging):
                self._console.print(Text(line, style=style), soft_wrap=True)

    def verbatim(self, text: str) -> None:
        """Print lines of our own making as they are: a drawing, whose spaces count; none that cannot be shown."""
        if not self.json and _takes(text):
            with printing():
                for line in text.splitlines():
                    self._console.print(Text(line), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print a heading, with an empty line between it and what came before."""
        if self._begun:
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

    def error(self, text: str, *, as_is: bool = False) -> None:
        """Print to the standard error stream; if that cannot be written to, there is nobody to tell.

        Args:
            text: a paragraph.
            as_is: the lines are of our own making, and keep their form.
        """
        try:
            for line in text.splitlines() if as_is else _wrapped(text, self._errors.width):
                self._errors.print(Text(line), soft_wrap=True)
        except OSError:
            streams.drop(sys.stderr)

    def _print(self, table: Table, indent: int) -> None:
        if self.json:
            return
        block = Padding(table, (0, 0, 0, indent), expand=False)
        with printing():
            if self._console.is_terminal:
                self._console.print(block)
                return
            with self._console.capture() as captured:
                self._console.print(block)
            for line in captured.get().splitlines():
                self._console.print(Text(line.rstrip()), soft_wrap=True)


class CommandResult(NamedTuple):
    """What a command came to: a document for programs, a way to show it to people, an exit code."""

    document: Any
    show: Callable[[Out], None]
    code: int = codes.DONE
