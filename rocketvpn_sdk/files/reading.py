"""Reading whole files: those that we wrote ourselves, and those that a user names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.files.causes import NotAFile, require_file


def read_own(path: Path, at_most: int) -> bytes:
    """Return the content of a file of ours, ``at_most`` so many bytes; never through a link.

    Raises:
        NotAFile: it is a link, a device, a FIFO or a folder.
        OSError: it is not there, or cannot be read.
    """
    require_file(path)
    return _read(platforms.open_to_read(path, follow=False), path, at_most)


def read_given(path: Path, at_most: int) -> bytes:
    """Return the content of a file that a user named; links are followed, and nothing is waited for.

    Of a file that is longer than ``at_most`` bytes, one byte more comes: so the caller sees that it is too long.

    Raises:
        NotAFile: it is a device, a pipe, a socket or a folder.
        OSError: it is not there, or cannot be read.
        ValueError: no file can have that name.
    """
    _require_file_behind(path, path.stat())  # before it is opened, which can do something to a device
    return _read(platforms.open_to_read(path, follow=True), path, at_most + 1)


def _require_file_behind(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotAFile(path, found)


def _read(handle: int, path: Path, at_most: int) -> bytes:
    try:
        _require_file_behind(path, os.fstat(handle))  # it may have been exchanged meanwhile
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(at_most)
    finally:
        os.close(handle)
