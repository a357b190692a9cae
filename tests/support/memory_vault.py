"""What the transport needs of a vault, in memory: documents and one stream; both can be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.policy import Duration

S = TypeVar("S", bound=msgspec.Struct)


class MemoryDocuments:
    """Documents, encoded as a vault would, so that what cannot be stored shows."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.refuse: dict[str, Exception] = {}

    def get(self, name: str, kind: type[S]) -> S | None:
        return msgspec.json.decode(self.stored[name], type=kind) if name in self.stored else None

    def put(self, name: str, value: msgspec.Struct) -> None:
        if name in self.refuse:
            raise self.refuse[name]
        self.stored[name] = msgspec.json.encode(value)

    def put_all(self, documents: Mapping[str, msgspec.Struct]) -> None:
        for name in documents:
            if name in self.refuse:
                raise self.refuse[name]
        for name, value in documents.items():
            self.put(name, value)

    def drop(self, *names: str) -> None:
        for name in names:
            self.stored.pop(name, None)


class MemoryStream:
    """A stream whose ``committed`` records are those that a kill would leave."""

    def __init__(self, now: Callable[[], float] = lambda: 1_800_000_000.0) -> None:
        self._now = now
        self.buffered: list[tuple[float, tuple[Any, ...]]] = []
        self.committed: list[tuple[float, tuple[Any, ...]]] = []
        self.partitions: set[tuple[str, str]] = set()
        self.refuse: Exception | None = None

    def append(self, purpose: str, retention: Duration, record: tuple[Any, ...]) -> None:
        if self.refuse:
            raise self.refuse
        self.partitions.add((purpose, retention.text))
        self.buffered.append((self._now(), msgspec.json.decode(msgspec.json.encode(record))))

    def append_now(self, purpose: str, retention: Duration, record: tuple[Any, ...]) -> None:
        self.append(purpose, retention, record)
        self.committed += self.buffered
        self.buffered = []

    def forget_ended(self) -> None:
        """Nothing here is cached."""

    def read(
        self, *, since: float | None = None, until: float | None = None
    ) -> Iterator[tuple[float, tuple[Any, ...]]]:
        for at, record in [*self.committed, *self.buffered]:
            if (since is None or at >= since) and (until is None or at < until):
                yield at, record
