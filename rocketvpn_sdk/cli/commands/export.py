"""``export``."""

from __future__ import annotations

import getpass
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from rocketvpn_sdk.cli import ask, codes, files, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.cli.typed import STDOUT
from rocketvpn_sdk.errors import ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.progress import Progress as Tell
    from rocketvpn_sdk.rights import ExportResult

PASSPHRASE_VARIABLE = "ROCKETVPN_EXPORT_PASSPHRASE"  # noqa: S105 - a name


@help_text(
    """Take everything held about you along, in one file.

    A ZIP of JSON, CSV and JSON-LD with a README.txt; only you can read the file. Works offline too; the server's part
    is missing then, and the file says so. What the server holds back until you enter a code is only named in it;
    --with-code asks for that code. With --encrypt the file is FILE.age, which the program age opens.
    """
)
def export(
    context: CommandContext,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, e.g. my-data.zip; - prints it.")],
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help=f"Encrypt it with a passphrase ({PASSPHRASE_VARIABLE}), for age.")
    ] = False,
    with_code: ask.WithCode = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> CommandResult:
    if files.is_stdout(file):
        return _poured(context, encrypt=encrypt, with_code=with_code)
    passphrase = _passphrase() if encrypt else None
    with context.open() as rocket, _bar(context.out) as tell:
        done = rocket.rights.export(file, passphrase=passphrase, progress=tell, overwrite=force, with_code=with_code)
    return CommandResult(done, lambda out: _show(out, done))


def _poured(context: CommandContext, *, encrypt: bool, with_code: bool) -> CommandResult:
    """Make the file where nobody else can read it, print its bytes, and remove it."""
    files.check(Path(STDOUT), context.out, name="FILE")
    if sys.stdout.isatty():
        raise ValueRefused(name="FILE", problem="a ZIP is nothing to read on a terminal; send it into a file or a pipe")
    passphrase = _passphrase() if encrypt else None
    with context.open() as rocket, tempfile.TemporaryDirectory(prefix="rocketvpn-") as folder:
        done = rocket.rights.export(Path(folder, "my-data.zip"), passphrase=passphrase, with_code=with_code)
        content = Path(done.path).read_bytes()
    return CommandResult(None, lambda _: files.pour(content))


def _show(out: Out, done: ExportResult) -> None:
    out.say(f"Written: {done.path} ({words.counted(done.size, 'byte')})")
    if not done.server_answered:
        out.say(f"The server's part is missing or not whole ({done.server_problem}); the file says so.")
    if done.encrypted:
        out.say(f"Open it with `age --decrypt {Path(done.path).name}` and the passphrase; there is no way without it.")
    else:
        out.say("Whoever can read this file can read all of it. Keep it where only you can.")


@contextmanager
def _bar(out: Out) -> Iterator[Tell | None]:
    """Show how far it is, where somebody watches."""
    if out.json or not sys.stderr.isatty():
        yield None
        return
    console = Console(file=sys.stderr)
    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def _passphrase() -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    if not ask.at_terminal():
        raise CommandError(
            "There is no terminal to ask for a passphrase at.",
            advice=f"Set {PASSPHRASE_VARIABLE}, or leave out --encrypt.",
            exit_code=codes.USER,
        )
    answer = getpass.getpass("Passphrase for the export (there is no way back without it): ", stream=sys.stderr)
    if getpass.getpass("Once more: ", stream=sys.stderr) != answer:
        raise CommandError("The two passphrases differ; nothing was written.", exit_code=codes.USAGE)
    return answer
