"""The interfaces that transport needs from the vault, and the one it offers for fetching signed files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from rocketvpn_sdk.policy import Duration

S = TypeVar("S", bound=msgspec.Struct)


class Fetch(Protocol):
    """Fetches a file from the operator, unverified: ``Api.fetch``, for the components above that verify it."""

    def __call__(self, operation: str, /, *, path: Mapping[str, str], at_most: int) -> bytes | None:
        """Return the file, at most so many bytes; ``None``: the server has none."""
        ...


class Documents(Protocol):
    """Sealed values by name; a transaction each."""

    def get(self, name: str, kind: type[S]) -> S | None:
        """Return the document, or ``None`` where there is none."""
        ...

    def put(self, name: str, value: msgspec.Struct) -> None:
        """Write the document; durable on return."""
        ...

    def put_all(self, documents: Mapping[str, msgspec.Struct]) -> None:
        """Write several documents, all or none; durable on return."""
        ...

    def drop(self, *names: str) -> None:
        """Destroy the documents' keys."""
        ...


class Stream(Protocol):
    """The sealed stream ``sent``: records in the order they were appended."""

    def append(self, purpose: str, retention: Duration, record: tuple[Any, ...]) -> None:
        """Add a record; not yet durable."""
        ...

    def append_now(self, purpose: str, retention: Duration, record: tuple[Any, ...]) -> None:
        """Add a record about what comes next; with everything before it, it survives a kill when this returns."""
        ...

    def forget_ended(self) -> object:
        """Drop from memory what was deleted."""
        ...

    def read(
        self, *, since: float | None = None, until: float | None = None
    ) -> Iterator[tuple[float, tuple[Any, ...]]]:
        """Yield (time, record) from ``since`` on and before ``until``, oldest first."""
        ...
