"""Reading what we wrote ourselves: a file, and nothing that stands in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.files.causes import NotAFile


def read_own(path: Path, at_most: int) -> bytes:
    """Return the content of a file of ours, ``at_most`` so many bytes; never through a link.

    Raises:
        NotAFile: it is a link, a device, a FIFO or a folder.
        OSError: it is not there, or cannot be read.
    """
    found = path.lstat()
    if platforms.is_link(found) or not stat.S_ISREG(found.st_mode):  # fdopen would raise another error for a folder
        raise NotAFile(path)
    with os.fdopen(platforms.open_to_read(path), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # exchanged meanwhile
            raise NotAFile(path)
        return file.read(at_most)
