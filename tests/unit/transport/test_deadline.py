from __future__ import annotations

import threading

from rocketvpn_sdk.transport import deadline


def test_outside_a_call_nothing_is_capped() -> None:
    assert deadline.cap(5.0) == 5.0
    assert deadline.cap(None) is None
    assert deadline.remaining(7.0) == 7.0
    assert not deadline.expired()


def test_inside_every_timeout_is_cut_to_what_is_left() -> None:
    with deadline.within(2.0):
        assert deadline.cap(1.0) == 1.0
        for timeout in (5.0, None):
            capped = deadline.cap(timeout)
            assert capped is not None
            assert 1.0 < capped <= 2.0
    assert deadline.cap(5.0) == 5.0


def test_an_inner_deadline_is_the_outer_one() -> None:
    with deadline.within(1.0), deadline.within(100.0):
        assert deadline.remaining(0.0) <= 1.0


def test_when_the_time_is_over_sockets_still_get_a_timeout() -> None:
    with deadline.within(0.0):
        assert deadline.expired()
        assert deadline.cap(5.0) == deadline.SHORTEST
        assert deadline.remaining(5.0) == deadline.SHORTEST


def test_a_pause_does_not_count() -> None:
    with deadline.within(0.2):
        with deadline.paused():
            threading.Event().wait(0.25)
        assert not deadline.expired()
    with deadline.paused():
        pass


def test_another_thread_has_a_deadline_of_its_own() -> None:
    seen: list[float] = []
    with deadline.within(1.0):
        thread = threading.Thread(target=lambda: seen.append(deadline.remaining(50.0)))
        thread.start()
        thread.join(10)
    assert seen == [50.0]
