"""Ways to the journal's handler for lines that other things would have formatted first: a queue, and structlog."""

from __future__ import annotations

import logging
import sys
from typing import Any

from rocketvpn_sdk.journal.handler import JournalHandler
from rocketvpn_sdk.journal.lines.caller import first_caller
from rocketvpn_sdk.journal.lines.failures import traceback_of
from rocketvpn_sdk.journal.lines.line import Texts
from rocketvpn_sdk.journal.lines.records import QueuedLine, line_of, structured_line

_LEVEL_OF = {"warn": logging.WARNING, "exception": logging.ERROR, "fatal": logging.CRITICAL, "failure": logging.ERROR}


class PrivateQueueHandler(logging.Handler):
    """Puts lines into a queue of this process, private already: nothing behind the queue sees a value of theirs.

    ``logging.handlers.QueueHandler`` formats a line first, so that nobody can tell its text from its values any more.
    A ``QueueListener`` takes them from there. What the queue does not take is counted in ``failed``.
    """

    def __init__(self, queue: Any, handler: JournalHandler) -> None:
        super().__init__(handler.level)
        self.queue = queue
        self._to = handler
        self.failed = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a copy of ``record`` with a private line for its text, and for its exception."""
        try:
            self.queue.put_nowait(self._private(record))
        except Exception:  # noqa: BLE001 - whatever goes wrong here must not reach the app's logging call
            self.failed += 1

    def _private(self, record: logging.LogRecord) -> logging.LogRecord:
        instead: dict[str, Any] = {"args": None, "exc_info": None, "exc_text": None, "stack_info": None}
        texts, found = self._to.texts, record.exc_info
        if texts is None:
            instead.update(msg=record.getMessage(), exc_info=found)
        else:
            line = line_of(record, texts)
            if isinstance(found, tuple) and found[1] is not None:
                line = QueuedLine(line, traceback_of(found[1], found[2], texts))
            instead["msg"] = line
        return logging.makeLogRecord({**vars(record), **instead})


class StructlogProcessor:
    """A structlog processor that records each event in the journal and passes it on as it is."""

    def __init__(self, handler: JournalHandler) -> None:
        self._handler = handler

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Record ``event``; never raises."""
        try:
            self._record(logger, method, event)
        except Exception:  # noqa: BLE001 - whatever goes wrong here must not reach the app's logging call
            self._handler.failed += 1
        return event

    def _record(self, logger: Any, method: str, event: Any) -> None:
        level = _LEVEL_OF.get(method) or logging.getLevelNamesMapping().get(method.upper(), logging.INFO)
        if level < self._handler.level:
            return
        name = event.get("logger") or getattr(logger, "name", None)
        texts = self._handler.texts
        line: Any = _plain(event) if texts is None else structured_line(dict(event), first_caller(), texts)
        error = None if texts is None else _error(event, texts)
        self._handler.take(level, name if type(name) is str else "structlog", line, error)


def _plain(event: Any) -> str:
    """Return an event as text, to be scrubbed."""
    return " ".join(
        (str(event.get("event")), *(f"{name}={value!r}" for name, value in event.items() if name != "event"))
    )


def _error(event: Any, texts: Texts) -> Any:
    found = event.get("exc_info")
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if isinstance(found, tuple) and len(found) == 3 and isinstance(found[1], BaseException):
        return traceback_of(found[1], found[2], texts)
    return None
