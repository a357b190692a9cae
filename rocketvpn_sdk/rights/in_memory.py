"""What a call out needs of a vault, where there is none: in memory, and gone with the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.policy import Duration

S = TypeVar("S", bound=msgspec.Struct)


class InMemoryDocuments:
    """Documents in memory; the key of the ledger's fingerprints is the only one that is ever written."""

    def __init__(self) -> None:
        self._held: dict[str, msgspec.Struct] = {}

    def get(self, name: str, kind: type[S]) -> S | None:
        """Return the document, or ``None``."""
        found = self._held.get(name)
        return found if isinstance(found, kind) else None

    def put(self, name: str, value: msgspec.Struct) -> None:
        """Hold the document."""
        self._held[name] = value

    def put_all(self, documents: Mapping[str, msgspec.Struct]) -> None:
        """Hold several documents."""
        self._held.update(documents)

    def drop(self, *names: str) -> None:
        """Forget the documents."""
        for name in names:
            self._held.pop(name, None)


class InMemoryStream:
    """The ledger of what left, in memory: anyone who called is shown it, and nobody afterwards."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._records: list[tuple[float, tuple[Any, ...]]] = []

    def append(self, purpose: str, retention: Duration, record: tuple[Any, ...]) -> None:  # noqa: ARG002 - a Stream
        """Add a record."""
        self._records.append((self._now(), record))

    append_now = append
    """Nothing here survives a kill, nor is there anything left then that it could be about."""

    def forget_ended(self) -> None:
        """Forget what was recorded: whatever was deleted, this is over with it."""
        self._records.clear()

    def read(
        self, *, since: float | None = None, until: float | None = None
    ) -> Iterator[tuple[float, tuple[Any, ...]]]:
        """Yield (time, record), oldest first."""
        for at, record in list(self._records):
            if (since is None or at >= since) and (until is None or at < until):
                yield at, record
