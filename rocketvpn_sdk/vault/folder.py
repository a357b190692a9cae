"""The folder that holds a vault: private to one user, on a local disk, and not a link to somewhere else."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from rocketvpn_sdk.errors import VaultDamaged, VaultFull, VaultReadOnly, VaultUnsafe

DATABASE = "vault.db"
LOCK = "lock.db"
COURIER = "courier.lock"
"""Held by whoever delivers what waits for the server."""
_BESIDE = (f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
FILES = (DATABASE, *_BESIDE, LOCK, f"{LOCK}-journal", COURIER, f"{COURIER}-journal")
_SMALLEST_DATABASE = 512
"""One page of the smallest size that sqlite knows."""

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "ncpfs", "davfs", "fuse.davfs2"}
)
_MOUNTS = Path("/proc/self/mounts")


def prepare(folder: Path) -> None:
    """Make ``folder`` (mode 0700) if it is missing, and check that it and its files are safe.

    Raises:
        VaultUnsafe: it is a link, belongs to someone else, others may write to it, or it is on a network file system.
        VaultReadOnly, VaultFull: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise VaultUnsafe(path=str(folder), problem="it is not a folder") from None
    except OSError as error:
        raise _refused(error, folder) from None
    _check(folder, folder.lstat(), stat.S_ISDIR)
    _check_local(folder)
    for name in FILES:
        path = folder / name
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        _check(path, found, stat.S_ISREG)


def create_file(path: Path) -> bool:
    """Make ``path`` empty and private (mode 0600) unless it is there; return whether it was made.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise _refused(error, path.parent) from None
    return True


def create_database(folder: Path) -> None:
    """Make the vault's file, empty, unless it is there. The caller holds the vault's lock.

    Raises:
        VaultReadOnly, VaultFull: the folder cannot be written to.
    """
    if (folder / DATABASE).exists():
        return
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


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def _refused(error: OSError, folder: Path) -> VaultFull | VaultReadOnly:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return VaultFull(folder=str(folder))
    return VaultReadOnly(folder=str(folder), problem=error.strerror or "")


def remove(folder: Path) -> None:
    """Remove the vault's files, and the folder if nothing else is in it."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _check(path: Path, found: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(found.st_mode):
        raise VaultUnsafe(path=str(path), problem="it is a link or not what it should be")
    if sys.platform == "win32":  # pragma: no cover - access control lists rule there
        return
    if found.st_uid != os.geteuid():
        raise VaultUnsafe(path=str(path), problem="it belongs to another user")
    if found.st_mode & 0o022:
        raise VaultUnsafe(path=str(path), problem="other users may write to it (chmod go-w)")
    if found.st_mode & 0o077:
        try:
            path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
        except OSError:  # what others can read here cannot be closed to them
            raise VaultReadOnly(folder=str(path.parent)) from None


def _check_local(folder: Path) -> None:
    if not _MOUNTS.exists():
        return
    target = str(folder.resolve())
    best, kind = "", ""
    for line in _MOUNTS.read_text("utf-8", "replace").splitlines():
        _, mount, file_system, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        if len(mount) >= len(best) and (target == mount or target.startswith(mount.rstrip("/") + "/")):
            best, kind = mount, file_system
    if kind in _NETWORK:
        raise VaultUnsafe(path=str(folder), problem=f"it is on a network file system ({kind})")
