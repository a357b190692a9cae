from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rocketvpn_sdk.policy import Duration, Transform

DAY = 86_400.0
small = st.integers(0, 9999)
designators = ("Y", "M", "W", "D")
lengths = (365 * DAY, 30 * DAY, 7 * DAY, DAY)


# ---------------------------------------------------------------- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0.0),
        ("PT15M", 900.0),
        ("PT24H", DAY),
        ("P1D", DAY),
        ("P1W", 7 * DAY),
        ("P1M", 30 * DAY),
        ("P10Y", 3650 * DAY),
        ("P1Y2M3W4DT5H6M7S", (365 + 60 + 21 + 4) * DAY + 5 * 3600 + 6 * 60 + 7),
        ("bound", math.inf),
    ],
)
def test_a_duration_has_a_length(text: str, seconds: float):
    duration = Duration(text)
    assert duration.seconds == seconds
    assert str(duration) == duration.text == text
    assert repr(duration) == f"Duration({text!r})"


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1", "1D", "P1DT", "PT1D", "P1H", "P-1D", "P1.5D", "p1d", " P1D", "P1D\n", "P1D1W", "P٣D", "Bound",
     "bound ", "forever", "P1D2D", "P" + "9" * 400 + "D", "P" + "9" * 5000 + "D"],
)  # fmt: skip
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        Duration(text)


@given(counts=st.tuples(small, small, small, small), times=st.tuples(small, small, small))
def test_the_length_of_a_duration_is_the_sum_of_its_parts(counts: tuple[int, ...], times: tuple[int, ...]):
    text = "P" + "".join(f"{count}{unit}" for count, unit in zip(counts, designators, strict=True))
    text += "T" + "".join(f"{count}{unit}" for count, unit in zip(times, "HMS", strict=True))
    expected = sum(count * length for count, length in zip(counts, lengths, strict=True))
    assert Duration(text).seconds == expected + times[0] * 3600 + times[1] * 60 + times[2]


@given(one=small, other=small)
def test_durations_compare_by_length(one: int, other: int):
    first, second = Duration(f"P{one}D"), Duration(f"PT{24 * other}H")
    assert (first < second) == (one < other)
    assert (first > second) == (one > other)
    assert (first == second) == (one == other)
    if one == other:
        assert hash(first) == hash(second)
    assert first < Duration("bound")
    assert not Duration("bound") < first
    assert Duration("bound") == Duration("bound")


def test_a_duration_is_nothing_but_a_duration():
    assert Duration("P1D") != "P1D"
    assert Duration("P1D") != DAY


@given(st.text())
@example("P1D")
@example("bound")
def test_any_text_is_a_duration_or_a_value_error(text: str):
    with suppress(ValueError):
        assert Duration(text).seconds >= 0


# ---------------------------------------------------------------- transforms


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("keep", "keep", ()),
        ("drop", "drop", ()),
        ("truncate_ip", "truncate_ip", ()),
        ("coarsen_time(minute)", "coarsen_time", ("minute",)),
        ("coarsen_time(hour)", "coarsen_time", ("hour",)),
        ("coarsen_time( day )", "coarsen_time", ("day",)),
        ("bucket(-10, 0, 10)", "bucket", ("-10", "0", "10")),
        ("bucket(5)", "bucket", ("5",)),
        ("version(major)", "version", ("major",)),
        ("version(major.minor)", "version", ("major.minor",)),
        ("pseudonym", "pseudonym", ()),
        ("scrub", "scrub", ()),
        ("scrub()", "scrub", ()),
        ("scrub( )", "scrub", ()),
    ],
)
def test_a_transform_has_a_name_and_arguments(text: str, name: str, arguments: tuple[str, ...]):
    transform = Transform(text)
    assert (transform.name, transform.arguments) == (name, arguments)
    assert Transform(str(transform)) == transform
    assert hash(Transform(str(transform))) == hash(transform)
    assert repr(transform) == f"Transform({str(transform)!r})"


def test_the_bounds_of_a_bucket_are_numbers():
    assert Transform("bucket(-10, 0, 10)").bounds == (-10, 0, 10)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no transform"),
        ("blur", "is no transform; there are keep, drop"),
        ("Keep", "is no transform"),
        ("keep(", "is no transform"),
        ("keep)", "is no transform"),
        ("keep (x)", "is no transform"),
        ("keep(x)(y)", "is no transform"),
        ("keep\n", "is no transform"),
        ("keep(x)", "arguments that keep does not take"),
        ("drop(1)", "arguments that drop"),
        ("scrub(a, b)", "arguments that scrub"),
        ("coarsen_time", "arguments that coarsen_time"),
        ("coarsen_time(second)", "arguments that coarsen_time"),
        ("coarsen_time(minute, hour)", "arguments that coarsen_time"),
        ("bucket", "arguments that bucket"),
        ("bucket()", "arguments that bucket"),
        ("bucket(1,)", "arguments that bucket"),
        ("bucket(1.5)", "arguments that bucket"),
        ("bucket(٣)", "arguments that bucket"),
        ("bucket(" + "9" * 5000 + ")", "arguments that bucket"),
        ("bucket(2, 1)", "rising order"),
        ("bucket(1, 1)", "rising order"),
        ("version", "arguments that version"),
        ("version(patch)", "arguments that version"),
    ],
)
def test_what_is_no_transform(text: str, problem: str):
    with pytest.raises(ValueError, match=problem):
        Transform(text)


@given(st.sets(st.integers(-(10**18), 10**18), min_size=1, max_size=20))
def test_a_bucket_takes_any_rising_bounds_and_says_them_again(bounds: set[int]):
    rising = sorted(bounds)
    transform = Transform(f"bucket({','.join(map(str, rising))})")
    assert transform.bounds == tuple(rising)
    assert Transform(str(transform)) == transform


@given(st.text())
def test_any_text_is_a_transform_or_a_value_error(text: str):
    with suppress(ValueError):
        assert Transform(str(Transform(text))) == Transform(text)


def test_a_transform_is_nothing_but_a_transform():
    assert Transform("keep") != "keep"
    assert Transform("keep") != Transform("drop")
    assert Transform("bucket(1)") != Transform("bucket(1, 2)")
