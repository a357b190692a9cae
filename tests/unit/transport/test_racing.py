"""Several addresses of one host are raced (RFC 8305)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.silent import refusing_address, silent_addresses

from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.names import Address
from rocketvpn_sdk.transport.racing import Race, in_order

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
    """Begins to connect, and keeps book."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.open: set[socket.socket] = set()

    def begin(self, address: Address) -> socket.socket:
        self.begun.append(address)
        sock = socket.socket(*address[:3])
        self.open.add(sock)
        sock.setblocking(False)
        try:
            sock.connect(address[4])
        except BlockingIOError:
            pass
        except OSError:
            self.close(sock)
            raise
        return sock

    def close(self, sock: socket.socket) -> None:
        self.open.discard(sock)
        sock.close()


@pytest.fixture
def good() -> Iterator[Address]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.getsockname())


def test_silent_addresses_before_a_good_one_are_left_behind_and_closed(good: Address) -> None:
    counted = Counted()
    with silent_addresses(3) as silent:
        sock, address = Race([*silent, good], counted.begin, counted.close, 60.0).run()
        assert (address, counted.begun) == (good, [*silent, good])
        assert counted.open == {sock}
        counted.close(sock)


def test_one_that_refuses_is_followed_by_the_next_at_once(good: Address) -> None:
    counted = Counted()
    sock, address = Race([refusing_address(), refusing_address(), good], counted.begin, counted.close, 60.0).run()
    assert address == good
    assert counted.open == {sock}
    counted.close(sock)


def test_the_first_that_answers_is_the_only_one_asked(good: Address) -> None:
    counted = Counted()
    with silent_addresses(2) as silent:
        sock, _ = Race([good, *silent], counted.begin, counted.close, 60.0).run()
        assert counted.begun == [good]
        counted.close(sock)


def test_where_all_are_silent_the_time_of_each_ends_and_nothing_stays_open() -> None:
    counted = Counted()
    with silent_addresses(2) as silent, pytest.raises(TimeoutError):
        Race(silent, counted.begin, counted.close, 0.01).run()
    assert (len(counted.begun), counted.open) == (2, set())


def test_the_deadline_of_the_call_ends_all_of_them() -> None:
    counted = Counted()
    with silent_addresses(2) as silent, deadline.within(0.01), pytest.raises(TimeoutError):
        Race(silent, counted.begin, counted.close, 3_600.0).run()
    assert counted.open == set()


def test_where_all_refuse_it_says_so() -> None:
    counted = Counted()
    with pytest.raises(ConnectionRefusedError):
        Race([refusing_address(), refusing_address()], counted.begin, counted.close, 60.0).run()
    assert counted.open == set()


def test_an_error_at_the_very_beginning_is_followed_by_the_next(good: Address) -> None:
    counted = Counted()
    none = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 1))  # needs a permission that nobody has
    sock, address = Race([none, good], counted.begin, counted.close, 60.0).run()
    assert address == good
    counted.close(sock)


def test_without_an_address_there_is_no_connection() -> None:
    counted = Counted()
    with pytest.raises(OSError, match="no address"):
        Race([], counted.begin, counted.close, 60.0).run()


def test_an_interrupt_leaves_nothing_open() -> None:
    counted = Counted()

    def interrupted(address: Address) -> socket.socket:
        if counted.begun:
            raise KeyboardInterrupt
        return counted.begin(address)

    with silent_addresses(2) as silent, pytest.raises(KeyboardInterrupt):
        Race(silent, interrupted, counted.close, 60.0).run()
    assert counted.open == set()
