"""The clock that ships for tests."""

from __future__ import annotations

import pytest

from rocketvpn_sdk.testing import FakeClock


def test_both_clocks_advance_together() -> None:
    clock = FakeClock(1_000.0)

    clock.advance(5)

    assert (clock.time(), clock.monotonic()) == (1_005.0, 5.0)


def test_a_wall_clock_turned_back_leaves_the_monotonic_one_alone() -> None:
    clock = FakeClock(1_000.0)

    clock.turn(-100)

    assert (clock.time(), clock.monotonic()) == (900.0, 0.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
