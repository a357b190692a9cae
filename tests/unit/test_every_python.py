"""What the code must not use, because it means something else on another Python that we run on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import catalogue

from rocketvpn_sdk.journal.patterns import PATTERNS

SOURCES = sorted(catalogue.PACKAGE.rglob("*.py"))
POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")
CHARACTER_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")


def named(path: Path) -> str:
    return path.relative_to(catalogue.PACKAGE).as_posix()


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield every text in the code; of an f-string, its fixed parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def possessive_group(regex: str) -> bool:
    return bool(POSSESSIVE_GROUP.search(CHARACTER_CLASS.sub("x", regex)))


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_possessive_group_is_written(path: Path) -> None:
    """Before 3.11.5 ``re`` gets ``(...)++`` wrong; possessive characters, such as ``[...]++``, are right."""
    assert not [text for text in texts(ast.parse(path.read_text("utf-8"))) if possessive_group(text)]


def test_no_pattern_of_the_scrubber_is_put_together_with_one() -> None:
    assert not [row.name for row in PATTERNS if possessive_group(row.regex)]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_sentence_to_translate_stands_in_an_f_string(path: Path) -> None:
    """Before 3.12 an f-string is one token, so a sentence inside never reaches the catalogue."""
    for outer in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(outer, ast.JoinedStr):
            continue
        for call in ast.walk(outer):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in catalogue.KEYWORDS:
                assert not any(isinstance(argument, ast.Constant) for argument in call.args)
