"""Several addresses of one host are raced (RFC 8305)."""

from __future__ import annotations

import os
import selectors
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.silent import mute_addresses, refusing_address, silent_addresses

from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.racing import STAGGER, Attempt, Race, in_order
from rocketvpn_sdk.transport.resolver import Address

addresses = st.lists(
    st.tuples(
        st.sampled_from([socket.AF_INET, socket.AF_INET6]), st.just(1), st.just(6), st.just(""), st.integers(0, 9)
    ),
    unique=True,
)


@given(addresses, st.data())
def test_families_take_turns_and_none_is_lost(found: list[Any], data: st.DataObject) -> None:
    first = data.draw(st.sampled_from([None, *found]))
    ordered = in_order(found, first)
    assert sorted(ordered) == sorted(found)
    if first is not None:
        assert ordered[0] == first
        return
    for family in {address[0] for address in found}:  # in each, the system's order
        assert [each for each in ordered if each[0] == family] == [each for each in found if each[0] == family]
    fewest = min([sum(each[0] == family for each in found) for family in (socket.AF_INET, socket.AF_INET6)])
    assert all(ordered[at][0] != ordered[at + 1][0] for at in range(2 * fewest - 1))
    if found:
        assert ordered[0] == found[0]


class Counted:
    """Connects, and keeps book; one whose handshake is ``words`` waits, and then ends as they say."""

    def __init__(self, words: dict[Address, OSError | None] | None = None) -> None:
        self.begun: list[Any] = []
        self.open: set[socket.socket] = set()
        self._words = words or {}

    def begin(self, address: Address) -> Attempt[socket.socket]:
        self.begun.append(address)
        sock = socket.socket(*address[:3])
        self.open.add(sock)
        try:
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(address[4])
            yield sock.fileno(), selectors.EVENT_WRITE
            if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, os.strerror(number))
            if address in self._words:
                yield sock.fileno(), selectors.EVENT_WRITE
                if (error := self._words[address]) is not None:
                    raise error
                yield sock.fileno(), selectors.EVENT_READ  # which never comes
        except BaseException:  # the end of the race, too
            self.close(sock)
            raise
        return sock

    def close(self, sock: socket.socket) -> None:
        self.open.discard(sock)
        sock.close()


def race(found: list[Any], counted: Counted, seconds: float = 60.0, **more: Any) -> tuple[socket.socket, Address]:
    return Race(found, counted.begin, **{"connect": seconds, "answer": seconds, **more}).run()


@pytest.fixture
def good() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.getsockname())


def test_silent_addresses_before_a_good_one_are_left_behind_and_closed(good: Address) -> None:
    counted = Counted()
    with silent_addresses(3) as silent:
        sock, address = race([*silent, good], counted)
        assert (address, counted.begun) == (good, [*silent, good])
        assert counted.open == {sock}
        counted.close(sock)


def test_one_that_refuses_is_followed_by_the_next_at_once(good: Address) -> None:
    counted = Counted()
    sock, address = race([refusing_address(), refusing_address(), good], counted)
    assert address == good
    assert counted.open == {sock}
    counted.close(sock)


def test_the_first_that_answers_is_the_only_one_asked(good: Address) -> None:
    counted = Counted()
    with silent_addresses(2) as silent:
        sock, _ = race([good, *silent], counted)
        assert counted.begun == [good]
        counted.close(sock)


def test_where_all_are_silent_the_time_of_each_ends_and_nothing_stays_open() -> None:
    counted = Counted()
    with silent_addresses(2) as silent, pytest.raises(TimeoutError):
        race(silent, counted, 0.01)
    assert (len(counted.begun), counted.open) == (2, set())


def test_the_deadline_of_the_call_ends_all_of_them() -> None:
    counted = Counted()
    with silent_addresses(2) as silent, deadline.within(0.01), pytest.raises(TimeoutError):
        race(silent, counted, 3_600.0)
    assert counted.open == set()


def test_where_all_refuse_it_says_so() -> None:
    counted = Counted()
    with pytest.raises(ConnectionRefusedError):
        race([refusing_address(), refusing_address()], counted)
    assert counted.open == set()


def test_an_error_at_the_very_beginning_is_followed_by_the_next(good: Address) -> None:
    counted = Counted()
    none = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 1))  # needs a permission that nobody has
    sock, address = race([none, good], counted)
    assert address == good
    counted.close(sock)


def test_without_an_address_there_is_no_connection() -> None:
    counted = Counted()
    with pytest.raises(OSError, match="no address"):
        race([], counted)


def test_an_interrupt_leaves_nothing_open() -> None:
    counted = Counted()

    def interrupted(address: Address) -> Attempt[socket.socket]:
        if counted.begun:
            raise KeyboardInterrupt
        return counted.begin(address)

    with silent_addresses(2) as silent, pytest.raises(KeyboardInterrupt):
        Race(silent, interrupted, connect=60.0, answer=60.0).run()
    assert counted.open == set()


# ---------------------------------------------------------------- what is said after TCP


def test_one_that_is_silent_after_tcp_is_left_behind_and_closed(good: Address) -> None:
    with mute_addresses(2) as mute:
        counted = Counted(dict.fromkeys(mute))
        sock, address = race([*mute, good], counted)
        assert (address, counted.begun) == (good, [*mute, good])
        assert counted.open == {sock}
        counted.close(sock)


@pytest.mark.parametrize("error", [ssl.SSLEOFError(), ssl.SSLZeroReturnError(), ConnectionResetError()])
def test_one_that_cuts_is_followed_by_the_next_at_once(good: Address, error: OSError) -> None:
    with mute_addresses(1) as mute:
        counted = Counted({mute[0]: error})
        sock, address = race([*mute, good], counted, now=lambda: 0.0)  # the stagger never passes
        assert address == good
        counted.close(sock)


@pytest.mark.parametrize("error", [ssl.SSLError(1, "alert"), ssl.SSLCertVerificationError(1, "another name")])
def test_attack_who_answers_otherwise_ends_the_race(good: Address, error: OSError) -> None:
    with mute_addresses(1) as mute:
        counted = Counted({mute[0]: error})
        with pytest.raises(type(error)):
            race([*mute, good], counted)
        assert (counted.begun, counted.open) == (mute, set())


class Turned:
    """Time that passes when a race looks at it."""

    def __init__(self, step: float) -> None:
        self.now, self._step = 0.0, step

    def __call__(self) -> float:
        self.now += self._step
        assert self.now < 100.0, "the race goes on for ever"
        return self.now


def test_each_step_has_its_own_time() -> None:
    """An hour for TCP does not keep one that is silent after it; nor the other way round."""
    for connect, answer, made in ((1e9, 10.0, mute_addresses), (10.0, 1e9, silent_addresses)):
        turned = Turned(1.0)
        with made(1) as found, pytest.raises(TimeoutError):
            race(found, Counted(dict.fromkeys(found)), connect=connect, answer=answer, now=turned)
        assert turned.now < 30.0


def test_a_slow_connection_is_not_raced_before_its_handshake_had_its_turn(good: Address) -> None:
    """TCP took nearly the whole stagger; the handshake has another one before the next address is begun."""
    turned, begun = Turned(STAGGER / 100), []

    def begin(address: Address) -> Attempt[str]:
        begun.append(turned.now)
        ready, far = socket.socketpair()
        with ready, far:
            yield ready.fileno(), selectors.EVENT_WRITE
            turned.now += 0.9 * STAGGER
            yield ready.fileno(), selectors.EVENT_WRITE
            turned.now += 0.9 * STAGGER
            yield ready.fileno(), selectors.EVENT_WRITE
        return "there"

    other = (socket.AF_INET, 1, 6, "", ("192.0.2.7", 1))
    assert Race([good, other], begin, connect=60.0, answer=60.0, now=turned).run() == ("there", good)
    assert len(begun) == 1
