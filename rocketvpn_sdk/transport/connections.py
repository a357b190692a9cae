"""Connections to the operator: one exchange of bytes, bounded in size and time, and every failure an error of ours.

``httpx.HTTPTransport`` is used below its ``Client``: so there is no cookie jar, no redirect, no netrc, no default
header and no line in httpx's log with the URL in it, since none of that exists here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import cast

import httpx
import msgspec

from rocketvpn_sdk.errors import (
    AnswerTooLarge,
    CertificateUntrusted,
    ConfigurationError,
    PinMismatch,
    RocketVPNError,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.pins import PinnedKeyMissing

_KEPT_HEADERS = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"date",
        b"dpop-nonce",
        b"etag",
        b"retry-after",
        b"www-authenticate",
    }
)
"""All that is looked at; ``Set-Cookie`` and the rest are dropped here (policy clause C2)."""
_MAX_HEADER = 4096
_POOL = httpx.Limits(max_connections=10, max_keepalive_connections=4, keepalive_expiry=30.0)
_NO_REUSE = httpx.Limits(max_connections=10, max_keepalive_connections=0)
_CUT = ("Server disconnected", "peer closed connection")
"""How h11 and httpcore begin to say that a connection ended early; other protocol errors are garbage."""


class Reply(msgspec.Struct, frozen=True):
    """An answer as it came, whole."""

    status: int
    headers: Mapping[str, str]
    """Only those that are looked at; names in lower case."""
    body: bytes

    @property
    def media(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Failure(Exception):
    """An exchange that brought no answer: the ``error`` to raise, and what may be done about it.

    Args:
        error: what the caller gets, should nothing help.
        sent: some of the request may have reached the server.
        again: trying again may help.
    """

    def __init__(self, error: RocketVPNError, *, sent: bool, again: bool) -> None:
        self.error, self.sent, self.again = error, sent, again
        super().__init__(error.code)


class Connections:
    """The connections of one client.

    Args:
        context: from ``tls_context``.
        limits: the bounds.
        proxy: a proxy's URL; the TLS connection goes through it, unbroken.
        transport: in place of real connections, in tests.

    Raises:
        ConfigurationError: the proxy's URL is none.
    """

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        limits: Limits,
        proxy: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._limits = limits
        try:
            self._named = transport or _transport(context, _POOL, proxy)
            # Calls of identity "none" get a connection each: one that had carried a token would name its sender.
            self._nameless = transport or _transport(context, _NO_REUSE, proxy)
        except (httpx.InvalidURL, ValueError, ImportError):
            raise ConfigurationError(problem="the proxy is not one that can be used") from None

    def exchange(self, request: httpx.Request, *, operation: str, nameless: bool, at_most: int | None = None) -> Reply:
        """Send ``request`` and read the whole answer, ``at_most`` so many bytes where it is a success.

        Raises:
            Failure: there was none that can be used.
        """
        transport = self._nameless if nameless else self._named
        request.extensions["timeout"] = self._timeouts()
        try:
            response = transport.handle_request(request)
            try:
                if _came_early(response):
                    raise _early(operation, response.status_code)
                return self._read(response, operation, at_most)
            finally:
                response.close()
        except Failure:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library below raises, no caller of ours should see it
            failure = self._failure(error, operation, request.url.host)
        raise failure  # out here: the library's exception holds the request, tokens and all, and must not go along

    def close(self) -> None:
        """Close every connection."""
        self._named.close()
        self._nameless.close()

    def _timeouts(self) -> dict[str, float]:
        left = deadline.remaining(self._limits.total_timeout)
        return {
            "connect": min(self._limits.connect_timeout, left),
            "read": min(self._limits.read_timeout, left),
            "write": min(self._limits.write_timeout, left),
            "pool": left,
        }

    def _read(self, response: httpx.Response, operation: str, at_most: int | None) -> Reply:
        status, most = response.status_code, self._limits.max_response_bytes
        if at_most is not None and status < 400:
            most = at_most
        headers = _looked_at(response.headers)
        if headers.get("content-encoding", "identity") != "identity":
            raise self._useless(operation, status, "it is encoded, though that was not asked for")
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:12]) > most:
            raise _too_large(operation, status, most)
        body = bytearray()
        # The bare stream: response.iter_raw() counts and clocks, and would refuse an answer made in memory.
        for chunk in cast(httpx.SyncByteStream, response.stream):
            body += chunk
            if len(body) > most:
                raise _too_large(operation, status, most)
            if deadline.expired():
                raise httpx.ReadTimeout("")
        return Reply(status, headers, bytes(body))

    def _useless(self, operation: str, status: int | None, problem: str) -> Failure:
        return Failure(ServerError(operation=operation, status=status, problem=problem), sent=True, again=False)

    def _failure(self, error: Exception, operation: str, host: str) -> Failure:
        """Turn whatever a library raised into a failure of ours."""
        if isinstance(error, httpx.TimeoutException):
            sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            return Failure(ServerTimeout(host=host, seconds=self._limits.total_timeout), sent=sent, again=True)
        if isinstance(error, httpx.RemoteProtocolError) and not str(error).startswith(_CUT):
            return self._useless(operation, None, "it is not HTTP")
        if isinstance(error, httpx.TransportError | OSError):
            return _unreachable(error, host)
        return self._useless(operation, None, f"it cannot be read ({type(error).__name__})")


def _too_large(operation: str, status: int, most: int) -> Failure:
    error = AnswerTooLarge(operation=operation, status=status, problem=f"it is larger than {most} bytes")
    return Failure(error, sent=True, again=False)


def _came_early(response: httpx.Response) -> bool:
    """Whether the answer had been read before its request was sent, right behind an earlier answer (``tls.py``)."""
    stream = response.extensions.get("network_stream")
    ends = () if stream is None else (stream.get_extra_info("socket"), stream.get_extra_info("ssl_object"))
    return any(not getattr(end, "heard", True) for end in ends)


def _early(operation: str, status: int) -> Failure:
    error = ServerError(operation=operation, status=status, problem="it came before it was asked for")
    return Failure(error, sent=True, again=True)  # again on another connection: this one is out of step


def _looked_at(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers that are looked at; one that comes twice is joined (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for raw, value in headers.raw:
        if raw.lower() in _KEPT_HEADERS:
            name, text = raw.lower().decode("ascii"), value.decode("latin-1")[:_MAX_HEADER]
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _transport(context: ssl.SSLContext, limits: httpx.Limits, proxy: str | None) -> httpx.HTTPTransport:
    return httpx.HTTPTransport(verify=context, trust_env=False, http2=False, limits=limits, proxy=proxy, retries=0)


def _unreachable(error: Exception, host: str) -> Failure:
    """Say why there is no connection; the reasons of TLS lie somewhere down the chain of causes."""
    sent = not isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol)
    for cause in _causes(error):
        if isinstance(cause, PinnedKeyMissing):
            return Failure(PinMismatch(host=host), sent=False, again=False)
        if isinstance(cause, ssl.SSLCertVerificationError):
            problem = (getattr(cause, "verify_message", "") or "it does not verify").rstrip(".")
            return Failure(CertificateUntrusted(host=host, problem=problem), sent=False, again=False)
        if isinstance(cause, ssl.SSLError) and not sent:
            # ssl sets these attributes on the errors that OpenSSL gave it, and on no others.
            reason = (getattr(cause, "reason", "") or type(cause).__name__).replace("_", " ").lower()
            cut = isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            return Failure(ServerUnreachable(host=host, problem=f"TLS: {reason}"), sent=False, again=cut)
    return Failure(ServerUnreachable(host=host, problem=_in_words(error)), sent=sent, again=True)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _in_words(error: Exception) -> str:
    """Say what the operating system said, else what kind of failure it was; never a library's own text."""
    strerror = next((c.strerror for c in _causes(error) if isinstance(c, OSError) and c.strerror), None)
    kinds: dict[type[Exception], str] = {
        httpx.ProxyError: "the proxy refused",
        httpx.RemoteProtocolError: "the connection was cut",
        httpx.ReadError: "the connection was cut",
        httpx.WriteError: "the connection was cut",
    }
    fallback = next((words for kind, words in kinds.items() if isinstance(error, kind)), "no connection")
    return strerror or fallback
