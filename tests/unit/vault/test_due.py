"""Due times: ever later, spread, and no longer than a day."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.vault.due import is_due, next_due, spread

NOW = 1_800_000_000.0


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_each_next_one_is_twice_as_late_from_a_minute_up_to_a_day() -> None:
    waits = [next_due(attempts, NOW, uniform=middle) - NOW for attempts in range(1, 14)]
    assert waits[:5] == [60, 120, 240, 480, 960]
    assert waits[11:] == [DAY, DAY]


@given(st.integers(0, 10_000), st.integers(0, 2**32))
def test_every_wait_is_within_a_fifth_and_is_believed(attempts: int, seed: int) -> None:
    due = next_due(attempts, NOW, uniform=random.Random(seed).uniform)
    assert 48 <= due - NOW <= DAY * 1.2
    assert not is_due(due, NOW)
    assert is_due(due, due)


def test_a_fleet_that_was_told_the_same_moment_comes_back_spread() -> None:
    random_numbers = random.Random(1)
    dues = [next_due(1, NOW, NOW + 1000, uniform=random_numbers.uniform) for _ in range(1000)]
    assert min(dues) >= NOW + 1000
    assert max(dues) - min(dues) > 150


def test_a_server_cannot_put_it_off_for_more_than_a_day_or_so() -> None:
    assert next_due(1, NOW, NOW + 1e9, uniform=middle) - NOW <= DAY * 1.2


def test_what_was_planned_by_a_wrong_clock_is_due() -> None:
    assert is_due(NOW + 400 * DAY, NOW)
    assert not is_due(NOW + DAY, NOW)
    assert is_due(0.0, NOW)


def test_a_spread_is_a_fifth_either_way() -> None:
    assert spread(100, lambda low, high: low) == 80
    assert spread(100, lambda low, high: high) == 120
