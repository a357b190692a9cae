"""Connections whose other side is slow: each wait for it has an end, so that nobody holds connections for nothing."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from rocketvpn_sdk.sandbox.settings import ServerSettings


class BoundedProtocol(H11Protocol):
    """Uvicorn's protocol with an end to each wait for the client; the end is that the connection is cut.

    A request whose head or body did not come in time is not carried out. Between two requests, uvicorn's own
    ``timeout_keep_alive`` asks the client to hang up, and this does it where the client does not take what it was sent.
    """

    settings: ClassVar[ServerSettings] = ServerSettings()

    _waits_for: str | None = None
    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Give the client some time for the head of its first request."""
        super().connection_made(transport)
        self._wait_for("head")

    def data_received(self, data: bytes) -> None:
        """Take what came in, and wait for what is missing still."""
        super().data_received(data)
        self._wait_for(self._missing())

    def on_response_complete(self) -> None:
        """Give the client some time to take the answer, and to ask for more."""
        super().on_response_complete()  # which also begins a request that has come in already
        missing = self._missing()
        self._wait_for("answer" if missing == "head" else missing)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_for(None)
        super().connection_lost(exc)

    def _missing(self) -> str | None:
        """Return what the client has yet to send: (the rest of) a request's head, of its body, or nothing."""
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr] # it is None at first
            return "head"
        return "body" if self.cycle.more_body else None

    def _wait_for(self, missing: str | None) -> None:
        if missing == self._waits_for:
            return  # more bytes of the same give no more time
        if self._end is not None:
            self._end.cancel()
        self._waits_for = missing
        self._end = None
        if missing is not None:
            seconds: float = getattr(self.settings, f"{missing}_seconds")
            self._end = self.loop.call_later(seconds, self.transport.abort)


def bounded_protocol(settings: ServerSettings) -> type[BoundedProtocol]:
    """Return the protocol with the times of ``settings``."""
    return type("_BoundedProtocol", (BoundedProtocol,), {"settings": settings})
