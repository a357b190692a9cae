"""The folder where verified files rest, beside the vault's own: private, one process at a time, replaced whole.

Nothing in it is personal, and nothing in it is believed: what is read from it is verified again from the embedded root.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import RocketVPNError, UpdateBusy, VaultClosed, VaultFull, VaultReadOnly
from rocketvpn_sdk.updates.kept import LARGEST, Kept, from_bytes, to_bytes
from rocketvpn_sdk.vault.folder import create_file, prepare

NAME = "updates"
_KEPT, _LOCK, _TARGETS, _WORK = "kept.json", "lock.db", "targets", "work-"
_PATIENCE = 2.0
"""Seconds that a removal waits for whoever is fetching; then it goes on, since nobody may hold up a deletion."""


def beside(vault: Path) -> Path:
    """Return the folder of the signed files for the vault in ``vault``."""
    return vault / NAME


def remove(folder: Path) -> None:
    """Remove ``folder`` and all that is in it, before the vault's own; calling it again is fine.

    Raises:
        VaultReadOnly: it cannot be removed.
    """
    with _translated(folder):
        if _is_link(folder):
            folder.unlink()
    if not folder.is_dir():
        return
    with ExitStack() as stack:
        with suppress(RocketVPNError):  # someone hangs, or the lock is damaged: neither keeps the files here
            stack.enter_context(_locked(folder, _PATIENCE))
        with _translated(folder):
            for entry in folder.iterdir():
                if not entry.name.startswith(_LOCK):  # its journal, too, is open
                    _discard(entry)
    with _translated(folder):
        shutil.rmtree(folder, ignore_errors=True)  # now that Windows, too, lets the lock's file go
        if folder.exists():
            raise VaultReadOnly(folder=str(folder), problem="some of it cannot be removed")


class Place:
    """The folder while its lock is held, with a work folder that is gone afterwards."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work

    def new_work(self) -> Path:
        """Return a new, empty folder, gone when the lock is.

        Raises:
            VaultFull, VaultReadOnly: it cannot be made.
        """
        with _translated(self._folder):
            return Path(tempfile.mkdtemp(dir=self._work))

    def load(self) -> Kept:
        """Return what was verified before; nothing where there is none, or where it is damaged (see decision 9)."""
        return from_bytes(self._read(_KEPT, LARGEST))

    def save(self, kept: Kept) -> None:
        """Replace what is kept; durable on return, and whole after a crash.

        Raises:
            VaultFull, VaultReadOnly: it cannot be written; what was kept before is whole.
        """
        self._replace(self._folder / _KEPT, to_bytes(kept))

    def target(self, path: str, at_most: int) -> bytes:
        """Return what is kept of the target ``path``, unverified, ``at_most`` so many bytes; empty where it is not."""
        return self._read(f"{_TARGETS}/{quote(path, safe='')}", at_most)

    def keep_target(self, path: str, content: bytes) -> None:
        """Keep the target ``path``; durable on return.

        Raises:
            VaultFull, VaultReadOnly: it cannot be written.
        """
        with _translated(self._folder):
            (self._folder / _TARGETS).mkdir(mode=0o700, exist_ok=True)
        self._replace(self._folder / _TARGETS / quote(path, safe=""), content)

    def forget_targets(self, but: Collection[str]) -> None:
        """Remove every target that is kept, except those with the paths ``but``."""
        names = {quote(path, safe="") for path in but}
        with _translated(self._folder), suppress(FileNotFoundError):
            for entry in (self._folder / _TARGETS).iterdir():
                if entry.name not in names:
                    entry.unlink(missing_ok=True)

    def _read(self, name: str, at_most: int) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(at_most)
        except OSError:  # what cannot be read counts as what is not there: it is fetched again
            return b""

    def _replace(self, path: Path, content: bytes) -> None:
        with _translated(self._folder):
            handle, temporary = tempfile.mkstemp(dir=self._work)  # mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                platforms.sync_file(file.fileno())
            Path(temporary).replace(path)
            platforms.sync_folder(path.parent)


@contextmanager
def held(folder: Path, patience: float) -> Iterator[Place]:
    """Hold ``folder``, made where it is missing, against every other thread and process.

    Args:
        folder: where the files rest; the folder above it is the vault's.
        patience: how long to wait for another holder, in seconds.

    Raises:
        UpdateBusy: another one held it for too long.
        VaultClosed: the vault was removed; it must not come back through here.
        VaultUnsafe, VaultReadOnly, VaultFull: the folder cannot be used.
    """
    if not folder.parent.is_dir():
        raise VaultClosed(problem="its folder is gone")
    prepare(folder)
    create_file(folder / _LOCK)
    with _locked(folder, patience):
        with _translated(folder):
            for left in folder.glob(f"{_WORK}*"):  # of a process that was killed
                _discard(left)
            work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
        try:
            yield Place(folder, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path, patience: float) -> Iterator[None]:
    """Hold the lock, which is SQLite's: the same on every system, and released by death."""
    path = folder / _LOCK
    lock = None
    try:
        before = _identity(path)
        try:
            lock = sqlite3.connect(path, timeout=patience, isolation_level=None)
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            _require_in_place(path, before)  # the lock of a folder that is gone gives any error
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise UpdateBusy(seconds=patience) from None
            raise VaultReadOnly(folder=str(folder), problem="its lock cannot be used") from None
        _require_in_place(path, before)
        yield
    finally:
        if lock is not None:
            lock.close()


def _require_in_place(path: Path, before: tuple[int, int] | None) -> None:
    if before is None or _identity(path) != before:
        # It was removed while we waited: what we hold is the lock of a folder that is gone.
        raise VaultClosed(problem="its folder is gone")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, folder) from None


def disk_error(error: OSError, folder: Path) -> VaultFull | VaultReadOnly:
    """Return what ``error``, met while writing to ``folder``, means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return VaultFull(folder=str(folder))
    return VaultReadOnly(folder=str(folder), problem=error.strerror or "")


def _is_link(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return platforms.is_link(path.lstat())
    return False


def _discard(entry: Path) -> None:
    if entry.is_dir() and not _is_link(entry):
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)
