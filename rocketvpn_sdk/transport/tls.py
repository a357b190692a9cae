"""The TLS context: TLS 1.3, a verified chain, a checked host name, and pins where they are given (policy clause T1).

Built bare: ``ssl.create_default_context`` and httpx's own default write the session's secrets to the file that the
environment variable SSLKEYLOGFILE names. No session is ever resumed (nobody passes ``session=``), so that a ticket
cannot link two connections; calls of identity ``none`` rely on that.
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import truststore

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.files import why
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.certificate_dates import dated
from rocketvpn_sdk.transport.pins import parse_pins
from rocketvpn_sdk.transport.proven import Unproven, certificates_in, inside, plain_context, prove, require_made_by

_RECORD = 1 << 14
"""Bytes of TLS's longest record (RFC 8446 §5.1): OpenSSL gives one at a time, however much is asked for."""
_ROOM = 1 << 19
"""Bytes of a file that are taken at once."""


def tls_context(*, trust: Path | None = None, pins: Iterable[str] = (), allow_tls12: bool = False) -> ssl.SSLContext:
    """Return the context for connections to the operator.

    Args:
        trust: a file of CA certificates (PEM) to trust and no others; ``None``: the operating system's trust store.
        pins: ``sha256/<base64>`` of SubjectPublicKeyInfos, at least two or none. Any certificate of the verified chain
            may match; with the trust stores of macOS and Windows, the server's own alone.
        allow_tls12: accept TLS 1.2 too; the default is 1.3 and later.

    Raises:
        ConfigurationError: a malformed pin, one pin alone, or a CA file that cannot be read.
    """
    parsed = parse_pins(pins)
    minimum = ssl.TLSVersion.TLSv1_2 if allow_tls12 else ssl.TLSVersion.TLSv1_3
    context = plain_context(minimum, by_system=trust is None and platforms.verifies_chains())
    return _with_system(context, parsed) if trust is None else _with_file(context, trust, parsed)


def _with_file(context: Any, trust: Path, pins: frozenset[str]) -> ssl.SSLContext:
    try:
        context.load_verify_locations(cafile=trust)
        anchors = certificates_in(trust.read_bytes())
    except (ssl.SSLError, ValueError) as error:  # what is in it are no certificates
        raise _unusable(trust, type(error).__name__) from None
    except OSError as error:
        raise _unusable(trust, why(error, reading=True)[1]) from None
    _install(context, pins, anchors)
    return context  # type: ignore[no-any-return] # a subclass of ssl's


def _unusable(trust: Path, said: str) -> ConfigurationError:
    return ConfigurationError(problem=f"the CA file {str(trust)!r} cannot be used ({said})")


def _with_system(context: Any, pins: frozenset[str]) -> ssl.SSLContext:
    outer = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # truststore wraps a plain context, which may be what took the place of Python's, and verifies in the socket classes
    # it sets there; ours go on top of those. The attribute is private: should it go, this fails here, when the context
    # is made, and never connects without pins.
    theirs, outer._ctx = outer._ctx, context  # noqa: SLF001 - see above
    context.sslsocket_class, context.sslobject_class = theirs.sslsocket_class, theirs.sslobject_class
    _install(context, pins)
    return outer


def _install(context: Any, pins: frozenset[str], anchors: tuple[bytes, ...] | None = None) -> None:
    """Make ``context`` create connections that are proven in the handshake and keep the call's deadline.

    ``heard`` says whether anything was read since something was last written: an answer that needed no reading came
    before it was asked for. ``proven`` is OpenSSL's side of the connection once that was checked: what httpcore uses to
    send and to receive does nothing before, and then gives the bytes to that, by none of ``ssl``'s methods on the way.
    """
    context.sslsocket_class = _socket_class(context, pins, anchors)
    context.sslobject_class = _object_class(context, pins, anchors)


def _socket_class(context: Any, pins: frozenset[str], anchors: tuple[bytes, ...] | None) -> type[ssl.SSLSocket]:
    class Socket(context.sslsocket_class):  # type: ignore[misc] # the base is truststore's, or ssl's own
        heard = False
        born: Any = None
        proven: Any = None
        room: memoryview | None = None

        def do_handshake(self, block: bool = False) -> None:
            try:
                with dated(self):
                    super().do_handshake(block)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                require_made_by(context, self)  # before it goes on: nobody else begins another one
                raise
            prove(self, context, pins, anchors)
            self.proven = inside(self)

        def settimeout(self, value: float | None) -> None:
            # httpcore sets the timeout before every read and write: so the deadline holds over all of them together.
            super().settimeout(deadline.cap(value))

        def send(self, data: Any, flags: int = 0) -> int:  # noqa: ARG002 - ssl's name; TLS knows no flags
            _refuse_unproven(self)
            self.heard = False
            return int(self.proven.write(data))

        def recv(self, buflen: int = 1024, flags: int = 0) -> bytes | memoryview:  # noqa: ARG002 - as above
            """Return what is here: ``buflen`` bytes at most, or what ``room`` holds, until the next call."""
            _refuse_unproven(self)
            _check_deadline()
            try:
                data: bytes = self.proven.read(buflen)
            except ssl.SSLEOFError:  # cut, without a farewell; HTTP tells whether something is missing
                data = b""
            self.heard = True
            if len(data) < _RECORD:
                return data
            # A long answer: take along what is here of it, which costs less.
            super().settimeout(0)  # the next read sets its own
            return _with_what_is_here(data, self.proven, self.room or memoryview(bytearray(buflen)))

    return Socket


def _object_class(context: Any, pins: frozenset[str], anchors: tuple[bytes, ...] | None) -> type[ssl.SSLObject]:
    """Return the same for TLS inside a proxy's TLS."""

    class Object(context.sslobject_class):  # type: ignore[misc] # as above
        heard = False
        born: Any = None
        proven: Any = None

        def do_handshake(self) -> None:
            with dated(self):
                super().do_handshake()  # raises SSLWantReadError until the handshake is over
            prove(self, context, pins, anchors)
            self.proven = inside(self)

        def write(self, data: Any) -> int:
            self.heard = False
            return int(_proven(self).write(data))

        def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002, ARG002 - the names that ssl gave them
            inner = _proven(self)
            _check_deadline()
            data = inner.read(len)  # raises SSLWantReadError until there is something
            self.heard = True
            return data

    return Object


@contextmanager
def in_large_pieces(end: Any) -> Iterator[None]:
    """Have a connection of ``tls_context`` give more at once than is asked for; only where a body alone is to come."""
    if not hasattr(end, "room"):  # no connection at all, in tests
        yield
        return
    end.room = memoryview(bytearray(_ROOM))
    try:
        yield
    finally:
        end.room = None


def _with_what_is_here(data: bytes, proven: Any, room: memoryview) -> memoryview:
    """Return ``data`` and what has arrived behind it, in ``room``."""
    size = len(data)
    room[:size] = data
    with suppress(ssl.SSLWantReadError, ssl.SSLEOFError):  # the next read waits for it, or meets the end
        while size < len(room) and (more := proven.read(len(room) - size, room[size:])):
            size += more
    return room[:size]


def _is_proven(end: Any) -> bool:
    return end.proven is not None and end.proven is end._sslobj  # noqa: SLF001 - it has no other name


def _refuse_unproven(sock: Any) -> None:
    # Where the other side was gone before the handshake, ssl reads without TLS to see what is left; it then returns a
    # socket that had no handshake, or raises and leaves this one open.
    if not _is_proven(sock):
        sock.close()
        raise ConnectionResetError(errno.ECONNRESET, "it was cut before TLS began")


def _proven(end: Any) -> Any:
    if not _is_proven(end):
        raise Unproven("it was not checked after its handshake")
    return end.proven


def trusts_nobody(context: ssl.SSLContext) -> bool:
    """Whether there is no authority that ``context`` could lead a certificate to: a system without a trust store."""
    inner = getattr(context, "_ctx", context)
    if platforms.verifies_chains() or inner.cert_store_stats()["x509_ca"]:
        return False
    named = os.environ.get("SSL_CERT_FILE")
    if named and not os.access(named, os.R_OK):
        return True
    folder = ssl.get_default_verify_paths().capath or ""  # what is in there is loaded when a chain leads to it
    try:
        return not (folder and any(Path(folder).iterdir()))
    except OSError:
        return True


def _check_deadline() -> None:
    """Stop a server that sends so fast that no read ever has to wait: no timeout would end that.

    Raises:
        TimeoutError: the call in progress has no time left; httpcore expects it of a socket.
    """
    if deadline.expired():
        raise TimeoutError
