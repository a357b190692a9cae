"""A lock between processes: SQLite's, on an empty file. It works the same on every system, and death releases it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rocketvpn_sdk.files.causes import none_left


def take_lock(path: Path, patience: float) -> sqlite3.Connection | None:
    """Lock the file at ``path``, and return what holds the lock until it is closed; ``None``: another one has it.

    Args:
        path: the file; the caller has made it, and knows that no journal beside it names another file.
        patience: how long to wait for another holder, in seconds.

    Raises:
        VaultReadOnly: the file cannot be used.
    """
    lock = None
    try:
        lock = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return None
        raise none_left(path.parent, f"its file {path.name} cannot be locked") from None
    return lock
