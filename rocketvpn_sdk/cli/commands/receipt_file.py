"""Receipts in files: where one can be saved, and what becomes of one that cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rocketvpn_sdk.cli import ask, files, streams
from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.cli.plain import ascii_json, clean
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.cli.streams import OutputLost
from rocketvpn_sdk.errors import ExportFailed, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import Receipt


def check_receipt_file(path: Path | None, out: Out, vault: Path | None = None) -> None:
    """Find out before the deletion what would lose the receipt after it; ``vault`` is the folder of what is deleted."""
    files.check(path, out, name="--receipt", vault=vault)


def save_receipt(receipt: Receipt | None, path: Path | None, out: Out, *, offer: bool) -> str | None:
    """Save a receipt with what it takes to check it again; return where. If that fails, print it: it exists once.

    Args:
        receipt: the receipt; ``None``: there is none.
        path: where to; ``None``: see ``offer``.
        out: where it is printed.
        offer: whether to ask at a terminal where to, if ``path`` does not say.
    """
    if receipt is None:
        return None
    from rocketvpn_sdk.rights import receipt_to_json

    content = receipt_to_json(receipt)
    if path is None:
        return _offered(content, out) if offer and not out.json and ask.at_terminal() else None
    try:
        if files.is_stdout(path):
            files.pour(content)
            return "the standard output"
        files.write(path, content, name="--receipt")
    except OutputLost as lost:
        raise _lost(content, f"written to the standard output ({lost.reason})", out) from None
    except (ValueRefused, ExportFailed) as error:
        raise _lost(content, f"saved in {path} ({error.params['problem']})", out) from None
    return str(path)


def _lost(content: bytes, what: str, out: Out) -> CommandError:
    """Print a receipt that did not get to where it was to be, and return the error that says so."""
    advice = "It was printed instead: keep that."
    failed = CommandError(f"It is deleted, but the receipt could not be {what}.", advice=advice)
    failed.params["receipt"] = json.loads(content)
    if not out.json:  # else it is a part of the document
        print_somewhere(ascii_json(failed.params["receipt"]), out)
    return failed


def print_somewhere(line: str, out: Out) -> None:
    """Print a line that exists once: on the standard error stream, where the standard output takes nothing."""
    try:
        files.pour(f"{line}\n".encode())
    except OutputLost:
        streams.drop(sys.stdout)
        out.error(clean(line), as_is=True)


def _offered(content: bytes, out: Out) -> str | None:
    """Ask where to save a receipt, until it is saved or not wanted."""
    out.say()
    out.say("The server has confirmed it, and signed a receipt. It cannot be had again.")
    while answer := ask.line("File for the receipt, or Enter for none: "):
        try:
            files.write(_at_home(answer), content, name="--receipt")
        except (ValueRefused, ExportFailed) as error:
            out.error(f"It cannot be saved there ({error.params['problem']}).")
            continue
        return answer
    return None


def _at_home(answer: str) -> Path:
    """Return a path as a shell would read it."""
    try:
        return Path(answer).expanduser()
    except RuntimeError:  # there is no home, or no such user
        return Path(answer)
