"""A device that moves between networks: silent addresses, and connections that the old network took along."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.calls import PATIENT, api_at
from support.silent import silent_addresses
from support.tls_peers import OK, Peer, issued, tls_peer
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import ServerTimeout
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import Api, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

IMPATIENT = Limits(read_timeout=1.0, total_timeout=60.0, connect_timeout=60.0)


class Line:
    """Between the device and the server: what went over it before ``freeze`` gets no answer any more."""

    def __init__(self) -> None:
        self.frozen: set[int] = set()
        self.known: dict[int, int] = {}

    def serve(self, connection: ssl.SSLSocket, done: threading.Event) -> None:
        number = connection.fileno()
        self.known[number] = self.known.get(number, 0) + 1
        if number in self.frozen:
            done.wait(60)
        else:
            connection.sendall(OK)

    def freeze(self) -> None:
        self.frozen |= self.known.keys()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def peer(ca: trustme.CA, line: Line) -> Iterator[Peer]:
    with tls_peer(issued(ca), serve=line.serve) as peer:
        yield peer


def opened(peer: Peer, trust: Path, limits: Limits = PATIENT) -> Api:
    return api_at(peer.url, tls_context(trust=trust), limits=limits)


def several(api: Api) -> None:
    """Make calls at once, so that several connections wait for a next one."""
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(api.call, "server.keys", answer=dict) for _ in range(4)]:
            done.result()


def test_after_a_route_changed_one_call_loses_one_time_out_and_no_more(peer: Peer, trust: Path, line: Line) -> None:
    with closing(opened(peer, trust)) as api:
        several(api)
        before = peer.connections
        line.freeze()
        asked = sum(line.known.values())
        api._connections._limits = IMPATIENT
        assert api.call("server.keys", answer=dict).value == {}
        assert sum(line.known.values()) - asked == 2  # one that got no answer, and one that did
        assert peer.connections == before + 1
        assert api.call("server.keys", answer=dict).value == {}
        assert peer.connections == before + 1


def test_an_app_that_says_so_loses_none(peer: Peer, trust: Path, line: Line) -> None:
    with closing(opened(peer, trust)) as api:
        several(api)
        before = peer.connections
        line.freeze()
        asked = sum(line.known.values())
        api.network_changed()
        assert api.call("server.keys", answer=dict).value == {}
        assert (sum(line.known.values()) - asked, peer.connections) == (1, before + 1)


def test_a_call_under_way_goes_on_while_the_network_is_said_to_have_changed(ca: trustme.CA, trust: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slowly(connection: ssl.SSLSocket, done: threading.Event) -> None:
        asked.set()
        go_on.wait(60)
        connection.sendall(OK)

    with (
        tls_peer(issued(ca), serve=slowly) as peer,
        closing(opened(peer, trust)) as api,
        ThreadPoolExecutor(1) as pool,
    ):
        call = pool.submit(api.call, "server.keys", answer=dict)
        assert asked.wait(60)
        api.network_changed()
        go_on.set()
        assert call.result().value == {}


def names(monkeypatch: pytest.MonkeyPatch, first: list[Any]) -> list[Any]:
    """Let every name have these addresses before its own; return where connections went."""
    real, connect, went = socket.getaddrinfo, socket.socket.connect, []

    def look_up(host: str, port: int, *given: Any, **more: Any) -> list[Any]:
        return first + real("127.0.0.1", port, 0, socket.SOCK_STREAM)

    def noted(sock: socket.socket, address: Any) -> None:
        went.append(address)
        connect(sock, address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", noted)
    return went


def test_what_answered_is_asked_first_from_then_on(peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_addresses(3) as silent, closing(opened(peer, trust)) as api:
        went = names(monkeypatch, silent)
        api.call("server.keys", answer=dict)
        good = ("127.0.0.1", int(peer.url.rpartition(":")[2]))
        assert went == [*[each[4] for each in silent], good]
        api.network_changed()  # also forgets it: the network may be another one
        api.call("server.keys", answer=dict)
        assert went == 2 * [*[each[4] for each in silent], good]
        for connection in range(2):
            api._connections._pools._pair.named.close()
            api.call("server.keys", answer=dict)
            assert went[8 + connection :] == [good]


def test_a_device_binds_although_three_addresses_are_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_addresses(3) as silent:
        names(monkeypatch, silent)
        with RocketVPN.open(world.config()) as rocket:
            rocket.device.bind(world.sandbox.order())
            rocket.network_changed()
            assert rocket.device.order().state == "active"


def test_where_every_address_is_silent_the_deadline_of_the_call_holds(
    peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with silent_addresses(6) as silent:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silent)
        api = opened(peer, trust, Limits(connect_timeout=3_600.0, total_timeout=0.3))
        with closing(api), pytest.raises(ServerTimeout) as caught:
            api.call("server.keys", answer=dict)
    assert caught.value.cause == "network"


def test_before_any_call_and_after_closing_it_does_nothing(world: World) -> None:
    rocket = RocketVPN.open(world.config())
    rocket.network_changed()
    rocket.close()
    rocket.network_changed()
