from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.visible import escaped_json, visible

HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"}
LAID_OUT = set("\n\t\u00a0\u202f")


def hides(letter: str) -> bool:
    """Whether a letter steers, or cannot be seen, by the categories that Unicode gives."""
    return unicodedata.category(letter) in HIDDEN


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Co"])))
def test_json_reads_as_before_and_hides_nothing(text: str) -> None:
    written = escaped_json(msgspec.json.format(msgspec.json.encode({text: [text]}), indent=2))
    assert json.loads(written) == {text: [text]}
    assert not [letter for letter in written.decode() if hides(letter) and letter not in LAID_OUT]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_keeps_its_layout_or_loses_it_and_hides_nothing(text: str) -> None:
    assert not [letter for letter in visible(text) if hides(letter)]
    assert not [letter for letter in visible(text, breaks=True) if hides(letter) and letter not in LAID_OUT]
    assert visible(text, breaks=True).count("\n") == text.count("\n")


@pytest.mark.parametrize("text", ["Zoë's iPhone – 日本", "plain", "😀", "{'a': 1}"])
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert escaped_json(msgspec.json.encode(text)) == msgspec.json.encode(text)
