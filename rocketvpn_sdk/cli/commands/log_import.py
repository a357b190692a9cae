"""``log import``: an app's plain logs go into the encrypted log, and the originals may go."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import msgspec
import typer

from rocketvpn_sdk import platforms
from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.journal.event import LogMessage
from rocketvpn_sdk.journal.plain_log import encoding_of, entries_in

if TYPE_CHECKING:
    from rocketvpn_sdk.client import RocketVPN

_LOGGER = "imported"
_AT_ONCE = 200
"""Entries that are sealed together: more would have to wait in memory."""
_LONGEST_LINE = 1 << 16
_Identity = tuple[int, int, int, int]


class Imported(msgspec.Struct):
    """What came of one file."""

    path: str
    kept: int = 0
    too_old: int = 0
    """Entries that are older than the policy keeps a log."""
    not_kept: int = 0
    """Entries that were refused, or for which there was no room."""
    changed: bool = False
    """Whether it was written to meanwhile; it is then not removed."""
    removed: bool = False


@help_text(
    """Take plain log files into the encrypted log.

    What is personal is taken out as from any other line. The entries count from now on: they go as late as those that
    are recorded today. What is older than a log is kept is left out. At a terminal you are asked whether the files
    should go; a disk may hold what was in them for longer.
    """
)
def log_import(
    context: CommandContext,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE", help="Plain log files.")],
    remove: Annotated[
        bool | None, typer.Option("--remove/--keep", help="Remove the files afterwards, or keep them; do not ask.")
    ] = None,
) -> CommandResult:
    with context.open() as rocket:
        before = {path: _identity(path) for path in paths}
        found = [_take_in(rocket, path) for path in paths]
        for path, file in zip(paths, found, strict=True):
            file.changed = _identity(path) != before[path]
    complete = [(path, file) for path, file in zip(paths, found, strict=True) if not (file.not_kept or file.changed)]
    if remove is None and complete:
        remove = _asked(context.out, [path for path, _ in complete])
    if remove:
        for path, file in complete:
            _remove(path)
            file.removed = True
    return CommandResult({"files": found}, lambda out: _show(out, found))


def _take_in(rocket: RocketVPN, path: Path) -> Imported:
    before = rocket.journal.stats()
    kept_for = rocket.journal.compiled(LogMessage).retention.seconds
    oldest = time.time() - kept_for
    result, given = Imported(str(path)), 0
    with _opened(path) as file:
        for entry in entries_in(_lines(file)):
            if entry.written is not None and entry.written.timestamp() < oldest:
                result.too_old += 1
                continue
            rocket.journal.record(LogMessage(level=entry.level, logger=_LOGGER, message=entry.message))
            given += 1
            if given % _AT_ONCE == 0:
                rocket.journal.flush()
    rocket.journal.flush()
    after = rocket.journal.stats()
    result.not_kept = after.dropped + after.refused - before.dropped - before.refused
    result.kept = given - result.not_kept
    return result


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise CommandError(
            f"{path} cannot be removed ({error.strerror}).", advice="It is in the encrypted log; remove it yourself."
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open a plain file to be read as text.

    Raises:
        ValueRefused: it is no plain file, or cannot be read.
    """
    try:
        with os.fdopen(platforms.open_to_read(path, follow=False), "rb") as binary:
            beginning = binary.peek(3)[:3]
            with io.TextIOWrapper(binary, encoding=encoding_of(beginning), errors="replace") as file:
                yield file
    except OSError as error:
        raise ValueRefused(name="FILE", problem=f"{path} cannot be read ({error.strerror})") from None


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        yield line


def _identity(path: Path) -> _Identity:
    """Return what changes when a file is written to or another takes its place.

    Raises:
        ValueRefused: it is no plain file.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise ValueRefused(name="FILE", problem=f"{path} cannot be read ({error.strerror})") from None
    if not stat.S_ISREG(found.st_mode):
        raise ValueRefused(name="FILE", problem=f"{path} is not a plain file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _asked(out: Out, paths: list[Path]) -> bool:
    if out.json or not ask.at_terminal():
        return False
    for path in paths:
        out.say(str(path))
    return ask.line("\nThese are in the encrypted log now. Type remove to remove them: ").casefold() == "remove"


def _show(out: Out, found: list[Imported]) -> None:
    for file in found:
        out.say(f"{file.path}: {words.counted(file.kept, 'entry', 'entries')} taken in.")
        if file.too_old:
            out.bullet(f"{words.counted(file.too_old, 'entry', 'entries')} left out: older than a log is kept.")
        if file.not_kept:
            out.bullet(f"{words.counted(file.not_kept, 'entry', 'entries')} not kept, so the file stays.")
        if file.changed:
            out.bullet("It was written to meanwhile, so it stays.")
        out.bullet("The file is removed." if file.removed else "The file is still there, with what is personal in it.")
