"""How long ago something was made, and how long the vault waits for others."""

from __future__ import annotations

import math
import threading

import pytest

from rocketvpn_sdk.clock import LARGEST_BELIEVED_STEP
from rocketvpn_sdk.errors import VaultBusy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.moments import Moments, everything
from rocketvpn_sdk.vault.patience import Patience, PatientLock


@pytest.mark.parametrize(
    ("ran", "turned", "waited"),
    [
        (10.0, 0.0, 10.0),
        (10.0, 50.0, 60.0),  # it slept
        (10.0, -5.0, 10.0),  # the wall clock was set back: the other one has it
        (10.0, -50.0, 10.0),
        (0.0, 0.0, 0.0),
        (10.0, LARGEST_BELIEVED_STEP, 10.0 + LARGEST_BELIEVED_STEP),
        (10.0, LARGEST_BELIEVED_STEP + 1, 10.0),  # no sleep is that long
    ],
)
def test_time_that_the_machine_slept_counts_and_a_clock_that_was_turned_does_not(
    ran: float, turned: float, waited: float
) -> None:
    clock = FakeClock()
    moments = Moments(clock)
    now, moment = clock.time(), moments.now()
    clock.advance(ran)
    clock.turn(turned)
    assert moments.waited(now, moment) == pytest.approx(waited)


def test_everything_was_ended_and_at_first_nothing() -> None:
    assert everything("service") == math.inf
    assert Moments(FakeClock()).all_ended == -math.inf


def test_without_a_deadline_each_wait_is_as_long_as_was_set() -> None:
    patience = Patience(7.5)
    assert (patience.until, patience.until_end(), patience.left()) == (None, math.inf, 7.5)


def test_a_deadline_ends_every_wait() -> None:
    patience = Patience(7.5)
    patience.end_within(1e6)
    assert patience.until is not None
    assert patience.left() == 7.5  # it is further off
    patience.end_within(0.0)
    assert (patience.until_end(), patience.left()) == (0.0, 0.0)
    patience.end_within(-5.0)
    assert patience.left() == 0.0


def test_a_lock_of_another_thread_is_waited_for_until_the_deadline() -> None:
    patience = Patience(7.5)
    lock = PatientLock(patience)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    try:
        assert held.wait(60)
        patience.end_within(0.0)
        assert not lock.acquire()
        with pytest.raises(VaultBusy) as busy, lock:
            pass
        assert busy.value.params["seconds"] == 7.5
    finally:
        done.set()
        other.join(60)
    with lock, lock:  # its own thread may take it again
        pass
    assert lock.acquire()
    lock.release()
