"""Numbers and codes as people enter them. The expected values are made by hand, or from what was decorated."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.entered import code, may_be_code, order_number
from rocketvpn_sdk.policy import bundled_policy

PATTERN = bundled_policy().fields["order_number"].type.pattern
STRICT = r"RV-[0-9]{4}-[0-9]{4}"
DIGITS = "0123456789"
ROWS = ["٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "๐๑๒๓๔๕๖๗๘๙"]
"""Arabic, Devanagari, full width, bold mathematical, Thai."""
DASHES = "-‐‑‒–—―−﹘﹣－⁃⸺_ー"
SPACES = " \t\u00a0\u2003\u2009\u202f\u3000\r\n\u2028\u0085"
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202e\u2066\u2069\ufe0f\u034f\u3164\x00\x1b"

LABELLED = (
    "Your order: RV-2026-0777", "Order no. RV-2026-0777", "order no.: rv 2026 0777", "Order #RV-2026-0777.",
    "RV-2026-0777!", "RV-2026-0777;", ":RV-2026-0777:", "**RV-2026-0777**", "RV/2026/0777", "№ RV-2026-0777?",
)  # fmt: skip
numbers = st.from_regex(STRICT, fullmatch=True)
codes = st.text(DIGITS, min_size=4, max_size=12)


def decorated(draw: st.DrawFn, text: str, between: str) -> str:
    """Return ``text`` as somebody may have typed or pasted it."""
    row = draw(st.sampled_from([DIGITS, *ROWS]))
    around = draw(st.sampled_from(["", '"', "'", "«", "(", "#"]))
    unseen = st.text(UNSEEN, max_size=2)
    out = [around, draw(st.text(SPACES + UNSEEN, max_size=3))]
    for letter in text:
        if letter == "-":
            out.append(draw(st.text(between, min_size=1, max_size=3)))
        else:
            shown = row[int(letter)] if letter in DIGITS else letter
            out.append(draw(st.sampled_from([shown, shown.lower(), full_width(letter)])))
        out.append(draw(unseen))
    return "".join([*out, draw(st.text(SPACES + UNSEEN, max_size=3)), {"(": ")", "«": "»"}.get(around, around)])


def full_width(letter: str) -> str:
    return chr(ord(letter) + 0xFEE0)


@given(st.data(), numbers)
def test_every_decoration_of_a_number_gives_the_number(data: st.DataObject, number: str) -> None:
    for pattern in (PATTERN, STRICT):
        assert order_number(decorated(data.draw, number, DASHES + SPACES), pattern) == number


@given(st.data(), codes)
def test_every_decoration_of_a_code_gives_the_code(data: st.DataObject, right: str) -> None:
    pieces = "-".join([right[:2], right[2:3], right[3:]])
    assert code(decorated(data.draw, pieces, DASHES + SPACES)) == right


@given(st.text(), st.sampled_from([PATTERN, STRICT, r"[0-9]{8}", r"[a-z]{2}[0-9]+", ".*"]))
def test_what_was_normalised_stays_as_it_is(text: str, pattern: str) -> None:
    number = order_number(text, pattern)
    assert order_number(number, pattern) == number
    assert code(code(text)) == code(text)


@given(st.text(DIGITS + "-– OoIlSB", max_size=20))
def test_no_digit_becomes_another_and_no_letter_a_digit(text: str) -> None:
    typed = [letter for letter in text if letter in DIGITS]
    assert [letter for letter in order_number(text, PATTERN) if letter in DIGITS] == typed
    assert [letter for letter in code(text) if letter in DIGITS] == typed


@given(st.characters())
def test_only_what_unicode_calls_a_decimal_digit_becomes_one(letter: str) -> None:
    """``²``, ``½``, ``①`` and ``Ⅷ`` are no digits that somebody typed."""
    found = re.findall("[0-9]", code(letter) + order_number(letter, PATTERN))
    assert found == ([str(int(letter))] * 2 if letter.isdecimal() else [])


@given(numbers)
def test_what_fits_is_left_alone(number: str) -> None:
    odd = f"-{number.lower()}--"
    assert order_number(odd, re.escape(odd)) == odd


@pytest.mark.parametrize(
    ("typed", "pattern", "number"),
    [
        ("2026 0777", r"[0-9]{8}", "20260777"),
        ("RV 2026-0777", STRICT, "RV-2026-0777"),
        ("rv - 2026 – 0777", STRICT, "RV-2026-0777"),
        ("RV-2O26-0777", STRICT, "RV-2O26-0777"),
        ("AB-12", "[a-z]{2}-[0-9]{2}", "ab-12"),
        *((text, pattern, "RV-2026-0777") for text in LABELLED for pattern in (PATTERN, STRICT)),
        ("Order RV 2026 0777", STRICT, "ORDER-RV-2026-0777"),
        ("Order RV-2026-0777", STRICT, "RV-2026-0777"),
        ("RV20260777", STRICT, "RV20260777"),
        ("2 orders: RV-2026-0777", STRICT, "2-ORDERS:-RV-2026-0777"),
        ("RV-2026-0777 and RV-2026-0778", STRICT, "RV-2026-0777-AND-RV-2026-0778"),
        ("straße-1", PATTERN, "STRAßE-1"),
        ("ı-2026", PATTERN, "ı-2026"),
        ("", PATTERN, ""),
        ("- - -", PATTERN, "- - -"),
        ("not an order number", PATTERN, "not an order number"),
    ],
)
def test_numbers_by_example(typed: str, pattern: str, number: str) -> None:
    assert order_number(typed, pattern) == number


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("123 456", "123456"),
        ("1 2 3-4 5 6.", "123456"),
        ("abc-123", "abc-123"),
        (" AbC_12 3 ", "AbC_123"),
        ("“xY9-”", "xY9-"),
        ("12345O", "12345O"),
        ("--", "--"),
        *((text, "123456") for text in ("123.456", "123·456", "123'456", "123’456", "123456!", "*123456*;")),
        *((text, "123456") for text in ("Code: 123456", "Your code is: 123 456.", "code=123-456")),
        ("Code 123456", "Code123456"),
        ("12.ab", "12.ab"),
        ("ab:12x", "ab:12x"),
        ("1 code: 123456", "1code:123456"),
    ],
)
def test_codes_by_example(typed: str, right: str) -> None:
    """What has letters keeps its dashes and its case: they may belong to it."""
    assert code(typed) == right


@given(st.text(max_size=80), st.integers(1, 64))
def test_a_code_of_so_many_digits(text: str, digits: int) -> None:
    assert may_be_code(text, digits) is bool(re.fullmatch(f"[0-9]{{{digits}}}", text) and not text.endswith("\n"))


@pytest.mark.parametrize(
    ("text", "fits"), [("abc-1", True), ("", False), ("x" * 64, True), ("x" * 65, False), ("é", False)]
)
@pytest.mark.parametrize("digits", [None, 0, -1, 65])
def test_a_code_of_a_form_that_nobody_said(text: str, fits: bool, digits: int | None) -> None:
    assert may_be_code(text, digits) is fits


def test_what_is_far_too_long_is_not_even_looked_at() -> None:
    endless = "1" * 2_000_000 + "!"
    assert not re.fullmatch(PATTERN, order_number(endless, PATTERN))
    assert not may_be_code(code(endless), None)
