"""TCP connections: each step within the call's deadline, and all of them cut at once from another thread.

httpcore gives each address and each read a timeout of its own, and ``tls.py`` bounds TLS. This module bounds what comes
before TLS: looking up the name (``resolver.py``), addresses that stay silent, a proxy that answers a byte at a time.

A call that is cancelled has the connection cut that it uses just then.

No thread closes a connection that another thread reads: the descriptor's number is soon given to another connection,
and OpenSSL would go on with that one. Cutting shuts the connection down (``shutdown``), which tells its reader that the
other side has ended; the reader closes the descriptor.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import httpcore
from httpcore._backends.sync import SyncStream  # public is only what also looks up and connects, unbounded

from rocketvpn_sdk.cancelling import waking
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.greetings import Greeting, own_tls, tls_handshake, tunnel_request
from rocketvpn_sdk.transport.progress import Progress, current
from rocketvpn_sdk.transport.proven import Unproven, require_proven
from rocketvpn_sdk.transport.racing import Attempt, Race, in_order
from rocketvpn_sdk.transport.resolver import Address, Resolver

_LOOK_UP = 30.0
"""Seconds for a name, where neither a call nor a timeout bounds it."""
_TUNNEL = b"CONNECT "


class SocketBackend(httpcore.NetworkBackend):
    """Makes connections and knows those that are open. Thread-safe.

    Args:
        context: that of TLS to the operator: whatever does not go inside it, but to a proxy, carries no request.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._handles: set[socket.socket] = set()
        self._resolver = Resolver()
        self._answered: dict[tuple[str, int], Address] = {}
        """By host and port the address that answered last."""
        self._ended = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - nobody here gives one
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        """Return a connection to ``host`` that opens when something is said on it: the answer decides the race."""
        return _UnopenedConnection(self, host, port, timeout)

    def open(
        self, host: str, port: int, greeting: Greeting, *, connect: float | None, answer: float | None, proven: bool
    ) -> httpcore.NetworkStream:
        """Connect to the first address of ``host`` that answers ``greeting`` (``racing.py``).

        Each address has ``connect`` seconds for TCP and ``answer`` seconds after that; all of them, and the look-up of
        the name, have the call's deadline. ``proven``: the greeting is TLS with the operator.

        Raises:
            httpcore.ConnectTimeout: none answered in time.
            httpcore.ConnectError: there is none, none can be reached, or one is not who it has to be.
        """
        seconds = connect or _LOOK_UP

        def begin(address: Address) -> Attempt[_Connection]:
            return self._attempt(address, greeting, connect, proven)

        try:  # in here, so that the error keeps its reason: httpcore raises it again "from None"
            found = in_order(self._resolver.addresses(host, port, seconds), self._answered.get((host, port)))
            connection, address = Race(found, begin, connect=seconds, answer=answer or _LOOK_UP).run()
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        with self._lock:
            self._answered[host, port] = address
        return connection

    def end(self) -> None:
        """Cut every connection, and every one that is made from now on; anyone who uses one has to close it."""
        with self._lock:
            self._ended = True
            self._resolver.end()
            for handle in self._handles:
                _shut(handle)

    def let_go(self, handle: socket.socket) -> None:
        """Close a connection's handle; its line was closed."""
        with self._lock:
            self._handles.discard(handle)
            handle.close()

    def forget(self, *, moved: bool) -> None:
        """Forget the addresses of names, and which of them answered: a call was lost, or the device has ``moved``."""
        self._resolver.forget(moved=moved)
        with self._lock:
            self._answered.clear()

    def _attempt(
        self, address: Address, greeting: Greeting, timeout: float | None, proven: bool
    ) -> Attempt[_Connection]:
        with ExitStack() as undo:  # also where the race is over, or interrupted
            sock = undo.enter_context(socket.socket(*address[:3]))
            handle = self._watched(sock)
            undo.callback(self.let_go, handle)
            self._refuse_when_ended()
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(address[4])
            yield sock.fileno(), selectors.EVENT_WRITE
            if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, os.strerror(number))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            greeted = undo.enter_context((yield from greeting(sock)))
            self._refuse_when_ended()  # a shutdown in the middle of connecting is not heeded everywhere
            greeted.settimeout(deadline.cap(timeout))
            undo.pop_all()
            return _Connection(SyncStream(greeted), self, handle, proven=proven)

    def _watched(self, sock: socket.socket) -> socket.socket:
        # A second descriptor of the same connection: this one is closed under our lock and by nobody else.
        handle = sock.dup()
        with self._lock:
            self._handles.add(handle)
        return handle

    def _refuse_when_ended(self) -> None:
        if self._ended:
            raise ConnectionAbortedError


class _UnopenedConnection(httpcore.NetworkStream):
    """A connection that nothing was said on so far; what is said first opens it."""

    def __init__(self, backend: SocketBackend, host: str, port: int, timeout: float | None) -> None:
        self._backend, self._to, self._timeout = backend, (host, port), timeout
        self._connection: httpcore.NetworkStream | None = None

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS on it, to the first address that proves who it is."""
        if self._connection is not None:
            return self._connection.start_tls(ssl_context, server_hostname, timeout)
        greeting = tls_handshake(ssl_context, server_hostname)
        proven = ssl_context is self._backend.context
        return self._backend.open(*self._to, greeting, connect=self._timeout, answer=timeout, proven=proven)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write to a proxy: the first that answers the request for a tunnel is the one that is used."""
        if self._connection is not None:
            self._connection.write(buffer, timeout)
            return
        _require_tunnel(buffer)
        greeting = tunnel_request(buffer)
        self._connection = self._backend.open(*self._to, greeting, connect=self._timeout, answer=timeout, proven=False)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, once it is open."""
        if self._connection is None:
            raise httpcore.ReadError("nothing was said so far")
        return self._connection.read(max_bytes, timeout)

    def close(self) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what is known about it."""
        return None if self._connection is None else self._connection.get_extra_info(info)


class _Connection(httpcore.NetworkStream):
    """One connection; ``proven``: inside TLS with the operator that was checked, so that requests may go."""

    def __init__(
        self, stream: httpcore.NetworkStream, backend: SocketBackend, handle: socket.socket, *, proven: bool = False
    ) -> None:
        self._stream, self._backend, self._handle, self._proven = stream, backend, handle, proven
        self._carries: Progress | None = None
        """That of the try whose request was last written."""
        self._cut = partial(_shut, handle)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, within the deadline."""
        with waking(self._cut):
            if deadline.expired():
                raise httpcore.ReadTimeout
            data = self._stream.read(max_bytes, deadline.cap(timeout))
        if data and self._carries is not None:
            self._carries.heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything; on the way to a proxy, only the request for a tunnel."""
        if not self._proven:
            _require_tunnel(buffer)
            with waking(self._cut):
                self._stream.write(buffer, deadline.cap(timeout))
            return
        progress = current()
        if progress is not self._carries:
            progress.begun, progress.reused = True, self._carries is not None
            self._carries = progress
        with waking(self._cut):
            self._stream.write(buffer, deadline.cap(timeout))
        progress.sent = True  # what is written first is the header section, whole

    def close(self) -> None:
        """Close it, by anyone who uses it."""
        try:
            self._stream.close()
        finally:
            self._backend.let_go(self._handle)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the same connection with TLS on it."""
        try:
            with waking(self._cut):
                stream = self._wrapped(ssl_context, server_hostname, deadline.cap(timeout))
        except Unproven as error:  # in here, for the reason above
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:  # an interrupt too: it does not stay open
            self.close()
            raise
        return _Connection(stream, self._backend, self._handle, proven=ssl_context is self._backend.context)

    def _wrapped(self, context: ssl.SSLContext, host: str | None, timeout: float | None) -> httpcore.NetworkStream:
        with own_tls():
            stream = self._stream.start_tls(context, host, timeout)
        require_proven(getattr(stream, "ssl_obj", None) or stream.get_extra_info("socket"), host)
        return stream

    def get_extra_info(self, info: str) -> Any:
        """Return what is known about it."""
        return self._stream.get_extra_info(info)


def _require_tunnel(buffer: bytes) -> None:
    if buffer and not buffer.startswith(_TUNNEL):
        raise httpcore.ConnectError("nothing but the way to a proxy goes here")


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):  # it was not connected yet, or is not any more
        handle.shutdown(socket.SHUT_RDWR)
