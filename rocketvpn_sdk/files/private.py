"""Replacing a private file as a whole."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.files.causes import require_file

_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY


def write_private(path: Path, content: bytes, *, unfinished: Path | None = None) -> None:
    """Put ``content`` in place of the file at ``path``, which only its owner can read (mode 0600).

    It is durable on return. A crash leaves the file of before or this one.

    Args:
        path: the file.
        content: what it is to hold.
        unfinished: where it is written first, on the same file system, in place of what a killed process left there;
            default: a new name beside ``path``.

    Raises:
        NotAFile: something else than a file is at ``path``.
        OSError: the folder or the disk does not take it.
    """
    unfinished = unfinished or path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, _FLAGS, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            platforms.sync_file(file.fileno())
        with suppress(FileNotFoundError):
            require_file(path)
        unfinished.replace(path)  # at once: another process may be reading it
    except BaseException:  # an interrupt too: nothing half written stays
        unfinished.unlink(missing_ok=True)
        raise
    platforms.sync_folder(path.parent)
