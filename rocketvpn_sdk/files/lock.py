"""A lock between processes: SQLite's, on an empty file. It works the same on every system, and death releases it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from rocketvpn_sdk.cancelling import cancelled, look_again
from rocketvpn_sdk.files.causes import none_left


def take_lock(path: Path, patience: float) -> sqlite3.Connection | None:
    """Lock the file at ``path``, and return what holds the lock until it is closed; ``None``: another one has it.

    A call that is cancelled does not wait for it any longer.

    Args:
        path: the file; the caller has made it, and knows that no journal beside it names another file.
        patience: how long to wait for another holder, in seconds.

    Raises:
        VaultReadOnly: the file cannot be used.
    """
    end, lock = time.monotonic() + patience, _try(path, look_again(patience))
    while lock is None and not cancelled() and (left := end - time.monotonic()) > look_again(left):
        lock = _try(path, look_again(left))
    return lock


def _try(path: Path, seconds: float) -> sqlite3.Connection | None:
    lock = None
    try:
        lock = sqlite3.connect(path, timeout=seconds, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return None
        raise none_left(path.parent, f"its file {path.name} cannot be locked") from None
    return lock
