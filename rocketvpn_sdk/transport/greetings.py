"""What the SDK says first on a TCP connection: an address wins the race when this is answered (``racing.py``).

No byte of a request to the operator is in it: it is a TLS handshake, or the request to a proxy for a tunnel.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress

from rocketvpn_sdk.transport.proven import Unproven, require_proven
from rocketvpn_sdk.transport.racing import Wait

Greeting = Callable[[socket.socket], Generator[Wait, None, socket.socket]]
"""Takes a connected socket that does not block, and returns the socket to go on with."""


def tls_handshake(context: ssl.SSLContext, host: str | None) -> Greeting:
    """Return the greeting that is a TLS handshake: it ends when the connection is proven (decision 33).

    Raises (when it runs):
        Unproven: another library changed Python's TLS.
        ssl.SSLError: the other side is not ``host``, has no pinned key, or speaks no TLS that is accepted.
        OSError: the connection was cut.
    """

    def greet(sock: socket.socket) -> Generator[Wait, None, socket.socket]:
        with own_tls():
            with _too_early():
                secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            try:
                while (event := _step(secured)) is not None:
                    yield secured.fileno(), event
                require_proven(secured, host)
            except BaseException:  # an interrupt or the end of the race, too: it does not stay open
                secured.close()
                raise
            return secured

    return greet


def tunnel_request(request: bytes) -> Greeting:
    """Return the greeting that asks an HTTP proxy for a tunnel: it ends when the proxy begins to answer.

    Raises (when it runs):
        OSError: the connection was cut.
    """

    def greet(sock: socket.socket) -> Generator[Wait, None, socket.socket]:
        left = request
        while left:
            with suppress(BlockingIOError):
                left = left[sock.send(left) :]
                continue
            yield sock.fileno(), selectors.EVENT_WRITE
        yield sock.fileno(), selectors.EVENT_READ
        if not sock.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError("the connection was cut")
        return sock

    return greet


@contextmanager
def own_tls() -> Iterator[None]:
    """Raise ``Unproven`` if what took the place of parts of Python's ssl does not fit the rest."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        raise Unproven(f"it cannot be made ({type(error).__name__})") from None


@contextmanager
def _too_early() -> Iterator[None]:
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise Unproven("its handshake began before it was asked for") from None


def _step(secured: ssl.SSLSocket) -> int | None:
    """Go on with the handshake; return the event that it waits for, ``None`` when it is over."""
    try:
        secured.do_handshake()
    except ssl.SSLWantReadError:
        return selectors.EVENT_READ
    except ssl.SSLWantWriteError:
        return selectors.EVENT_WRITE
    return None
