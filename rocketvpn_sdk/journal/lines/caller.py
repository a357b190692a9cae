"""Finds the code that made a logging call, from inside the call."""

from __future__ import annotations

import logging
import sys
from types import FrameType
from typing import Any, NamedTuple

from rocketvpn_sdk.journal.lines.line import Code

_USUAL_DEPTH = 8
"""Frames from ``caller_of`` to the app, where nothing is between ``logging`` and the handler."""
_DEEPEST = 64
_BETWEEN = ("logging", "structlog", "loguru", "warnings", "rocketvpn_sdk.journal")


class LoguruCall(NamedTuple):
    """What loguru was called with."""

    text: Any
    arguments: Any
    named: Any


def caller_of(record: logging.LogRecord) -> Code | None:
    """Return the code that ``record`` says it came from (``stacklevel`` included), if that is calling just now."""
    path, name = record.pathname, record.funcName
    try:
        frame: FrameType | None = sys._getframe(_USUAL_DEPTH)  # noqa: SLF001 - logging itself uses it
    except ValueError:
        frame = None
    if frame is not None and frame.f_code.co_filename is path and frame.f_code.co_name == name:
        return frame.f_code, frame.f_globals
    frame = sys._getframe(1)  # noqa: SLF001 - as above
    found = False
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        code = frame.f_code
        found = found or (code.co_filename == path and code.co_name == name)
        if found and not _is_between(frame):  # a library that passes lines on may name itself
            return code, frame.f_globals
        frame = frame.f_back
    return None


def first_caller() -> Code | None:
    """Return the code of the nearest frame that belongs to no library that passes log lines on."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        if not _is_between(frame):
            return frame.f_code, frame.f_globals
        frame = frame.f_back
    return None


def loguru_call() -> LoguruCall | None:
    """Return what loguru was called with, if it is calling: its records have the formatted text alone."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as above
    for _ in range(_DEEPEST):
        if frame is None or not _is_between(frame):
            return None
        if frame.f_code.co_name == "_log" and frame.f_globals.get("__name__") == "loguru._logger":
            local = frame.f_locals
            return LoguruCall(local.get("message"), local.get("args"), local.get("kwargs"))
        frame = frame.f_back
    return None


def _is_between(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and any(name == each or name.startswith(f"{each}.") for each in _BETWEEN)
