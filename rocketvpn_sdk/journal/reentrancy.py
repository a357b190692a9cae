"""Detects log lines that are recorded while another one is: by a signal handler, or by the SDK's own work."""

from __future__ import annotations

import inspect
import threading
from types import FrameType

_OURS = f"{__name__.partition('.')[0]}."


def inside_another_call() -> bool:
    """Return whether an outer call of the SDK is on this thread's stack: interrupted, or running a callback."""
    frame = inspect.currentframe()
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        frame = frame.f_back
    return frame is not None


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith(_OURS)


class ReentrancyGuard(threading.local):
    """Per-thread flags that keep the journal from recording its own log lines endlessly."""

    now = False
    """Whether this thread is sealing; log lines from it are left out."""
    recording = 0
    """How many lines this thread is recording, nested."""
