"""Paths as people and apps give them: absolute once, and such as the system can use."""

from __future__ import annotations

import os
from pathlib import Path

from rocketvpn_sdk import platforms

_HERE_IS_GONE = "it is a relative path, and the folder that this process works in is gone"


def path_problem(path: Path, *, room: int = 0) -> str | None:
    """Return why nothing can be kept at ``path``, whatever is there; ``None``: nothing is against it.

    Args:
        path: as it was given.
        room: characters of the names that are going to be added to it.
    """
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        return "it has characters that cannot be in a path here"
    if b"\0" in encoded:
        return "it has a zero character in it"
    if not path.is_absolute() and path.parts and path.parts[0].startswith("~"):
        return "it begins with ~, which is a folder of that name here: expand it first (Path.expanduser)"
    return platforms.path_problem(path, room=room)


def absolute(path: Path) -> Path:
    """Return ``path`` from the root on, as it is meant now: ``chdir`` must not move what it names.

    Links stay as they are, and ``..`` too: what it means depends on them.

    Raises:
        ValueError: it is relative, and this process's own folder is gone; the text says so.
    """
    try:
        return path.absolute()
    except OSError:
        raise ValueError(_HERE_IS_GONE) from None


def make_folders(folder: Path) -> None:
    """Make ``folder`` where it is missing, and what is missing above it: each for this user alone, whatever the umask.

    Raises:
        OSError: it cannot be made, or is there and no folder.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_folders(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)  # another process may be making it too
    except FileExistsError:
        if not folder.is_dir():
            raise
