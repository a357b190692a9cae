"""A sandbox behind somebody: it believes to be at the port where they listen, so that proofs and addresses fit."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rocketvpn_sdk.sandbox import Sandbox, idempotency
from rocketvpn_sdk.sandbox.services import Services


class Fronted(Sandbox):
    """A sandbox whose address is ``front``; whoever listens there decides what reaches it at ``behind``."""

    behind: int

    def __init__(self, folder: Path, front: int, database_url: str | None = None) -> None:
        super().__init__(folder, database_url=database_url)
        self._front = front

    def _assemble(self, port: int) -> Services:
        self.behind = port
        return super()._assemble(self._front)


def listening() -> socket.socket:
    """Return a socket that listens on loopback."""
    return socket.create_server(("127.0.0.1", 0), backlog=64)


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@contextmanager
def counted_acts() -> Iterator[Counter[tuple[str, str]]]:
    """Count how often the server acted, by (thumbprint of the caller's key, hash of the idempotency key).

    Counted where the change and the keeping of its answer are committed together: not how often it was asked.
    """
    acts: Counter[tuple[str, str]] = Counter()
    complete = idempotency.complete

    def counting(db: object, parts: object, key: idempotency.IdempotencyKey, reply: object) -> None:
        complete(db, parts, key, reply)  # type: ignore[arg-type] # passed on as they came
        acts[key.jkt, key.key_hash] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "complete", counting)
        yield acts
