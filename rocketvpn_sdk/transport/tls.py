"""The TLS context: TLS 1.3, a verified chain, a checked host name, and pins where they are given (policy clause T1).

Built bare: ``ssl.create_default_context`` and httpx's own default write the session's secrets to the file that the
environment variable SSLKEYLOGFILE names. No session is ever resumed (nobody passes ``session=``), so that a ticket
cannot link two connections; calls of identity ``none`` rely on that.
"""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import truststore

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.files import why
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.dates import dated
from rocketvpn_sdk.transport.pins import parse_pins
from rocketvpn_sdk.transport.proven import inside, plain_context, prove


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
    context = plain_context(ssl.TLSVersion.TLSv1_2 if allow_tls12 else ssl.TLSVersion.TLSv1_3)
    return _with_system(context, parsed) if trust is None else _with_file(context, trust, parsed)


def _with_file(context: ssl.SSLContext, trust: Path, pins: frozenset[str]) -> ssl.SSLContext:
    try:
        context.load_verify_locations(cafile=trust)
    except (ssl.SSLError, ValueError) as error:  # what is in it are no certificates
        raise _unusable(trust, type(error).__name__) from None
    except OSError as error:
        raise _unusable(trust, why(error, reading=True)[1]) from None
    _install(context, pins, by_system=False)
    return context


def _unusable(trust: Path, said: str) -> ConfigurationError:
    return ConfigurationError(problem=f"the CA file {str(trust)!r} cannot be used ({said})")


def _with_system(context: ssl.SSLContext, pins: frozenset[str]) -> ssl.SSLContext:
    outer = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # truststore wraps a plain context, which may be what took the place of Python's, and verifies in the socket classes
    # it sets there; ours go on top of those. The attribute is private: should it go, this fails here, when the context
    # is made, and never connects without pins.
    theirs, outer._ctx = outer._ctx, context  # noqa: SLF001 - see above
    context.sslsocket_class, context.sslobject_class = theirs.sslsocket_class, theirs.sslobject_class
    _install(context, pins, by_system=platforms.verifies_chains())
    return outer


def _install(context: ssl.SSLContext, pins: frozenset[str], *, by_system: bool) -> None:
    """Make ``context`` create connections that are proven in the handshake and keep the call's deadline.

    ``heard`` says whether anything was read since something was last written: an answer that needed no reading came
    before it was asked for. ``proven`` is OpenSSL's side of the connection once that was checked: neither ``send`` nor
    ``recv``, which are all that httpcore uses, does anything before.
    """

    class Socket(context.sslsocket_class):  # type: ignore[name-defined,misc] # the base is truststore's, or ssl's own
        heard = False
        proven: Any = None

        def do_handshake(self, block: bool = False) -> None:
            with dated(self):
                super().do_handshake(block)
            prove(self, context, pins, by_system=by_system)
            self.proven = inside(self)

        def settimeout(self, value: float | None) -> None:
            # httpcore sets the timeout before every read and write: so the deadline holds over all of them together.
            super().settimeout(deadline.cap(value))

        def send(self, data: Any, flags: int = 0) -> int:
            self.refuse_unproven()
            self.heard = False
            return int(super().send(data, flags))

        def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
            self.refuse_unproven()
            _check_deadline()
            data: bytes = super().recv(buflen, flags)
            self.heard = True
            return data

        def refuse_unproven(self) -> None:
            # Where the other side was gone before the handshake, ssl reads without TLS to see what is left; it then
            # returns a socket that had no handshake, or raises and leaves this one open.
            if self.proven is None or self.proven is not self._sslobj:
                self.close()
                raise ConnectionResetError(errno.ECONNRESET, "it was cut before TLS began")

    class Object(context.sslobject_class):  # type: ignore[name-defined,misc] # as above; for TLS inside a proxy's TLS
        heard = False
        proven: Any = None

        def do_handshake(self) -> None:
            with dated(self):
                super().do_handshake()  # raises SSLWantReadError until the handshake is over
            prove(self, context, pins, by_system=by_system)
            self.proven = inside(self)

        def write(self, data: Any) -> int:
            self.heard = False
            return int(super().write(data))

        def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the name that ssl gave it
            _check_deadline()
            data = super().read(len, buffer)  # raises SSLWantReadError until there is something
            self.heard = True
            return data

    context.sslsocket_class = Socket
    context.sslobject_class = Object


def trusts_nobody(context: ssl.SSLContext) -> bool:
    """Whether there is no authority that ``context`` could lead a certificate to: a system without a trust store."""
    inner = getattr(context, "_ctx", context)
    if platforms.verifies_chains() or inner.cert_store_stats()["x509_ca"]:
        return False
    named = os.environ.get("SSL_CERT_FILE")
    if named and not Path(named).is_file():
        return True
    folder = ssl.get_default_verify_paths().capath or ""  # what is in there is loaded when a chain leads to it
    return not (folder and any(Path(folder).iterdir()))


def _check_deadline() -> None:
    """Stop a server that sends so fast that no read ever has to wait: no timeout would end that.

    Raises:
        TimeoutError: the call in progress has no time left; httpcore expects it of a socket.
    """
    if deadline.expired():
        raise TimeoutError
