"""A device that moves between networks: silent addresses, and connections that the old network took along."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from support.calls import api_at
from support.relay import Relay
from support.silent import name_first, silent_addresses
from support.tls_peers import OK, Peer, issued, tls_peer
from support.world import PATIENT, World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.client import Closed
from rocketvpn_sdk.errors import ServerTimeout
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import Api, racing, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

IMPATIENT = Limits(read_timeout=1.0, total_timeout=60.0, connect_timeout=60.0)


def test_after_a_route_changed_one_call_loses_one_time_out_and_no_more(over_relay: RocketVPN, relay: Relay) -> None:
    relay.freeze()
    over_relay._components.api._connections._limits = IMPATIENT
    assert over_relay.device.order().state == "active"
    assert [entry.tries for entry in over_relay.rights.sent()][-1] == 2
    assert relay.made == relay.frozen + 1
    assert over_relay.device.order().state == "active"
    assert relay.made == relay.frozen + 1


def test_an_app_that_says_so_loses_none(over_relay: RocketVPN, relay: Relay) -> None:
    relay.freeze()
    over_relay.network_changed()
    assert over_relay.device.order().state == "active"
    assert [entry.tries for entry in over_relay.rights.sent()][-1] == 1
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


def test_what_answered_is_asked_first_from_then_on(peer: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_addresses(3) as silent, closing(opened(peer, trust)) as api:
        went = name_first(monkeypatch, silent)
        api.call("server.keys", answer=dict)
        good = ("127.0.0.1", int(peer.url.rpartition(":")[2]))
        assert went == [*[each[4] for each in silent], good]
        api.network_changed()  # also forgets it: the network may be another one
        api.call("server.keys", answer=dict)
        assert went == 2 * [*[each[4] for each in silent], good]
        monkeypatch.setattr(racing, "STAGGER", 60.0)  # the one that answers is never too slow for a busy machine
        api.call("server.keys", answer=dict)  # on a connection of its own: nobody is to see that it is the same device
        assert went[8:] == [good]


def test_a_device_binds_although_three_addresses_are_silent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_addresses(3) as silent:
        name_first(monkeypatch, silent)
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
    assert rocket._components.opened("api") is None  # no connection, and none of what makes one was loaded
    assert rocket.close() == Closed()
    rocket.network_changed()
    assert rocket._components.opened("api") is None
