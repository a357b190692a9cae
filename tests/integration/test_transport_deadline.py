"""The total time of a call holds against a server that keeps sending, slowly, for ever."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trustme
from support.calls import api_at
from support.tls_peers import Serve, issued, plain_peer, tls_peer

from rocketvpn_sdk.errors import RocketVPNError, ServerTimeout, VaultClosed
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import deadline, tls_context
from rocketvpn_sdk.transport.connections import Connections
from rocketvpn_sdk.transport.failures import Failure

pytestmark = pytest.mark.usefixtures("no_pauses")

ENDLESS = Limits(total_timeout=0.6, read_timeout=3_600.0)
"""Only the deadline of the whole call ends it: without one, the test would not come to an end."""


def drip(head: bytes, drop: bytes) -> Serve:
    def serve(connection: ssl.SSLSocket, done: threading.Event) -> None:
        connection.sendall(head)
        while not done.wait(0.05):
            connection.sendall(drop)

    return serve


@pytest.mark.parametrize("store", ["file", "system"])
@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", b" "),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b""),
    ],
    ids=["header", "body", "informational", "silence"],
)
def test_a_dripping_server_does_not_hold_a_call(
    ca: trustme.CA, trust: Path, head: bytes, drop: bytes, store: str
) -> None:
    context = tls_context(trust=trust) if store == "file" else tls_context()
    context.load_verify_locations(cafile=trust)
    with tls_peer(issued(ca), serve=drip(head, drop)) as peer:
        api = api_at(peer.url, context, limits=ENDLESS)
        with pytest.raises(ServerTimeout):
            api.call("server.keys", answer=dict)
        api.close()


def exchanged(limits: Limits, proxy: str | None = None) -> RocketVPNError:
    connections = Connections(context=tls_context(), limits=limits, proxy=proxy)
    request = httpx.Request("GET", "https://localhost:1/")
    with deadline.within(limits.total_timeout), pytest.raises(Failure) as failed:
        connections.exchange(request, operation="server.keys", nameless=True)
    connections.pools.close()
    return failed.value.error


def test_a_proxy_that_drips_its_answer_does_not_hold_a_call() -> None:
    stop = threading.Event()

    def talk(raw: socket.socket) -> None:
        raw.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not stop.wait(0.05):
            raw.sendall(b"x")

    with plain_peer(talk) as peer:
        error = exchanged(ENDLESS, proxy=f"http://127.0.0.1:{peer.port}")
        stop.set()
    assert isinstance(error, ServerTimeout)


def test_a_name_that_nobody_looks_up_does_not_hold_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: let_go.wait(60) and [])
    error = exchanged(ENDLESS)
    let_go.set()
    assert isinstance(error, ServerTimeout)
    assert error.cause == "network"


def test_closing_ends_a_call_that_waits_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, let_go = threading.Event(), threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        asked.set()
        let_go.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    connections = Connections(context=tls_context(), limits=Limits())
    request = httpx.Request("GET", "https://localhost:1/")
    with ThreadPoolExecutor() as pool:
        call = pool.submit(connections.exchange, request, operation="server.keys", nameless=True)
        assert asked.wait(60)
        connections.pools.close()
        failed = call.exception(60)
        let_go.set()
    assert isinstance(failed, Failure)
    assert isinstance(failed.error, VaultClosed)
    assert not failed.sent
