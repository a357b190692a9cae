"""Due times: ever later, spread, and no longer than a day."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.vault.due import asked_for, is_due, jitter, next_due, phase_of

NOW = 1_800_000_000.0


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_pauses_triple_to_half_an_hour_stay_there_for_a_day_and_double_on_to_a_day() -> None:
    waits = [next_due(attempts, NOW, uniform=middle, phase=0.0) - NOW for attempts in range(1, 60)]
    assert waits[:6] == pytest.approx([90, 90, 270, 810, 1450, 1450])
    assert all(wait == pytest.approx(1450) for wait in waits[6:45])
    assert DAY / 2 <= sum(waits[:45]) <= DAY
    assert waits[45:47] == pytest.approx([2900, 5800])
    assert waits[52:] == [DAY] * 7


def test_the_phase_makes_every_pause_longer_by_the_same_part_and_stays_the_same() -> None:
    for attempts in range(1, 46):
        at = [next_due(attempts, NOW, uniform=middle, phase=phase) - NOW for phase in (0.0, 0.5, 1.0)]
        assert at == pytest.approx([at[0], at[0] * 2**0.5, at[0] * 2])
    phases = [phase_of(f"item-{number}") for number in range(1000)]
    assert phases == [phase_of(f"item-{number}") for number in range(1000)]
    counts = [sum(low / 10 <= phase < (low + 1) / 10 for phase in phases) for low in range(10)]
    assert min(counts) > 60


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.integers(0, 2**32))
def test_every_wait_is_within_its_bounds_and_is_believed(attempts: int, phase: float, seed: int) -> None:
    due = next_due(attempts, NOW, uniform=random.Random(seed).uniform, phase=phase)
    assert 45 <= due - NOW <= DAY * 1.2
    assert not is_due(due, NOW)
    assert is_due(due, due)


@given(st.floats(0.001, DAY), st.integers(0, 2**32))
def test_what_a_server_asks_for_is_never_cut_short_and_always_believed(seconds: float, seed: int) -> None:
    wait = asked_for(seconds, random.Random(seed).uniform)
    assert seconds <= wait <= min(1.5 * seconds, 1.2 * DAY) * (1 + 1e-9)


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
    assert jitter(100, lambda low, high: low) == 80
    assert jitter(100, lambda low, high: high) == 120
