"""Finds log calls whose text is made of values, and says how to write them. Pure: it runs none of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from rocketvpn_sdk.journal.lines.modules import Written, codes_in, written_in_code

_METHODS = frozenset("debug info warning warn error exception critical fatal log".split())  # noqa: SIM905 - reads better than a list
_LOGGER = re.compile(r"log(?:ger|ging)?s?\b|_log(?:ger)?$|^log", re.IGNORECASE)
_PLACE = re.compile(r"%(?!%)")


class LogCall(NamedTuple):
    """A log call whose text is made of values."""

    line: int
    what: str
    rewrite: str
    """The call as it should be; empty: it takes a person to say."""


def lint(source: str) -> tuple[LogCall, ...]:
    """Return the log calls in ``source`` whose text is an f-string, concatenated, or formatted before the call.

    Raises:
        SyntaxError: it is no Python.
    """
    found = [_log_call(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return tuple(sorted(each for each in found if each is not None))


def written(source: str, name: str) -> Written:
    """Return the texts and names of ``source``, for the list that a compiled app carries: the members of its classes.

    Raises:
        SyntaxError: it is no Python.
    """
    code = compile(source, name, "exec", dont_inherit=True)
    found = written_in_code(code)
    functions = {inner.co_name for inner in codes_in(code)}
    texts = frozenset(text for text in found.strings if "\n" not in text and not text.isidentifier())
    return Written(texts, frozenset(name for name in found.names if "." in name or name in functions))


def _log_call(call: ast.Call) -> LogCall | None:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _METHODS or not _is_logger(function.value):
        return None
    place = 1 if function.attr == "log" else 0
    if len(call.args) <= place:
        return None
    text, values = call.args[place], call.args[place + 1 :]
    what = _what(text)
    if what is None:
        return None
    made = _parts(text)
    rewrite = ""
    if made is not None and not values and not any(isinstance(each, ast.Starred) for each in call.args):
        template, arguments = made
        new = ast.Call(function, [*call.args[:place], ast.Constant(template), *arguments], call.keywords)
        rewrite = ast.unparse(new)
    return LogCall(call.lineno, what, rewrite)


def _is_logger(node: ast.expr) -> bool:
    """Whether ``node`` looks like a logger: ``log``, ``self._logger``, ``logging``, ``logging.getLogger(…)``."""
    if isinstance(node, ast.Call):
        return _is_logger(node.func)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return bool(_LOGGER.search(name)) or name == "getLogger"


def _what(text: ast.expr) -> str | None:
    if isinstance(text, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in text.values):
        return "an f-string"
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Mod) and _is_text(text.left):
        return "formatted with % before the call"
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add) and not _is_constant(text):
        return "concatenated" if any(_is_text(part) for part in ast.walk(text)) else None
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute) and text.func.attr == "format":
        return "formatted with str.format before the call" if _is_text(text.func.value) else None
    return None


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant | ast.JoinedStr) and (
        isinstance(node, ast.JoinedStr) or isinstance(node.value, str)
    )


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_constant(node.left) and _is_constant(node.right)
    return isinstance(node, ast.Constant)


_Parts = tuple[str, list[ast.expr]] | None
"""A text with places, and what goes there; ``None``: it takes a person."""


def _parts(text: ast.expr) -> _Parts:
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Mod):
        if not isinstance(text.left, ast.Constant) or isinstance(text.right, ast.Dict):
            return None
        right = text.right
        if not isinstance(right, ast.Tuple) and len(_PLACE.findall(str(text.left.value))) != 1:
            return None
        return str(text.left.value), list(right.elts) if isinstance(right, ast.Tuple) else [right]
    if isinstance(text, ast.Call):
        return _of_format(text)
    template, values = "", list[ast.expr]()
    for part in _flat(text):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            template += part.value.replace("%", "%%")
        elif isinstance(part, ast.FormattedValue):
            template += _conversion(part.conversion, part.format_spec)
            values.append(part.value)
        else:
            template += "%s"
            values.append(part)
    return template, values


def _flat(text: ast.expr) -> Iterator[ast.expr]:
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
        yield from _flat(text.left)
        yield from _flat(text.right)
    elif isinstance(text, ast.JoinedStr):
        yield from text.values
    else:
        yield text


def _conversion(conversion: int, spec: ast.expr | None) -> str:
    said = spec.values[0] if isinstance(spec, ast.JoinedStr) and len(spec.values) == 1 else None
    number = said.value if isinstance(said, ast.Constant) else None
    if isinstance(number, str) and re.fullmatch(r"0?\d{0,2}(?:\.\d{1,2})?[dfegxX]", number):
        return f"%{number}"
    return "%r" if conversion == ord("r") else "%s"


def _of_format(call: ast.Call) -> _Parts:
    template = call.func.value if isinstance(call.func, ast.Attribute) else None
    if not isinstance(template, ast.Constant) or call.keywords:
        return None
    text = str(template.value)
    if re.sub(r"{}", "", text) != re.sub(r"[{}]", "", text) or text.count("{}") != len(call.args):
        return None
    return text.replace("%", "%%").replace("{}", "%s"), list(call.args)
