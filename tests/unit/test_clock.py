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
    wall = NOW + 1000 * DAY
    leapt = Age().opened(NOW).ran(60, wall)
    other = leapt.agreed(NOW + 60, wall)
    assert (other.highest, other.leap_to) == (leapt.highest, wall)
    agreed = leapt.agreed(wall + 5, wall)
    assert agreed.highest == agreed.ends == wall + 5
    farther = leapt.agreed(NOW + 5000 * DAY, wall)
    assert (farther.highest, farther.ends) == (wall, NOW + 5000 * DAY)  # the rest is the server's word alone


@pytest.mark.clause("X2")
def test_what_begins_waits_until_it_ran_or_a_server_said_so():
    age = Age().opened(NOW).ran(60, NOW + 30 * DAY)
    assert (age.highest, age.begins(NOW + 30 * DAY)) == (NOW + 30 * DAY, NOW + 60)
    again = msgspec.structs.replace(age, saved_at=NOW + 30 * DAY).opened(NOW + 35 * DAY)
    assert again.begins(NOW + 35 * DAY) == NOW + 60
    assert again.ran(DAY, NOW + 36 * DAY).begins(NOW + 36 * DAY) == NOW + 60 + DAY
    wall = NOW + 35 * DAY
    assert again.agreed(wall, wall).begins(wall) == wall
    assert again.agreed(NOW + 5000 * DAY, wall).begins(wall) == wall  # a server's word alone is not enough
    assert again.agreed(NOW - DAY, wall).begins(wall) == NOW + 60  # nor does it make it earlier
    lied = again.agreed(NOW + 5000 * DAY, NOW)
    assert lied.begins(wall) == NOW + 60  # nor do a server and a clock that lie one after the other


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
    leapt = Age().opened(NOW).ran(3600, NOW + 1000 * DAY).ran(70 * 3600, NOW + 1000 * DAY + 70 * 3600)
    again = leapt.opened(NOW + 1030 * DAY)  # closed for weeks, in which the clock went on
    assert again.leap_to is not None
    assert again.ran(3600, NOW + 1030 * DAY + 3600).leap_to is None
    assert leapt.opened(NOW + 1040 * DAY).ran(3600, NOW + 1040 * DAY + 3600).leap_to is not None


def test_a_leap_that_nobody_looked_at_has_just_begun():
    idle = Age().opened(NOW).ran(80 * 3600, NOW + 1000 * DAY)
    assert (idle.leap_to, idle.highest) == (NOW + 1000 * DAY, NOW + 80 * 3600)
    soon = idle.ran(70 * 3600, NOW + 1000 * DAY + 70 * 3600)
    assert soon.leap_to is not None
    assert soon.ran(3600, NOW + 1000 * DAY + 71 * 3600).leap_to is None


@pytest.mark.parametrize("to", [NOW + 500 * DAY, NOW + 3_000 * DAY])
def test_a_leap_that_moves_again_has_to_stay_there(to: float):
    leapt = Age().opened(NOW).ran(3600, NOW + 1000 * DAY).ran(70 * 3600, NOW + 1000 * DAY + 70 * 3600)
    moved = leapt.ran(2 * 3600, to)
    assert (moved.leap_to, moved.highest) == (to, NOW + 73 * 3600)
    reopened = leapt.opened(to)
    assert (reopened.leap_to, reopened.leap_ran) == (to, 0.0)
    late = moved.ran(70 * 3600, to + 70 * 3600)
    assert late.leap_to is not None
    assert late.ran(3600, to + 71 * 3600).highest == to + 71 * 3600


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


# ---------------------------------------------------------------- the machine's own count


def test_a_count_that_lies_behind_or_stands_still_is_another_run_of_the_machine():
    stored = msgspec.structs.replace(Age().opened(NOW), saved_at=NOW - 50 * DAY, boot="run", booted_for=1_000.0)
    for booted_for in (0.0, 999.0, 1_000.0):
        assert stored.opened(NOW - 48 * DAY, "run", booted_for).highest == NOW + 2 * DAY  # by the wall clock
    assert stored.opened(NOW - 48 * DAY, "run", 1_001.0).highest == NOW + 1
    assert stored.opened(NOW - 48 * DAY, "another", 1_001.0).highest == NOW + 2 * DAY
    nameless = msgspec.structs.replace(stored, boot="")
    assert nameless.opened(NOW - 48 * DAY, "", 1_001.0).highest == NOW + 2 * DAY


@pytest.mark.clause("X2")
def test_nothing_begins_by_the_time_in_which_the_app_was_closed():
    stored = msgspec.structs.replace(Age().opened(NOW), saved_at=NOW, boot="run", booted_for=1_000.0)
    again = stored.opened(NOW + 30 * DAY, "run", 1_000.0 + 30 * DAY)
    assert (again.highest, again.begins(NOW + 30 * DAY)) == (NOW + 30 * DAY, NOW)


# ---------------------------------------------------------------- a server's word


@pytest.mark.clause("X1")
def test_attack_old_dates_that_agree_with_a_clock_set_back():
    age = Age().opened(NOW).agreed(NOW, NOW)
    for back in (1, 40, 300):
        age = age.agreed(NOW - back * DAY, NOW - back * DAY)
        assert age.fresh(NOW - back * DAY) == NOW


@pytest.mark.clause("X1")
def test_before_a_server_was_heard_only_the_clock_says_what_is_fresh():
    assert Age().opened(NOW + 200 * DAY).fresh(NOW) == NOW
    assert Age().opened(NOW).ran(60, NOW + 300 * DAY).fresh(NOW + 60) == NOW + 60


@pytest.mark.clause("X1")
def test_what_only_the_server_says_is_late_is_old_until_it_says_otherwise_with_the_clock():
    age = Age().opened(NOW).agreed(NOW + 20 * DAY, NOW)
    assert age.fresh(NOW) == NOW + 20 * DAY
    assert age.agreed(NOW - 300 * DAY, NOW).fresh(NOW) == NOW + 20 * DAY
    assert age.agreed(NOW, NOW).fresh(NOW) == NOW
    assert age.ran(DAY, NOW + DAY).fresh(NOW) == NOW + 21 * DAY


def test_an_answer_is_not_older_than_what_servers_showed_at_a_first_opening_by_a_wrong_clock():
    age = Age().opened(NOW + 3 * DAY).agreed(NOW, NOW)
    assert age.earliest(NOW + 3 * DAY) == age.earliest(NOW) == NOW
    assert Age().opened(NOW).earliest(NOW + DAY) == NOW


@pytest.mark.clause("R1")
def test_a_servers_word_counts_up_to_31_days_a_day():
    age, hours = Age().opened(NOW), 20 * 3600
    moved = age.agreed(NOW + 31 * DAY, NOW)
    assert moved.highest == NOW + 31 * DAY
    right = moved.ran(hours, NOW + hours).agreed(NOW + 31 * DAY + hours, NOW + hours)
    assert (right.highest, right.warned) == (NOW + 31 * DAY + hours, False)  # what passed is no word of the server's
    assert age.agreed(NOW + 31 * DAY + 1, NOW).highest == NOW
    for days in (20, 31, 40, 62):
        age = age.agreed(NOW + days * DAY, NOW)
    assert age.highest == NOW + 31 * DAY
    later = age.agreed(NOW + 30 * DAY, NOW).ran(DAY, NOW + DAY)
    assert later.agreed(NOW + 63 * DAY, NOW + DAY).highest == NOW + 63 * DAY
    assert later.agreed(NOW + 63 * DAY + 1, NOW + DAY).highest == NOW + 32 * DAY


@pytest.mark.clause("R1")
def test_attack_an_answer_of_the_far_future_hides_until_another_agrees_a_day_later():
    wall, hour = NOW, 3_600.0
    age = Age().opened(NOW).agreed(NOW + 300 * DAY, wall)
    assert (age.highest, age.ends) == (NOW, NOW + 300 * DAY)
    assert age.ran(5 * DAY, NOW).ends == NOW + 305 * DAY
    age = age.ran(23 * hour, wall + 23 * hour).agreed(NOW + 301 * DAY, wall + 23 * hour)
    assert (age.highest, age.ends) == (NOW + 23 * hour, NOW + 301 * DAY)
    agreed = age.ran(hour, wall + DAY).agreed(NOW + 301 * DAY, wall + DAY)
    assert agreed.highest == agreed.ends == NOW + 301 * DAY
    further = age.ran(hour, wall + DAY).agreed(NOW + 4_000 * DAY, wall + DAY)
    assert (further.highest, further.ends) == (NOW + 301 * DAY, NOW + 4_000 * DAY)  # as far as the least of them said
    half = age.agreed(NOW + 300.5 * DAY, wall + 23 * hour).ran(hour, wall + DAY).agreed(NOW + 4_000 * DAY, wall + DAY)
    assert half.highest == NOW + 300.5 * DAY + hour
    less = age.ran(hour, wall + DAY).agreed(NOW + 100 * DAY, wall + DAY)
    assert (less.highest, less.ends) == (NOW + DAY, NOW + 100 * DAY)
    soon = less.ran(23 * hour, wall + 47 * hour).agreed(NOW + 101 * DAY, wall + 47 * hour)
    assert soon.highest == NOW + 47 * hour  # it is not a day that this has been said
    assert age.agreed(NOW + DAY, wall + DAY).ends == NOW + DAY  # taken back


@pytest.mark.clause("R1")
def test_what_the_server_says_counts_from_an_age_that_was_ahead():
    """A clock was ahead once: the age would stand still until the world has caught up."""
    ahead = Age().opened(NOW).ran(60, NOW + 200 * DAY).agreed(NOW + 60, NOW + 60)
    assert ahead.highest == NOW + 200 * DAY
    later = msgspec.structs.replace(ahead, saved_at=NOW).opened(NOW - 1).agreed(NOW + 60 + 20 * DAY, NOW)
    assert later.highest == NOW + 218 * DAY  # less the two days that a server and a clock may differ by
    wall = NOW + 60 * DAY  # right, and longer closed than is believed of a clock that is behind
    warned = msgspec.structs.replace(ahead, saved_at=NOW).opened(wall).agreed(wall, wall)
    assert (warned.highest, warned.ends) == (NOW + 200 * DAY, NOW + 258 * DAY - 60)
    agreed = warned.ran(DAY, wall + DAY).agreed(wall + DAY, wall + DAY)
    assert agreed.highest == agreed.ends == NOW + 259 * DAY - 60


@pytest.mark.clause("R1")
@given(st.lists(st.tuples(st.floats(-DAY, DAY), st.floats(-DAY, DAY)), max_size=30))
def test_small_differences_do_not_add_up(answers: list[tuple[float, float]]):
    age = Age().opened(NOW)
    for server, wall in answers:
        age = age.ran(0, NOW + wall).agreed(NOW + server, NOW + wall)
        assert age.ends <= NOW + DAY
