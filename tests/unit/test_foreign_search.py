"""The search for what the package touches of others, judged on texts of its own."""

from __future__ import annotations

import ast

import pytest
import uvicorn
from support.foreign import defined, foreign, hides


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("thing._pool", {"_pool"}),
        ("self._pool", {"_pool"}),
        ("self._pool = 1\nself._pool", set()),
        ("class A:\n    def _go(self): ...\nA()._go()", set()),
        ("getattr(thing, '_pool', None)", {"_pool"}),
        ("hasattr(thing, 'pool')", set()),
        ("setattr(thing, '_pool', 1)", {"_pool"}),
        ("thing.backend = 1", {"backend"}),
        ("thing.ours = 1", set()),
        ("thing.__class__", set()),
        ("import a._b.c", {"a._b.c"}),
        ("import _ssl", {"_ssl"}),
        ("from a._b import c", {"a._b.c"}),
        ("from a import _b", {"a._b"}),
        ("from a import b", set()),
        ("from rocketvpn_sdk import _version", set()),
        ("from __future__ import annotations", set()),
    ],
)
def test_the_search_finds_what_is_touched(text: str, names: set[str]) -> None:
    assert set(foreign(ast.parse(text), {"ours"})) == names


def test_the_search_finds_private_names_that_two_classes_share() -> None:
    class Mine(uvicorn.Server):
        def __init__(self) -> None:
            self._captured_signals = []

        def _serve(self) -> None: ...

        def _mine(self) -> None: ...

    assert hides(Mine) == {"_captured_signals", "_serve"}
    assert "_x" in defined(ast.parse("class A:\n    def __init__(self):\n        self._x = 1"))
