from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY, LARGEST_BELIEVED_STEP, Clock, Mark, SystemClock, utc
from rocketvpn_sdk.testing.clock import FakeClock

NOW = 1_800_000_000.0
walls = st.floats(1.0, 4_000_000_000.0)


# ---------------------------------------------------------------- the machine's clocks


def test_the_system_clock_is_the_machine_s():
    clock: Clock = SystemClock()
    before, started = time.time(), time.monotonic()
    assert before <= clock.time() <= time.time()
    assert started <= clock.monotonic() <= time.monotonic()


def test_utc_is_aware():
    assert utc(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert utc(NOW).utcoffset() == timedelta(0)
    assert utc(NOW).timestamp() == NOW


def test_the_fake_clock_stands_until_it_is_turned():
    clock = FakeClock(NOW)
    assert (clock.time(), clock.monotonic()) == (NOW, 0.0)
    clock.advance(5)
    assert (clock.time(), clock.monotonic()) == (NOW + 5, 5.0)
    clock.set_back(10)
    assert (clock.time(), clock.monotonic()) == (NOW - 5, 5.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


# ---------------------------------------------------------------- the highest time seen


@pytest.mark.clause("R1")
def test_setting_the_clock_back_ends_nothing_later():
    mark = Mark().observe(NOW)
    assert mark.latest(NOW - 365 * DAY) == NOW
    assert mark.observe(NOW - 365 * DAY) is mark


@pytest.mark.clause("R1")
def test_time_that_passes_is_seen():
    mark = Mark().observe(NOW).observe(NOW + DAY)
    assert mark == Mark(NOW + DAY)
    assert mark.latest(NOW + 2 * DAY) == NOW + 2 * DAY


def test_a_leap_of_more_than_400_days_is_not_believed():
    mark = Mark(NOW)
    assert mark.latest(NOW + LARGEST_BELIEVED_STEP) == NOW + LARGEST_BELIEVED_STEP
    assert mark.latest(NOW + LARGEST_BELIEVED_STEP + 1) == NOW
    assert mark.observe(NOW + 10_000 * DAY) is mark


def test_the_first_time_seen_is_believed_whatever_it_is():
    assert Mark().observe(4_000_000_000.0) == Mark(4_000_000_000.0)
    assert Mark().latest(NOW) == NOW
    assert Mark().earliest(NOW) == NOW


@pytest.mark.clause("X2")
def test_setting_the_clock_forward_begins_nothing_earlier():
    assert Mark(NOW).earliest(NOW + 365 * DAY) == NOW
    assert Mark(NOW).earliest(NOW - DAY) == NOW - DAY


@pytest.mark.clause("R1")
@given(st.lists(walls, min_size=1))
def test_the_mark_never_goes_back_and_never_beyond_what_was_seen(seen: list[float]):
    mark = Mark()
    for wall in seen:
        higher = mark.observe(wall)
        assert higher.highest >= mark.highest
        mark = higher
        assert mark.earliest(wall) <= wall
        assert mark.latest(wall) >= mark.highest
    assert mark.highest in seen


@pytest.mark.clause("R1")
@given(start=walls, steps=st.lists(st.floats(-(10**9), LARGEST_BELIEVED_STEP)))
def test_what_ends_by_the_latest_clock_stays_ended(start: float, steps: list[float]):
    mark, latest = Mark(start), start
    for step in steps:
        wall = latest + step
        now = mark.latest(wall)
        assert now >= latest
        mark, latest = mark.observe(wall), now
