"""The app's ``logging`` records, scrubbed and sealed; never raises into the app's own logging call."""

from __future__ import annotations

import logging
import traceback
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.journal.event import LogMessage

if TYPE_CHECKING:
    from rocketvpn_sdk.journal.journal import Journal

_OWN = "rocketvpn_sdk."
_LEVELS = (
    (logging.CRITICAL, "CRITICAL"),
    (logging.ERROR, "ERROR"),
    (logging.WARNING, "WARNING"),
    (logging.INFO, "INFO"),
)
_DEEPEST_LINE = 2
"""A value may log while it is made into text, and a signal handler while any line is recorded."""
_DEEPEST = 32
"""Frames kept of a traceback, from where it was raised."""


class JournalHandler(logging.Handler):
    """Records log lines in the journal; add it with ``logging.getLogger().addHandler(...)``.

    The SDK's own loggers are left out. What cannot be recorded is counted in ``failed``. So is a line that is logged on
    a thread which is sealing just then, or which is recording a line that came from within another one: there would be
    no end to it.
    """

    def __init__(self, journal: Journal, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self.attach(journal)
        self.failed = 0

    def attach(self, journal: Journal) -> None:
        """Record in ``journal`` from now on."""
        self._compiled, self._journal = journal.compiled(LogMessage), journal

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter ``record`` and record it, without holding this handler's lock.

        The journal has a lock of its own; holding this one too while records are sealed can deadlock.
        """
        kept: Any = self.filter(record)  # a bool; since Python 3.12 also a record to use instead
        if kept:
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        """Take over ``record``, to be scrubbed and sealed in a moment; from ERROR on, wait for that."""
        if f"{record.name}.".startswith(_OWN):  # a record that was made by hand may have no name
            return
        reentrancy = self._journal.reentrancy
        if reentrancy.now or reentrancy.recording >= _DEEPEST_LINE:
            self.failed += 1
            return
        reentrancy.recording += 1
        try:
            taken = self._journal.keep(self._compiled, self._values(record))
            if taken and record.levelno >= logging.ERROR:
                self._journal.flush_soon()
        except Exception:  # noqa: BLE001 - whatever goes wrong here must not reach the app's logging call
            self.failed += 1
        finally:
            reentrancy.recording -= 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Count it; logging's own would print the unscrubbed line."""
        del record
        self.failed += 1

    def flush(self) -> None:
        """Seal what is buffered, as far as that is possible now."""
        try:
            self._journal.flush()
        except Exception:  # noqa: BLE001 - logging.shutdown calls this at exit
            self.failed += 1

    def _values(self, record: logging.LogRecord) -> tuple[Any, ...]:
        """Return the values of ``LogMessage``'s fields, in their order."""
        level = next((name for number, name in _LEVELS if record.levelno >= number), "DEBUG")
        error = _describe(record.exc_info[1], record.exc_info[2]) if record.exc_info and record.exc_info[1] else None
        return level, record.name, record.getMessage(), error


def _describe(error: BaseException, trace: TracebackType | None) -> str:
    """Return an error's type, text and the lines it went through, without paths; its text is scrubbed afterwards."""
    frames = traceback.extract_tb(trace, limit=-_DEEPEST)
    lines = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__module__}.{type(error).__qualname__}: {_text_of(error)} [{lines}]"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failed:  # noqa: BLE001 - the app's own code may raise anything; the line is worth more
        return f"(its text cannot be had: {type(failed).__name__})"
