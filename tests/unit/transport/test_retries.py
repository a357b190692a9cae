"""When a call is tried again, when not, and that nobody hears of it but the ledger."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.calls import Line

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import RateLimited, ServerError, ServerUnreachable, VaultClosed
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.retries import LONGEST_WAIT, Retries, Retry, RetryBudget, full_jitter

ORDER_ANSWER = {"state": "active", "paid_until": "2027-01-01", "devices_used": 1, "devices_allowed": 3}


class Pauses:
    """Stands for the waiting: notes how long each pause would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, event: threading.Event, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture(autouse=True)
def _no_waiting() -> None:
    """In place of the package's own fixture: here the pauses are looked at."""


def failing(times: int, *, at_least: float = 0.0) -> Callable[[], int]:
    tries = iter(range(times + 1))

    def work() -> int:
        number = next(tries)
        if number < times:
            raise Retry("x", at_least=at_least)
        return number

    return work


def read_order(line: Line) -> wire.Order:
    return line.api.call("order.read", answer=wire.Order).value


# ---------------------------------------------------------------- pauses


def test_the_bound_of_the_pause_doubles_and_the_pause_is_anything_below_it() -> None:
    widest = [full_jitter(failures, lambda low, high: high) for failures in range(1, 9)]
    assert widest == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert full_jitter(4, lambda low, high: low) == 0.0


def test_what_the_server_asks_for_is_the_least_and_jitter_comes_on_top() -> None:
    pauses = Pauses()
    assert Retries(FakeClock(), Limits(), pauses).run(failing(2, at_least=3.0)) == 2
    assert [3.0 <= pause <= 4.5 + LONGEST_WAIT for pause in pauses.taken] == [True, True]


def test_a_fleet_that_was_told_the_same_seconds_comes_back_spread_and_never_earlier() -> None:
    pauses = Pauses()
    for _ in range(300):
        Retries(FakeClock(), Limits(), pauses).run(failing(1, at_least=10.0))
    assert min(pauses.taken) >= 10.0
    assert max(pauses.taken) - min(pauses.taken) > 4.0


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_understood_in_both_forms(line: Line, form: str) -> None:
    pauses = line.api._exchange.retries._wait = Pauses()
    said = "4" if form == "seconds" else format_datetime(utc(line.clock.time() + 4), usegmt=True)
    answers = [httpx.Response(503, headers={"Retry-After": said}), httpx.Response(200, json=ORDER_ANSWER)]
    line.router.get("/v1/order").mock(side_effect=answers)
    assert read_order(line).state == "active"
    (pause,) = pauses.taken
    assert 4.0 <= pause <= 6.25


@pytest.mark.parametrize("said", ["99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_attack_a_server_that_asks_to_wait_for_ever(line: Line, said: str) -> None:
    route = line.router.get("/v1/order").respond(429, headers={"Retry-After": said})
    with pytest.raises(RateLimited) as caught:
        read_order(line)
    assert route.call_count == 1
    assert caught.value.retry_at == line.clock.time() + 24 * 3600


def test_a_pause_that_would_outlast_the_call_is_not_begun() -> None:
    pauses = Pauses()
    with deadline.within(2.0), pytest.raises(Retry):
        Retries(FakeClock(), Limits(), pauses).run(failing(1, at_least=2.0))
    assert pauses.taken == []


# ---------------------------------------------------------------- the budget


def test_an_outage_adds_a_tenth_to_the_load_and_does_not_multiply_it() -> None:
    tries = 0

    def work() -> None:
        nonlocal tries
        tries += 1
        raise Retry("x")

    retries = Retries(FakeClock(), Limits(), Pauses())
    for _ in range(1000):
        with pytest.raises(Retry):
            retries.run(work)
    assert tries <= 1000 + 100 + 10


def test_each_call_earns_its_share_of_a_retry() -> None:
    retries = Retries(FakeClock(), Limits(), Pauses())
    while retries.budget.spend():
        pass
    for _ in range(25):
        retries.run(lambda: None)
    assert [retries.budget.spend() for _ in range(3)] == [True, True, False]


def test_the_budget_comes_back_with_time() -> None:
    clock = FakeClock()
    budget = RetryBudget(clock, share=0.1, burst=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    clock.advance(59)
    assert not budget.spend()
    clock.advance(2)
    assert [budget.spend() for _ in range(2)] == [True, False]
    clock.advance(1e9)
    assert [budget.spend() for _ in range(3)] == [True, True, False]


@given(st.lists(st.sampled_from(["earn", "spend", "wait"]), max_size=60))
def test_retries_are_never_more_than_the_share_the_burst_and_the_time_give(steps: list[str]) -> None:
    clock = FakeClock()
    budget = RetryBudget(clock, share=0.1, burst=3)
    spent, earned, waited = 0, 0, 0.0
    for step in steps:
        if step == "earn":
            budget.earn()
            earned += 1
        elif step == "wait":
            clock.advance(7.0)
            waited += 7.0
        else:
            spent += budget.spend()
    assert spent <= 3 + 0.1 * earned + waited / 60 + 1e-9


def test_a_spent_budget_gives_the_first_answer_back(line: Line) -> None:
    line.api._exchange.retries._wait = Pauses()
    line.api._exchange.retries.budget._tokens = 0.0
    route = line.router.get("/v1/order").respond(503)
    with pytest.raises(ServerError):
        read_order(line)
    assert route.call_count == 1


# ---------------------------------------------------------------- closing


def test_closing_wakes_a_call_that_waits_to_be_tried_again(line: Line) -> None:
    waiting = threading.Event()

    def wait(event: threading.Event, seconds: float) -> None:
        waiting.set()
        assert event.wait(30)  # as long as it takes: only closing ends it

    line.api._exchange.retries._wait = wait
    route = line.router.get("/v1/order").mock(side_effect=httpx.ConnectError("x"))
    caught: list[VaultClosed] = []

    def call() -> None:
        try:
            read_order(line)
        except VaultClosed as error:
            caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert waiting.wait(30)
    line.api.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(caught) == 1
    assert route.call_count == 1


def test_nothing_is_tried_again_after_closing() -> None:
    retries = Retries(FakeClock(), Limits(), Pauses())
    retries.close()
    with pytest.raises(Retry):
        retries.run(failing(1))


# ---------------------------------------------------------------- the app's log


def test_a_retry_shows_in_no_log_but_our_own_and_is_no_warning(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pauses = line.api._exchange.retries._wait = Pauses()
    line.router.get("/v1/order").mock(side_effect=httpx.ConnectError("x"))
    with pytest.raises(ServerUnreachable):
        read_order(line)
    assert len(pauses.taken) == Limits().retry_attempts - 1
    assert {record.name.partition(".")[0] for record in caplog.records} == {"rocketvpn_sdk"}
    assert max(record.levelno for record in caplog.records) < logging.WARNING  # an outage does not flood an app's log
