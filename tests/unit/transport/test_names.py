"""Looking up a name: bounded, shared, and ended with everything else."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rocketvpn_sdk.transport import deadline, names
from rocketvpn_sdk.transport.names import Names

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


class Resolver:
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
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.let_go.set()
    for thread in threading.enumerate():
        if thread.name == names.THREAD:
            thread.join(60)


def test_this_devices_own_name_is_found() -> None:
    found = Names().addresses("localhost", 443, 60)
    assert {address[0] for *_, address in found} & {"127.0.0.1", "::1"}


def test_a_name_that_nobody_has(resolver: Resolver) -> None:
    resolver.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    resolver.let_go.set()
    with pytest.raises(socket.gaierror):
        Names().addresses("no-such-host.invalid", 443, 60)


def test_a_resolver_that_hangs_costs_the_time_of_the_call_and_no_more(resolver: Resolver) -> None:
    with deadline.within(0.05), pytest.raises(TimeoutError):
        Names().addresses("api.example", 443, 3_600)
    with pytest.raises(TimeoutError):
        Names().addresses("api.example", 443, 0.05)


def test_look_ups_of_one_name_do_not_pile_up(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "ASK_AGAIN", 3_600.0)
    made = Names()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            made.addresses("api.example", 443, 0.01)
    with pytest.raises(TimeoutError):
        made.addresses("other.example", 443, 0.01)
    assert resolver.asked == ["api.example", "other.example"]
    with ThreadPoolExecutor() as pool:
        late = pool.submit(made.addresses, "api.example", 443, 60)
        resolver.let_go.set()
        assert late.result() == FOUND
    assert made.addresses("api.example", 443, 60) == FOUND


def test_however_long_it_hangs_there_are_few_look_ups(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "ASK_AGAIN", 0.001)
    made, rounds = Names(), itertools.count()
    ask = made._ask

    def counted(host: str, port: int) -> Any:
        if next(rounds) == 10 * names.MOST:
            resolver.let_go.set()
        return ask(host, port)

    monkeypatch.setattr(made, "_ask", counted)
    assert made.addresses("api.example", 443, 3_600) == FOUND
    assert len(resolver.asked) == names.MOST


def test_an_answer_that_is_lost_is_asked_for_once_more(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The route changes while a name is looked up: the old question is never answered, a new one at once."""
    monkeypatch.setattr(names, "ASK_AGAIN", 0.01)
    resolver.hangs = 1
    made = Names()
    assert made.addresses("api.example", 443, 60) == FOUND
    assert 2 <= len(resolver.asked) <= names.MOST  # more than two where the machine is busy
    assert set(resolver.asked) == {"api.example"}


def test_an_error_counts_when_nobody_else_is_still_looking(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "ASK_AGAIN", 0.01)
    resolver.error = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    resolver.hangs = 1
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(Names().addresses, "api.example", 443, 60)
        while len(resolver.asked) < 2:
            assert not waiting.done()
        resolver.let_go.set()
        assert isinstance(waiting.exception(60), socket.gaierror)


def test_each_of_those_who_wait_gets_an_error_of_its_own(resolver: Resolver) -> None:
    resolver.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    made = Names()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(made.addresses, "api.example", 443, 60) for _ in range(3)]
        assert resolver.asking.wait(60)
        resolver.let_go.set()
        errors = [one.exception() for one in waiting]
    assert {type(error) for error in errors} == {socket.gaierror}
    assert {error.errno for error in errors if isinstance(error, OSError)} == {socket.EAI_NONAME}
    assert len({id(error) for error in errors}) == 3


def test_ending_wakes_whoever_waits_and_turns_away_whoever_comes(resolver: Resolver) -> None:
    made = Names()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(made.addresses, "api.example", 443, 3_600)
        assert resolver.asking.wait(60)
        made.end()
        assert isinstance(waiting.exception(60), ConnectionAbortedError)
    with pytest.raises(ConnectionAbortedError):
        made.addresses("other.example", 443, 3_600)
    assert resolver.asked == ["api.example"]


def test_where_no_thread_can_be_started_it_is_looked_up_here(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    resolver.let_go.set()
    assert Names().addresses("api.example", 443, 60) == FOUND


def test_an_interrupt_leaves_nobody_waiting_for_what_nobody_does(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Names()
    resolver.let_go.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            made.addresses("api.example", 443, 60)
    assert made.addresses("api.example", 443, 60) == FOUND


def _interrupted(_: threading.Thread) -> None:
    raise KeyboardInterrupt
