"""The sandbox behind nginx with HTTP/2, gzip and buffering, as operators run it: nothing of the contract changes."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.dpop_client import Peer, problem_code
from support.nginx import Nginx
from support.world import PATIENT, World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.sandbox import Front, Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings

pytestmark = pytest.mark.component("nginx")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    front = Front(public_url=f"https://localhost:{port}", trusted=["127.0.0.1"])
    sandbox = Sandbox(folder / "server", front=front)
    sandbox.settings = ServerSettings(ticket_tries=3)
    with sandbox, Nginx(sandbox, port, folder / "nginx"):
        yield sandbox


def _trusting(sandbox: Sandbox) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(sandbox.ca_file)
    return context


@pytest.fixture
def peer(fronted: Sandbox) -> Iterator[Peer]:
    """A client over HTTP/2 that takes compressed answers."""
    with Peer(fronted.url, fronted.ca_file) as peer:
        peer.http.close()
        peer.http = httpx.Client(
            base_url=fronted.url, verify=_trusting(fronted), http2=True, trust_env=False, timeout=60
        )
        yield peer


@pytest.mark.clause("A1", "A2", "A3", "C1")
def test_the_sdks_whole_path_goes_through_it(fronted: Sandbox, tmp_path: Path) -> None:
    world = World(fronted, tmp_path / "vault")
    order = fronted.order(limit=1)
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        rocket.consent.declare_age(adult=True)
        rocket.device.bind(order)
        assert rocket.device.order().devices_used == 1
        rocket.call("tunnel.register", public_key=tunnel_key())
        assert order in [each.value for each in rocket.rights.view().there]
        rocket.rights.correct({"language": "de"})
        assert "de" in [each.value for each in rocket.rights.view().there]
        assert rocket.rights.delete(rocket.rights.plan_delete("logs")).server.state == "confirmed"
        done = rocket.rights.delete(rocket.rights.plan_delete("account"))
        assert done.server.state == "confirmed"
        assert done.server.receipt
    assert not [row for row in fronted.rows()["orders"] if row["number"] == order]
    assert {request.header("x-forwarded-for") for request in fronted.requests} == {"127.0.0.1"}


@pytest.mark.clause("A2")
def test_an_http_2_client_that_takes_gzip_is_served(fronted: Sandbox, peer: Peer) -> None:
    peer.bind(fronted.order())
    answer = peer.call("GET", "/v1/data")

    assert answer.http_version == "HTTP/2"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["fields"]
    # RFC 9110 §8.8.1: nginx marks what it compresses as weak, and If-Match takes no weak tag (§13.1.1) ...
    assert answer.headers["ETag"].startswith("W/")
    assert problem_code(peer.patch({"language": "de"}, answer.headers["ETag"])) == "precondition-failed"
    # ... so who wants to correct something asks for the answer as it is, as the SDK does.
    plain = peer.call("GET", "/v1/data", headers={"Accept-Encoding": "identity"})
    assert peer.patch({"language": "de"}, plain.headers["ETag"]).status_code == 200


def test_proofs_are_for_the_address_that_clients_call(fronted: Sandbox, peer: Peer) -> None:
    peer.bind(fronted.order())
    peer.url = fronted.local_url

    assert problem_code(peer.call("GET", "/v1/order")) == "invalid-dpop-proof"


def test_attack_a_client_behind_the_proxy_that_says_where_it_comes_from(fronted: Sandbox) -> None:
    """nginx appends the address it sees; what stands before that is the client's own word."""

    def statuses(address: str) -> list[int]:
        transport = httpx.HTTPTransport(verify=_trusting(fronted), local_address=address)
        with httpx.Client(base_url=fronted.url, transport=transport, timeout=60) as client:
            said = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(4)]
            return [client.post("/v1/erasures", json={"ticket": "wrong"}, headers=each).status_code for each in said]

    assert statuses("127.0.0.66") == [404] * 3 + [429]
    assert statuses("127.0.0.5") == [404] * 3 + [429]  # another client has tries of its own


@pytest.mark.clause("A3")
def test_attack_a_request_that_is_cut_off_does_not_arrive(fronted: Sandbox, peer: Peer) -> None:
    """nginx keeps what it has not got the whole of to itself."""
    before = len(fronted.requests)
    plain = socket.create_connection(("127.0.0.1", int(fronted.url.rpartition(":")[2])))
    with _trusting(fronted).wrap_socket(plain, server_hostname="localhost") as connection:
        body = json.dumps({"ticket": "A" * 40}).encode()
        head = b"POST /v1/erasures HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 500\r\n\r\n" + body)
    peer.bind(fronted.order())

    assert "/v1/erasures" not in [request.path for request in fronted.requests[before:]]


def test_a_body_that_nginx_writes_to_a_file_first_arrives_whole(fronted: Sandbox, peer: Peer) -> None:
    peer.bind(fronted.order())

    answer = peer.patch({"language": "x" * 60_000}, "*")

    assert problem_code(answer) == "validation-failed"
    assert max(len(request.body) for request in fronted.requests) > 60_000
