"""What the relay and the gateway share: they take one kind of message, over TLS, and call somebody with another."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from rocketvpn_sdk.sandbox.certificates import CA_FILE, load_ca, server_context

_LONGEST = 1 << 20
_SECONDS = 10.0
_PROBLEM = "application/problem+json"


class Passed(NamedTuple):
    """An answer that is passed on: nothing of it but these."""

    status: int
    media: str
    body: bytes


def problem(status: int, kind: str = "about:blank") -> Passed:
    """Return a refusal (RFC 9457)."""
    return Passed(status, _PROBLEM, json.dumps({"type": kind, "status": status}).encode())


class Caller:
    """Calls one server over TLS, from one address of this machine.

    Args:
        origin: the server's.
        folder: of the sandbox; has the certificate that is trusted.
        address: from which it calls.
    """

    def __init__(self, origin: str, folder: Path, address: str) -> None:
        parts = urlsplit(origin)
        self.netloc = parts.netloc
        self._host, self._port = parts.hostname or "", parts.port
        self._context = ssl.create_default_context(cafile=str(folder / CA_FILE))
        self._address = address

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Passed:
        """Send ``body`` with these headers alone, and return the answer; 502: there is none."""
        source = (self._address, 0)
        line = http.client.HTTPSConnection(
            self._host, self._port, timeout=_SECONDS, context=self._context, source_address=source
        )
        try:
            line.request("POST", path, body, dict(headers))
            answer = line.getresponse()
            content = answer.read(_LONGEST + 1)
        except (OSError, http.client.HTTPException):
            return problem(502)
        finally:
            line.close()
        media = answer.getheader("content-type") or ""
        return Passed(answer.status, media, content) if len(content) <= _LONGEST else problem(502)


class _Handler(BaseHTTPRequestHandler):
    answer: ClassVar[Callable[[bytes], Passed]]
    media: ClassVar[str]
    path_served: ClassVar[str]
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length[:9]) > _LONGEST:
            self.close_connection = True
            return self._give(problem(413))
        body = self.rfile.read(int(length))
        if self.path != self.path_served:
            return self._give(problem(404))
        if self.headers.get("content-type") != self.media:
            return self._give(problem(415))
        return self._give(type(self).answer(body))

    def _give(self, passed: Passed) -> None:
        self.send_response_only(passed.status)
        self.send_header("Content-Type", passed.media)
        self.send_header("Content-Length", str(len(passed.body)))
        self.end_headers()
        self.wfile.write(passed.body)

    def log_message(self, *_: object) -> None:
        """Write nothing down: whom a message came from is nobody's business."""


class PassingServer(ThreadingHTTPServer):
    """One thread a connection; the handshake is its own, so that nobody waits for another's."""

    def __init__(self, address: tuple[str, int], handler: type[_Handler], context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(address, handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Wait for a connection; called by the base."""
        plain, address = super().get_request()
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address


def listen(folder: Path, address: str, path: str, media: str, answer: Callable[[bytes], Passed]) -> PassingServer:
    """Return a server of ``answer`` on ``path``, which takes messages of the type ``media``; it does not serve yet."""
    served = {"answer": staticmethod(answer), "media": media, "path_served": path}
    hosts = ("localhost", address) if address == "127.0.0.1" else (address,)
    context = server_context(load_ca(folder), *hosts)
    return PassingServer((address, 0), type("Handler", (_Handler,), served), context)


def serve(server: PassingServer) -> None:
    """Serve until standard input ends; say the port on standard output first."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
