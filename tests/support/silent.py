"""Addresses of this machine that answer nobody: sockets that listen and whose queue is full."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

Found = tuple[int, int, int, str, tuple[str, int]]


@contextmanager
def silent_addresses(count: int) -> Iterator[list[Found]]:
    """Yield ``count`` of them as ``getaddrinfo`` would return them."""
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
            found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", listening.getsockname()))
        yield found


def refusing_address() -> Found:
    """Return one at which nobody listens."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", gone.getsockname())
