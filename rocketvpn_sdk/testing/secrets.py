"""A secret store in memory, for tests and throw-away runs."""

from __future__ import annotations

import threading

from rocketvpn_sdk.vault import SecretStore


class MemorySecrets(SecretStore):
    """Keeps secrets in this process; a vault sealed with it cannot be opened after it."""

    label = "memory store"

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """See ``SecretStore.get``."""
        with self._lock:
            return self._entries.get(name)

    def set(self, name: str, secret: bytes) -> None:
        """See ``SecretStore.set``."""
        with self._lock:
            self._entries[name] = secret

    def delete(self, name: str) -> None:
        """See ``SecretStore.delete``."""
        with self._lock:
            self._entries.pop(name, None)

    def names(self) -> tuple[str, ...]:
        """Return the names of what is stored, for tests."""
        with self._lock:
            return tuple(self._entries)
