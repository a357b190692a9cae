"""What is kept of an exception: its type, its text if that is a constant of the code that raised it, and where it went.

Its arguments are masked as those of a log line are. Notes are left out, for they are made of values.
"""

from __future__ import annotations

import errno
from pathlib import PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.later import Later, error_name
from rocketvpn_sdk.journal.lines.line import Code, Texts
from rocketvpn_sdk.journal.lines.values import PrivateValue

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from rocketvpn_sdk.journal.lines.kinds import Part

_DEEPEST = 32
"""Frames kept of a traceback, from where it was raised."""
_MOST_ARGUMENTS = 8
_MOST_CAUSES = 3
_LONGEST = modules.LONGEST
_NO_WORDS: frozenset[str] = frozenset()


class Failure(Later, frozen=True):
    """An exception, as an argument or as a cause."""

    kind: Any
    text: str | None
    """Its only argument, which stays if it is a constant of the code that raised it."""
    parts: tuple[Part, ...]
    raised_in: Code | None

    def settled(self, known: Callable[[str], str], key: bytes | None) -> str:
        """Return its type, with its text or what is left of its arguments."""
        name = error_name(self.kind)
        if self.text is not None and self.raised_in and self.text in modules.written_in(self.raised_in[1]).texts:
            return f"{name}: {known(self.text)}"
        said = [part.settled(known, key) if isinstance(part, Later) else str(part) for part in self.parts]
        if said and issubclass(self.kind, OSError) and type(self.parts[0]) is int:
            said[0] = f"{said[0]} {errno.errorcode.get(self.parts[0], '')}".rstrip()
        return f"{name}({', '.join(said)})"


class Traceback(PrivateValue):
    """An exception with its causes and the lines it went through."""

    causes: tuple[Failure, ...]
    frames: tuple[tuple[Code, int], ...]
    texts: Texts

    def text(self, key: bytes | None) -> str:
        """Return it on one line; of a frame, what stands in code that was shipped."""
        said = " from ".join(cause.settled(self.texts.without_known, key) for cause in self.causes)
        return f"{said} [{' < '.join(_place(code, line) for code, line in self.frames)}]"


def failure_of(error: BaseException, words: Container[str] = _NO_WORDS) -> Failure:
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
    return Failure(type(error), text, parts, frames[-1][0] if frames else None)


def traceback_of(error: BaseException, trace: TracebackType | None, texts: Texts, words: Container[str]) -> Traceback:
    """Return what is left of ``error``, which went along ``trace``, and of its causes."""
    causes = [failure_of(error, words)]
    cause: BaseException | None = error
    while len(causes) < _MOST_CAUSES:
        cause = _cause_of(cause)  # type: ignore[arg-type] # not None here
        if cause is None:
            break
        causes.append(failure_of(cause, words))
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


def _frames(trace: TracebackType | None) -> list[tuple[Code, int]]:
    """Return the last frames of a traceback, the one that raised last."""
    found: list[tuple[Code, int]] = []
    while trace is not None:
        found.append(((trace.tb_frame.f_code, trace.tb_frame.f_globals), trace.tb_lineno))
        if len(found) > _DEEPEST:
            del found[0]
        trace = trace.tb_next
    return found


def _place(code: Code, line: int) -> str:
    """Return ``file:line function``, as far as both stand in a module that was shipped."""
    own = code[0]
    written = modules.written_in(code[1])
    module_file = PurePath(str(code[1].get("__file__"))).name
    if own is None or not written.names or PurePath(own.co_filename).name != module_file:
        return "?"
    return f"{module_file}:{line} {own.co_name if own.co_name in written.names else '?'}"
