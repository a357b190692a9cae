"""The clock that ships for tests."""

from __future__ import annotations

import pytest

from rocketvpn_sdk.testing import FakeClock


def test_both_clocks_advance_together() -> None:
    clock = FakeClock(1_000.0)

    clock.advance(5)

    assert (clock.time(), clock.monotonic()) == (1_005.0, 5.0)


def test_a_suspended_machine_counts_what_passes_and_its_monotonic_clock_does_not() -> None:
    clock = FakeClock(1_000.0)
    clock.advance(5)

    clock.suspend(60)

    assert (clock.time(), clock.monotonic(), clock.since_boot()) == (1_065.0, 5.0, pytest.approx(65.0))
    with pytest.raises(ValueError, match="backwards"):
        clock.suspend(-1)


def test_a_machine_that_was_off_begins_to_count_anew_under_another_name() -> None:
    clock = FakeClock(1_000.0)
    clock.suspend(5)
    before = clock.boot_id()
    clock.advance(5)
    assert clock.boot_id() == before

    clock.reboot(off=60)

    assert (clock.time(), clock.monotonic(), clock.since_boot()) == (1_070.0, 0.0, pytest.approx(0.0))
    assert clock.boot_id() != before
    with pytest.raises(ValueError, match="backwards"):
        clock.reboot(off=-1)


def test_a_wall_clock_turned_back_leaves_the_monotonic_one_alone() -> None:
    clock = FakeClock(1_000.0)

    clock.turn(-100)

    assert (clock.time(), clock.monotonic()) == (900.0, 0.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
