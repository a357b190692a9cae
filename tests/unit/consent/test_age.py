"""Who said to be under age, and what it takes to say otherwise (M1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.consent.age import ASKED_AGAIN_AFTER, Person, answered
from rocketvpn_sdk.errors import AgeSettled

NOW = 1_800_000_000.0
MINOR = Person(adult=False, at=NOW)

times = st.floats(NOW, NOW + 3 * ASKED_AGAIN_AFTER)


def answer(before: Person | None, adult: bool, now: float = NOW) -> Person:
    return answered(before, adult, begins=now, ends=now)


@pytest.mark.clause("M1")
def test_the_first_answer_counts_either_way():
    assert answer(None, True) == Person(adult=True, at=NOW)
    assert answer(None, False) == MINOR


@pytest.mark.clause("M1")
def test_becoming_a_minor_is_always_possible():
    assert answer(Person(adult=True, at=NOW), False, NOW + 5) == Person(adult=False, at=NOW + 5)


@pytest.mark.clause("M1")
def test_a_minor_cannot_take_it_back_before_a_year_has_passed():
    with pytest.raises(AgeSettled, match="take that back") as refused:
        answer(MINOR, True, NOW + ASKED_AGAIN_AFTER - 1)
    assert refused.value.retry_at == NOW + ASKED_AGAIN_AFTER
    assert answer(MINOR, True, NOW + ASKED_AGAIN_AFTER).adult


@pytest.mark.clause("M1")
def test_attack_a_no_is_dated_back_by_turning_the_clock():
    """The wall clock says two years ago while the answer is given again, and the right time afterwards."""
    again = answered(MINOR, False, begins=NOW - 2 * ASKED_AGAIN_AFTER, ends=NOW + 10)
    assert again.at == NOW + 10
    with pytest.raises(AgeSettled):
        answer(again, True, NOW + 20)


@pytest.mark.clause("M1")
def test_attack_the_clock_is_turned_forward_further_than_it_is_believed():
    with pytest.raises(AgeSettled):
        answered(MINOR, True, begins=NOW + 60, ends=NOW + 5 * ASKED_AGAIN_AFTER)


@pytest.mark.clause("M1")
def test_an_answer_whose_day_is_unknown_needs_a_guardian():
    with pytest.raises(AgeSettled) as refused:
        answer(Person(adult=False), True, NOW)
    assert refused.value.retry_at is None


def test_repeating_that_one_is_of_age_changes_nothing():
    before = Person(adult=True, at=NOW)
    assert answer(before, True, NOW + 9) is before


@pytest.mark.clause("M1")
@given(st.lists(st.tuples(times, st.booleans()), max_size=8))
def test_no_series_of_answers_within_a_year_of_a_no_makes_one_of_age(answers: list[tuple[float, bool]]):
    known: Person | None = None
    said_no = None
    for now, adult in sorted(answers):
        try:
            known = answer(known, adult, now)
        except AgeSettled:
            assert adult
        if not adult:
            said_no = now
        if said_no is not None and now < said_no + ASKED_AGAIN_AFTER:
            assert known is not None
            assert not known.adult
