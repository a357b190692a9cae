"""A line that fails: a TCP proxy below TLS which delays, cuts, stalls and corrupts at a chosen TLS record.

TLS records are the stages of a connection: ClientHello, Finished, a request's headers, its body one way; ServerHello,
certificate, an answer's headers, its body the other way. Loopback only; two threads a connection.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from support.fronted import Fronted, listening, port_of

Side = Literal["out", "in"]
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """What happens at the ``record``-th TLS record (from 0) of a connection: before it, or in the middle of it."""

    kind: Literal["cut", "reset", "stall", "corrupt"]
    side: Side
    record: int
    inside: bool

    def __str__(self) -> str:
        return f"{self.kind} {'in' if self.inside else 'before'} record {self.record} {self.side}"


@dataclass
class FaultProxy:
    """The proxy. ``hits`` counts how often the fault struck; ``counts`` has the records of the newest connection."""

    listener: socket.socket
    target: int
    latency: float = 0.0
    accept: Literal["serve", "reset", "close", "ignore"] = "serve"
    hits: int = 0
    counts: dict[Side, int] = field(default_factory=dict)
    _fault: Fault | None = None
    _times: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arm(self, fault: Fault, times: int) -> None:
        """Drop every line, and let ``fault`` strike the next ``times`` that get so far."""
        self.drop()
        with self._lock:
            self._fault, self._times, self.hits = fault, times, 0

    def calm(self) -> None:
        """Drop every line, and let all that follow work."""
        with self._lock:
            self._fault, self.latency, self.accept = None, 0.0, "serve"
        self.drop()

    def drop(self) -> None:
        """End every line there is."""
        with self._lock:
            lines, self._open = self._open, []
        for line in lines:
            _end(line)

    def close(self) -> None:
        """Stop."""
        self._done.set()
        _end(self.listener)
        self._thread.join(60)
        self.drop()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(client)
            if self.accept in ("reset", "close"):
                _end(client, reset=self.accept == "reset")
            elif self.accept == "serve":
                with suppress(OSError):  # it was dropped meanwhile
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.target))
        with self._lock:
            self._open.append(server)
            self.counts = {"out": 0, "in": 0}
        counts = self.counts
        for side, source, sink in (("out", client, server), ("in", server, client)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(side, source, sink, counts), daemon=True).start()

    def _pump(self, side: Side, source: socket.socket, sink: socket.socket, counts: dict[Side, int]) -> None:
        with suppress(OSError, ValueError):  # ValueError: the other direction closed it meanwhile
            for record in _records(source):
                if self.latency:
                    self._done.wait(self.latency)
                fault = self._due(side, counts[side])
                if fault is not None and not self._strike(fault, record, source, sink):
                    return
                if fault is None:
                    sink.sendall(record)
                counts[side] += 1
        _end(source)
        _end(sink)

    def _due(self, side: Side, record: int) -> Fault | None:
        with self._lock:
            fault = self._fault
            if fault is None or self._times < 1 or (fault.side, fault.record) != (side, record):
                return None
            self._times -= 1
            self.hits += 1
            return fault

    def _strike(self, fault: Fault, record: bytes, source: socket.socket, sink: socket.socket) -> bool:
        """Do what ``fault`` says; return whether the line goes on."""
        at = len(record) // 2 if fault.inside else 0
        if fault.kind == "corrupt":
            sink.sendall(record[:at] + bytes([record[at] ^ 0x10]) + record[at + 1 :])
            return True
        sink.sendall(record[:at])
        if fault.kind != "stall":  # a line that stalls stays as it is, until ``drop``
            _end(source, reset=fault.kind == "reset")
            _end(sink, reset=fault.kind == "reset")
        return False


def _records(source: socket.socket) -> Iterator[bytes]:
    """Yield TLS records (RFC 8446 §5.1), whole."""
    pending = b""
    while True:
        while len(pending) >= 5 and len(pending) >= (size := 5 + int.from_bytes(pending[3:5], "big")):
            yield pending[:size]
            pending = pending[size:]
        data = source.recv(65536)
        if not data:
            return
        pending += data


def _end(line: socket.socket, *, reset: bool = False) -> None:
    with suppress(OSError):
        if reset:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            line.shutdown(socket.SHUT_RD)  # says nothing, but wakes who reads: until then nothing is reset
        else:
            line.shutdown(socket.SHUT_RDWR)
    line.close()


@contextmanager
def faulty_line(folder: Path) -> Iterator[tuple[Fronted, FaultProxy]]:
    """Run a sandbox in ``folder`` at the end of a line that can fail."""
    listener = listening()
    with Fronted(folder, port_of(listener)) as sandbox:
        proxy = FaultProxy(listener, sandbox.behind)
        try:
            yield sandbox, proxy
        finally:
            proxy.close()


@contextmanager
def full_port() -> Iterator[int]:
    """Give a port that drops: its queue is full, and nobody accepts; a connection is neither made nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield port_of(listener)
        finally:
            for one in waiting:
                one.close()
