"""Asking the user: always on the standard error stream, so that what is printed for programs stays clean."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.plain import clean
from rocketvpn_sdk.cli.problems import CommandError, ConfirmationNeeded, other_encoding
from rocketvpn_sdk.entered import Authenticator, Challenge
from rocketvpn_sdk.errors import AuthenticationFailed, SecretStoreLocked
from rocketvpn_sdk.vault.folder import is_there
from rocketvpn_sdk.vault.passphrase import FILE

PASSPHRASE_VARIABLE = "ROCKETVPN_PASSPHRASE"  # noqa: S105 - a name
STDIN = "-"
LONGEST_LINE = 1000


def at_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def sees(out: Out) -> bool:
    """Whether somebody at a terminal sees what ``out`` prints: not a program, a file or a pipe."""
    return not out.json and at_terminal() and sys.stdout.isatty()


def line(prompt: str) -> str:
    """Ask for one line; empty at the end of the input.

    Raises:
        CommandError: the question cannot be shown, or the answer not read.
    """
    shown = clean(prompt.removeprefix("\n"))
    try:
        sys.stderr.write(f"\n{shown}" if prompt.startswith("\n") else shown)
        sys.stderr.flush()
    except OSError as error:
        problem = f"You cannot be asked: the standard error stream cannot be written to ({error.strerror})."
        raise CommandError(problem, exit_code=codes.USER) from None
    return _read()


def order_number(given: str) -> str:
    """Return an order number; ``-`` reads it, since other users of the machine can see an argument.

    Raises:
        CommandError: what is there cannot be read.
    """
    return _read() if given == STDIN else given


def _read() -> str:
    try:
        return sys.stdin.readline(LONGEST_LINE).strip()
    except UnicodeError:
        raise other_encoding() from None


def passphrase(folder: Path) -> str:
    """Return the passphrase of the vault in ``folder``; a new one is asked for twice.

    Raises:
        SecretStoreLocked: nobody can be asked, or the two do not agree.
        VaultReadOnly: whether there is one cannot be told.
    """
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    store = "passphrase store"
    if not at_terminal():
        raise SecretStoreLocked(store=store, problem=f"there is no terminal to ask at, and no {PASSPHRASE_VARIABLE}")
    if is_there(folder / FILE):
        answer = _hidden("Passphrase: ")
    else:
        answer = _hidden("New passphrase (there is no way back without it): ")
        if answer and _hidden("Once more: ") != answer:
            raise SecretStoreLocked(store=store, problem="the two passphrases differ")
    if not answer:
        raise SecretStoreLocked(store=store, problem="no passphrase was given")
    return answer


def _hidden(prompt: str) -> str:
    try:
        return getpass.getpass(prompt, stream=sys.stderr)
    except UnicodeError:
        raise other_encoding() from None


WithCode = Annotated[
    bool,
    typer.Option("--with-code", help="Show what needs a code, too; it is sent to the order's e-mail address."),
]


def authenticator(code_from: str | None) -> Authenticator | None:
    """Return what answers a challenge: ``code_from`` a file or ``-``, else a person; ``None`` where there is nobody."""
    if code_from is not None:
        return lambda challenge: _code_in(code_from, challenge)
    return _person if at_terminal() else None


def confirm(
    word: str, question: str, out: Out, *, stopped: str = "Nothing was deleted, here or at the server."
) -> None:
    """Go on only if the user types ``word``; ``stopped`` is what is said where they did not.

    Raises:
        ConfirmationNeeded: they did not, or nobody can be asked.
    """
    if out.json or not at_terminal():
        raise ConfirmationNeeded(
            "This cannot be undone, and nobody can be asked here.",
            advice="Look at it with --plan where there is one, and confirm it with --yes.",
            exit_code=codes.USER,
        )
    if line(f"\n{question} Type {word} to go on: ").casefold() != word:
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice=stopped)


def _person(challenge: Challenge) -> str | None:
    """Ask for a code at the terminal."""
    digits = f"of {challenge.code_digits} digits " if challenge.code_digits else ""
    before = {"malformed": f"No code {digits}looks like that. ", "wrong": "That code was not accepted. "}
    recovery = " (or your recovery code)" if challenge.recovery else ""
    return line(f"{before.get(challenge.problem, '')}The code that was sent to {challenge.hint}{recovery}: ") or None


def _code_in(source: str, challenge: Challenge) -> str | None:
    """Return the code that is in a file or pipe; ``None``: there is none.

    Raises:
        AuthenticationFailed: there is no other one behind one that was of no use.
        CommandError: it cannot be read.
    """
    try:
        found = _line_in(source)
    except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError, and so is a zero character in a name
        problem = f"The code cannot be read from {source} ({type(error).__name__})."
        raise CommandError(problem, exit_code=codes.USAGE) from None
    if not found and challenge.problem:
        cause = f"{challenge.problem}-code"
        raise AuthenticationFailed(reason=cause, cause=cause)
    return found or None


def _line_in(source: str) -> str:
    if source == STDIN:
        return sys.stdin.readline(LONGEST_LINE).strip()
    with Path(source).open(encoding="utf-8") as file:  # a pipe waits here until somebody writes the code into it
        return file.readline(LONGEST_LINE).strip()
