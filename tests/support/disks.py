"""Small disks of their own, to be filled and to be made read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def mounted(place: Path, options: str = "size=1m,mode=0700") -> Iterator[Path]:
    """Mount a small disk at ``place``."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(disk: Path, mode: str) -> None:
    """Make the disk read-only (``ro``) or writable (``rw``); nothing on it is open for writing."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def stuff(disk: Path) -> Path:
    """Fill what is left of the disk; return the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast
