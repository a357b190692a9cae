"""What is said first on a connection, by a socket that does not wait."""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import httpcore
import pytest
from support.silent import at_port

from rocketvpn_sdk.transport import tls_context
from rocketvpn_sdk.transport.greetings import tls_handshake, tunnel_request
from rocketvpn_sdk.transport.proven import Unproven
from rocketvpn_sdk.transport.socket_backend import SocketBackend

REQUEST = b"CONNECT localhost:443 HTTP/1.1\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        yield near, far


def filled(sock: socket.socket) -> int:
    """Write until nothing more fits; return how much did."""
    written = 0
    try:
        while True:
            written += sock.send(b"x" * 65536)
    except BlockingIOError:
        return written


def emptied(sock: socket.socket, count: int) -> None:
    while count > 0:
        count -= len(sock.recv(min(count, 65536)))


def test_the_request_for_a_tunnel_waits_for_room_and_then_for_an_answer(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    count = filled(near)
    attempt = tunnel_request(REQUEST)(near)
    assert next(attempt) == (near.fileno(), selectors.EVENT_WRITE)
    emptied(far, count)
    assert next(attempt) == (near.fileno(), selectors.EVENT_READ)
    assert far.recv(4096) == REQUEST
    far.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(StopIteration) as done:
        next(attempt)
    assert done.value.value is near
    assert near.recv(8) == b"HTTP/1.1", "the answer is still there"


def test_a_handshake_waits_for_room_too_and_is_closed_with_its_race(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    near, far = ends
    count, number = filled(near), near.fileno()
    attempt = tls_handshake(tls_context(), "localhost")(near)
    assert next(attempt) == (number, selectors.EVENT_WRITE)
    emptied(far, count)
    assert next(attempt) == (number, selectors.EVENT_READ)
    attempt.close()
    assert far.recv(2) == b"\x16\x03"
    emptied(far, int.from_bytes(far.recv(3)[1:]))
    assert far.recv(1) == b""


class Replaced:
    """A context that another library put there."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def wrap_socket(self, *_: Any, **__: Any) -> Any:
        raise self._error


@pytest.mark.clause("T1")
@pytest.mark.parametrize("error", [AttributeError(), TypeError(), ssl.SSLWantReadError(), ssl.SSLWantWriteError()])
def test_attack_tls_that_does_not_fit_is_not_passed_over(
    ends: tuple[socket.socket, socket.socket], error: Exception
) -> None:
    context: Any = Replaced(error)
    with pytest.raises(Unproven):
        next(tls_handshake(context, "localhost")(ends[0]))


@pytest.mark.clause("T1")
def test_attack_nothing_but_the_request_for_a_tunnel_opens_a_connection_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        stream = SocketBackend(tls_context()).connect_tcp("127.0.0.1", server.getsockname()[1], 60)
        with pytest.raises(httpcore.ConnectError, match="nothing but the way to a proxy"):
            stream.write(b"GET /v1/order HTTP/1.1\r\n\r\n")
        with pytest.raises(httpcore.ReadError):
            stream.read(1)
        stream.close()
        with pytest.raises(BlockingIOError):
            server.accept()


def test_one_that_refuses_later_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine a refusal comes at once; from another one, it comes while the race waits."""
    answers = iter([errno.ECONNREFUSED, 0])
    monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: next(answers))
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        found = [at_port(each.getsockname()[1]) for each in (one, other)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        lines = SocketBackend(tls_context())
        stream = lines.connect_tcp("localhost", 443, 60)
        other.settimeout(60)
        with pytest.raises(httpcore.ConnectTimeout):
            stream.write(REQUEST, 0.2)
        for server, heard in ((other, REQUEST), (one, b"")):
            with server.accept()[0] as accepted:
                assert accepted.recv(4096) == heard
