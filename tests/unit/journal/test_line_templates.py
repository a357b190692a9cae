"""Texts with places, filled with what is left of the values."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from rocketvpn_sdk.journal.lines.template import Template


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("up", (), "up"), ("100%", (), "100%"), ("100%% of %d", (5,), "100% of 5"),
        ("%s and %s", ("[ip]", 3), "[ip] and 3"),
        ("%5.1f|%-4d|%04x", (12.34, 7, 255), " 12.3|7   |00ff"), ("%d", ("[number]",), "[number]"),
        ("%d", (12.5,), "12.5"),
        ("%.1f ms", ("[number]",), "[number] ms"), ("%x", (1.5,), "1.5"), ("%r %a", ("[text]", None), "[text] None"),
        ("%s %s", ("[ip]",), "[ip] [missing]"), ("%s", ("[ip]", 2), "[ip]"),
        ("%(a)s %(b)d %(c)s", {"a": "[ip]", "b": 7}, "[ip] 7 [missing]"),
        ("%s", {"a": 1}, "[dict]"), ("%*d", (9, 5), "5"), ("%1000000d", (5,), "5"), ("%.999f", (5.0,), "5.0"),
        ("%c", (65,), "65"),
        ("user %s of %s", ("[text]", "[text]"), "user [user] of [text]"), ("host=%s", ("[text]",), "host=[host]"),
        ("100 %; %s", ("[ip]",), "100 %; [ip]"), ("%(", ("x",), "%("),
    ],
)  # fmt: skip
def test_percent(text: str, values: Any, filled: str) -> None:
    assert Template(text).filled(values) == filled


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("{} in {:.2f} s", ("[ip]", 1.5), "[ip] in 1.50 s"), ("{1} {0}", ("[ip]", 2), "2 [ip]"),
        ("{{}} {}", (1,), "{} 1"),
        ("{a} {b:04d}", {"a": "[ip]", "b": 7}, "[ip] 0007"), ("{a.name} {a[0]}", {"a": "[ip]"}, "[object] [object]"),
        ("{:>9999999}", (1,), "1"), ("{:{}}", (1, 5), "1"), ("{!r}", ("[text]",), "[text]"), ("{", (1,), "{"),
        ("{0} {}", (1,), "1 1"),
        ("user {name}", {"name": "[text]"}, "user [user]"),
    ],
)  # fmt: skip
def test_braces(text: str, values: Any, filled: str) -> None:
    assert Template(text, "{").filled(values) == filled


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("$a and ${b} for $$5", {"a": "[ip]", "b": 2}, "[ip] and 2 for $5"),
        ("$x", {}, "[missing]"),
        ("$", {"a": 1}, "$"),
    ],
)
def test_dollars(text: str, values: Any, filled: str) -> None:
    assert Template(text, "$").filled(values) == filled


def test_no_width_takes_memory() -> None:
    tracemalloc.start()
    try:
        for text in ("%999999999d", "%.999999999f", "%*d", "%099999999d"):
            Template(text).filled((10**6, 5))
        for text in ("{:999999999}", "{:.99999999f}", "{:0>{}}"):
            Template(text, "{").filled((5, 10**6))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
