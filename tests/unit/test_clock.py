from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY, LARGEST_BELIEVED_STEP, Age, Clock, SystemClock, utc
from rocketvpn_sdk.testing.clock import FakeClock

NOW = 1_800_000_000.0
walls = st.floats(1.0, 4_000_000_000.0)


# ---------------------------------------------------------------- the machine's clocks


def test_the_system_clock_is_the_machine_s():
    clock: Clock = SystemClock()
    assert (clock.time, clock.monotonic) == (time.time, time.monotonic)


def test_utc_is_aware():
    assert utc(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert utc(NOW).utcoffset() == timedelta(0)
    assert utc(NOW).timestamp() == NOW


def test_the_fake_clock_stands_until_it_is_turned():
    clock = FakeClock(NOW)
    assert (clock.time(), clock.monotonic()) == (NOW, 0.0)
    clock.advance(5)
    assert (clock.time(), clock.monotonic()) == (NOW + 5, 5.0)
    clock.turn(-10)
    assert (clock.time(), clock.monotonic()) == (NOW - 5, pytest.approx(5.0))
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


# ---------------------------------------------------------------- how late it is


def running(age: Age, *steps: tuple[float, float]) -> Age:
    """Run for each of (seconds, wall clock afterwards)."""
    for seconds, wall in steps:
        age = age.ran(seconds, wall)
    return age


@pytest.mark.clause("R1")
def test_attack_clock_set_back_a_year():
    age = Age().opened(NOW).ran(60, NOW + 60 - 365 * DAY)
    assert age.highest == NOW + 60
    assert age.ends == NOW + 60
    assert age.begins(NOW - 365 * DAY) == NOW - 365 * DAY


@pytest.mark.clause("R1")
def test_attack_clock_set_back_anew_every_day():
    """Whoever sets the clock back each morning still grows older while the app runs."""
    age = Age().opened(NOW)
    for _ in range(30):
        age = running(age.opened(NOW), (8 * 3600.0, NOW + 8 * 3600))
        age = msgspec.structs.replace(age, saved_at=NOW + 8 * 3600)
    assert age.highest == pytest.approx(NOW + 30 * 8 * 3600)


@pytest.mark.clause("R1")
def test_attack_an_hour_in_the_far_future_destroys_nothing():
    age = running(Age().opened(NOW), (3600.0, NOW + 1000 * DAY))
    assert age.highest == NOW + 3600  # what is destroyed goes by this
    assert age.ends == NOW + 1000 * DAY  # what is shown goes by this
    age = age.ran(60.0, NOW + 3660)
    assert age.leap_to is None
    assert age.ends == age.highest == NOW + 3660


def test_a_leap_is_believed_after_three_days_of_running():
    age, wall = Age().opened(NOW), NOW + 1000 * DAY
    for _ in range(72):
        assert age.highest < NOW + 4 * DAY
        wall += 3600
        age = age.ran(3600.0, wall)
    assert age.highest == age.ends == wall
    assert age.leap_to is None


def test_a_leap_is_believed_on_the_word_of_a_server():
    leapt = Age().opened(NOW).ran(60, NOW + 1000 * DAY)
    assert leapt.agreed(NOW + 60) == leapt
    agreed = leapt.agreed(NOW + 1000 * DAY + 5)
    assert agreed.highest == agreed.ends == NOW + 1000 * DAY + 5
    later = agreed.agreed(NOW + 5000 * DAY)
    assert (later.highest, later.ends) == (agreed.highest, agreed.ends)  # nothing pending: nobody is asked


@pytest.mark.clause("X2")
def test_what_begins_waits_until_it_ran_or_a_server_said_so():
    age = Age().opened(NOW).ran(60, NOW + 30 * DAY)
    assert (age.highest, age.begins(NOW + 30 * DAY)) == (NOW + 30 * DAY, NOW + 60)
    again = msgspec.structs.replace(age, saved_at=NOW + 30 * DAY).opened(NOW + 35 * DAY)
    assert again.begins(NOW + 35 * DAY) == NOW + 60
    assert again.ran(DAY, NOW + 36 * DAY).begins(NOW + 36 * DAY) == NOW + 60 + DAY
    assert again.agreed(NOW + 35 * DAY).begins(NOW + 35 * DAY) == NOW + 35 * DAY
    assert (
        again.agreed(NOW + 5000 * DAY).begins(NOW + 35 * DAY) == NOW + 35 * DAY
    )  # a server's word alone is not enough
    assert again.agreed(NOW - DAY).begins(NOW + 35 * DAY) == NOW + 60  # nor does it make it earlier


@pytest.mark.clause("X2")
def test_a_leap_that_is_believed_lets_nothing_begin():
    age = Age().opened(NOW).ran(60, NOW + 1000 * DAY).ran(72 * 3600.0, NOW + 1003 * DAY)
    assert age.highest == NOW + 1003 * DAY
    assert age.begins(NOW + 1003 * DAY) == NOW + 60 + 72 * 3600.0


def test_a_clock_stored_before_there_was_a_proof_goes_on_from_what_was_believed():
    old = msgspec.convert({"highest": NOW + 60, "saved_at": NOW + 60}, Age)
    assert old.begins(NOW + 90) == NOW + 60
    again = old.opened(NOW + 30 * DAY)
    assert again.begins(NOW + 30 * DAY) == NOW + 60
    assert old.ran(30.0, NOW + 90).begins(NOW + 90) == NOW + 90


def test_a_leap_outlives_a_restart():
    leapt = Age().opened(NOW).ran(71 * 3600, NOW + 1000 * DAY)
    again = leapt.opened(NOW + 1000 * DAY)
    assert again.leap_to is not None
    assert again.ran(3600, NOW + 1000 * DAY + 3600).leap_to is None


def test_the_time_while_closed_counts_as_far_as_it_can_be_told():
    closed = msgspec.structs.replace(Age().opened(NOW).ran(60, NOW - 100 * DAY), saved_at=NOW - 100 * DAY)
    assert closed.opened(NOW - 98 * DAY).highest == NOW + 60 + 2 * DAY
    assert closed.opened(NOW - 20 * DAY).highest == NOW + 60
    assert closed.opened(NOW - 101 * DAY).highest == NOW + 60
    assert closed.opened(NOW + 30 * DAY).highest == NOW + 30 * DAY


@pytest.mark.clause("R1")
@given(st.lists(st.tuples(st.floats(-1e6, 1e7), walls), max_size=20))
def test_nothing_makes_it_earlier(steps: list[tuple[float, float]]):
    age = Age().opened(NOW)
    for number, (seconds, wall) in enumerate(steps):
        later = age.opened(wall) if number % 3 == 2 else age.ran(seconds, wall)
        assert later.highest >= age.highest
        assert later.ends >= later.highest
        assert later.begins(wall) <= wall
        age = later


def test_the_largest_step_that_is_believed():
    assert Age().opened(NOW).ran(0, NOW + LARGEST_BELIEVED_STEP).highest == NOW + LARGEST_BELIEVED_STEP
    assert Age().opened(NOW).ran(0, NOW + LARGEST_BELIEVED_STEP + 1).highest == NOW


def test_before_anything_was_seen_the_wall_clock_is_all_there_is():
    assert Age().begins(NOW) == NOW
    assert Age().opened(NOW) == Age(NOW, NOW, proven=NOW)
