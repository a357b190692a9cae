"""Addresses of this machine that answer nobody, and a resolver that names them first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

Found = tuple[int, int, int, str, tuple[str, int]]


@contextmanager
def silent_addresses(count: int) -> Iterator[list[Found]]:
    """Yield ``count`` that drop every SYN: their queue is full. As ``getaddrinfo`` would return them."""
    with ExitStack() as stack:
        found: list[Found] = []
        for _ in range(count):
            listening = stack.enter_context(socket.socket())
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            for _ in range(3):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                with suppress(BlockingIOError):
                    filler.connect(listening.getsockname())
            found.append(address_of(listening))
        yield found


@contextmanager
def mute_addresses(count: int) -> Iterator[list[Found]]:
    """Yield ``count`` that take every connection and never say anything."""
    with ExitStack() as stack:
        yield [address_of(stack.enter_context(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]


def address_of(listening: socket.socket) -> Found:
    """Return a listening socket's address as ``getaddrinfo`` would."""
    return at_port(listening.getsockname()[1])


def at_port(port: int) -> Found:
    """Return the address of a port of this machine."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))


def name_first(monkeypatch: pytest.MonkeyPatch, first: list[Found]) -> list[Any]:
    """Let every name have these addresses before its own; return where connections went."""
    connect, went = socket.socket.connect, []

    def look_up(host: str, port: int, *given: Any, **more: Any) -> list[Any]:
        return [at_port(port)] if host == "127.0.0.1" else [*first, at_port(port)]

    def noted(sock: socket.socket, address: Any) -> None:
        went.append(address)
        connect(sock, address)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", noted)
    return went


def refusing_address() -> Found:
    """Return one at which nobody listens."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        return address_of(gone)
