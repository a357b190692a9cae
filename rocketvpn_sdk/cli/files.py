"""Files that commands write for the user: private, whole or not at all, and ``-`` for the standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from rocketvpn_sdk.cli.output import Out
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.files import new_file, refuse_place

STDOUT = "-"


def is_stdout(path: Path | None) -> bool:
    """Whether ``-`` was given for a file."""
    return path is not None and str(path) == STDOUT


def check(path: Path | None, out: Out, *, name: str, overwrite: bool = False) -> None:
    """Find out, before anything is done, what would keep a file from being written.

    Raises:
        ValueRefused: the name cannot be used, or ``-`` would mix with the document of ``--json``.
        ExportFailed: the folder cannot be written to.
    """
    if is_stdout(path):
        if out.json:
            raise ValueRefused(name=name, problem=f"{STDOUT} is the standard output, where --json prints already")
        out.leave_stdout()
    elif path is not None:
        refuse_place(path, overwrite=overwrite, name=name)


def write(path: Path, content: bytes, *, name: str, overwrite: bool = False) -> Path:
    """Write ``content`` to a file, for this user alone; return where it is, from the root on.

    Raises:
        ValueRefused: the name cannot be used, or it is there already.
        ExportFailed: the folder or the disk does not take it.
    """
    with new_file(path, overwrite=overwrite, name=name) as file:
        file.write(content)
    return path.absolute()


def pour(content: bytes) -> None:
    """Write ``content`` to the standard output, byte for byte."""
    sys.stdout.flush()
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:  # somebody's own stream of texts
        sys.stdout.write(content.decode())
    else:
        raw.write(content)
        raw.flush()
