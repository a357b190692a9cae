"""What a pattern says that it needs: a text without it holds nothing for the pattern (C2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forms import GATE
from support.labelled import labelled
from support.vpn_lines import vpn_lines

from rocketvpn_sdk.journal.scrub import Scrubber, scrubber
from rocketvpn_sdk.journal.scrub.table import PATTERNS

pytestmark = pytest.mark.clause("C2")

DATA = Path(__file__).parents[2] / "data" / "log-lines"
UNNAMED = [number for number, pattern in enumerate(PATTERNS) if not pattern.after]
PIECES = st.sampled_from(
    [text for pattern in PATTERNS for text, _ in pattern.found]
    + [text for pattern in PATTERNS for text in pattern.kept]
    + [": ", "=", " ", "'", '"', "12:34:56", "0x3F", "٢٠٣.٠.١١٣.٩", "пример", "→", "[", "]", "/", "\\", ".", "%2E", "-"]
)
LINES = st.lists(PIECES, max_size=4).map("".join)


def without_gates(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Scrub ``text`` with every pattern tried, whatever it says that it needs."""
    every = tuple((scrubber._search(number), ("",)) for number in UNNAMED)
    with monkeypatch.context() as patch:
        patch.setattr(scrubber, "_unnamed", lambda *_: every)
        return Scrubber().scrub(text)


def test_nothing_is_missed_in_lines_of_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.text for line in vpn_lines(2000, seed=11)]
    lines += [line.text for path in sorted(DATA.glob("*.txt")) for line in labelled(path)]
    for text in lines:
        assert Scrubber().scrub(text) == without_gates(text, monkeypatch)


@given(LINES)
@settings(max_examples=2000 if GATE else 150)
def test_nothing_is_missed_in_mixed_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert Scrubber().scrub(text) == without_gates(text, monkeypatch)


def test_nothing_is_missed_in_texts_with_very_many_marks() -> None:
    for pattern in PATTERNS:
        for text, wanted in pattern.found:
            assert Scrubber().scrub(f"{text}\n{'^' * 200}") == f"{wanted}\n{'^' * 200}"
