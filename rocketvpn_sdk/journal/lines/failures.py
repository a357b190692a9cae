"""What is kept of an exception: its type, the text that stands in the ``raise`` itself, and where it went.

Its arguments are masked as those of a log line are: one that is only equal to a constant does not stay. Notes are left
out, for they are made of values.
"""

from __future__ import annotations

import errno
from collections import deque
from pathlib import PurePath
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.later import Later, error_name
from rocketvpn_sdk.journal.lines.line import Texts
from rocketvpn_sdk.journal.lines.values import PrivateValue

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from rocketvpn_sdk.journal.lines.kinds import Part

_DEEPEST = 32
"""Frames kept of a traceback, from where it was raised."""
_MOST_ARGUMENTS = 8
_MOST_CAUSES = 3
_LONGEST = modules.LONGEST
_NO_WORDS: frozenset[str] = frozenset()


class Frame(NamedTuple):
    """A place that an exception went through."""

    code: CodeType
    namespace: Mapping[str, Any]
    line: int
    instruction: int

    def has_literally(self, text: str) -> bool:
        """Whether ``text`` is a constant of the module that stands in the statement at this place."""
        if not modules.is_text(text) or text not in modules.written_in(self.namespace).strings:
            return False
        import dis  # only where a text is a candidate

        instructions = list(dis.get_instructions(self.code))
        here = next((each.positions for each in instructions if each.offset == self.instruction), None)
        if here is None or here.lineno is None or here.end_lineno is None:
            return False
        return any(
            each.argval == text
            for each in instructions
            if each.opname == "LOAD_CONST"
            and each.positions is not None
            and here.lineno <= (each.positions.lineno or 0) <= here.end_lineno
        )

    def said(self) -> str:
        """Return ``file:line function``, as far as both stand in a module that was shipped."""
        written = modules.written_in(self.namespace)
        file = PurePath(str(self.namespace.get("__file__"))).name
        if not written.names or PurePath(self.code.co_filename).name != file:
            return "?"
        return f"{file}:{self.line} {self.code.co_name if self.code.co_name in written.names else '?'}"


class ErrorPart(Later, frozen=True):
    """An exception, as an argument or as a cause."""

    kind: Any
    text: str | None
    """Its only argument, which stays if it is written in the statement that raised it."""
    parts: tuple[Part, ...]
    raised: Frame | None

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return its type, with its text or what is left of its arguments."""
        name = error_name(self.kind)
        if self.text is not None and self.raised is not None and self.raised.has_literally(self.text):
            return f"{name}: {known(self.text)}"
        said = [part.settled(known, key) if isinstance(part, Later) else str(part) for part in self.parts]
        if said and issubclass(self.kind, OSError) and type(self.parts[0]) is int:
            said[0] = f"{said[0]} {errno.errorcode.get(self.parts[0], '')}".rstrip()
        return f"{name}({', '.join(said)})"


class Traceback(PrivateValue):
    """An exception with its causes and the lines it went through."""

    causes: tuple[ErrorPart, ...]
    frames: tuple[Frame, ...]
    texts: Texts

    def text(self, key: bytes | None) -> str:
        """Return it on one line; of a frame, what stands in code that was shipped."""
        said = " from ".join(cause.settled(self.texts.without_known, key) for cause in self.causes)
        return f"{said} [{' < '.join(frame.said() for frame in self.frames)}]"


def failure_of(error: BaseException, words: Container[str] = _NO_WORDS) -> ErrorPart:
    """Return what is left of ``error``, without asking its class."""
    from rocketvpn_sdk.journal.lines.kinds import OBJECT, masked  # they mask exceptions by this function

    arguments: Any = BaseException.args.__get__(error)  # type: ignore[attr-defined] # a getset descriptor
    first = arguments[0] if len(arguments) == 1 else None
    parts = tuple(
        OBJECT if isinstance(type(value), type) and issubclass(type(value), BaseException) else masked(value, words)
        for value in arguments[:_MOST_ARGUMENTS]
    )
    text = first if type(first) is str and len(first) <= _LONGEST else None
    frames = _frames(_trace_of(error))
    return ErrorPart(type(error), text, parts, frames[-1] if frames else None)


def traceback_of(error: BaseException, trace: TracebackType | None, texts: Texts) -> Traceback:
    """Return what is left of ``error``, which went along ``trace``, and of its causes."""
    causes = [failure_of(error, texts.words)]
    cause: BaseException | None = error
    while len(causes) < _MOST_CAUSES:
        cause = _cause_of(cause)  # type: ignore[arg-type] # not None here
        if cause is None:
            break
        causes.append(failure_of(cause, texts.words))
    return Traceback(tuple(causes), tuple(reversed(_frames(trace))), texts)


def _cause_of(error: BaseException) -> BaseException | None:
    read = vars(BaseException)
    cause = read["__cause__"].__get__(error)
    if cause is None and not read["__suppress_context__"].__get__(error):
        cause = read["__context__"].__get__(error)
    return cause if cause is not error else None


def _trace_of(error: BaseException) -> TracebackType | None:
    found: TracebackType | None = vars(BaseException)["__traceback__"].__get__(error)
    return found


def _frames(trace: TracebackType | None) -> list[Frame]:
    """Return the last frames of a traceback, the one that raised last."""
    found: deque[Frame] = deque(maxlen=_DEEPEST)
    while trace is not None:
        frame = trace.tb_frame
        found.append(Frame(frame.f_code, frame.f_globals, trace.tb_lineno, trace.tb_lasti))
        trace = trace.tb_next
    return list(found)
