"""Dates that a server sends: a moment, or nothing; whatever it says, no error and no wait beyond a day."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.transport.answers import http_date, retry_after

NO_DATES = [
    "",
    "soon",
    "Mon,",
    ":::",
    "Mon, 00 Jan 2026 00:00:00 GMT",
    "Mon, 01 Jan 2026 00:00:00 +2400",
    "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
    "Mon, 99999999999999999999999 Jan 2026 00:00:00 GMT",
    "Mon, 1 Jan 99999999999999999999 0:0:0 GMT",
]
NOW = 1_800_000_000.0


def asked(text: str) -> float | None:
    reply: Any = SimpleNamespace(headers={"retry-after": text}, status=503)
    return retry_after(reply, NOW)


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_none(text: str) -> None:
    assert http_date(text) is None
    assert asked(text) is None


@given(
    st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,30} [A-Z][a-z]{2} \d{1,30} [\d:]{1,12} [+-]?\w{0,30}")
)
def test_whatever_is_sent_is_a_moment_or_nothing_and_a_wait_of_a_day_at_most(text: str) -> None:
    at = http_date(text)
    assert at is None or math.isfinite(at)
    wait = asked(text)
    assert wait is None or 0.0 <= wait <= DAY


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("7", 7.0), ("999999999999999999", DAY), ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0), ("-1", None)],
)
def test_both_forms_of_a_wait_are_read(text: str, seconds: float | None) -> None:
    assert asked(text) == seconds


def test_a_moment_that_is_past_is_no_wait() -> None:
    assert asked("Fri, 15 Jan 2021 08:01:00 GMT") == 0.0
