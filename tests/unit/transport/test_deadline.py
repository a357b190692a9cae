from __future__ import annotations

import threading

import pytest

from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import deadline


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that stands still unless it is advanced, in the place of the machine's."""
    clock = FakeClock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def test_outside_a_call_nothing_is_capped() -> None:
    assert deadline.cap(5.0) == 5.0
    assert deadline.cap(None) is None
    assert deadline.remaining(7.0) == 7.0
    assert not deadline.expired()


def test_inside_every_timeout_is_cut_to_what_is_left(clock: FakeClock) -> None:
    with deadline.within(2.0):
        clock.advance(0.5)
        assert [deadline.cap(timeout) for timeout in (1.0, 5.0, None)] == pytest.approx([1.0, 1.5, 1.5])
        assert deadline.remaining(9.0) == pytest.approx(1.5)
    assert deadline.cap(5.0) == 5.0


def test_an_inner_deadline_is_the_outer_one() -> None:
    with deadline.within(1.0), deadline.within(100.0):
        assert deadline.remaining(0.0) == 1.0


def test_when_the_time_is_over_sockets_still_get_a_timeout(clock: FakeClock) -> None:
    with deadline.within(2.0):
        assert not deadline.expired()
        clock.advance(2.0)
        assert deadline.expired()
        assert deadline.cap(5.0) == deadline.SHORTEST
        assert deadline.remaining(5.0) == deadline.SHORTEST


def test_a_pause_does_not_count(clock: FakeClock) -> None:
    with deadline.within(2.0):
        clock.advance(0.5)
        with deadline.paused():
            clock.advance(3_600.0)
        assert deadline.remaining(9.0) == pytest.approx(1.5)
    with deadline.paused():
        pass


def test_another_thread_has_a_deadline_of_its_own() -> None:
    seen: list[float] = []
    with deadline.within(1.0):
        thread = threading.Thread(target=lambda: seen.append(deadline.remaining(50.0)))
        thread.start()
        thread.join(60)
    assert seen == [50.0]
