"""Places in the app's code that an exception went through. It reads code, and runs none."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import PurePath
from types import CodeType, TracebackType
from typing import Any, NamedTuple

from rocketvpn_sdk.journal.lines import modules

_DEEPEST = 32
"""Frames kept of a traceback, from where it was raised."""


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


def frames_of(trace: TracebackType | None) -> list[Frame]:
    """Return the last frames of a traceback, the one that raised last."""
    found: deque[Frame] = deque(maxlen=_DEEPEST)
    while trace is not None:
        frame = trace.tb_frame
        found.append(Frame(frame.f_code, frame.f_globals, trace.tb_lineno, trace.tb_lasti))
        trace = trace.tb_next
    return list(found)
