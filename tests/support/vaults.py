"""Vaults for tests, and a secret store that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from rocketvpn_sdk.errors import SecretStoreLocked
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import Vault


class Note(msgspec.Struct, frozen=True):
    """A document."""

    text: str


class Crash(BaseException):
    """The process died here: no handler of ours may catch it."""


class UnreliableSecrets(MemorySecrets):
    """Calls ``before`` with the method's and the entry's name before each call; it may raise."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[str, str], None] = lambda method, name: None
        self.calls: list[str] = []

    def get(self, name: str) -> bytes | None:
        self._note("get", name)
        return super().get(name)

    def set(self, name: str, secret: bytes) -> None:
        self._note("set", name)
        super().set(name, secret)

    def delete(self, name: str) -> None:
        self._note("delete", name)
        super().delete(name)

    def lock(self) -> None:
        """Refuse every call from now on."""

        def refuse(method: str, name: str) -> None:
            raise SecretStoreLocked(store=self.label, problem="its prompt was dismissed")

        self.before = refuse

    def unlock(self) -> None:
        """Take calls again."""
        self.before = lambda method, name: None

    def _note(self, method: str, name: str) -> None:
        self.calls.append(method)
        self.before(method, name)


def open_vault(
    folder: Path,
    secrets: MemorySecrets,
    clock: FakeClock | None = None,
    *,
    limits: Limits | None = None,
    unlock: bool = True,
) -> Vault:
    """Return a vault in ``folder``, unlocked by default."""
    vault = Vault(folder, secrets, clock or FakeClock(), limits or Limits(busy_timeout=2.0))
    try:
        if unlock:
            vault.unlock()
    except BaseException:  # an interrupt, too: it is cleaned up and goes on
        vault.close()
        raise
    return vault
