"""Uvicorn behind TLS on loopback: says when it is ready, and leaves nothing open when it stops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from rocketvpn_sdk import platforms
from rocketvpn_sdk.sandbox.middleware import SandboxMiddleware
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.sandbox.timeouts import bounded_protocol

_ADDRESS = "127.0.0.1"
_FAREWELL_SECONDS = 0.05
_LOOK_SECONDS = 0.005
_TICK_SECONDS = 0.1
"""Uvicorn's own: how often it looks whether a signal has told it to stop."""


class Listener(uvicorn.Server):
    """Uvicorn that says when it accepts connections, and stops at once: suites of tests start many."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has stopped already
                self._loop.call_soon_threadsafe(self._stopped.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell; what goes wrong there ends it, with nothing left open."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        try:
            self._ready()
        except BaseException:  # an interrupt too: no socket stays open
            await self.shutdown(sockets)
            raise

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; clients that keep a connection open and do not answer TLS's close_notify are cut off."""
        loop = asyncio.get_running_loop()
        self._cut(True)  # those that wait for the client's farewell since their keep-alive ended
        cut = loop.call_later(_FAREWELL_SECONDS, self._cut, True)
        await self._say_farewell(sockets or [])
        if self._busy:
            self._cut(True)  # uvicorn closes every connection that it finds there, once more
            await super().shutdown(sockets)  # waits for answers that are being made
        cut.cancel()
        self._cut(False)
        for _ in range(3):  # each transport hears of its end in a round of the loop
            await asyncio.sleep(0)

    @property
    def _busy(self) -> bool:
        return bool(self.server_state.connections or self.server_state.tasks)

    async def _say_farewell(self, sockets: list[socket.socket]) -> None:
        """Take no more connections, and give those that are there a moment to end."""
        for server in self.servers:
            server.close()
        for listening in sockets:
            listening.close()
        for connection in list(self.server_state.connections):
            # asyncio's TLS transport that is closed twice forgets its connection, and can then not be cut off.
            if not connection.transport.is_closing():
                connection.shutdown()
        until = asyncio.get_running_loop().time() + 2 * _FAREWELL_SECONDS
        while self._busy and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_SECONDS)

    def _cut(self, closing_only: bool) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if isinstance(transport, asyncio.Transport) and (transport.is_closing() or not closing_only):
                transport.abort()


def listen(port: int) -> socket.socket:
    """Return a socket that listens on loopback; port 0 takes a free one."""
    # IPPROTO_TCP said outright, for asyncio switches Nagle's algorithm off only then: 40 ms on every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        platforms.claim_port(listener)
        listener.bind((_ADDRESS, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def uvicorn_config(app: SandboxMiddleware, context: ssl.SSLContext, settings: ServerSettings) -> uvicorn.Config:
    """Return how uvicorn serves ``app``."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings),
        timeout_keep_alive=settings.idle_seconds,
        ws="none",
        lifespan="off",
        log_config=None,  # an embedder's logging stays as it is
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,  # the middleware writes it, by the sandbox's own clock
        proxy_headers=False,  # the sandbox reads the header of a trusted proxy itself (reverse_proxy.py)
        timeout_graceful_shutdown=1,
        ssl_context_factory=lambda _config, _default: context,
    )
