"""Calls within calls: what is logged while a line is recorded or sealed, by a signal handler or by our own work."""

from __future__ import annotations

import inspect
import threading
from types import FrameType

_OURS = f"{__name__.partition('.')[0]}."


def inside_another_call() -> bool:
    """Whether this thread was interrupted in, or called back from, a call of the SDK other than the present one."""
    frame = inspect.currentframe()
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        frame = frame.f_back
    return frame is not None


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith(_OURS)


class Busy(threading.local):
    """Whether this thread seals: what is logged by that is left out, or there would be no end to it."""

    now = False
    recording = 0
    """How many lines this thread is recording, each from within the one before."""
