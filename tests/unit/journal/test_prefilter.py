"""The quick look before the expressions: it may see too much, never too little."""

from __future__ import annotations

import random
import re
from string import digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.vpn_lines import vpn_lines

from rocketvpn_sdk.journal import scrub
from rocketvpn_sdk.journal.pattern import named
from rocketvpn_sdk.journal.patterns import PATTERNS
from rocketvpn_sdk.journal.prefilter import VIEWS, Prefilter, hexes, lower, plain, shape

pytestmark = pytest.mark.clause("C2")

GATED = [row for row in PATTERNS if row.prefilter is not None]
NAMED = [row for row in PATTERNS if row.after]
PIECES = st.sampled_from(
    [text for row in PATTERNS for text, _ in row.found]
    + [text for row in PATTERNS for text in row.kept]
    + [name for row in NAMED for name in row.after]
    + [": ", "=", " ", "'", '"', "12:34:56", "0x3F", "٢٠٣.٠.١١٣.٩", "пример", "→", "[", "]", "/", "\\", "."]
)
LINES = st.lists(PIECES, max_size=4).map("".join)


def is_open(prefilter: Prefilter, text: str) -> bool:
    drawn = VIEWS[prefilter.view](text.encode("ascii", "replace"))
    return any(piece in drawn for piece in prefilter.pieces)


def finds(row, text: str) -> bool:
    """Whether ``row`` finds something personal in ``text``; those with a judge have no mark inside."""
    found = re.finditer(row.regex, text)
    return any(row.judge is None or row.judge(match[0], text[: match.start()][-1:], frozenset()) for match in found)


def other_digits(text: str, seed: int) -> str:
    chance = random.Random(seed)
    return re.sub("[0-9]", lambda _: chance.choice(digits), text)


@pytest.mark.parametrize("row", GATED, ids=lambda row: row.name)
def test_a_gate_is_open_wherever_its_row_finds_something(row) -> None:
    for line in vpn_lines(4000, seed=11):
        assert is_open(row.prefilter, line.text) or not finds(row, line.text), line.text
    for text, _ in row.found:
        assert is_open(row.prefilter, text)


@given(text=LINES)
@pytest.mark.parametrize("row", GATED, ids=lambda row: row.name)
def test_a_gate_is_open_wherever_its_row_finds_something_in_mixed_text(row, text: str) -> None:
    plain = scrub._plain(text)
    assert is_open(row.prefilter, plain) or not finds(row, plain)


@given(text=LINES, seed=st.integers(0, 2**32))
def test_texts_of_one_shape_have_the_same_gates_open(text: str, seed: int) -> None:
    other = other_digits(text, seed)
    assert shape(text.encode("ascii", "replace")) == shape(other.encode("ascii", "replace"))
    assert [is_open(row.prefilter, text) for row in GATED] == [is_open(row.prefilter, other) for row in GATED]


@given(text=LINES, seed=st.integers(0, 2**32))
@example("Set-Cookie2: a", 7)
def test_texts_of_one_shape_have_the_same_names_before_values(text: str, seed: int) -> None:
    other = other_digits(text, seed)
    for row in NAMED:
        expression = re.compile(named(row.after) + row.regex)
        assert bool(expression.search(text)) == bool(expression.search(other)), row.name


@given(st.lists(LINES, min_size=1, max_size=6), st.integers(0, 2**32))
def test_what_was_seen_before_changes_no_answer(lines: list[str], seed: int) -> None:
    scrubber = scrub.Scrubber()
    for line in lines:
        other = other_digits(line, seed)
        scrub._harmless.clear()
        fresh = scrubber.scrub(other)
        scrubber.scrub(line)
        assert scrubber.scrub(other) == fresh


def test_only_harmless_lines_are_remembered_and_only_so_many() -> None:
    scrub._harmless.clear()
    scrubber = scrub.Scrubber()
    for line in vpn_lines(3000, seed=5):
        if scrubber.scrub(line.text) != line.text:
            assert shape(line.text.encode("ascii", "replace")) not in scrub._harmless
    assert scrub._harmless
    for number in range(scrub._MOST_SHAPES + 10):
        scrubber.scrub("step " + "".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(scrub._harmless) <= scrub._MOST_SHAPES
    scrubber.scrub("long " * scrub._LONGEST_SHAPE)
    assert all(len(seen) <= scrub._LONGEST_SHAPE for seen in scrub._harmless)


@pytest.mark.parametrize("make", [lambda: plain("%40"), lambda: lower("RV-"), lambda: hexes(".a.")])
def test_a_gate_that_could_never_open_is_an_error(make) -> None:
    with pytest.raises(ValueError, match="cannot be looked for"):
        make()


@given(st.text(max_size=80))
def test_digits_of_other_scripts_are_read_as_digits(prefix: str) -> None:
    assert "٢٠٣" not in scrub.Scrubber().scrub(f"{prefix} tcp ٢٠٣.٠.١١٣.٩ up")
