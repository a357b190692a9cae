from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

import pytest

from rocketvpn_sdk.events import EventBus, Notification, call_directly


class Something(Notification, frozen=True, kw_only=True):
    secret: str = "RV-2026-0001"


class Special(Something, frozen=True, kw_only=True):
    pass


class Other(Notification, frozen=True, kw_only=True):
    pass


@pytest.fixture
def heard() -> list[Notification]:
    return []


def test_a_subscriber_hears_its_type_and_no_other(heard: list[Notification]):
    bus = EventBus()
    bus.subscribe(Something, heard.append)
    bus.emit(Other())
    assert heard == []
    one = Something()
    bus.emit(one)
    assert heard == [one]
    assert heard[0] is one


def test_a_base_class_hears_its_subclasses_and_a_subclass_no_base(heard: list[Notification]):
    bus, special = EventBus(), []
    bus.subscribe(Notification, heard.append)
    bus.subscribe(Special, special.append)
    for notification in (Something(), Special(), Other()):
        bus.emit(notification)
    assert [type(one) for one in heard] == [Something, Special, Other]
    assert [type(one) for one in special] == [Special]


def test_subscribers_are_called_in_the_order_in_which_they_came():
    bus, called = EventBus(), []
    for name in "abc":
        bus.subscribe(Something, lambda _, name=name: called.append(name))
    bus.emit(Something())
    assert called == ["a", "b", "c"]


def test_whoever_unsubscribed_hears_nothing_and_may_do_so_again(heard: list[Notification]):
    bus = EventBus()
    unsubscribe = bus.subscribe(Something, heard.append)
    unsubscribe()
    unsubscribe()
    bus.emit(Something())
    assert heard == []


def test_one_of_two_equal_subscriptions_ends_alone(heard: list[Notification]):
    bus = EventBus()
    first = bus.subscribe(Something, heard.append)
    bus.subscribe(Something, heard.append)
    first()
    first()  # must not end the other one
    bus.emit(Something())
    assert len(heard) == 1


def test_a_subscriber_may_unsubscribe_and_subscribe_while_it_is_called(heard: list[Notification]):
    bus = EventBus()

    def once(notification: Something) -> None:
        unsubscribe()
        heard.append(notification)
        bus.subscribe(Something, heard.append)

    unsubscribe = bus.subscribe(Something, once)
    bus.emit(Something())
    assert len(heard) == 1
    bus.emit(Something())
    assert len(heard) == 2


def test_one_that_raises_stops_no_other_and_is_logged_by_type_alone(
    heard: list[Notification], caplog: pytest.LogCaptureFixture
):
    bus = EventBus()

    def fail(notification: Something) -> None:
        raise ValueError(f"cannot cope with {notification.secret}")

    bus.subscribe(Something, fail)
    bus.subscribe(Something, heard.append)
    with caplog.at_level(logging.DEBUG):
        bus.emit(Something())
    assert len(heard) == 1
    (record,) = caplog.records
    assert record.getMessage() == "a subscriber of Something raised ValueError"
    assert record.exc_info is None
    assert "RV-2026" not in caplog.text


def test_what_is_no_exception_of_a_program_goes_through():
    bus = EventBus()

    def stop(_: Something) -> None:
        raise KeyboardInterrupt

    bus.subscribe(Something, stop)
    with pytest.raises(KeyboardInterrupt):
        bus.emit(Something())


# ---------------------------------------------------------------- dispatch


def test_the_default_dispatch_calls_at_once():
    called: list[int] = []
    call_directly(lambda: called.append(threading.get_ident()))
    assert called == [threading.get_ident()]


def test_an_app_can_have_its_callbacks_on_a_thread_of_its_own(heard: list[Notification]):
    waiting: list[Callable[[], None]] = []
    bus = EventBus(waiting.append)
    bus.subscribe(Something, heard.append)
    bus.subscribe(Something, heard.append)
    bus.emit(Something(secret="1"))
    bus.emit(Something(secret="2"))
    assert heard == []
    thread = threading.Thread(target=lambda: [run() for run in waiting])
    thread.start()
    thread.join()
    assert [one.secret for one in heard] == ["1", "1", "2", "2"]


def test_a_callback_that_raises_later_does_not_harm_the_app_s_loop(caplog: pytest.LogCaptureFixture):
    waiting: list[Callable[[], None]] = []
    bus = EventBus(waiting.append)
    bus.subscribe(Something, lambda _: 1 / 0)
    bus.emit(Something())
    waiting[0]()
    assert "a subscriber of Something raised ZeroDivisionError" in caplog.text


def test_a_dispatch_that_raises_does_not_stop_what_emitted(caplog: pytest.LogCaptureFixture):
    def closed(_: Callable[[], None]) -> None:
        raise RuntimeError("the loop that runs RV-2026-0001 is closed")

    bus = EventBus(closed)
    bus.subscribe(Something, lambda _: None)
    bus.emit(Something())
    assert "the dispatch of Something raised RuntimeError" in caplog.text
    assert "RV-2026" not in caplog.text


def test_many_threads_at_once():
    bus, counted, lock = EventBus(), [], threading.Lock()
    start = threading.Barrier(8)

    def count(_: Something) -> None:
        with lock:
            counted.append(1)

    def work() -> None:
        start.wait()
        for _ in range(100):
            unsubscribe = bus.subscribe(Other, lambda _: None)
            bus.emit(Something())
            unsubscribe()

    bus.subscribe(Something, count)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted) == 800
    bus.emit(Other())
    assert len(counted) == 800


# ---------------------------------------------------------------- what still holds


def test_what_holds_is_told_to_whoever_subscribes_later(heard: list[Notification]):
    bus = EventBus()
    bus.stand(Something(secret="1"))
    bus.subscribe(Something, heard.append)
    bus.subscribe(Notification, heard.append)
    bus.subscribe(Other, heard.append)
    assert heard == [Something(secret="1")] * 2


def test_what_was_only_told_is_not_told_again(heard: list[Notification]):
    bus = EventBus()
    bus.emit(Something())
    bus.subscribe(Something, heard.append)
    assert heard == []


def test_what_is_settled_or_replaced_is_not_told_any_more(heard: list[Notification]):
    bus = EventBus()
    bus.stand(Something(secret="1"))
    bus.stand(Something(secret="2"))
    bus.stand(Special(secret="3"))
    bus.settle(Something)
    bus.subscribe(Something, heard.append)
    assert heard == [Special(secret="3")]


def test_of_several_that_hold_only_those_that_are_new_are_told(heard: list[Notification]):
    bus = EventBus()
    bus.subscribe(Something, heard.append)
    bus.renew(Something, lambda: {"a": Something(secret="1"), "b": Something(secret="2")})
    bus.renew(Something, lambda: {"b": Something(secret="2"), "c": Something(secret="3")})
    assert sorted(one.secret for one in heard) == ["1", "2", "3"]
    later: list[Something] = []
    bus.subscribe(Something, later.append)
    assert sorted(one.secret for one in later) == ["2", "3"]


def test_what_is_told_to_a_new_subscriber_goes_through_the_dispatch_and_a_fault_of_it_is_logged(
    heard: list[Notification], caplog: pytest.LogCaptureFixture
):
    waiting: list[Callable[[], None]] = []
    bus = EventBus(waiting.append)
    bus.stand(Something())
    bus.subscribe(Something, lambda _: 1 / 0)
    bus.subscribe(Something, heard.append)
    assert heard == []
    for run in waiting:
        run()
    assert len(heard) == 1
    assert "a subscriber of Something raised ZeroDivisionError" in caplog.text


def test_who_subscribes_while_it_is_told_hears_it_exactly_once():
    """Whatever the order of the two: four threads subscribe while another one tells."""
    for _ in range(200):
        bus, start = EventBus(), threading.Barrier(5)
        counts: list[list[Notification]] = [[] for _ in range(4)]

        def work(mine: list[Notification], bus: EventBus = bus, start: threading.Barrier = start) -> None:
            start.wait()
            bus.subscribe(Something, mine.append)

        threads = [threading.Thread(target=work, args=(mine,)) for mine in counts]
        for thread in threads:
            thread.start()
        start.wait()
        bus.stand(Something())
        for thread in threads:
            thread.join()
        assert [len(mine) for mine in counts] == [1, 1, 1, 1]


def test_subscriptions_can_be_there_from_the_beginning(heard: list[Notification]):
    bus = EventBus(on={Something: heard.append})
    bus.emit(Something())
    bus.emit(Other())
    assert heard == [Something()]


def test_attack_a_thread_that_looked_earlier_tells_last(heard: list[Notification]):
    """What it saw may be over: it must not stand for ever."""
    bus, seen, go_on = EventBus(), threading.Event(), threading.Event()

    def look() -> dict[str, Notification]:
        seen.set()
        go_on.wait()
        return {"a": Something()}

    slow = threading.Thread(target=bus.renew, args=(Something, look))
    slow.start()
    seen.wait()
    bus.settle(Something)
    go_on.set()
    slow.join()
    bus.subscribe(Something, heard.append)
    assert heard == []


def test_what_cannot_be_looked_at_now_goes_on_holding(heard: list[Notification]):
    bus = EventBus()
    bus.renew(Something, lambda: {"a": Something()})
    bus.renew(Something, lambda: None)
    bus.subscribe(Something, heard.append)
    assert heard == [Something()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_attack_a_fork_while_another_thread_tells_something():
    bus = EventBus()
    with bus.lock:  # as that thread has it
        child = os.fork()
        if not child:
            signal.alarm(20)
            bus.emit(Something())
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
