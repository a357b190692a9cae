"""What is kept of an exception: its type, the text that stands in the ``raise`` itself, its causes, and where it went.

Its arguments are masked as those of a log line are: one that is only equal to a constant does not stay. Notes are left
out, for they are made of values.
"""

from __future__ import annotations

from types import TracebackType

from rocketvpn_sdk.journal.lines.kinds import of_error
from rocketvpn_sdk.journal.lines.later import ErrorPart
from rocketvpn_sdk.journal.lines.line import Texts
from rocketvpn_sdk.journal.lines.places import Frame, frames_of
from rocketvpn_sdk.journal.lines.values import PrivateValue

_MOST_CAUSES = 3


class Traceback(PrivateValue):
    """An exception with its causes and the lines it went through."""

    causes: tuple[ErrorPart, ...]
    frames: tuple[Frame, ...]
    texts: Texts

    def text(self, key: bytes | None) -> str:
        """Return it on one line; of a frame, what stands in code that was shipped."""
        said = " from ".join(cause.settled(self.texts.without_known, key) for cause in self.causes)
        return f"{said} [{' < '.join(frame.said() for frame in self.frames)}]"


def traceback_of(error: BaseException, trace: TracebackType | None, texts: Texts) -> Traceback:
    """Return what is left of ``error``, which went along ``trace``, and of its causes."""
    causes = [of_error(error, texts.words)]
    cause: BaseException | None = error
    while len(causes) < _MOST_CAUSES:
        cause = _cause_of(cause)  # type: ignore[arg-type] # not None here
        if cause is None:
            break
        causes.append(of_error(cause, texts.words))
    return Traceback(tuple(causes), tuple(reversed(frames_of(trace))), texts)


def _cause_of(error: BaseException) -> BaseException | None:
    read = vars(BaseException)
    cause = read["__cause__"].__get__(error)
    if cause is None and not read["__suppress_context__"].__get__(error):
        cause = read["__context__"].__get__(error)
    return cause if cause is not error else None
