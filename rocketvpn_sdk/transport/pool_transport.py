"""httpx's transport over one of httpcore's pools: httpx's own cannot be told how to open connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

from rocketvpn_sdk.transport.leftovers import left_over
from rocketvpn_sdk.transport.slots import Slots

_RAISED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
"""What httpcore raises; httpx has a class of the same name for each of them and of their subclasses."""


class PoolTransport(httpx.BaseTransport):
    """Sends httpx's requests through ``pool``, so many at a time as it has ``connections``; raises httpx's errors."""

    def __init__(self, pool: httpcore.ConnectionPool, connections: int) -> None:
        self._pool = pool
        self._slots = Slots(connections)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``; its answer's body is read later, and closing the answer frees the connection."""
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        if not self._slots.take(request.extensions["timeout"]["pool"]):
            raise httpx.PoolTimeout("every connection is in use")
        try:
            with _errors_of_httpx():
                answer = self._pool.handle_request(sent)
        except BaseException:  # an interrupt too: the place is free again
            self._slots.give_back()
            raise
        body = _Body(answer, self._slots)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    def close(self) -> None:
        """Close every connection of the pool."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, slots: Slots) -> None:
        self._answer, self._slots = answer, slots

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        """Free the connection for the next call, or close it where it has more than the answer."""
        stream = self._answer.extensions.get("network_stream")
        try:
            if stream is not None and left_over(self._answer):
                stream.close()
            self._answer.close()
        finally:
            self._slots.give_back()


@contextmanager
def _errors_of_httpx() -> Iterator[None]:
    try:
        yield
    except _RAISED as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
