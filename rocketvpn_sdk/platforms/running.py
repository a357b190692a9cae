"""What the system says of this run of the machine, and of what runs on it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what names this run of the machine, since it was started; empty where the system does not tell.

    Source: random(4) of Linux; ``kern.bootsessionuuid`` of XNU's bsd/kern/kern_sysctl.c.
    """
    if sys.platform == "linux":
        try:
            return _BOOT.read_text("ascii").strip()
        except (OSError, ValueError):  # /proc is not there, or an administrator hides it
            return ""
    if sys.platform == "darwin":
        import ctypes

        found, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
        try:
            failed = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", found, ctypes.byref(size), None, 0)
        except (OSError, AttributeError):
            return ""
        return "" if failed else found.value.decode("ascii", "replace")
    return ""


def since_boot() -> float:
    """Return seconds of this run of the machine, those in which it was suspended included where the system counts them.

    Source: clock_gettime(2) of Linux, ``CLOCK_BOOTTIME``; clock_gettime(3) of macOS, whose ``CLOCK_MONOTONIC`` goes on
    while the machine sleeps.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def process_name(process: int) -> str:
    """Return the name of a process; empty where it is gone, or the system does not tell by /proc."""
    try:
        return Path(f"/proc/{process}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
