"""Looking up a name: bounded, shared, and ended with everything else."""

from __future__ import annotations

import itertools
import queue
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import deadline, resolver
from rocketvpn_sdk.transport.resolver import Resolver

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


class SystemResolver:
    """Stands where the operating system's is: answers once it is let go, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.asking = threading.Event()
        self.let_go = threading.Event()
        self.error: BaseException | None = None
        self.hangs = 1_000
        """How many of the first look-ups wait to be let go."""

    def __call__(self, host: str, *_: Any) -> list[Any]:
        self.asked.append(host)
        self.asking.set()
        if len(self.asked) <= self.hangs:
            assert self.let_go.wait(60)
        if self.error is not None:
            raise self.error
        return FOUND


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemResolver]:
    made = SystemResolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.let_go.set()
    for thread in threading.enumerate():
        if thread.name == resolver.THREAD:
            thread.join(60)


def test_this_devices_own_name_is_found() -> None:
    found = Resolver().addresses("localhost", 443, 60)
    assert {address[0] for *_, address in found} & {"127.0.0.1", "::1"}


def test_a_name_that_nobody_has(system: SystemResolver) -> None:
    system.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    system.let_go.set()
    with pytest.raises(socket.gaierror):
        Resolver().addresses("no-such-host.invalid", 443, 60)


def test_a_resolver_that_hangs_costs_the_time_of_the_call_and_no_more(system: SystemResolver) -> None:
    with deadline.within(0.05), pytest.raises(TimeoutError):
        Resolver().addresses("api.example", 443, 3_600)
    with pytest.raises(TimeoutError):
        Resolver().addresses("api.example", 443, 0.05)


def test_look_ups_of_one_name_do_not_pile_up(system: SystemResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "ASK_AGAIN", 3_600.0)
    made = Resolver()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            made.addresses("api.example", 443, 0.01)
    with pytest.raises(TimeoutError):
        made.addresses("other.example", 443, 0.01)
    assert system.asked == ["api.example", "other.example"]
    with ThreadPoolExecutor() as pool:
        late = pool.submit(made.addresses, "api.example", 443, 60)
        system.let_go.set()
        assert late.result() == FOUND
    assert made.addresses("api.example", 443, 60) == FOUND


def test_however_long_it_hangs_there_are_few_look_ups(system: SystemResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "ASK_AGAIN", 0.001)
    made, rounds = Resolver(), itertools.count()
    ask = made._ask

    def counted(key: Any) -> Any:
        if next(rounds) == 10 * resolver.MOST:
            system.let_go.set()
        return ask(key)

    monkeypatch.setattr(made, "_ask", counted)
    assert made.addresses("api.example", 443, 3_600) == FOUND
    assert len(system.asked) == resolver.MOST


def test_an_answer_that_is_lost_is_asked_for_once_more(system: SystemResolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The route changes while a name is looked up: the old question is never answered, a new one at once."""
    monkeypatch.setattr(resolver, "ASK_AGAIN", 0.01)
    system.hangs = 1
    made = Resolver()
    assert made.addresses("api.example", 443, 60) == FOUND
    assert 2 <= len(system.asked) <= resolver.MOST  # more than two where the machine is busy
    assert set(system.asked) == {"api.example"}


def test_an_error_counts_when_nobody_else_is_still_looking(
    system: SystemResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "ASK_AGAIN", 0.01)
    system.error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    system.hangs = 1
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(Resolver().addresses, "api.example", 443, 60)
        while len(system.asked) < 2:
            assert not waiting.done()
        system.let_go.set()
        assert isinstance(waiting.exception(60), socket.gaierror)


def test_each_of_those_who_wait_gets_an_error_of_its_own(system: SystemResolver) -> None:
    system.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    made = Resolver()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(made.addresses, "api.example", 443, 60) for _ in range(3)]
        assert system.asking.wait(60)
        system.let_go.set()
        errors = [one.exception() for one in waiting]
    assert {type(error) for error in errors} == {socket.gaierror}
    assert {error.errno for error in errors if isinstance(error, OSError)} == {socket.EAI_NONAME}
    assert len({id(error) for error in errors}) == 3


def test_ending_wakes_whoever_waits_and_turns_away_whoever_comes(system: SystemResolver) -> None:
    made = Resolver()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(made.addresses, "api.example", 443, 3_600)
        assert system.asking.wait(60)
        made.end()
        assert isinstance(waiting.exception(60), ConnectionAbortedError)
    with pytest.raises(ConnectionAbortedError):
        made.addresses("other.example", 443, 3_600)
    assert system.asked == ["api.example"]


def test_where_no_thread_can_be_started_it_is_looked_up_here(
    system: SystemResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    system.let_go.set()
    assert Resolver().addresses("api.example", 443, 60) == FOUND


def test_an_interrupt_leaves_nobody_waiting_for_what_nobody_does(
    system: SystemResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Resolver()
    system.let_go.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            made.addresses("api.example", 443, 60)
    assert made.addresses("api.example", 443, 60) == FOUND


def _interrupted(_: threading.Thread) -> None:
    raise KeyboardInterrupt


# ---------------------------------------------------------------- what is kept


class Answers:
    """A resolver that answers at once: with the next of ``queue`` while there is one, else with ``FOUND``."""

    def __init__(self, *queue: Any) -> None:
        self.asked, self.queue = 0, list(queue)

    def __call__(self, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        outcome = self.queue.pop(0) if self.queue else FOUND
        if isinstance(outcome, Exception):
            raise outcome
        return list(outcome)


OTHER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("198.51.100.9", 443))]
FAILS = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")


def answering(monkeypatch: pytest.MonkeyPatch, *queue: Any) -> Answers:
    made = Answers(*queue)
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


def test_an_answer_is_kept_for_a_minute_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, system = FakeClock(), answering(monkeypatch)
    made = Resolver(clock.monotonic)
    for _ in range(3):
        assert made.addresses("api.example", 443, 60) == FOUND
    clock.advance(resolver.KEPT - 1)
    made.addresses("api.example", 443, 60)
    assert system.asked == 1
    clock.advance(1)
    system.queue = [OTHER]
    assert made.addresses("api.example", 443, 60) == OTHER
    assert system.asked == 2
    made.addresses("api.example", 8443, 60)
    made.addresses("proxy.example", 443, 60)
    assert system.asked == 4, "each name and port has its own"


def test_a_resolver_that_fails_does_no_harm_while_an_answer_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, system = FakeClock(), answering(monkeypatch, FOUND, FAILS, OTHER)
    made = Resolver(clock.monotonic)
    made.addresses("api.example", 443, 60)
    assert made.addresses("api.example", 443, 60) == FOUND
    clock.advance(resolver.KEPT)
    with pytest.raises(socket.gaierror):
        made.addresses("api.example", 443, 60)
    assert made.addresses("api.example", 443, 60) == OTHER, "an error is not kept"
    assert system.asked == 3


@pytest.mark.parametrize("moved", [False, True])
def test_attack_a_lie_is_not_kept_once_a_call_was_lost_to_it(monkeypatch: pytest.MonkeyPatch, moved: bool) -> None:
    answering(monkeypatch, OTHER)
    made = Resolver(FakeClock().monotonic)
    assert made.addresses("api.example", 443, 60) == OTHER
    made.forget(moved=moved)
    assert made.addresses("api.example", 443, 60) == FOUND


def joined() -> None:
    for thread in threading.enumerate():
        if thread.name == resolver.THREAD:
            thread.join(60)


def test_a_resolver_that_is_slower_than_a_call_costs_one_call(system: SystemResolver) -> None:
    made = Resolver()
    with pytest.raises(TimeoutError):
        made.addresses("api.example", 443, 0.01)
    made.forget(moved=False)  # the call was lost
    system.let_go.set()
    joined()
    assert made.addresses("api.example", 443, 60) == FOUND
    assert len(system.asked) == 1


def test_an_answer_to_a_question_of_the_old_network_is_not_kept(system: SystemResolver) -> None:
    made = Resolver()
    with pytest.raises(TimeoutError):
        made.addresses("api.example", 443, 0.01)
    made.forget(moved=True)
    system.let_go.set()
    joined()
    assert made.addresses("api.example", 443, 60) == FOUND
    assert len(system.asked) == 2


def test_in_a_new_network_the_name_is_asked_for_at_once_and_the_old_answer_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolver, "ASK_AGAIN", 3_600.0)
    asked: queue.Queue[queue.Queue[list[Any]]] = queue.Queue()

    def look_up(*_: Any, **__: Any) -> list[Any]:
        answer: queue.Queue[list[Any]] = queue.Queue()
        asked.put(answer)
        return answer.get(timeout=60)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    made = Resolver()
    with ThreadPoolExecutor() as pool:
        before = pool.submit(made.addresses, "api.example", 443, 3_600)
        old = asked.get(timeout=60)
        made.forget(moved=True)
        after = pool.submit(made.addresses, "api.example", 443, 3_600)
        new = asked.get(timeout=60)
        old.put(OTHER)
        while sum(thread.name == resolver.THREAD for thread in threading.enumerate()) > 1:
            assert not after.done()
        new.put(FOUND)
        assert (before.result(60), after.result(60)) == (FOUND, FOUND)
    assert made.addresses("api.example", 443, 60) == FOUND


def test_what_is_kept_is_not_used_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    made = Resolver()
    made.addresses("api.example", 443, 60)
    made.end()
    with pytest.raises(ConnectionAbortedError):
        made.addresses("api.example", 443, 60)


def test_attack_a_liars_later_answer_is_not_kept_either(system: SystemResolver) -> None:
    """It was asked for before the lie was noticed, and comes after that."""
    made = Resolver()
    with pytest.raises(TimeoutError):
        made.addresses("api.example", 443, 0.01)
    system.hangs = 0
    made.addresses("proxy.example", 3128, 60)  # this one is the lie
    made.forget(moved=False)
    system.let_go.set()
    joined()
    made.addresses("api.example", 443, 60)
    assert system.asked.count("api.example") == 2
