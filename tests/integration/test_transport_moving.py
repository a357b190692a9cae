"""A device that moves between networks: silent addresses, and connections that the old network took along."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
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


class Relay:
    """Between the device and the server: what was connected before ``freeze`` gets no answer any more."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.made = self.frozen = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.socket()
                far.connect(("127.0.0.1", self._to))  # not by a name: those lead to here
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(self.made, source, target), daemon=True).start()
                self.made += 1

    def _pump(self, number: int, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if number >= self.frozen:
                    target.sendall(data)
        if number >= self.frozen:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def freeze(self) -> None:
        self.frozen = self.made

    def close(self) -> None:
        for end in (self._listening, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def relay(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A relay that every connection goes over."""
    relay = Relay(int(world.sandbox.url.rpartition(":")[2]))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, *_, **__: real("127.0.0.1", relay.port, 0, socket.SOCK_STREAM)
    )
    yield relay
    relay.close()


@pytest.fixture
def rocket(world: World, relay: Relay) -> Iterator[RocketVPN]:
    """Bound, and with several connections that wait for a next call."""
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        rocket.device.bind(world.sandbox.order())
        made = relay.made
        while relay.made < made + 2:
            with ThreadPoolExecutor(4) as pool:
                for call in [pool.submit(rocket.device.order) for _ in range(4)]:
                    call.result()
        yield rocket


def test_after_a_route_changed_one_call_loses_one_time_out_and_no_more(rocket: RocketVPN, relay: Relay) -> None:
    relay.freeze()
    rocket._rooms.api._connections._limits = IMPATIENT
    assert rocket.device.order().state == "active"
    assert [entry.tries for entry in rocket.rights.sent()][-1] == 2
    assert relay.made == relay.frozen + 1
    assert rocket.device.order().state == "active"
    assert relay.made == relay.frozen + 1


def test_an_app_that_says_so_loses_none(rocket: RocketVPN, relay: Relay) -> None:
    relay.freeze()
    rocket.network_changed()
    assert rocket.device.order().state == "active"
    assert [entry.tries for entry in rocket.rights.sent()][-1] == 1
    assert relay.made == relay.frozen + 1


def opened(peer: Peer, trust: Path, limits: Limits = PATIENT) -> Api:
    return api_at(peer.url, tls_context(trust=trust), limits=limits)


@pytest.fixture
def peer(ca: trustme.CA) -> Iterator[Peer]:
    with tls_peer(issued(ca)) as peer:
        yield peer


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
        api.call("server.keys", answer=dict)  # on a connection of its own: nobody is to see that it is the same device
        assert went[8:] == [good]


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
