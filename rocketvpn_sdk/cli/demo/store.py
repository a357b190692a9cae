"""Where the demo's root key lives: the system's keyring if it works here, else a file under a passphrase."""

from __future__ import annotations

import secrets
from pathlib import Path

from rocketvpn_sdk.errors import SecretStoreError, SecretStoreLocked
from rocketvpn_sdk.vault import KeyringSecrets, PassphraseSecrets, SecretStore

PROBE_SECONDS = 5.0
_PROBE = "rocketvpn-demo"


class WatchedSecrets(SecretStore):
    """Passes everything on to a real store, and remembers the names, so that the demo can ask for each afterwards."""

    def __init__(self, inner: SecretStore) -> None:
        self._inner = inner
        self._names: set[str] = set()
        self.label = inner.label

    def get(self, name: str) -> bytes | None:
        """See ``SecretStore.get``."""
        self._names.add(name)
        return self._inner.get(name)

    def set(self, name: str, secret: bytes) -> None:
        """See ``SecretStore.set``."""
        self._names.add(name)
        self._inner.set(name, secret)

    def delete(self, name: str) -> None:
        """See ``SecretStore.delete``."""
        self._names.add(name)
        self._inner.delete(name)

    def held(self) -> dict[str, bytes]:
        """Return what the store holds now, of everything that it was ever asked about."""
        found = {name: self._inner.get(name) for name in sorted(self._names)}
        return {name: secret for name, secret in found.items() if secret is not None}

    @property
    def seen(self) -> int:
        """How many names it was asked about."""
        return len(self._names)

    def clear(self) -> None:
        """Remove whatever is left, as far as that is possible."""
        for name in sorted(self._names):
            self._inner.delete(name)


def choose(folder: Path) -> tuple[WatchedSecrets, str]:
    """Return the secret store for this machine, and why it is this one.

    Args:
        folder: where the passphrase store keeps its file.
    """
    try:
        _probe(KeyringSecrets(timeout=PROBE_SECONDS))
    except SecretStoreError as error:
        store = PassphraseSecrets(secrets.token_urlsafe(24), path=folder / "root.key")
        locked = isinstance(error, SecretStoreLocked)
        why = "This system's keyring is locked" if locked else "This system has no keyring that answers"
        reason = f"{why}, so the key lies in a file, sealed with a passphrase that was made up for this run."
        return WatchedSecrets(store), reason
    return WatchedSecrets(
        KeyringSecrets()
    ), "The key lies in this system's keyring; a trial entry was kept and removed."


def _probe(store: SecretStore) -> None:
    """Keep, read and remove something.

    Raises:
        SecretStoreError: the store cannot be used.
    """
    name, secret = f"{_PROBE}/{secrets.token_hex(8)}", secrets.token_bytes(16)
    try:
        store.set(name, secret)  # reads it back
    finally:
        store.delete(name)
