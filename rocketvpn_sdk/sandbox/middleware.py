"""The first to see a request: reads its body within bounds, writes it down for tests, and plays the faults."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import MutableMapping
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

from rocketvpn_sdk.sandbox.app import BODY
from rocketvpn_sdk.sandbox.faults import Fault
from rocketvpn_sdk.sandbox.http_messages import RecordedRequest, Refused, ServerResponse
from rocketvpn_sdk.sandbox.problems import PROBLEMS, problem_response
from rocketvpn_sdk.sandbox.services import Services


class _Incomplete(Exception):
    """The connection ended before the whole request was read."""


class SandboxMiddleware:
    """An ASGI application in front of the routes."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._lock = threading.Lock()
        self._received: deque[RecordedRequest] = deque(maxlen=services.settings.recorded_requests)

    @property
    def received(self) -> list[RecordedRequest]:
        """The last requests, oldest first."""
        with self._lock:
            return list(self._received)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope = _in_origin_form(scope)
        send = self._dated(send)
        try:
            body = await self._read(receive)
        except _Incomplete:
            return  # the client hung up before the end of its request
        self._record(scope, body or b"")
        fault = self._services.faults.take(scope["path"])
        if fault is not None and fault.kind != "lost":
            await _send(send, _faulty(fault, self._services.base))
        elif body is None:
            await _send(send, problem_response(Refused("content-too-large"), self._services.base))
        else:
            scope[BODY] = body
            await self._app(scope, receive, _lost(send) if fault else send)

    def _dated(self, send: Send) -> Send:
        """Write the ``Date`` (RFC 9110 §6.6.1): clients correct their proofs by it, so it is this server's clock."""

        async def dated(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._services.clock.time(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date)]}
            await send(message)

        return dated

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the body, or nothing if it is too large; then the rest is read only so far, and dropped."""
        settings = self._services.settings
        chunks: list[bytes] = []
        size, more = 0, True
        while more and size <= settings.drain_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Incomplete  # RFC 9112 §8: such a request must not be taken for a whole one
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= settings.body_bytes:
                chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks) if size <= settings.body_bytes else None

    def _record(self, scope: Scope, body: bytes) -> None:
        query = scope["query_string"].decode("latin-1")
        received = RecordedRequest(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body=body,
        )
        with self._lock:
            self._received.append(received)


def _in_origin_form(scope: Scope) -> Scope:
    """Return ``scope`` with the path alone: a server has to take a whole URI, too (RFC 9112 §3.2.2)."""
    whole = re.fullmatch(rb"https?://[^/]*(/.*)?", scope["raw_path"], re.IGNORECASE)
    if whole is None:
        return scope
    path: bytes = whole[1] or b"/"
    return {**scope, "raw_path": path, "path": unquote(path.decode("ascii"))}


def _faulty(fault: Fault, base: str) -> ServerResponse:
    if fault.kind == "garbage":
        return ServerResponse(body=fault.body, media_type=fault.media_type)
    known = {status: code for code, (status, _, _) in PROBLEMS.items() if code in ("rate-limited", "unavailable")}
    headers = (("Retry-After", fault.retry_after),) if fault.retry_after is not None else ()
    response = problem_response(Refused(known.get(fault.status, "server-error"), headers=headers), base)
    return ServerResponse(status=fault.status, body=response.body, media_type=response.media_type, headers=headers)


def _lost(send: Send) -> Send:
    """Announce the answer and send none of it: uvicorn then cuts the connection."""

    async def lost(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})

    return lost


async def _send(send: Send, response: ServerResponse) -> None:
    headers = [(b"content-type", response.media_type.encode()), (b"content-length", str(len(response.body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
