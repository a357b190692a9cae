"""The folder that holds a vault: private to one user, on a local disk, and not a link to somewhere else."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultDamaged, VaultError, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.files import NotAFile, disk_error, make_folders, path_problem

DATABASE = "vault.db"
LOCK = "lock.db"
COURIER = "courier.lock"
"""Held by whoever delivers what waits for the server."""
_BESIDE = (f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
CONTENT = (DATABASE, *_BESIDE)
LOCKS = (LOCK, f"{LOCK}-journal", COURIER, f"{COURIER}-journal")
"""Empty files; nothing is ever written to them."""
FILES = (*CONTENT, *LOCKS)
_SMALLEST_DATABASE = 512
"""One page of the smallest size that sqlite knows."""

_NO_FOLDER = "it is a link or not what it should be"
_LONGEST_NAME = f"/{COURIER}-journal"

ROOM = 80
"""Characters of the longest name below the folder: those of the signed files while they are fetched."""


def prepare(folder: Path) -> None:
    """Make ``folder`` (mode 0700) if it is missing, and check that it and its files are safe.

    Raises:
        VaultUnsafe: it is a link, belongs to someone else, others may write to it, it is on a network file system, or
            its name means something else on Windows.
        VaultReadOnly, VaultFull: it cannot be made.
    """
    _require_usable_name(folder)
    try:
        make_folders(folder)
    except FileExistsError:
        raise VaultUnsafe(path=str(folder), problem="it is not a folder") from None
    except OSError as error:
        raise disk_error(error, folder) from None
    check(folder)


def _require_usable_name(folder: Path) -> None:
    problem = path_problem(folder, room=ROOM)
    if problem:
        raise VaultUnsafe(path=str(folder), problem=problem)
    longest = platforms.longest_path()
    if longest is not None and len(os.fsencode(folder)) + len(_LONGEST_NAME) > longest:
        raise disk_error(OSError(errno.ENAMETOOLONG, ""), folder)


def check(folder: Path) -> None:
    """Check that ``folder``, which is there, and its files are safe.

    Raises:
        VaultUnsafe: see ``prepare``.
        VaultReadOnly: it cannot be looked into.
    """
    with _translated(folder):
        _check(folder, folder.lstat(), stat.S_ISDIR)
        network = platforms.network_file_system(folder)
        if network:
            raise VaultUnsafe(path=str(folder), problem=f"it is on a network file system ({network})")
        for name in FILES:
            path = folder / name
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            _check(path, found, stat.S_ISREG)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from None


def create_file(path: Path) -> bool:
    """Make ``path`` empty and private (mode 0600) unless it is there; return whether it was made.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(error, path.parent) from None
    return True


def create_lock(path: Path) -> None:
    """Make a lock's file where it is missing, and empty it where something was written into it.

    By contract it holds nothing: what is in it came from a sync program or a copy gone wrong, keeps sqlite from locking
    and says nothing about the vault. ``truncate`` opens nothing, so it drops no lock that this process holds, and the
    file stays the one that others hold.

    Raises:
        VaultReadOnly, VaultFull: it cannot be made or emptied, or something else than a file is in its place.
    """
    create_file(path)
    with _translated(path.parent):
        found = path.lstat()
        if platforms.is_link(found) or not stat.S_ISREG(found.st_mode):
            raise NotAFile(path)
        if found.st_size:
            os.truncate(path, 0)


def create_database(folder: Path) -> None:
    """Make the vault's file, empty, unless it is there. The caller holds the vault's lock.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    if is_there(folder / DATABASE):
        return
    with _translated(folder):
        for name in _BESIDE:  # left by a removal that was cut off; nothing can be read from them without the file
            (folder / name).unlink(missing_ok=True)
    create_file(folder / DATABASE)


def check_database(folder: Path) -> None:
    """Refuse what is left of a vault's file, which sqlite would take for a new one, and remove its log for that.

    An empty file alone is what a crash leaves before anything was written: it is a new vault.

    Raises:
        VaultDamaged: the file was cut short.
    """
    log = _size(folder / f"{DATABASE}-wal")  # first, since a vault that is being made has its file before its log
    size = _size(folder / DATABASE)
    if size is not None and (0 < size < _SMALLEST_DATABASE or (not size and log)):
        raise VaultDamaged(part="the database file was cut short")


def is_there(path: Path) -> bool:
    """Return whether something has the name ``path``; ``Path.exists`` says no, or raises, if it cannot tell.

    Raises:
        VaultReadOnly: the folders on the way cannot be looked into.
    """
    return _size(path) is not None


def holds_vault(folder: Path, names: Iterable[str] = FILES) -> bool:
    """Return whether something in ``folder`` has one of the ``names`` of a vault's files; nothing is changed.

    Raises:
        VaultUnsafe: it is a link or no folder.
        VaultReadOnly: it cannot be looked into.
    """
    _require_usable_name(folder)
    with _translated(folder):
        try:
            found = folder.lstat()
        except FileNotFoundError:
            return False
    if platforms.is_link(found) or not stat.S_ISDIR(found.st_mode):
        raise VaultUnsafe(path=str(folder), problem=_NO_FOLDER)
    return any(is_there(folder / name) for name in names)


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error, path.parent) from None


def remove(folder: Path, names: Iterable[str] = FILES) -> None:
    """Remove those of the vault's files that are named, and the folder if nothing else is in it.

    Raises:
        VaultError: one of them cannot be removed, on Windows because another process has it open.
    """
    try:
        for name in names:
            (folder / name).unlink(missing_ok=True)
    except PermissionError as error:
        if platforms.keeps_open_files():
            raise VaultError(problem="another process has its files open; they go when it has closed them") from None
        raise disk_error(error, folder) from None
    except OSError as error:
        raise disk_error(error, folder) from None
    with suppress(OSError):  # something else is in it, or others need it, as where it is a volume of its own
        folder.rmdir()


def _check(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(found.st_mode) or platforms.is_link(found):
        raise VaultUnsafe(path=str(path), problem=_NO_FOLDER)
    if platforms.is_anothers(found):
        raise VaultUnsafe(path=str(path), problem="it belongs to another user")
    others = platforms.open_to_others(found)
    if others & 0o022:
        raise VaultUnsafe(path=str(path), problem="other users may write to it (chmod go-w)")
    if others:
        try:
            path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
        except OSError:
            problem = "others can read what is in it, and that cannot be changed (chmod)"
            raise VaultReadOnly(folder=str(path.parent), problem=problem) from None
