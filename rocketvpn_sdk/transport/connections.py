"""Connections to the operator: one exchange of bytes, bounded in size and time, and every failure an error of ours.

A transport of httpx is used without its ``Client``: so there is no cookie jar, no redirect, no netrc, no default
header and no line in httpx's log with the URL in it, since none of that exists here.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import httpx

from rocketvpn_sdk.cancelling import cancelled
from rocketvpn_sdk.errors import AnswerTooLarge, CallCancelled, ServerError, VaultClosed
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.masking import OneHolder, SecretStruct
from rocketvpn_sdk.transport import deadline, failures
from rocketvpn_sdk.transport.failures import Failure
from rocketvpn_sdk.transport.pools import Pools, Proxy
from rocketvpn_sdk.transport.progress import watched
from rocketvpn_sdk.transport.receiving import Receiver
from rocketvpn_sdk.transport.tls import in_large_pieces, trusts_nobody

_KEPT_HEADERS = frozenset(
    {
        b"age",
        b"content-encoding",
        b"content-length",
        b"content-range",
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
_SPOKEN = (b"HTTP/1.1", b"HTTP/1.0")
_CUT = ("Server disconnected", "peer closed connection")
"""How h11 and httpcore begin to say that a connection ended early; other protocol errors are garbage."""


_LOST = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
"""After these, no connection that waits and no address that was found is trusted to work."""


class HttpReply(SecretStruct, frozen=True):
    """An answer as it came, whole."""

    __masked__: ClassVar[tuple[str, ...]] = ("headers", "body")

    status: int
    headers: Mapping[str, str]
    """Only those that are looked at; names in lower case."""
    body: bytes
    unsure: bool = False
    """An earlier try of the same call may have been done, and this answer does not say so (a 429, say)."""

    @property
    def media(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Connections(OneHolder):
    """The connections of one client.

    Args:
        context: from ``tls_context``.
        limits: the bounds.
        proxy: a proxy's URL, or what is asked for one before every call; TLS goes through it, unbroken.
        proxy_context: makes the context for TLS to an ``https`` proxy; ``None``: such a proxy is refused.
        transport: in place of real connections, in tests.
        now: the device's clock.
        trusted_time: returns the time according to the server or the vault; ``None``: unknown.

    Raises:
        ConfigurationError: the proxy's URL is none.
    """

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        limits: Limits,
        proxy: Proxy = None,
        proxy_context: Callable[[], ssl.SSLContext] | None = None,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
        trusted_time: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._limits = limits
        self._now = now
        self._trusted_time = trusted_time
        self._context = context
        self.pools = Pools(context, proxy, proxy_context, transport)
        """Whose owner renews and closes them."""

    def exchange(
        self,
        request: httpx.Request,
        *,
        operation: str,
        nameless: bool,
        at_most: int | None = None,
        into: Receiver | None = None,
    ) -> HttpReply:
        """Send ``request`` and read the whole answer, ``at_most`` so many bytes where it is a success.

        ``into`` takes the body where that is a file; the reply then has none.

        Raises:
            Failure: there was none that can be used.
            ConfigurationError: the proxy that was asked for is none; nothing was sent.
            VaultClosed: this was closed; nothing was sent.
        """
        request.extensions["timeout"] = self._timeouts()
        with self.pools.transport(nameless=nameless) as (transport, proxy), watched() as progress:
            try:
                response = transport.handle_request(request)
                try:
                    if _arrived_early(response):
                        raise _early(operation, response.status_code)
                    return self._read(response, operation, at_most, into)
                finally:
                    response.close()
            except Failure:
                raise
            except Exception as error:  # noqa: BLE001 - whatever a library below raises, no caller of ours should see it
                if isinstance(error, _LOST) and not cancelled():  # those that wait are as old, and may be as dead
                    self.pools.renew(moved=False)
                failure = self._failure(error, operation, request.url.host, proxy)
                failure.sent = failure.sent and not progress.unsent
                failure.dead_end = failure.retry and progress.met_a_dead_end(error)
        raise failure  # out here: the library's exception holds the request, tokens and all, and must not go along

    def _timeouts(self) -> dict[str, float]:
        left = deadline.remaining(self._limits.total_timeout)
        return {
            "connect": min(self._limits.connect_timeout, left),
            "read": min(self._limits.read_timeout, left),
            "write": min(self._limits.write_timeout, left),
            "pool": left,
        }

    def _read(self, response: httpx.Response, operation: str, at_most: int | None, into: Receiver | None) -> HttpReply:
        status, most = response.status_code, self._limits.max_response_bytes
        if response.extensions.get("http_version", _SPOKEN[0]) not in _SPOKEN:
            raise self._useless(operation, None, "it is in another version of HTTP")
        if at_most is not None and status < 400:
            most = at_most
        headers = _looked_at(response.headers)
        if headers.get("content-encoding", "identity") != "identity":
            raise self._useless(operation, status, "it is encoded, though that was not asked for")
        # The bare stream: response.iter_raw() counts and clocks, and would refuse an answer made in memory.
        stream = cast(httpx.SyncByteStream, response.stream)
        if into is not None and into.takes(status, headers):
            with in_large_pieces(_ends(response)[0]):
                into.receive(status, headers, stream)
            return HttpReply(status, headers, b"")
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:12]) > most:
            raise _too_large(operation, status, most)
        body = bytearray()
        for chunk in stream:
            body += chunk
            if len(body) > most:
                raise _too_large(operation, status, most)
            if deadline.expired():
                raise httpx.ReadTimeout("")
        return HttpReply(status, headers, bytes(body))

    def _useless(self, operation: str, status: int | None, problem: str) -> Failure:
        error = ServerError(operation=operation, status=status, problem=problem, cause="server")
        return Failure(error, sent=True, retry=False)

    def _failure(self, error: Exception, operation: str, host: str, proxy: httpx.Proxy | None) -> Failure:
        """Turn whatever a library raised into a failure of ours."""
        context = failures.FailureContext(
            host=host,
            seconds=self._limits.total_timeout,
            proxied=proxy is not None,
            named=proxy is not None and proxy.raw_auth is not None,
            now=self._now(),
            trusted_time=self._trusted_time,
            trusts_nobody=lambda: trusts_nobody(self._context),
        )
        if cancelled():
            return Failure(CallCancelled(), sent=failures.was_sent(error), retry=False)
        if self.pools.closed:
            ended = VaultClosed(problem="it was closed while a call waited for its answer")
            return Failure(ended, sent=failures.was_sent(error), retry=False)
        if isinstance(error, httpx.TimeoutException):
            return failures.timed_out(error, context)
        if isinstance(error, httpx.RemoteProtocolError) and not str(error).startswith(_CUT):
            return self._useless(operation, None, "it is not HTTP")
        if isinstance(error, httpx.TransportError | OSError):
            return failures.unreachable(error, context)
        return self._useless(operation, None, f"it cannot be read ({type(error).__name__})")


def _too_large(operation: str, status: int, most: int) -> Failure:
    error = AnswerTooLarge(
        operation=operation, status=status, problem=f"it is larger than {most} bytes", cause="server"
    )
    return Failure(error, sent=True, retry=False)


def _arrived_early(response: httpx.Response) -> bool:
    """Whether the answer had been read before its request was sent, right behind an earlier answer (``tls.py``)."""
    return any(not getattr(end, "heard", True) for end in _ends(response))


def _ends(response: httpx.Response) -> tuple[Any, Any]:
    """Return the connection's socket, and what is TLS inside a proxy's TLS, where there is one."""
    stream = response.extensions.get("network_stream")
    return (None, None) if stream is None else (stream.get_extra_info("socket"), stream.get_extra_info("ssl_object"))


def _early(operation: str, status: int) -> Failure:
    error = ServerError(operation=operation, status=status, problem="it came before it was asked for")
    return Failure(error, sent=True, retry=True)  # again on another connection: this one is out of step


def _looked_at(headers: httpx.Headers) -> dict[str, str]:
    """Return the headers that are looked at; one that comes twice is joined (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for raw, value in headers.raw:
        if raw.lower() in _KEPT_HEADERS:
            name, text = raw.lower().decode("ascii"), value.decode("latin-1")[:_MAX_HEADER]
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found
