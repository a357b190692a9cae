"""A disk of the test's own that loses, when told so, all that was not on it yet: ext4 on a loop device."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from pathlib import Path
from typing import Self

_EXT4_IOC_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSHING_THE_LOG = 2
_BYTES = 32 << 20


class Disk:
    """An ext4 file system in ``folder``, mounted; needs root.

    Args:
        folder: an empty folder for the image and its mount point.
    """

    def __init__(self, folder: Path) -> None:
        self._image = folder / "image"
        self.path = folder / "disk"
        self.on = False
        """Nothing that happens without power counts: the kernel lets an ``fsync`` that is under way then succeed."""

    def __enter__(self) -> Self:
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(_BYTES)
        _run("mkfs.ext4", "-q", str(self._image))
        self._mount()
        return self

    def __exit__(self, *_: object) -> None:
        if self.path.is_mount():
            _run("umount", "--lazy", str(self.path))  # a test that failed may have left a vault open on it

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.path))
        self.on = True

    def cut_power(self) -> None:
        """Drop what is not on the disk yet; every access fails from now on."""
        if not self.path.is_mount():
            raise RuntimeError("only ever a file system that this object has mounted")
        root = os.open(self.path, os.O_RDONLY)
        self.on = False
        try:
            fcntl.ioctl(root, _EXT4_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
        finally:
            os.close(root)

    def start_again(self) -> None:
        """Mount what is left; nothing may be open on it."""
        _run("umount", str(self.path))
        self._mount()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
