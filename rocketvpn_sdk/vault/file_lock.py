"""Locks a vault across threads and processes; the lock of a process that dies is released."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultClosed, VaultError
from rocketvpn_sdk.files.lock import take_lock
from rocketvpn_sdk.vault.folder import DATABASE, create_lock, is_there, remove, require_plain_journal


@contextmanager
def file_lock(folder: Path, name: str, patience: float) -> Iterator[bool]:
    """Hold the lock ``name`` in ``folder``; yield whether that was possible.

    The lock is SQLite's on an empty file, as for the vault itself: the same on every system.

    Args:
        folder: the vault's.
        name: the file, made where it is missing.
        patience: how long to wait for another holder, in seconds.

    Raises:
        VaultClosed: the vault was removed.
        VaultReadOnly, VaultFull: the file cannot be made or used.
    """
    if not is_there(folder):
        raise VaultClosed(problem="its folder was removed, moved or renamed")
    create_lock(folder / name)
    require_plain_journal(folder / name)
    lock = None
    try:
        lock = take_lock(folder / name, patience)
        yield lock is not None
    finally:
        if lock is not None:
            lock.close()
            if platforms.keeps_open_files() and not is_there(folder / DATABASE):
                with suppress(VaultError):  # the vault was removed meanwhile, and had to leave this file; it is empty
                    remove(folder, (name,))
