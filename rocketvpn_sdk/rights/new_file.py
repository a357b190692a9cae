"""A file that is there whole or not at all: written beside its place, synced, and then moved there."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rocketvpn_sdk.errors import ExportFailed, ValueRefused

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".part"
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
_MODE = 0o600
_TAKEN = "there is something by that name already"


@contextmanager
def new_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a file to write; when the block ends it stands at ``path``, mode 0600. After an error nothing is left.

    A killed process leaves only a hidden file beside ``path``, which the next one for the same ``path`` removes.

    Raises:
        ValueRefused: something is there and ``overwrite`` does not allow to replace it.
        ExportFailed: the folder or the disk does not take it.
    """
    try:
        if path.is_dir() or (not overwrite and os.path.lexists(path)):
            raise ValueRefused(name="path", problem=_TAKEN)
        _sweep(path)
        part, handle = _begin(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if sys.platform != "win32":  # Windows moves no open file
                    _move(part, path, overwrite=overwrite)
            if sys.platform == "win32":
                _move(part, path, overwrite=overwrite)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        _sync(path.parent)
    except FileExistsError:
        raise ValueRefused(name="path", problem=_TAKEN) from None
    except OSError as error:
        raise ExportFailed(folder=str(path.parent), problem=error.strerror or type(error).__name__) from None


def _begin(path: Path) -> tuple[Path, int]:
    """Make the hidden file and hold its lock, which says to others that somebody is writing it."""
    while True:
        part = path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}{_SUFFIX}")
        handle = os.open(part, _FLAGS, _MODE)
        if sys.platform == "win32":
            return part, handle
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # it was swept away before it was locked


def _sweep(path: Path) -> None:
    """Remove what a killed process left behind; what somebody is writing is locked, and stays."""
    prefix = _prefix(path)
    left = [entry for entry in path.parent.iterdir() if entry.name.startswith(prefix) and entry.suffix == _SUFFIX]
    for part in left:
        with suppress(OSError):
            if sys.platform == "win32":
                part.unlink()  # refused while it is open
                continue
            handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(handle)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _move(part: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(path)
    elif sys.platform == "win32":
        part.rename(path)  # refuses to replace there
    else:
        try:
            os.link(part, path)  # unlike a rename, refuses to replace; the hidden name goes afterwards
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links; between the two lines another could come first
            if os.path.lexists(path):
                raise FileExistsError from None
            part.replace(path)


def _sync(folder: Path) -> None:
    """Make the new name survive a power cut, where the system lets folders be synced."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
