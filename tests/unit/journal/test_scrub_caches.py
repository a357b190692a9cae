"""What was scrubbed before changes nothing: every cache is keyed by what really decides (C2)."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.forms import GATE

from rocketvpn_sdk import journal
from rocketvpn_sdk.journal import layers
from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.journal.minimise import minimiser
from rocketvpn_sdk.journal.scrub import Scrubber, scrubber
from rocketvpn_sdk.journal.scrub.table import PATTERNS
from rocketvpn_sdk.policy import bundled_policy

pytestmark = pytest.mark.clause("C2")

OWN = frozenset({"api.own.example"})
KNOWN = ("Lena Fischer", "lena.f@post.example", "K7-PP42-0099")
SPACES = " \t\u00a0\u2003\u3000\u1680\u200b\u2028\u0085\x1c"
LETTERS = "eEéÖßœжא中\u0130\uff45\U0001d41a_?"
DIGITS = "0157٣"
PIECES = (
    "user", "username", "password", "token", "host", "resolving", "order", "address", "mac", "hwaddr", "phone", "ssid",
    "CN", "GET", "lookup of", "Authorization", "version", "commit", "0x3ca62f0b9ed1", "1x3ca62f0b9ed1", "RV-2026-0001",
    "lena", "lena@post.example", "Lena Fischer", "K7-PP42-0099", "203.0.113.9", "fe80::1", "nas.fritz.box",
    "api.own.example", "/home/lena/x", "app.net", "app.tunnel", "up", "ok", "12:34:56", "3ca62f0b9ed1", "0555 010 44",
    "4539 1488 0343 6467", "eyJhbGciOiJub25lIn0.eyJzdWIi.c2ln", "\x1b[31m", "%40", "-", "x",
)  # fmt: skip
NAMES = tuple(dict.fromkeys((*PIECES, *(name for row in PATTERNS for name in row.after))))
JOINTS = ("=", ": ", ":", " ", ", ", '="', "'", "/", "[", "]", "@", ".", "\\", "--", "://")


_Swaps = list[tuple[int, int]]


def _twin(text: str, swaps: _Swaps) -> str:
    """Return a text that looks much like ``text``: other odd characters and digits in a few places."""
    letters = list(text)
    odd = [place for place, letter in enumerate(letters) if not letter.isascii() or letter.isdigit()]
    for place, choice in swaps if odd else ():
        place = odd[place % len(odd)]
        kind = DIGITS if letters[place].isdigit() else SPACES[2:] + LETTERS
        letters[place] = kind[choice % len(kind)]
    return "".join(letters)


def _alike(parts: tuple[str, ...], twins: list[_Swaps]) -> list[str]:
    text = "".join(parts)
    return [text, *(_twin(text, swaps) for swaps in twins)]


_swaps = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63)), min_size=1, max_size=3)
_texts = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(JOINTS),
    st.sampled_from(["", "0x", "7x", *SPACES[2:], *LETTERS]),
    st.sampled_from(PIECES),
    st.sampled_from(["", " ok", "/x", "\xa0up"]),
)
sequences = st.lists(st.builds(_alike, _texts, st.lists(_swaps, min_size=1, max_size=4)), min_size=1, max_size=4).map(
    lambda groups: [text for group in groups for text in group]
)
"""Texts, each with a few that are nearly the same."""


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(journal.__path__, f"{journal.__name__}."):
        yield importlib.import_module(found.name)


def forget_everything() -> None:
    """Clear every cache of the component's modules, as a new process has them."""
    for module in _modules():
        for value in vars(module).values():
            if hasattr(value, "cache_clear") and getattr(value, "__module__", "") == module.__name__:
                value.cache_clear()
    for code in [code for code in layers._ALIKE if code > 127]:
        del layers._ALIKE[code]
    layers._ALIKE.update(ALIKE)


ALIKE = dict(layers._ALIKE)


def fresh(text: str, known: tuple[str, ...] = KNOWN) -> str:
    """Scrub ``text`` with nothing seen before. What is compiled once, by the numbers of rows, stays compiled."""
    scrubber._unnamed.cache_clear()
    layers._ALIKE.clear()
    layers._ALIKE.update(ALIKE)
    return Scrubber(OWN, known).scrub(text)


def name_field() -> Any:
    return bundled_policy().fields["logger"]


@given(sequences)
@example(["user=\u00a0lena ok", "user=Ölena ok"])
@example(["address 1x3ca62f0b9ed1", "address 0x3ca62f0b9ed1"])
@settings(max_examples=400 if GATE else 25)
def test_a_scrubber_that_has_seen_other_texts_says_what_a_new_one_says(texts: list[str]) -> None:
    wanted = [fresh(text) for text in texts]
    forget_everything()
    seasoned = Scrubber(OWN, KNOWN)
    assert [seasoned.scrub(text) for text in texts] == wanted
    assert [seasoned.scrub(text) for text in reversed(texts)] == wanted[::-1]


@given(sequences, st.sampled_from(KNOWN))
@settings(max_examples=200 if GATE else 15)
def test_names_are_remembered_only_as_long_as_what_is_known_stays(texts: list[str], later: str) -> None:
    known = Known(KNOWN[:1])
    minimise = minimiser(name_field(), Scrubber(OWN, known))
    for text in texts:
        minimise(text[:120], None)
    known.seen([later])
    for text in texts:
        forget_everything()
        unspoilt = minimiser(name_field(), Scrubber(OWN, (KNOWN[0], later)))
        assert minimise(text[:120], None) == unspoilt(text[:120], None)


def test_a_name_that_becomes_a_module_is_no_host_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    minimise = minimiser(name_field(), Scrubber())
    assert minimise("shop.example", None) == "[host]"
    monkeypatch.setitem(sys.modules, "shop.example", ModuleType("shop.example"))
    assert minimise("shop.example", None) == "shop.example"
    monkeypatch.delitem(sys.modules, "shop.example")
    assert minimise("shop.example", None) == "[host]"


def test_only_one_table_is_filled_by_texts_beside_the_caches_cleared_here() -> None:
    """A new cache has to be put into ``forget_everything``, or the tests above would prove nothing about it."""
    forget_everything()
    kept = {
        f"{module.__name__}:{name}"
        for module in _modules()
        for name, value in vars(module).items()
        if isinstance(value, dict | set | list) and not name.startswith("__") and value is not sys.modules
    }
    before = {name: _size(name) for name in kept}
    for text in (*PIECES, *SPACES, *(f"{first}={second}" for first in PIECES for second in PIECES[::7])):
        Scrubber(OWN, KNOWN).scrub(text)
    filled = {name for name in kept if _size(name) != before[name]}
    assert filled == {f"{layers.__name__}:_ALIKE"}


def _size(name: str) -> int:
    module, _, attribute = name.partition(":")
    return len(vars(importlib.import_module(module))[attribute])


def test_what_a_line_is_made_of_decides_which_patterns_are_tried() -> None:
    """Texts with the same marks share the answer; it must be right for every one of them."""
    for first, second in (("a.b", "1.2"), ("203.0.113.9 up", "a.b.c.d up"), ("::" * 40, "fe80::1" + ":" * 40)):
        scrubber._unnamed.cache_clear()
        wanted = Scrubber().scrub(second)
        scrubber._unnamed.cache_clear()
        Scrubber().scrub(first)
        assert Scrubber().scrub(second) == wanted


def test_no_text_fills_the_memory_with_its_characters() -> None:
    forget_everything()
    for first in range(0x400, 0x11000, 0x1000):
        Scrubber().scrub("".join(map(chr, range(first, first + 0x1000))))
    assert len(layers._ALIKE) <= layers._MOST_ALIKE
    assert Scrubber().scrub("tcp ٢٠٣.٠.١١٣.٩ up") == "tcp [ip] up"
