"""The total time of a call holds against a server that keeps sending, slowly, for ever."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
import trustme
from support.calls import APP, TurnableClock
from support.memory_vault import MemoryDocuments, MemoryStream
from support.tls_peers import Serve, issued, tls_peer

from rocketvpn_sdk.consent import InForce, Permit
from rocketvpn_sdk.errors import ServerTimeout
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import State, bundled_policy
from rocketvpn_sdk.transport import open_api, tls_context

TOTAL = 0.6


def drip(head: bytes, drop: bytes) -> Serve:
    def serve(connection: ssl.SSLSocket, done: threading.Event) -> None:
        connection.sendall(head)
        while not done.wait(0.05):
            connection.sendall(drop)

    return serve


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


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
def test_a_dripping_server_does_not_hold_a_call(head: bytes, drop: bytes, store: str, tmp_path: Path) -> None:
    ca = trustme.CA()
    trust = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(trust)
    context = tls_context(trust=trust) if store == "file" else tls_context()
    context.load_verify_locations(cafile=trust)
    policy = bundled_policy().with_hosts("operator", ("localhost",))
    clock = TurnableClock()
    with tls_peer(issued(ca), serve=drip(head, drop)) as peer:
        api = open_api(
            server=peer.url,
            client_id=APP,
            permit=Permit(lambda: InForce(policy), State, clock.time),
            documents=MemoryDocuments(),
            stream=MemoryStream(),
            events=EventBus(),
            clock=clock,
            limits=Limits(total_timeout=TOTAL, read_timeout=5.0),
            context=context,
        )
        started = time.monotonic()
        with pytest.raises(ServerTimeout):
            api.call("server.keys", answer=dict)
        took = time.monotonic() - started
        api.close()
    assert took < TOTAL + 2.0, "far below the read timeout, had each byte begun it anew"
