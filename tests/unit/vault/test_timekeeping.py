"""How late it is: what a process saw, and what a server said."""

from __future__ import annotations

import pytest

from rocketvpn_sdk.clock import DAY, Age, Clock, checked_clock
from rocketvpn_sdk.errors import CallbackFailed
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.timekeeping import Timekeeper

HOUR = 3_600.0


def opened(clock: Clock, stored: Age | None = None) -> Timekeeper:
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


def test_what_another_process_learned_is_not_taken_from_it() -> None:
    clock = FakeClock()
    first, second = opened(clock), opened(clock)
    first.agree(clock.time() + 20 * DAY)
    written = first.to_store(None)
    assert second.to_store(written).highest == clock.time() + 20 * DAY
    assert second.age().highest == second.age().fresh(clock.time()) == clock.time() + 20 * DAY
    assert first.to_store(second.to_store(written)).highest == clock.time() + 20 * DAY


def test_what_a_server_and_the_clock_said_at_once_is_learned_from_another_process() -> None:
    clock = FakeClock()
    start, first, second = clock.time(), opened(clock), opened(clock)
    first.agree(start)
    second.agree(start - 20 * DAY)
    second.to_store(first.to_store(None))
    assert second.age().fresh(start - 300 * DAY) == start


def test_it_goes_on_by_the_machine_s_own_count_whatever_the_wall_clock_says() -> None:
    clock = FakeClock()
    start, keeper = clock.time(), opened(clock)
    written = keeper.to_store(None)
    clock.advance(DAY)
    clock.suspend(DAY)
    clock.turn(-40 * DAY)
    assert opened(clock, written).age().highest == start + 2 * DAY
    assert opened(clock, written).age().boot == ""  # what is shown of it names no run of a machine
    clock.turn(39 * DAY)  # forward again, and not beyond what was seen: a day's turn is not a day
    assert opened(clock, written).age().highest == start + 2 * DAY


def test_another_run_of_the_machine_counts_by_the_wall_clock_as_before() -> None:
    clock = FakeClock()
    clock.advance(HOUR)
    start, keeper = clock.time(), opened(clock)
    clock.turn(-40 * DAY)
    written = keeper.to_store(None)
    clock.reboot(off=10 * DAY)
    assert opened(clock, written).age().highest == start + 10 * DAY
    clock.advance(2 * HOUR)  # more than the other run had lasted: it is another one all the same
    assert opened(clock, written).age().highest == start + 10 * DAY + 2 * HOUR


class Plain:
    """A clock of an app's, which knows of no run of a machine."""

    def __init__(self, clock: FakeClock) -> None:
        self.time, self.monotonic = clock.time, clock.monotonic


def test_a_clock_that_tells_no_run_counts_by_the_wall_clock() -> None:
    clock = FakeClock()
    start, plain = clock.time(), checked_clock(Plain(clock))
    keeper = Timekeeper(plain)
    keeper.opened(None)
    written = keeper.to_store(None)
    assert written.boot == ""
    clock.advance(DAY)
    clock.turn(-DAY - 1)
    again = Timekeeper(plain)
    again.opened(written)
    assert again.age().highest == start
    clock.advance(DAY)
    assert again.age().highest == start + DAY


@pytest.mark.parametrize("told", ["x" * 65, 7, None])
def test_a_clock_of_the_app_s_whose_run_has_no_name(told: object) -> None:
    clock = FakeClock()
    clock.boot_id = lambda: told  # type: ignore[assignment,method-assign,return-value] - what an app may do
    with pytest.raises(CallbackFailed):
        opened(checked_clock(clock))


def test_a_forked_child_has_a_lock_of_its_own() -> None:
    keeper = opened(FakeClock())
    held = keeper._lock
    keeper.reset_after_fork()
    assert keeper._lock is not held
    assert keeper.age().highest
