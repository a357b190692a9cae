"""What was kept from an earlier call and is dead: forgiven once, and only if the server cannot have acted twice.

The rule is in ``transport/progress.py``: RFC 9110 §9.2.2, RFC 9112 §9.3.1.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from support.calls import api_at
from support.relay import Relay
from support.silent import at_port
from support.tls_peers import OK, Peer, Serve, issued, tls_peer
from support.world import PATIENT, World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import ServerTimeout, ServerUnreachable
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import SentEntry, tls_context
from rocketvpn_sdk.transport.connections import Connections
from rocketvpn_sdk.transport.failures import Failure
from rocketvpn_sdk.transport.retries import one_try

pytestmark = pytest.mark.usefixtures("no_pauses")


def last(rocket: RocketVPN, operation: str) -> SentEntry:
    return [entry for entry in rocket.rights.sent() if entry.operation == operation][-1]


def arrived(world: World, path: str) -> int:
    return sum(request.path == path for request in world.sandbox.requests)


# ---------------------------------------------------------------- forgiven


def test_a_read_that_is_tried_once_outlives_a_dead_connection(over_relay: RocketVPN, relay: Relay) -> None:
    relay.swallow()
    with one_try():
        assert over_relay.device.order().state == "active"
    assert (last(over_relay, "order.read").tries, relay.swallowed) == (2, 1)


def test_so_does_a_write_that_has_a_key_and_the_server_acts_once(
    over_relay: RocketVPN, relay: Relay, world: World
) -> None:
    before = arrived(world, "/v1/tunnels")
    relay.swallow()
    with one_try():
        over_relay.call("tunnel.register", public_key=tunnel_key())
    assert (last(over_relay, "tunnel.register").tries, relay.swallowed) == (2, 1)
    assert arrived(world, "/v1/tunnels") == before + 1


def ended_for_writing(rocket: RocketVPN, patch: pytest.MonkeyPatch) -> None:
    """Let every connection fail with the first byte that is written, and let the pool not notice before."""
    patch.setattr("httpcore._backends.sync.is_socket_readable", lambda sock: False)
    for handle in rocket._components.api._connections.pools._backend._handles:
        handle.shutdown(socket.SHUT_WR)


def when_asked(rocket: RocketVPN, world: World, patch: pytest.MonkeyPatch, does: Callable[[], None]) -> None:
    """Let ``does`` happen while the user types the code in."""

    def read_mail(challenge: Any) -> str | None:
        does()
        return world.read_mail(challenge)

    patch.setattr(rocket._components.api.session.grants, "_authenticator", read_mail)


def test_a_code_of_which_nothing_could_be_sent_goes_over_a_new_connection(
    over_relay: RocketVPN, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That call may not be repeated; nor is it: the server saw nothing of it."""
    when_asked(over_relay, world, monkeypatch, lambda: ended_for_writing(over_relay, monkeypatch))
    with one_try():
        over_relay.rights.correct({"contact_email": "new@example.org"})
    assert len(world.asked) == 2  # for the code from the mailbox, then for the one from the new address
    assert last(over_relay, "authorize.challenge").tries == 2


class Moving:
    """A resolver whose answer changes."""

    def __init__(self, url: str) -> None:
        self.url, self.asked = url, 0

    def __call__(self, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        return [at_port(int(self.url.rpartition(":")[2]))]


def test_addresses_that_were_kept_and_are_dead_are_asked_for_again(
    ca: trustme.CA, trust: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the memory the call would have worked: so it has to with it, and even if it is tried only once."""
    with tls_peer(issued(ca)) as old:
        resolver = Moving(old.url)
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        api = api_at(old.url, tls_context(trust=trust))
        api.call("server.keys", answer=dict)
    with closing(api), tls_peer(issued(ca)) as new, one_try():
        resolver.url = new.url
        api.call("server.keys", answer=dict)
        assert [entry.tries for entry in api.sent.entries()] == [1, 2]
        assert (resolver.asked, new.connections) == (2, 1)


def test_attack_a_code_that_may_have_been_received_counts_once_and_nobody_is_asked_again(
    over_relay: RocketVPN, relay: Relay, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes once more under its idempotency key (decision 35)."""
    when_asked(over_relay, world, monkeypatch, relay.swallow)
    with one_try():
        over_relay.rights.correct({"contact_email": "new@example.org"})
    assert len(world.asked) == 2  # for the code from the mailbox, then for the one from the new address
    entry = last(over_relay, "authorize.challenge")
    assert (entry.tries, entry.outcome) == (2, "200")
    assert relay.swallowed == len(world.asked)


# ---------------------------------------------------------------- not forgiven


def test_it_is_forgiven_once_a_call_and_no_more(over_relay: RocketVPN, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead_end(*_: Any, **__: Any) -> Any:
        failure = Failure(ServerUnreachable(host="h", problem="p", cause="network"), sent=True, retry=True)
        failure.dead_end = True
        raise failure

    monkeypatch.setattr(over_relay._components.api._connections, "exchange", dead_end)
    with one_try(), pytest.raises(ServerUnreachable):
        over_relay.device.order()
    assert last(over_relay, "order.read").tries == 2


def test_a_new_connection_that_dies_is_an_outage_and_not_forgiven(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(issued(ca), serve=ending) as peer, connected(trust) as connections:
        with pytest.raises(Failure) as caught:
            exchange(connections, peer)
        assert peer.received.startswith(b"GET /v1/order")
    assert (caught.value.sent, caught.value.retry, caught.value.dead_end) == (True, True, False)


def test_a_dead_route_is_not_forgiven_since_the_server_may_be_at_work(over_relay: RocketVPN, relay: Relay) -> None:
    relay.freeze()
    over_relay._components.api._connections._limits = Limits(read_timeout=0.2)
    with one_try(), pytest.raises(ServerTimeout):
        over_relay.device.order()
    assert last(over_relay, "order.read").tries == 1


# ---------------------------------------------------------------- what a connection tells about a try


@contextmanager
def connected(trust: Path, limits: Limits = PATIENT) -> Iterator[Connections]:
    connections = Connections(context=tls_context(trust=trust), limits=limits)
    with closing(connections.pools):
        yield connections


def exchange(connections: Connections, peer: Peer) -> None:
    request = httpx.Request("GET", f"{peer.url}/v1/order")
    connections.exchange(request, operation="order.read", nameless=False)


def ending(connection: ssl.SSLSocket, _: threading.Event) -> None:
    raise OSError  # which ends the connection


def then(content: bytes | None) -> Serve:
    """Return a server that answers once, then says ``content`` and ends the connection; ``None``: says nothing."""
    answered = threading.Event()

    def serve(connection: ssl.SSLSocket, done: threading.Event) -> None:
        if not answered.is_set():
            answered.set()
            connection.sendall(OK)
        elif content is None:
            done.wait(60)
        else:
            connection.sendall(content)
            ending(connection, done)

    return serve


@pytest.mark.parametrize(
    ("content", "limits", "forgivable"),
    [
        (b"", PATIENT, True),
        (b"H", PATIENT, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", PATIENT, False),
        (OK[:-1], PATIENT, False),
        (None, Limits(read_timeout=0.1), False),
    ],
    ids=["nothing", "a byte", "it goes on", "nearly all", "a time-out"],
)
def test_only_an_end_before_the_first_byte_of_an_answer_is_forgivable(
    ca: trustme.CA, trust: Path, content: bytes | None, limits: Limits, forgivable: bool
) -> None:
    with tls_peer(issued(ca), serve=then(content)) as peer, connected(trust, limits) as connections:
        exchange(connections, peer)
        with pytest.raises(Failure) as caught:
            exchange(connections, peer)
        assert peer.connections == 1
    assert (caught.value.sent, caught.value.retry, caught.value.dead_end) == (True, True, forgivable)
