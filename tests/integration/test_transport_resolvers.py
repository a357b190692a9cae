"""Resolvers that are slow, fail or lie."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.calls import api_at
from support.silent import Found, at_port, refusing_address
from support.tls_peers import Peer, issued, pin_of, tls_peer
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import CertificateUntrusted, PinMismatch
from rocketvpn_sdk.transport import Api, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")


class Resolver:
    """Answers with what is next in ``queue``, then with the server's own address; an error is raised."""

    def __init__(self, *queue: list[Found] | Exception) -> None:
        self.queue, self.asked = list(queue), 0

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Found]:
        self.asked += 1
        outcome = self.queue.pop(0) if self.queue else [at_port(port)]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def resolving(monkeypatch: pytest.MonkeyPatch, *queue: list[Found] | Exception) -> Resolver:
    made = Resolver(*queue)
    monkeypatch.setattr(socket, "getaddrinfo", made)
    return made


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[Peer]:
    with tls_peer(issued(ca)) as peer:
        yield peer


def ask(api: Api) -> None:
    """Make a call without identity, which has a connection of its own."""
    assert api.call("server.keys", answer=dict).value == {}


def test_a_slow_resolver_costs_once_from_binding_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = resolving(monkeypatch)
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.policy.check()  # a connection for each file
        rocket.device.order()
        assert resolver.asked == 1
        rocket.network_changed()
        rocket.device.order()
        assert resolver.asked == 2


def test_a_resolver_that_fails_meanwhile_does_no_harm(
    server: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = resolving(monkeypatch)
    with closing(api_at(server.url, tls_context(trust=trust))) as api:
        ask(api)
        resolver.queue = [socket.gaierror(socket.EAI_AGAIN, "Temporary failure")] * 9
        ask(api)
        ask(api)
    assert (resolver.asked, server.connections) == (1, 3)


@pytest.mark.clause("T1")
@pytest.mark.parametrize("lie", ["another authority", "another key"])
def test_attack_a_resolver_that_lies_is_told_and_asked_again(
    ca: trustme.CA, trust: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    leaf = ca.issue_cert("localhost")
    pins = [pin_of(leaf.cert_chain_pems[0].bytes()), "sha256/" + "A" * 43 + "="]
    liar_has = issued(trustme.CA()) if lie == "another authority" else issued(ca)
    expected = CertificateUntrusted if lie == "another authority" else PinMismatch
    with tls_peer(leaf.configure_cert) as server, tls_peer(liar_has) as liar:
        resolver = resolving(monkeypatch, [at_port(int(liar.url.rpartition(":")[2]))])
        with closing(api_at(server.url, tls_context(trust=trust, pins=pins))) as api:
            with pytest.raises(expected) as caught:
                ask(api)
            assert caught.value.cause == "interception"
            assert (resolver.asked, server.connections, bytes(liar.received)) == (1, 0, b"")
            ask(api)
        assert (resolver.asked, liar.connections) == (2, 1)


def test_an_answer_that_leads_nowhere_any_more_is_asked_for_again_within_the_call(
    server: Peer, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = resolving(monkeypatch)
    with closing(api_at(server.url, tls_context(trust=trust))) as api:
        resolver.queue = [[refusing_address()]]
        ask(api)
        assert [entry.tries for entry in api.sent.entries()] == [2]
    assert resolver.asked == 2
