"""Attack: connections that are slow, that say nothing, or that end before their request does."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dpop_client import Peer, problem_code

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings

TICKET = "T" * 40
BODY = json.dumps({"ticket": TICKET}).encode()
ERASE = b"POST /v1/erasures HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LIBERAL = 30.0
"""Seconds within which a slow machine, too, has cut what waits for tenths of one."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("server"))
    sandbox.settings = ServerSettings(head_seconds=0.3, body_seconds=0.3, answer_seconds=0.3, idle_seconds=1)
    with sandbox:
        yield sandbox


@pytest.fixture
def kim(sandbox: Sandbox) -> Iterator[Peer]:
    """A device with a ticket for its own erasure."""
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        peer.bind(sandbox.order())
        made = {"ticket_id": hashlib.sha256(TICKET.encode()).hexdigest(), "scope": "device"}
        assert peer.call("POST", "/v1/erasure-tickets", json_body=made).status_code == 201
        yield peer
        peer.ask_deletion("device")  # the ticket with it, for the next test makes the same


def connect(sandbox: Sandbox, *, take: int | None = None) -> ssl.SSLSocket:
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if take is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, take)
    plain.settimeout(LIBERAL)
    plain.connect(("127.0.0.1", int(sandbox.url.rpartition(":")[2])))
    context = ssl.create_default_context(cafile=sandbox.ca_file)
    return context.wrap_socket(plain, server_hostname="localhost")


def trickle(connection: ssl.SSLSocket, byte: bytes) -> bytes:
    """Send one byte after the other until the server has had enough; return what it said."""
    connection.settimeout(0.05)
    said = b""
    for _ in range(int(LIBERAL / 0.05)):
        try:
            connection.sendall(byte)
            received = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return said
        if not received:
            return said
        said += received
    raise AssertionError("the connection is still open")


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /v1/keys HTTP/1.1\r\nX: ", ERASE + b"Content-Length: 500\r\n\r\n" + BODY],
    ids=["before a request", "head", "body"],
)
@pytest.mark.clause("A3")
def test_attack_a_request_byte_by_byte(sandbox: Sandbox, kim: Peer, begun: bytes) -> None:
    with connect(sandbox) as connection:
        connection.sendall(begun)
        said = trickle(connection, b"x" if begun else b"G")

    assert b" 200 " not in said
    assert kim.call("GET", "/v1/order").status_code == 200


def test_attack_a_body_without_end_after_its_answer(sandbox: Sandbox) -> None:
    """The answer to a body that is too large comes early; what still comes of it is read no longer than a head is."""
    with connect(sandbox) as connection:
        connection.sendall(ERASE + b"Content-Length: 99999999\r\n\r\n" + b"x" * (2 << 20))
        said = trickle(connection, b"x")

    assert b" 413 " in said


@pytest.mark.parametrize("requests", [0, 1])
def test_attack_connections_that_say_nothing(sandbox: Sandbox, requests: int) -> None:
    with connect(sandbox) as connection:
        connection.sendall(b"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n" * requests)
        said = b""
        while received := connection.recv(65536):  # until the server hangs up; a socket's own bound is far longer
            said += received
    assert said.count(b"HTTP/1.1 200") == requests


def test_attack_an_answer_that_nobody_takes(sandbox: Sandbox) -> None:
    path = "policy/large.bin"
    sandbox.publish_target(path, content := b"x" * (12 << 20))
    name = hashlib.sha256(content).hexdigest()
    with connect(sandbox, take=4096) as connection:
        connection.sendall(f"GET /tuf/targets/policy/{name}.large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        server = sandbox._server
        assert server
        assert connection.recv(12) == b"HTTP/1.1 200"
        held = server.server_state.connections.copy()
        while held & server.server_state.connections:  # until it is cut; meanwhile others are served
            with connect(sandbox) as other:
                other.sendall(b"GET /v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert other.recv(12) == b"HTTP/1.1 200"


def test_a_slow_server_is_no_slow_client(sandbox: Sandbox, kim: Peer) -> None:
    sandbox.faults.latency = 0.7  # more than a client would have
    try:
        assert kim.call("GET", "/v1/order").status_code == 200
    finally:
        sandbox.faults.latency = 0


# ---------------------------------------------------------------- requests that end too early


CUT = {
    "before the length": ERASE + b"Content-Length: 500\r\n\r\n" + BODY,
    "by one byte": ERASE + b"Content-Length: %d\r\n\r\n" % (len(BODY) + 1) + BODY,
    "before the last chunk": ERASE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(BODY), BODY),
    "before the last line": ERASE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(BODY), BODY),
    "within a chunk": ERASE + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + BODY,
    "by a chunk that is none": ERASE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n" % (len(BODY), BODY),
}


@pytest.mark.clause("A3")
@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("case", CUT)
def test_attack_a_request_that_is_cut_off_is_not_carried_out(sandbox: Sandbox, kim: Peer, case: str, end: str) -> None:
    before = len(sandbox.requests)
    connection = connect(sandbox)
    connection.sendall(CUT[case])
    if end == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()

    for _ in range(4):  # the server has heard of the end by then
        assert kim.call("GET", "/v1/order").status_code == 200
    assert "/v1/erasures" not in [request.path for request in sandbox.requests[before:]]


@pytest.mark.clause("A3")
def test_a_request_that_is_whole_is_carried_out(sandbox: Sandbox, kim: Peer) -> None:
    with connect(sandbox) as connection:
        connection.sendall(ERASE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert kim.call("GET", "/v1/order").status_code in (401, 403)


@pytest.mark.parametrize("target", ["HTTPS://somewhere.example/v1/keys", "https://localhost/v1/%6Beys?x"])
def test_a_request_for_a_whole_uri_is_one_for_its_path(sandbox: Sandbox, target: str) -> None:
    """RFC 9112 §3.2.2. Whose host it is does not matter, as with ``Host``."""
    with connect(sandbox) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.clause("A2")
def test_mail_addresses_are_checked_as_mail_servers_do(tmp_path: Path) -> None:
    good = ["kim@example.org", "kim+vpn@example.co.uk", "ümlaut@example.org", "kim@xn--bcher-kva.example"]
    bad = ["a,b@evil.example", '"x"@y.example', "<a>@b.example", "a;b@c.example", "a@-b.example", "a@1.1.1.1", "a@b"]
    bad += ["a@b.example\n", "a..b@c.example", "a@b..example", "a@localhost", "a@b.example>", "a" * 65 + "@b.example"]
    bad += [
        "Kim <kim@example.org>",
        "kim@example.org,lou@example.org",
        "kim@exa\u200bmple.org",
        "kim@[127.0.0.1]",
        "@b.c",
    ]
    with Sandbox(tmp_path / "server") as sandbox, Peer(sandbox.url, sandbox.ca_file) as peer:
        peer.bind(sandbox.order())
        for address in bad + good:
            policy = sandbox.policy
            body = {"contact": address, "about": "agreement", "language": "x", "policy_version": policy.version}
            answer = peer.call("POST", "/v1/guardian-requests", json_body=body | {"policy_sha256": policy.sha256})
            assert problem_code(answer) == "validation-failed"  # for the language, at least; so nothing is sent
            pointers = {each["pointer"] for each in answer.json()["errors"]}
            assert ("/contact" in pointers) is (address in bad), address
