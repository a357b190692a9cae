"""Open files: how they are opened, held, moved and emptied, and what of them survives a power cut."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

_FAR = 0x7FFF0000


def open_to_read(path: Path, *, follow: bool) -> int:
    """Open a file without waiting for anyone who writes into a pipe; return its handle.

    Args:
        path: the file.
        follow: whether it may be a link.

    Raises:
        OSError: it is a link that may not be followed, or cannot be opened.
    """
    if sys.platform == "win32":
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))


def open_to_continue(path: Path) -> int:
    """Open a file to read what it has and to write behind it, or make it, for this user alone; return its handle.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    flags = os.O_CREAT | os.O_RDWR
    if sys.platform == "win32":
        return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def open_folder(folder: Path) -> int | None:
    """Open a folder, so that it is found again when its name has changed; ``None`` on Windows, where it cannot change.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        return None
    return os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)


def found_in(handle: int | None, name: str) -> os.stat_result | None:
    """Return what has that name in a folder from ``open_folder``; ``None`` if nothing has, or it cannot be told."""
    if sys.platform == "win32" or handle is None:
        return None
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return None


def is_below(path: Path, handle: int | None) -> bool:
    """Return whether ``path`` is in the folder from ``open_folder``, by whatever name."""
    if sys.platform == "win32" or handle is None:
        return False
    folder = os.fstat(handle)
    for above in Path(os.path.realpath(path)).parents:
        try:
            if os.path.samestat(above.stat(), folder):
                return True
        except OSError:  # it is not there yet, or may not be looked at
            continue
    return False


def empty_file(path: Path, found: os.stat_result) -> bool:
    """Empty the file that ``lstat`` found at ``path``, unless that cannot be done safely; return whether it was done.

    It is neither opened, since closing it would drop every lock that this process has on it (POSIX), nor named, since a
    link may have come in its place. Linux alone has what that takes: handles that are not open files (open(2), O_PATH).

    Raises:
        OSError: it may not be written.
    """
    if sys.platform != "linux":
        return False
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        now = os.fstat(handle)
        if not os.path.samestat(now, found) or not stat.S_ISREG(now.st_mode) or now.st_nlink > 1:
            return False
        os.truncate(f"/proc/self/fd/{handle}", 0)
    except FileNotFoundError:  # /proc is not there
        return False
    finally:
        os.close(handle)
    return True


def file_sizes_are_limited() -> bool:
    """Whether this process may not write files as long as the disk takes (``ulimit -f``)."""
    if sys.platform == "win32":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def longest_path() -> int | None:
    """Return how many bytes a path may have that sqlite opens; ``None`` on Windows, where ``path_problem`` tells.

    Source: ``MAX_PATHNAME`` of sqlite's os_unix.c.
    """
    return None if sys.platform == "win32" else 512


def keeps_open_files() -> bool:
    """Whether a file that is open can be neither moved nor removed, by whichever process: on Windows."""
    return sys.platform == "win32"


def hold(handle: int) -> None:
    """Wait for a file that is open and hold it against ``remove_unless_held``, until it is closed."""
    if sys.platform != "win32":  # there it is enough that it is open
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def try_hold(handle: int) -> bool:
    """Hold a file as ``hold`` does if nobody does already; return whether it is held now."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _FAR, os.SEEK_SET)  # a byte that is never written: Windows locks against writing, too
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_unless_held(path: Path) -> None:
    """Remove a file; a link is not followed.

    Raises:
        OSError: a process holds it, or it cannot be removed.
    """
    if sys.platform == "win32":
        path.unlink()
        return
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def move_without_replacing(file: Path, path: Path) -> None:
    """Give ``file`` the name ``path``. ``file`` may be there afterwards too.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be moved.
    """
    if sys.platform == "win32":
        file.rename(path)  # refuses to replace there
        return
    try:
        os.link(file, path)  # unlike a rename, refuses to replace
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links; between the two lines another could come first
        if os.path.lexists(path):
            raise FileExistsError from None
        file.replace(path)


# ---------------------------------------------------------------- what survives a power cut


def sync_file(handle: int) -> None:
    """Wait until what was written to an open file survives a power cut.

    Raises:
        OSError: the disk did not take it.
    """
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # fsync there leaves it in the disk's own cache (man 2 fsync)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Wait until a new name in ``folder`` survives a power cut. Windows, and some file systems, have no such call.

    Raises:
        OSError: the disk did not take it.
    """
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync_file(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
