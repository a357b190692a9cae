"""The folder where verified files rest, beside the vault's own: private, one process at a time, replaced whole.

Nothing in it is personal, and nothing in it is believed: what is read from it is verified again from the embedded root.
"""

from __future__ import annotations

import errno
import re
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import RocketVPNError, UpdateBusy, VaultClosed
from rocketvpn_sdk.files import disk_errors, read_own, write_private
from rocketvpn_sdk.files.lock import take_lock
from rocketvpn_sdk.signed_files.metadata import LARGEST, KeptMetadata, from_bytes, to_bytes
from rocketvpn_sdk.vault.folder import create_lock, is_there, prepare, require_plain_journal

NAME = "updates"
_KEPT, _LOCK, _TARGETS, _WORK = "kept.json", "lock.db", "targets", "work-"
_LOCKS = (_LOCK, f"{_LOCK}-journal")
_WORK_NAME = re.compile(r"work-[a-z0-9_]{8}")
"""As ``tempfile`` names them."""
_TARGET_NAME = re.compile(r"[A-Za-z0-9._~-]+%2F[A-Za-z0-9._~-]+")
_GONE = "its folder was removed, moved or renamed"
_PATIENCE = 2.0
"""Seconds that a removal waits for anyone who is fetching; then it goes on, since nobody may hold up a deletion."""


def beside(vault: Path) -> Path:
    """Return the folder of the signed files for the vault in ``vault``."""
    return vault / NAME


def remove(folder: Path) -> None:
    """Remove what is ours in ``folder``, by its name, and the folder if nothing else is in it; again is fine.

    The caller knows that the folder above it is a vault's. Nothing is removed through a link.

    Raises:
        VaultReadOnly: some of it cannot be removed.
    """
    with disk_errors(folder):
        if _is_link(folder):
            folder.unlink()
        if not folder.is_dir():
            return
    with ExitStack() as stack:
        with suppress(RocketVPNError):  # someone hangs, or the lock is damaged: neither keeps the files here
            stack.enter_context(_locked(folder, _PATIENCE))
        with disk_errors(folder):
            _remove_own(folder)
    with disk_errors(folder):  # now that Windows, too, lets the lock's file go
        for name in _LOCKS:
            _remove_file(folder / name)
    with suppress(OSError):  # something is in it that is not ours
        folder.rmdir()


def _remove_own(folder: Path) -> None:
    _remove_file(folder / _KEPT)
    _remove_work(folder)
    targets = folder / _TARGETS
    if targets.is_dir() and not _is_link(targets):
        for entry in targets.iterdir():
            if _TARGET_NAME.fullmatch(entry.name):
                _remove_file(entry)
        with suppress(OSError):
            targets.rmdir()


def _remove_work(folder: Path) -> None:
    for entry in folder.iterdir():
        if _WORK_NAME.fullmatch(entry.name) and not _is_link(entry) and entry.is_dir():
            shutil.rmtree(entry)


def _remove_file(path: Path) -> None:
    """Remove a file or a link by one of our names; a folder by that name is not ours."""
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()


class TrustedFolder:
    """The folder while its lock is held, with a work folder that is gone afterwards."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work

    def new_work(self) -> Path:
        """Return a new, empty folder, gone when the lock is.

        Raises:
            VaultFull, VaultReadOnly: it cannot be made.
        """
        with disk_errors(self._folder):
            return Path(tempfile.mkdtemp(dir=self._work))

    def load(self) -> KeptMetadata:
        """Return what was verified before; nothing where there is none, or where it is damaged (see decision 9)."""
        return from_bytes(self._read(_KEPT, LARGEST))

    def save(self, kept: KeptMetadata) -> None:
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
        with disk_errors(self._folder):
            _require_folder(self._folder / _TARGETS)
        self._replace(self._folder / _TARGETS / quote(path, safe=""), content)

    def forget_targets(self, but: Collection[str]) -> None:
        """Remove every target that is kept, except those with the paths ``but``."""
        names = {quote(path, safe="") for path in but}
        with disk_errors(self._folder), suppress(FileNotFoundError):
            if _is_link(self._folder / _TARGETS):
                return
            for entry in (self._folder / _TARGETS).iterdir():
                if entry.name not in names and _TARGET_NAME.fullmatch(entry.name):
                    _remove_file(entry)

    def _read(self, name: str, at_most: int) -> bytes:
        try:
            return read_own(self._folder / name, at_most)
        except OSError:  # what cannot be read counts as what is not there: it is fetched again
            return b""

    def _replace(self, path: Path, content: bytes) -> None:
        with disk_errors(self._folder):
            write_private(path, content, unfinished=self._work / "unfinished")


@contextmanager
def held(folder: Path, patience: float) -> Iterator[TrustedFolder]:
    """Hold ``folder``, made where it is missing, against every other thread and process.

    Args:
        folder: where the files rest; the folder above it is the vault's.
        patience: how long to wait for another holder, in seconds.

    Raises:
        UpdateBusy: another one held it for too long.
        VaultClosed: the vault was removed; it must not come back through here.
        VaultUnsafe, VaultReadOnly, VaultFull: the folder cannot be used.
    """
    if not is_there(folder.parent):
        raise VaultClosed(problem=_GONE)
    prepare(folder, folder.parent)
    create_lock(folder / _LOCK, folder.parent)
    with _locked(folder, patience):
        with disk_errors(folder):
            _remove_work(folder)  # of a process that was killed
            work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
        try:
            yield TrustedFolder(folder, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path, patience: float) -> Iterator[None]:
    """Hold the lock of ``folder``."""
    path = folder / _LOCK
    require_plain_journal(path)
    before, lock = _identity(path), None
    try:
        try:
            lock = take_lock(path, patience)
        finally:
            _require_in_place(path, before)  # the lock of a folder that is gone gives any error
        if lock is None:
            raise UpdateBusy(seconds=patience)
        yield
    finally:
        if lock is not None:
            lock.close()


def _require_in_place(path: Path, before: tuple[int, int] | None) -> None:
    if before is None or _identity(path) != before:
        # It was removed while we waited: what we hold is the lock of a folder that is gone.
        raise VaultClosed(problem=_GONE)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _require_folder(path: Path) -> None:
    """Make a folder of ours; a link or a file in its place is left alone."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if _is_link(path) or not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "") from None


def _is_link(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return platforms.is_link(path.lstat())
    return False
