"""Lists, names, durations and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.cli import words as of_the_command_line
from rocketvpn_sdk.rights.report import words as of_the_report
from rocketvpn_sdk.text import duration_parts, in_utc, listed, name, spelled_out


@pytest.mark.parametrize(
    ("items", "said"),
    [((), "nothing"), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")],
)
def test_things_in_a_row(items: tuple[str, ...], said: str):
    assert listed(items) == listed(iter(items)) == said
    assert listed((), "nobody") == "nobody"


def test_an_id_as_words():
    assert name("contact_email") == "contact email"
    assert name("account.delete_all") == "account delete all"


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        ("P30D", "30 days"), ("P1D", "1 day"), ("P1Y2M", "1 year and 2 months"), ("P1W", "1 week"),
        ("P1DT2H3M4S", "1 day, 2 hours, 3 minutes and 4 seconds"), ("PT0S", ""), ("P0DT1H", "1 hour"),
        ("bound", ""), ("P", ""), ("P1DT", ""), ("P٣D", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_duration_in_words(duration: str, said: str):
    assert spelled_out(duration) == said


@given(st.dictionaries(st.sampled_from("YMWD"), st.integers(0, 10**6), min_size=1))
def test_the_parts_of_a_duration(counts: dict[str, int]):
    units = {"Y": "year", "M": "month", "W": "week", "D": "day"}
    text = "P" + "".join(f"{counts[letter]}{letter}" for letter in units if letter in counts)
    assert duration_parts(text) == {units[letter]: counts[letter] for letter in units if letter in counts}
    assert duration_parts(text + "x") is None


@pytest.mark.parametrize("words", [of_the_command_line, of_the_report])
@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)])
@pytest.mark.parametrize("hours", [-14, 14])
def test_a_server_may_name_the_first_or_last_moment_of_the_calendar(words: Any, at: datetime, hours: int):
    beyond = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert words.day(beyond)
    assert words.moment(beyond)
    assert in_utc(at) == at
