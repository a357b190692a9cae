"""How late it is: what a process saw, and what a server said."""

from __future__ import annotations

from rocketvpn_sdk.clock import DAY, Age
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.timekeeping import Timekeeper


def opened(clock: FakeClock, stored: Age | None = None) -> Timekeeper:
    keeper = Timekeeper(clock)
    keeper.opened(stored)
    return keeper


def test_time_goes_on_from_what_was_stored() -> None:
    clock = FakeClock()
    later = clock.time() + 10 * DAY
    keeper = opened(clock, Age(later, clock.time()))
    clock.advance(60)
    assert keeper.age().highest == later + 60


def test_without_anything_stored_it_is_what_the_clock_says() -> None:
    clock = FakeClock()
    assert opened(clock).age().highest == clock.time()


def test_a_moment_that_another_process_saw_counts_and_an_earlier_one_does_not() -> None:
    clock = FakeClock()
    keeper = opened(clock)
    keeper.saw(clock.time() + DAY)
    keeper.saw(clock.time())
    assert keeper.age().highest == clock.time() + DAY


def test_a_leap_is_believed_when_a_server_agrees() -> None:
    clock = FakeClock()
    before = clock.time()
    keeper = opened(clock)
    clock.turn(1000 * DAY)
    assert keeper.age().highest == before
    keeper.agree(clock.time() - 500 * DAY)
    assert keeper.age().highest == before
    keeper.agree(clock.time())
    assert keeper.age().highest == clock.time()


def test_a_forked_child_has_a_lock_of_its_own() -> None:
    keeper = opened(FakeClock())
    held = keeper._lock
    keeper.forked()
    assert keeper._lock is not held
    assert keeper.age().highest
