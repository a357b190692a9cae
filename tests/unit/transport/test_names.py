"""Looking up a name: bounded, shared, and ended with everything else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.names import Names

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443))]


class Resolver:
    """Stands where the operating system's is: answers once it is let go, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.asking = threading.Event()
        self.let_go = threading.Event()
        self.error: Exception | None = None

    def __call__(self, host: str, *_: Any) -> list[Any]:
        self.asked.append(host)
        self.asking.set()
        assert self.let_go.wait(20)
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
        if thread.name == "rocketvpn-names":
            thread.join(20)


def test_this_devices_own_name_is_found() -> None:
    found = Names().addresses("localhost", 443, 20)
    assert {address[0] for *_, address in found} & {"127.0.0.1", "::1"}


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(socket.gaierror):
        Names().addresses("no-such-host.invalid", 443, 20)


def test_a_resolver_that_hangs_costs_the_time_of_the_call_and_no_more(resolver: Resolver) -> None:
    with deadline.within(0.05), pytest.raises(TimeoutError):
        Names().addresses("api.example", 443, 3_600)
    with pytest.raises(TimeoutError):
        Names().addresses("api.example", 443, 0.05)


def test_look_ups_of_one_name_do_not_pile_up(resolver: Resolver) -> None:
    names = Names()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            names.addresses("api.example", 443, 0.01)
    with pytest.raises(TimeoutError):
        names.addresses("other.example", 443, 0.01)
    assert resolver.asked == ["api.example", "other.example"]
    with ThreadPoolExecutor() as pool:
        late = pool.submit(names.addresses, "api.example", 443, 20)
        resolver.let_go.set()
        assert late.result() == FOUND
    assert names.addresses("api.example", 443, 20) == FOUND


def test_each_of_those_who_wait_gets_an_error_of_its_own(resolver: Resolver) -> None:
    resolver.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    names = Names()
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(names.addresses, "api.example", 443, 20) for _ in range(3)]
        assert resolver.asking.wait(20)
        resolver.let_go.set()
        errors = [one.exception() for one in waiting]
    assert {type(error) for error in errors} == {socket.gaierror}
    assert {error.errno for error in errors if isinstance(error, OSError)} == {socket.EAI_NONAME}
    assert len({id(error) for error in errors}) == 3


def test_ending_wakes_whoever_waits(resolver: Resolver) -> None:
    names = Names()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(names.addresses, "api.example", 443, 3_600)
        assert resolver.asking.wait(20)
        names.end()
        assert isinstance(waiting.exception(20), ConnectionAbortedError)


def test_where_no_thread_can_be_started_it_is_looked_up_here(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    resolver.let_go.set()
    assert Names().addresses("api.example", 443, 20) == FOUND
