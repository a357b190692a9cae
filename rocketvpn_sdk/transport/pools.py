"""The pools of connections: one for calls that say who is calling, none for those that do not; through a proxy or not.

A forked child starts with none: two processes on one TLS connection would read each other's answers. A connection is
closed by the last call that uses it and by nobody else; see ``socket_backend.py``.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from rocketvpn_sdk.arguments import OPTIONAL_TEXT, Unfit
from rocketvpn_sdk.errors import ConfigurationError, VaultClosed
from rocketvpn_sdk.files.forks import register_fork_aware
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.transport.pool_transport import PoolTransport
from rocketvpn_sdk.transport.socket_backend import SocketBackend

Proxy = str | Callable[[], str | None] | None
"""A proxy's URL, or what is asked for one before every call; ``None``: no proxy."""

_CONNECTIONS = 10
_KEPT_SECONDS = 30.0
_KEPT, _NO_REUSE = 4, 0
"""How many connections wait for a next call."""
_LONGEST = 2048


class _Pair:
    """The transports that go one way; one that was left closes with its last call."""

    __slots__ = ("named", "nameless", "proxy", "retired", "url", "users")

    def __init__(
        self, url: str | None, proxy: httpx.Proxy | None, named: httpx.BaseTransport, nameless: httpx.BaseTransport
    ) -> None:
        self.url, self.proxy, self.named, self.nameless = url, proxy, named, nameless
        self.users, self.retired = 0, False

    def close_if_unused(self) -> None:
        """Close, where nobody will use it any more."""
        if self.retired and self.users == 0:
            self.close()

    def close(self) -> None:
        """Close every connection."""
        self.named.close()
        self.nameless.close()


class Pools(OneHolder):
    """The connections to one server.

    Args:
        context: from ``tls_context``.
        proxy: as above.
        proxy_context: makes the context for TLS to an ``https`` proxy; ``None``: such a proxy is refused.
        transport: in place of real connections, in tests.

    Raises:
        ConfigurationError: the proxy's URL is none that can be used.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        proxy: Proxy,
        proxy_context: Callable[[], ssl.SSLContext] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._context = context
        self._proxy = proxy
        self._proxy_context = proxy_context
        self._fixed = transport
        self._lock = threading.Lock()
        self._backend = SocketBackend(self._context)
        self.closed = False
        """Whether calls end now, for that reason and no other."""
        self._pair = self._make(None if callable(proxy) else proxy)
        register_fork_aware(self)

    @contextmanager
    def transport(self, *, nameless: bool) -> Iterator[tuple[httpx.BaseTransport, httpx.Proxy | None]]:
        """Lend the transport for one call; with it, the proxy it goes through.

        Raises:
            ConfigurationError: the proxy that was asked for is none; never goes without one instead.
            VaultClosed: this was closed.
        """
        url = _asked(self._proxy) if callable(self._proxy) else self._proxy
        with self._lock:
            if self.closed:
                raise VaultClosed(problem="it was closed before a call went out")
            old = self._pair
            if url != old.url:
                self._pair = self._make(url)
                old.retired = True
                old.close_if_unused()
            pair = self._pair
            pair.users += 1
        try:
            yield (pair.nameless if nameless else pair.named), pair.proxy
        finally:
            with self._lock:
                pair.users -= 1
                pair.close_if_unused()

    def renew(self, *, moved: bool) -> None:
        """Use none of the connections that wait, and no address that was found: their network may be gone.

        Calls under way go on. ``moved``: the app says so; else a call was lost.
        """
        with self._lock:
            if not self.closed:
                old, self._pair = self._pair, self._make(self._pair.url)
                self._backend.forget(moved=moved)
                old.retired = True
                old.close_if_unused()

    def close(self) -> None:
        """End every call that uses a connection, which closes it, and close those that none uses."""
        with self._lock:
            self.closed = self._pair.retired = True
            self._backend.end()
            self._pair.close_if_unused()

    def reset_after_fork(self) -> None:
        """In a forked child: leave the parent's connections alone, whose locks a thread not here may hold.

        Nothing is written on them either: they are dropped, and their descriptors closed without a farewell.
        """
        self._lock = threading.Lock()
        self._backend = SocketBackend(self._context)
        self._pair = self._make(self._pair.url)

    def _make(self, url: str | None) -> _Pair:
        proxy = self._checked(url)
        if self._fixed is not None:
            return _Pair(url, proxy, self._fixed, self._fixed)
        # Calls of identity "none" get a connection each: one that had carried a token would name its sender.
        return _Pair(url, proxy, self._open(_KEPT, proxy), self._open(_NO_REUSE, proxy))

    def _open(self, kept: int, proxy: httpx.Proxy | None) -> PoolTransport:
        options: dict[str, Any] = {
            "ssl_context": self._context,
            "max_connections": _CONNECTIONS,
            "max_keepalive_connections": kept,
            "keepalive_expiry": _KEPT_SECONDS,
            "network_backend": self._backend,
        }
        if proxy is None:
            return PoolTransport(httpcore.ConnectionPool(**options), _CONNECTIONS)
        url = proxy.url
        return PoolTransport(
            httpcore.HTTPProxy(
                proxy_url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                proxy_auth=proxy.raw_auth,
                proxy_ssl_context=proxy.ssl_context,
                **options,
            ),
            _CONNECTIONS,
        )

    def _checked(self, given: object) -> httpx.Proxy | None:
        """Return the proxy; its URL may hold a password, and is in no error."""
        if given is None:
            return None
        problem = "the proxy is not one that can be used; its URL looks like http://proxy.example:3128"
        if not isinstance(given, str) or len(given) > _LONGEST:
            raise ConfigurationError(problem=problem)
        try:
            url = httpx.URL(given)
        except httpx.InvalidURL:
            raise ConfigurationError(problem=problem) from None
        if url.scheme not in ("http", "https") or not url.host or url.path not in ("", "/") or url.query:
            raise ConfigurationError(problem=problem)
        if url.scheme == "http":
            return httpx.Proxy(url)
        if self._proxy_context is None:
            raise ConfigurationError(problem="TLS to the proxy itself is not possible here")
        return httpx.Proxy(url, ssl_context=self._proxy_context())


def _asked(proxy: Callable[[], str | None]) -> str | None:
    try:
        url: str | None = OPTIONAL_TEXT.fit(proxy())
    except Exception as error:  # noqa: BLE001 - the app's own code; its error may hold the proxy's password
        reason = "what it returned is no text" if isinstance(error, Unfit) else type(error).__name__
    else:
        return url
    raise ConfigurationError(problem=f"asking for the proxy failed ({reason})")
