"""Files that commands write for the user: private, whole or not at all, and ``-`` for the standard output."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.output import Out, printing
from rocketvpn_sdk.cli.problems import ConfirmationNeeded
from rocketvpn_sdk.cli.typed import STDOUT
from rocketvpn_sdk.errors import ValueRefused, VaultError
from rocketvpn_sdk.files import new_file, refuse_place
from rocketvpn_sdk.vault.folder import DATABASE, LOCK, holds_vault

_IN_VAULT = "it is in the folder of your encrypted data"


def is_stdout(path: Path | None) -> bool:
    """Whether ``-`` was given for a file."""
    return path is not None and str(path) == STDOUT


def check(path: Path | None, out: Out, *, name: str, overwrite: bool = False, vault: Path | None = None) -> None:
    """Find out, before anything is done, what would keep a file from being written.

    Args:
        path: the file, ``-`` or none.
        out: where the command prints.
        name: what the command line calls the file.
        overwrite: replace a file that is there.
        vault: the folder of the command's vault, where it has one.

    Raises:
        ValueRefused: the name cannot be used, it is in a vault's folder, or ``-`` would mix with the document of
            ``--json``.
        ExportFailed: the folder cannot be written to.
    """
    if is_stdout(path):
        if out.json:
            raise ValueRefused(name=name, problem=f"{STDOUT} is the standard output, where --json prints already")
        out.leave_stdout()
    elif path is not None:
        refuse_place(path, overwrite=overwrite, name=name)
        refuse_vault(path.parent, name=name, vault=vault)


def check_or_ask(path: Path, out: Out, *, name: str, yes: bool, vault: Path | None = None) -> None:
    """Do what ``check`` does, and replace a file that is there only if somebody said so.

    Raises:
        ValueRefused, ExportFailed: it cannot be written.
        ConfirmationNeeded: it is there, and nobody said that it may go.
    """
    check(path, out, name=name, overwrite=True, vault=vault)
    if yes or is_stdout(path) or not os.path.lexists(path):
        return
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            f"{path} is there already.", advice="Name another file, or replace it with --yes.", exit_code=codes.USER
        )
    if ask.line(f"{path} is there already. Type replace to replace it: ").casefold() != "replace":
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was written.")


def refuse_vault(folder: Path, *, name: str, vault: Path | None = None) -> None:
    """Refuse to write into the folder of a vault: of ``vault``, or of any other.

    Raises:
        ValueRefused: it is one.
    """
    if vault is not None and platforms.is_within(folder, vault):
        raise ValueRefused(name=name, problem=_IN_VAULT)
    real = Path(os.path.realpath(folder))
    with suppress(VaultError):  # no folder of ours, or none that can be looked into
        if holds_vault(real, [DATABASE]) and holds_vault(real, [LOCK]):
            raise ValueRefused(name=name, problem=_IN_VAULT)


def write(path: Path, content: bytes, *, name: str, overwrite: bool = False) -> Path:
    """Write ``content`` to a file, for this user alone; return where it is, from the root on.

    Raises:
        ValueRefused: the name cannot be used, it is there already, or it is in a vault's folder.
        ExportFailed: the folder or the disk does not take it.
    """
    refuse_vault(path.parent, name=name)
    with new_file(path, overwrite=overwrite, name=name) as file:
        file.write(content)
    return path.absolute()


def pour(content: bytes) -> None:
    """Write ``content`` to the standard output, byte for byte.

    Raises:
        OutputLost: it cannot be written.
    """
    with printing():
        sys.stdout.flush()
        raw = getattr(sys.stdout, "buffer", None)
        if raw is None:  # somebody's own stream of texts
            sys.stdout.write(content.decode())
        else:
            raw.write(content)
            raw.flush()
