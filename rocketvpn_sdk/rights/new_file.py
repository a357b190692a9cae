"""A file that is there whole or not at all: written beside its place, synced, and then moved there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import ExportFailed, ValueRefused

_SUFFIX = ".part"
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_RDWR
_MODE = 0o600
_ROOM = len(f"..{secrets.token_hex(4)}{_SUFFIX}")
"""Characters that the hidden file's name has more."""
_TAKEN = "there is something by that name already"


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a file to write; when the block ends it stands at ``path``, mode 0600. After an error nothing is left.

    A killed process leaves only a hidden file beside ``path``, which the next one for the same ``path`` removes.

    Raises:
        ValueRefused: something is there and ``overwrite`` does not allow to replace it, or Windows would write
            somewhere else.
        ExportFailed: the folder or the disk does not take it.
    """
    problem = platforms.path_problem(path, room=_ROOM)
    if problem:
        raise ValueRefused(name="path", problem=problem)
    try:
        if path.is_dir() or (not overwrite and os.path.lexists(path)):
            raise ValueRefused(name="path", problem=_TAKEN)
        _sweep(path)
        part, handle = _begin(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                platforms.sync_file(file.fileno())
                if not platforms.keeps_open_files():  # while it is held, for else another one could sweep it away
                    _move(part, path, overwrite=overwrite)
            if platforms.keeps_open_files():
                _move(part, path, overwrite=overwrite)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        platforms.sync_folder(path.parent)
    except FileExistsError:
        raise ValueRefused(name="path", problem=_TAKEN) from None
    except OSError as error:
        raise ExportFailed(folder=str(path.parent), problem=error.strerror or type(error).__name__) from None


def _begin(path: Path) -> tuple[Path, int]:
    """Make the hidden file and hold it, which says to others that somebody is writing it."""
    while True:
        part = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{_SUFFIX}")
        handle = os.open(part, _FLAGS, _MODE)
        platforms.hold(handle)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # it was swept away before it was locked


def _sweep(path: Path) -> None:
    """Remove what a killed process left behind; what somebody is writing is held, and stays."""
    prefix = _prefix(path)
    left = [entry for entry in path.parent.iterdir() if entry.name.startswith(prefix) and entry.suffix == _SUFFIX]
    for part in left:
        with suppress(OSError):
            platforms.remove_unless_held(part)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _move(part: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(path)
    else:
        platforms.move_without_replacing(part, path)  # the hidden name, where it stays, goes afterwards
