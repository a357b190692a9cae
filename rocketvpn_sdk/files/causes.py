"""What an error of the operating system means: one place for everything that touches the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultFull, VaultReadOnly

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
    errno.ENOTDIR: ("kind", "something on the way to it is not a folder"),
    errno.EISDIR: ("kind", "it is a folder"),
    errno.ENXIO: ("kind", "it is a pipe, a socket or a device, not a file"),
    errno.ENOENT: ("missing", "the folder is not there"),
    errno.EFBIG: ("limit", "this user or process may not write a file that long"),
    errno.EIO: ("disk", "the disk reported an error"),
    errno.EROFS: ("", f"{_WRITTEN} (the disk is read-only)"),
    errno.EACCES: ("", f"{_WRITTEN} (this user has no access)"),
    errno.EPERM: ("", f"{_WRITTEN} (the system does not allow it)"),
}


class NotAFile(OSError):
    """Something else has the name of a file of ours: it is neither followed nor replaced."""

    def __init__(self, path: Path, found: os.stat_result) -> None:
        self.path = path
        self.problem = f"{what_it_is(found)}, not a file"
        super().__init__(errno.ENXIO, self.problem)


def what_it_is(found: os.stat_result) -> str:
    """Return what ``lstat`` or ``stat`` found, as a sentence: "it is a folder"."""
    if platforms.is_link(found):
        return "it is a link"
    if stat.S_ISREG(found.st_mode):
        return "it is a file"
    if stat.S_ISDIR(found.st_mode):
        return "it is a folder"
    if stat.S_ISFIFO(found.st_mode):
        return "it is a pipe"
    return "it is a socket" if stat.S_ISSOCK(found.st_mode) else "it is a device"


def require_file(path: Path) -> os.stat_result:
    """Return what ``lstat`` finds at ``path``: a file, and nothing that stands in its place.

    Raises:
        NotAFile: it is a link, a folder, a pipe, a socket or a device.
        OSError: it is not there, or cannot be looked at.
    """
    found = path.lstat()
    if platforms.is_link(found) or not stat.S_ISREG(found.st_mode):
        raise NotAFile(path, found)
    return found


def why(error: OSError, *, reading: bool = False) -> tuple[str, str]:
    """Return the cause, which is a key of ``VaultReadOnly.REMEDIES`` or empty, and a sentence's end that says it."""
    if error.errno in _FULL:
        return "full", "No space left on the disk"
    if isinstance(error, NotAFile):
        return "kind", error.problem
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
def disk_errors(folder: Path) -> Iterator[None]:
    """Make what the operating system raises in the block an error about ``folder``.

    Raises:
        VaultFull, VaultReadOnly: see ``disk_error``.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from None


loading = disk_errors
"""For code that is loaded at its first use: it is in files too, which cannot be opened if too many are open."""


def none_left(folder: Path, otherwise: str) -> VaultReadOnly:
    """Return why a library could not open a file in ``folder``: no more files can be, or else ``otherwise``."""
    error = out_of_files()
    if error is not None:
        cause, problem = why(error)
        return VaultReadOnly(folder=str(folder), problem=problem, cause=cause)
    return VaultReadOnly(folder=str(folder), problem=otherwise)
