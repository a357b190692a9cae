"""Every secret store keeps the same contract: the one that ships for embedders' own stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocketvpn_sdk import KeyringSecrets, PassphraseSecrets, SecretStore
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.testing.contracts import SecretStoreContract


class TestMemory(SecretStoreContract):
    def make_store(self, folder: Path) -> SecretStore:
        return MemorySecrets()


class TestPassphrase(SecretStoreContract):
    def make_store(self, folder: Path) -> SecretStore:
        return PassphraseSecrets(lambda: "correct horse", path=folder / "root.key")


@pytest.mark.component("keyring")
class TestKeyring(SecretStoreContract):
    def make_store(self, folder: Path) -> SecretStore:
        return KeyringSecrets(timeout=60)
