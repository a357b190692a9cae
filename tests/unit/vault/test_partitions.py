"""Partitions and epochs: when a key dies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.vault.partitions import Partition, epoch_dead, epoch_length, epoch_of

retentions = st.floats(min_value=60, max_value=4000 * DAY)
times = st.floats(min_value=0, max_value=4e9)


@pytest.mark.parametrize(
    ("retention", "length"),
    [
        (3600.0, 1),
        (DAY, 1),
        (14 * DAY, 1),
        (48 * DAY, 1),
        (49 * DAY, 7),
        (209 * DAY, 7),
        (210 * DAY, 30),
        (math.inf, 30),
    ],
)
def test_an_epoch_is_the_longest_that_fits_seven_times(retention: float, length: int) -> None:
    assert epoch_length(retention) == length * DAY


@pytest.mark.clause("R1")
@given(retentions, times)
def test_no_record_outlives_its_retention(retention: float, written: float) -> None:
    epoch = epoch_of(retention, written)
    assert epoch <= written < epoch + epoch_length(retention) + 1
    assert epoch_dead(retention, epoch, written + retention)


@pytest.mark.clause("R1")
@given(retentions, times, st.floats(0, 1e9), st.floats(0, 1e9))
def test_what_is_dead_stays_dead(retention: float, written: float, age: float, more: float) -> None:
    epoch = epoch_of(retention, written)
    if epoch_dead(retention, epoch, written + age):
        assert epoch_dead(retention, epoch, written + age + more)


@given(times)
def test_what_is_bound_never_expires_by_time(written: float) -> None:
    assert not epoch_dead(math.inf, epoch_of(math.inf, written), 1e18)


def test_a_partition_knows_its_seconds() -> None:
    assert Partition("log", "service", "P14D").seconds == 14 * DAY
    assert math.isinf(Partition("decisions", "rights", "bound").seconds)
