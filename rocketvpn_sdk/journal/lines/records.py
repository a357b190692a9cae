"""Makes private lines of what ``logging``, ``warnings``, structlog and loguru hand over, in any style."""

from __future__ import annotations

import builtins
import logging
import re
import sys
from pathlib import PurePath
from typing import Any

from rocketvpn_sdk.journal.lines.caller import caller_of, loguru_call
from rocketvpn_sdk.journal.lines.kinds import Part, masked
from rocketvpn_sdk.journal.lines.later import Later
from rocketvpn_sdk.journal.lines.line import Code, Line, Texts, parts_of
from rocketvpn_sdk.journal.lines.values import PrivateValue
from rocketvpn_sdk.policy.types import LONGEST_TEXT

_WARNINGS = "py.warnings"
_WARNING = r"(?P<file>[^\n]*?):(?P<line>\d{1,7}): (?P<kind>\w{1,100}): (?P<text>[^\n]*)"
_MOST_FIELDS = 32
# What structlog adds by itself; the journal has it in fields of its own, or not at all.
_NOT_FIELDS = frozenset(
    "event positional_args timestamp level level_number logger logger_name exc_info exception stack stack_info".split()  # noqa: SIM905 - reads better than a list
)


class WarningLine(PrivateValue):
    """A warning that ``logging.captureWarnings`` passed on."""

    kind: str
    place: str
    said: str
    module: dict[str, Any]
    texts: Texts

    def text(self, key: bytes | None) -> str:
        """Return its class, text and place."""
        del key
        return f"{self.kind}: {self.texts.of_module(self.said, self.module)} [{self.place}]"


class QueuedLine(PrivateValue):
    """A line and the exception that came with it, on their way through a queue."""

    line: PrivateValue
    failure: PrivateValue

    @property
    def error(self) -> PrivateValue:  # type: ignore[override] # the base has none
        """The exception."""
        return self.failure

    def text(self, key: bytes | None) -> str:
        """Return the line."""
        return self.line.text(key)

    @property
    def needs_key(self) -> bool:
        """Whether a hash is in it."""
        return self.line.needs_key

    def __str__(self) -> str:
        return f"{self.line} {self.failure.text(None)}"


def line_of(record: logging.LogRecord, texts: Texts) -> PrivateValue:
    """Return the line of ``record``, without its values.

    Args:
        record: as it comes, on the thread that made it.
        texts: the journal's.
    """
    text, arguments = record.msg, record.args
    if type(text) is not str:
        return _of_object(record, texts)
    if record.name == _WARNINGS:
        return _warning(text, arguments, texts)
    code = caller_of(record)
    if not arguments:
        if "extra" in record.__dict__ and (call := loguru_call()) is not None:
            return _styled(call.text, call.arguments, call.named, "{", code, texts)
        return Line(text[: LONGEST_TEXT + 1], None, code, texts)
    text = text[: LONGEST_TEXT + 1]
    parts, later = parts_of(text, arguments, texts.words)
    return Line(text, parts, code, texts, later=later)


def structured_line(event: dict[Any, Any], code: Code | None, texts: Texts) -> Line:
    """Return the line of a structlog event: its text, and the other values by their names."""
    text, arguments = dict.get(event, "event"), dict.get(event, "positional_args")
    fields: list[tuple[str, Part]] = [
        (name, masked(value, texts.words))
        for name, value in list(dict.items(event))[:_MOST_FIELDS]
        if type(name) is str and len(name) < 64 and name[0:1] != "_" and name not in _NOT_FIELDS
    ]
    if type(text) is not str:
        text, arguments = "%s", (text,)
    text = text[: LONGEST_TEXT + 1]
    parts, later = parts_of(text, arguments, texts.words) if arguments else (None, False)
    later = later or any(isinstance(part, Later) for _, part in fields)
    return Line(text, parts, code, texts, fields=tuple(fields), later=later)


def _of_object(record: logging.LogRecord, texts: Texts) -> PrivateValue:
    """Return the line of a message that is no text: an exception, an event, or a text with a style of its own."""
    message: Any = record.msg
    kind = type(message)
    if kind in (Line, QueuedLine, WarningLine):  # it comes through a queue; a class derived from them is no such line
        private: PrivateValue = message
        return private
    code = caller_of(record)
    if kind is dict and "event" in message:
        return structured_line(message, code, texts)
    own = _attributes(message)
    if type(own.get("fmt")) is str:  # the classes of the logging cookbook
        style = "{" if "args" in own else "$"
        return _styled(own["fmt"], own.get("args", ()), own.get("kwargs", {}), style, code, texts)
    parts, later = parts_of("%s", (message,), texts.words)
    return Line("%s", parts, code, texts, later=later)


def _attributes(message: Any) -> dict[str, Any]:
    """Return what is set on ``message``, without asking its class."""
    try:
        own: Any = object.__getattribute__(message, "__dict__")
    except AttributeError:
        return {}
    return own if type(own) is dict else {}


def _styled(text: Any, arguments: Any, named: Any, style: str, code: Code | None, texts: Texts) -> Line:
    """Return the line of a text with values by place and by name."""
    if type(text) is not str:
        parts, later = parts_of("%s", (text,), texts.words)
        return Line("%s", parts, code, texts, later=later)
    text = text[: LONGEST_TEXT + 1]
    if not arguments and not named:
        return Line(text, None, code, texts)
    if named and not arguments:
        parts, later = parts_of(text, named, texts.words)
    else:
        values = tuple(arguments) if type(arguments) in (list, tuple) else ()
        parts, later = parts_of(text, values, texts.words)
        if named and parts is not None:
            by_name, later_too = parts_of(text, named, texts.words)
            parts = {**{str(number): part for number, part in enumerate(parts)}, **(by_name or {})}  # type: ignore[dict-item] # of a tuple
            later = later or later_too
    return Line(text, parts, code, texts, style=style, later=later)


def _warning(text: str, arguments: Any, texts: Texts) -> PrivateValue:
    if type(arguments) is tuple and len(arguments) == 1 and type(arguments[0]) is str:
        text = arguments[0]  # as Python wrote it before 3.11
    match = re.match(_WARNING, text[: LONGEST_TEXT + 1])
    module = _module_of(match["file"]) if match else None
    if match is None or module is None:
        return Line(text[: LONGEST_TEXT + 1], None, None, texts)
    kind = match["kind"]
    known = getattr(builtins, kind, None)
    kind = kind if isinstance(known, type) and issubclass(known, Warning) else "Warning"
    place = f"{PurePath(match['file']).name}:{match['line']}"
    return WarningLine(kind, place, match["text"], module, texts)


def _module_of(file: str) -> dict[str, Any] | None:
    """Return the namespace of the module that was loaded from ``file``."""
    for module in list(sys.modules.values()):
        names: Any = getattr(module, "__dict__", None)
        if type(names) is dict and names.get("__file__") == file:
            return names
    return None
