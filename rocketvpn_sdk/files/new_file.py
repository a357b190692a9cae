"""A file that is there whole or not at all: written beside its place, synced, and then moved there."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import ExportFailed, ValueRefused
from rocketvpn_sdk.files.causes import NotAFile, require_file, why
from rocketvpn_sdk.files.paths import absolute, path_problem

_SUFFIX = ".part"
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_RDWR
_MODE = 0o600
_RANDOM_BYTES = 4
_ROOM = len(f"..{secrets.token_hex(_RANDOM_BYTES)}{_SUFFIX}")
"""Characters that the hidden file's name has more."""
_TAKEN = "there is something by that name already"
_NO_FILE = "there is something else than a file by that name (a folder, link, device or pipe), which is left alone"


@contextmanager
def new_file(path: Path, *, overwrite: bool, name: str = "path") -> Iterator[BinaryIO]:
    """Yield a file to write; when the block ends it stands at ``path``, mode 0600. After an error nothing is left.

    What is not a regular file is never replaced, and no link is followed but those on the way to ``path``.
    A killed process leaves only a hidden file beside ``path``, which the next one for the same ``path`` removes.

    Args:
        path: where.
        overwrite: replace a file that is there.
        name: what the caller calls the path, for the errors.

    Raises:
        ValueRefused: something is there and ``overwrite`` does not allow to replace it, it is not a file, or no file
            can have that name.
        ExportFailed: the folder or the disk does not take it.
    """
    path = usable_path(path, name=name)
    try:
        _require_replaceable(path, overwrite=overwrite, name=name)
        _sweep(path)
        part, handle = _begin(path)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file
                file.flush()
                platforms.sync_file(file.fileno())
                if not platforms.keeps_open_files():  # while it is held, for else another one could sweep it away
                    _move(part, path, overwrite=overwrite, name=name)
            if platforms.keeps_open_files():
                _move(part, path, overwrite=overwrite, name=name)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        platforms.sync_folder(path.parent)
    except FileExistsError:
        raise ValueRefused(name=name, problem=_TAKEN) from None
    except OSError as error:
        cause, problem = why(error)
        raise ExportFailed(folder=str(path.parent), problem=problem, cause=cause) from None


def usable_path(path: Path, *, name: str = "path") -> Path:
    """Return ``path`` from the root on.

    Raises:
        ValueRefused: no file can have that name.
    """
    problem = path_problem(path, room=_ROOM)
    if not problem and (not path.name or path.name == ".."):
        problem = "it is not the name of a file"
    if problem:
        raise ValueRefused(name=name, problem=problem)
    try:
        return absolute(path)
    except ValueError as error:
        raise ValueRefused(name=name, problem=str(error)) from None


def refuse_place(path: Path, *, overwrite: bool, name: str = "path") -> None:
    """Find out, before any work is done for it, whether ``new_file`` would take ``path``.

    Raises:
        ValueRefused, ExportFailed: it would not; see there.
    """
    path = usable_path(path, name=name)
    try:
        _require_replaceable(path, overwrite=overwrite, name=name)
        if not os.access(path.parent, os.R_OK | os.W_OK | os.X_OK):  # it is listed for what a killed process left
            path.parent.stat()
            raise PermissionError(errno.EACCES, "")
    except OSError as error:
        cause, problem = why(error)
        raise ExportFailed(folder=str(path.parent), problem=problem, cause=cause) from None


def _require_replaceable(path: Path, *, overwrite: bool, name: str) -> None:
    try:
        require_file(path)
    except FileNotFoundError:
        return
    except NotAFile:
        raise ValueRefused(name=name, problem=_NO_FILE) from None
    if not overwrite:
        raise ValueRefused(name=name, problem=_TAKEN)


def _begin(path: Path) -> tuple[Path, int]:
    """Make the hidden file and hold it, which says to others that somebody is writing it."""
    while True:
        part = path.with_name(f"{_prefix(path)}{secrets.token_hex(_RANDOM_BYTES)}{_SUFFIX}")
        handle = os.open(part, _FLAGS, _MODE)
        platforms.hold(handle)
        if os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # it was swept away before it was locked


def _sweep(path: Path) -> None:
    """Remove what a killed process left behind; what somebody is writing is held, and stays."""
    ours = re.compile(re.escape(_prefix(path)) + f"[0-9a-f]{{{2 * _RANDOM_BYTES}}}" + re.escape(_SUFFIX))
    for part in [entry for entry in path.parent.iterdir() if ours.fullmatch(entry.name)]:
        with suppress(OSError):
            require_file(part)
            platforms.remove_unless_held(part)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _move(part: Path, path: Path, *, overwrite: bool, name: str) -> None:
    if overwrite:
        _require_replaceable(path, overwrite=True, name=name)  # it may have come while the file was written
        part.replace(path)
    else:
        platforms.move_without_replacing(part, path)  # the hidden name, where it stays, goes afterwards
