"""What the code must not use, because it means something else on another Python that we run on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from support import catalogue

from rocketvpn_sdk.journal.scrub.table import PATTERNS

SOURCES = sorted(catalogue.PACKAGE.rglob("*.py"))
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")
CHARACTER_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in SOURCES:
        yield path.relative_to(catalogue.PACKAGE).as_posix(), ast.parse(path.read_text("utf-8"))


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield every text in the code; of an f-string, its fixed parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def possessive_group(regex: str) -> bool:
    return bool(POSSESSIVE_GROUP.search(CHARACTER_CLASS.sub("x", regex)))


def test_no_possessive_group_is_written() -> None:
    """Before 3.11.5 ``re`` gets ``(...)++`` wrong; possessive characters, such as ``[...]++``, are right."""
    assert not [(name, text) for name, tree in trees() for text in texts(tree) if possessive_group(text)]


def test_no_pattern_of_the_scrubber_is_put_together_with_one() -> None:
    assert not [row.name for row in PATTERNS if possessive_group(row.regex)]


def test_no_sentence_to_translate_stands_in_an_f_string() -> None:
    """Before 3.12 an f-string is one token, so a sentence inside never reaches the catalogue."""
    assert not [
        (name, ast.unparse(call))
        for name, tree in trees()
        for outer in ast.walk(tree)
        if isinstance(outer, ast.JoinedStr)
        for call in ast.walk(outer)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in catalogue.KEYWORDS
        if any(isinstance(argument, ast.Constant) for argument in call.args)
    ]
