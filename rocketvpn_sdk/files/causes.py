"""What an error of the operating system means: one place for everything that touches the disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocketvpn_sdk.errors import VaultFull, VaultReadOnly

NOT_A_FILE = "it is a link, a device or a folder, and no file"
NONE_LEFT = "this process has too many files open"
_WRITTEN = "it cannot be written to"
_PROBED = 4
"""Files that sqlite opens at once: the database, its log, its index, and the folder."""

_FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))
_MEANINGS: dict[int, tuple[str, str]] = {
    errno.EMFILE: ("files", NONE_LEFT),
    errno.ENFILE: ("files", "this machine has too many files open"),
    errno.ELOOP: ("links", "links on the way to it lead in a circle"),
    errno.ENAMETOOLONG: ("name", "its name is too long"),
    errno.ENOTDIR: ("kind", "something on the way to it is no folder"),
    errno.EISDIR: ("kind", "it is a folder"),
    errno.ENXIO: ("kind", NOT_A_FILE),
    errno.ENOENT: ("missing", "the folder is not there"),
    errno.EFBIG: ("limit", "this user or process may not write a file that long"),
    errno.EIO: ("disk", "the disk reported an error"),
    errno.EROFS: ("", f"{_WRITTEN} (the disk is read-only)"),
    errno.EACCES: ("", f"{_WRITTEN} (this user has no access)"),
    errno.EPERM: ("", f"{_WRITTEN} (the system does not allow it)"),
}


class NotAFile(OSError):
    """Something else has the name of a file of ours: it is neither followed nor replaced."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.ENXIO, NOT_A_FILE)
        self.path = path


def why(error: OSError, *, reading: bool = False) -> tuple[str, str]:
    """Return the cause, which is a key of ``VaultReadOnly.remedies`` or empty, and a sentence's end that says it."""
    if error.errno in _FULL:
        return "full", "No space left on the disk"
    cause, problem = _MEANINGS.get(error.errno or 0, ("", error.strerror or type(error).__name__))
    if reading and not cause and problem.startswith(_WRITTEN):
        problem = problem.removeprefix(f"{_WRITTEN} (").removesuffix(")")
    if reading and cause == "missing":
        problem = "it is not there"
    return cause, problem


def disk_error(error: OSError, folder: Path) -> VaultFull | VaultReadOnly:
    """Return what ``error``, met in ``folder``, means."""
    cause, problem = why(error)
    if cause == "full":
        return VaultFull(folder=str(folder))
    place = error.path if isinstance(error, NotAFile) else folder
    return VaultReadOnly(folder=str(place), problem=problem, cause=cause)


def out_of_files() -> OSError | None:
    """Return the error that there is when no more files can be opened: libraries say only that they could not."""
    handles: list[int] = []
    try:
        for _ in range(_PROBED):
            handles.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - those before an error are closed too
    except OSError as error:
        return error if error.errno in (errno.EMFILE, errno.ENFILE) else None
    finally:
        for handle in handles:
            with suppress(OSError):
                os.close(handle)
    return None


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Load code at its first use: that, too, is in files, which cannot be opened where too many are.

    Raises:
        VaultReadOnly: they cannot.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from None


def none_left(folder: Path, otherwise: str) -> VaultReadOnly:
    """Return why a library could not open a file in ``folder``: no more files can be, or else ``otherwise``."""
    error = out_of_files()
    if error is not None:
        cause, problem = why(error)
        return VaultReadOnly(folder=str(folder), problem=problem, cause=cause)
    return VaultReadOnly(folder=str(folder), problem=otherwise)
