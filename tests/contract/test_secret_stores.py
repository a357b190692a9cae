"""Every secret store keeps the same contract: the one that ships for embedders' own stores."""

from __future__ import annotations

import base64
from contextlib import closing
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

    def double(self, name: str, secret: bytes) -> bool:
        """With another app's name, so that the keyring does not take it for the same item."""
        import secretstorage

        with closing(secretstorage.dbus_init()) as bus:
            collection = secretstorage.get_default_collection(bus)
            attributes = {"service": f"rocketvpn-sdk/{name}", "username": name.rpartition("/")[2], "application": "x"}
            collection.create_item("doubled", attributes, base64.b64encode(secret), replace=False)
        return True
