"""The files below a folder, without following a link."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from rocketvpn_sdk import platforms


def walk(folder: Path, ignored: Callable[[str], bool]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield everything below ``folder`` but folders: its path from there on, with ``/``, and what ``lstat`` finds.

    A link to a folder is a link. What ``ignored`` names is left out, with everything in it.

    Raises:
        OSError: a folder cannot be read.
    """
    waiting = [""]
    while waiting:  # no recursion: folders can be nested deeper than Python's calls
        below = waiting.pop()
        with os.scandir(folder / below) as found:
            entries = [(f"{below}{entry.name}", entry.stat(follow_symlinks=False)) for entry in found]
        for path, facts in sorted(entries):
            if ignored(path):
                continue
            if stat.S_ISDIR(facts.st_mode) and not platforms.is_link(facts):
                waiting.append(f"{path}/")
            else:
                yield path, facts


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; a link is not followed.

    Raises:
        OSError: it is not a file, or cannot be read.
    """
    handle = platforms.open_to_read(path, follow=False)
    with os.fdopen(handle, "rb") as content:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is not a file")
        return hashlib.file_digest(content, "sha256").hexdigest()
