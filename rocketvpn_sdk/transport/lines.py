"""TCP connections: each step of them within the call's deadline, and all of them cut from another thread at once.

httpcore gives each address and each read a timeout of its own, and TLS has ``tls.py`` to bound them all together. Here
is what comes before TLS: a name that nobody looks up (``names.py``), several addresses that stay silent, a proxy that
answers a byte now and then.

Nobody closes a connection that another thread reads: the number of a closed descriptor is soon another connection's,
and OpenSSL would go on with that one. Cutting shuts the connection down (``shutdown``), which wakes its reader with
"the other side has ended", and leaves the descriptor to whoever reads.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore
from httpcore._backends.sync import SyncStream  # public is only what also looks up and connects, unbounded

from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.names import Address, Names
from rocketvpn_sdk.transport.proven import Unproven, require_proven
from rocketvpn_sdk.transport.racing import Race, in_order

_LOOK_UP = 30.0
"""Seconds for a name, where neither a call nor a timeout bounds it."""
_TUNNEL = b"CONNECT "


class Lines(httpcore.NetworkBackend):
    """Makes connections and knows those that are open. Thread-safe.

    Args:
        context: that of TLS to the operator: whatever does not go inside it, but to a proxy, carries no request.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._handles: set[socket.socket] = set()
        self._names = Names()
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
        """Connect to the first address of ``host`` that answers (``racing.py``).

        Each address has ``timeout`` seconds; all of them, and the look-up of the name, have the call's deadline.

        Raises:
            httpcore.ConnectTimeout: none answered in time.
            httpcore.ConnectError: there is none, or none can be reached, or everything was cut.
        """
        try:  # in here, so that the error keeps its reason: httpcore raises it anew "from None"
            return self._first(host, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    def end(self) -> None:
        """Cut every connection, and every one that is made from now on; whoever uses one has to close it."""
        with self._lock:
            self._ended = True
            self._names.end()
            for handle in self._handles:
                _shut(handle)

    def let_go(self, handle: socket.socket) -> None:
        """Close a connection's handle; its line was closed."""
        with self._lock:
            self._handles.discard(handle)
            handle.close()

    def forget(self) -> None:
        """Forget which addresses answered: the network may be another one."""
        with self._lock:
            self._answered.clear()

    def _first(self, host: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        seconds = timeout or _LOOK_UP
        found = self._names.addresses(host, port, seconds)
        handles: dict[socket.socket, socket.socket] = {}

        def close(sock: socket.socket) -> None:
            sock.close()
            self.let_go(handles.pop(sock))

        def begin(address: Address) -> socket.socket:
            sock = socket.socket(*address[:3])
            handles[sock] = self._watched(sock)
            try:
                self._refuse_when_ended()
                sock.setblocking(False)
                with suppress(BlockingIOError):
                    sock.connect(address[4])
            except BaseException:  # an interrupt too: it does not stay open
                close(sock)
                raise
            return sock

        sock, address = Race(in_order(found, self._answered.get((host, port))), begin, close, seconds).run()
        try:
            self._refuse_when_ended()  # a shutdown in the middle of connecting is not heeded everywhere
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(deadline.cap(timeout))
        except BaseException:  # as above
            close(sock)
            raise
        with self._lock:
            self._answered[host, port] = address
        return _Line(SyncStream(sock), self, handles[sock])

    def _watched(self, sock: socket.socket) -> socket.socket:
        # A second descriptor of the same connection: this one is closed under our lock and by nobody else.
        try:
            handle = sock.dup()
        except OSError:
            sock.close()
            raise
        with self._lock:
            self._handles.add(handle)
        return handle

    def _refuse_when_ended(self) -> None:
        if self._ended:
            raise ConnectionAbortedError


class _Line(httpcore.NetworkStream):
    """One connection; ``proven``: inside TLS with the operator that was checked, so that requests may go."""

    def __init__(
        self, stream: httpcore.NetworkStream, lines: Lines, handle: socket.socket, *, proven: bool = False
    ) -> None:
        self._stream, self._lines, self._handle, self._proven = stream, lines, handle, proven

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, within the deadline."""
        if deadline.expired():
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write everything; on the way to a proxy, only the request for a tunnel."""
        if buffer and not (self._proven or buffer.startswith(_TUNNEL)):
            raise httpcore.ConnectError("nothing but the way to a proxy goes here")
        self._stream.write(buffer, deadline.cap(timeout))

    def close(self) -> None:
        """Close it, by whoever uses it."""
        try:
            self._stream.close()
        finally:
            self._lines.let_go(self._handle)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the same connection with TLS on it."""
        try:
            stream = self._wrapped(ssl_context, server_hostname, deadline.cap(timeout))
        except Unproven as error:  # in here, for the reason above
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:  # an interrupt too: it does not stay open
            self.close()
            raise
        return _Line(stream, self._lines, self._handle, proven=ssl_context is self._lines.context)

    def _wrapped(self, context: ssl.SSLContext, host: str | None, timeout: float | None) -> httpcore.NetworkStream:
        try:
            stream = self._stream.start_tls(context, host, timeout)
        except (
            AttributeError,
            TypeError,
        ) as error:  # what took the place of parts of Python's ssl does not fit the rest
            raise Unproven(f"it cannot be made ({type(error).__name__})") from None
        require_proven(getattr(stream, "ssl_obj", None) or stream.get_extra_info("socket"), host)
        return stream

    def get_extra_info(self, info: str) -> Any:
        """Return what is known about it."""
        return self._stream.get_extra_info(info)


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):  # it was not connected yet, or is not any more
        handle.shutdown(socket.SHUT_RDWR)
