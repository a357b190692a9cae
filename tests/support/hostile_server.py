"""A server with a good certificate and bad manners: it stands where the sandbox is believed to be.

Requests go on to the real sandbox, unless a behaviour was set for them: then that alone decides what comes back, byte
for byte. One thread a connection; nothing waits longer than the server lives.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rocketvpn_sdk.sandbox.certificates import load_ca, server_context
from support.fronted import Fronted, listening, port_of

_HOP = {"content-length", "transfer-encoding", "connection", "date", "server"}


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    raw: bytes


@dataclass
class Answer:
    """An answer to be, changeable before it is written."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def without(self, *names: str) -> Self:
        """Drop headers."""
        self.headers = [(name, value) for name, value in self.headers if name.lower() not in names]
        return self

    def written(self) -> bytes:
        """Return it as bytes."""
        head = [f"HTTP/1.1 {self.status} -", *(f"{name}: {value}" for name, value in self.headers)]
        head.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + self.body


Behaviour = Callable[[Asked, Callable[[], Answer]], Iterable[bytes]]
"""Given the request, and a way to have the real server answer it, yields what is written; then the line is cut."""


@dataclass
class _Rule:
    path: str
    behave: Behaviour
    method: str | None
    times: int
    keep: bool


@dataclass
class Hostile:
    """The server. ``asked`` is every request that came, good ones included."""

    listener: socket.socket
    sandbox: Fronted
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._context = server_context(load_ca(self.sandbox.folder))
        self._upstream = ssl.create_default_context(cafile=self.sandbox.ca_file)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def behave(
        self, path: str, behave: Behaviour, *, method: str | None = None, times: int = 1_000, keep: bool = False
    ) -> None:
        """Let ``behave`` answer requests whose path begins with ``path``; ``keep``: the connection stays open after."""
        with self._lock:
            self._rules.append(_Rule(path, behave, method, times, keep))

    def be_good(self) -> None:
        """Drop every behaviour, and forget what was asked."""
        with self._lock:
            self._rules.clear()
            self.asked.clear()

    def asked_for(self, path: str) -> list[Asked]:
        """Return the requests whose path begins with ``path``."""
        with self._lock:
            return [asked for asked in self.asked if asked.path.startswith(path)]

    def waited(self, seconds: float) -> bool:
        """Wait; return whether the server still lives."""
        return not self._done.wait(seconds)

    def close(self) -> None:
        """Stop; whoever is being served is cut off."""
        self._done.set()
        for open_socket in (self.listener, *self._open):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(60)

    def answer(self, asked: Asked) -> Answer:
        """Return what the real server says."""
        line = http.client.HTTPSConnection("localhost", self.sandbox.behind, context=self._upstream, timeout=60)
        try:
            line.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
            for name, value in asked.headers.items():
                line.putheader(name, value)
            line.endheaders(asked.body)
            got = line.getresponse()
            headers = [(name, value) for name, value in got.getheaders() if name.lower() not in _HOP]
            return Answer(got.status, headers, got.read())
        finally:
            line.close()

    def _accept(self) -> None:
        while not self._done.is_set():
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.add(raw)
        with suppress(OSError, ValueError), raw, self._context.wrap_socket(raw, server_side=True) as line:
            with self._lock:  # (ValueError: a socket that was closed meanwhile)
                self._open.add(line)
            for asked in _requests(line):
                with self._lock:
                    self.asked.append(asked)
                if not self._answered(line, asked):
                    break

    def _answered(self, line: ssl.SSLSocket, asked: Asked) -> bool:
        rule = self._rule(asked)
        if rule is None:
            line.sendall(self.answer(asked).written())
            return True
        for piece in rule.behave(asked, lambda: self.answer(asked)):
            line.sendall(piece)
        return rule.keep

    def _rule(self, asked: Asked) -> _Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.times > 0 and asked.path.startswith(rule.path) and rule.method in (None, asked.method):
                    rule.times -= 1
                    return rule
            return None


def _requests(line: ssl.SSLSocket) -> Iterator[Asked]:
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            data = line.recv(65536)
            if not data:
                return
            pending += data
        head, _, pending = pending.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in lines)}
        size = int(headers.get("content-length", "0"))
        while len(pending) < size:
            pending += line.recv(65536)
        body, pending = pending[:size], pending[size:]
        method, path, _ = first.split(" ")
        yield Asked(method, path, headers, body, head + b"\r\n\r\n" + body)


@contextmanager
def hostile_server(folder: Path) -> Iterator[Hostile]:
    """Run a sandbox in ``folder`` behind a hostile server, at whose port it believes to be."""
    listener = listening()
    with Fronted(folder, port_of(listener)) as sandbox:
        hostile = Hostile(listener, sandbox)
        try:
            yield hostile
        finally:
            hostile.close()
