"""Windows' Credential Manager: keyring's own backend for it, on a store with the bounds of wincred.h."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from keyring.backends.Windows import WinVaultKeyring
from support.systems import CredentialManager
from support.vaults import Note

from rocketvpn_sdk import KeyringSecrets, SecretStore
from rocketvpn_sdk.errors import SecretStoreUnavailable
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.contracts import SecretStoreContract
from rocketvpn_sdk.vault import Vault


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> CredentialManager:
    manager = CredentialManager()
    manager.install(monkeypatch)
    return manager


class TestCredentialManager(SecretStoreContract):
    @pytest.fixture(autouse=True)
    def installed(self, manager: CredentialManager) -> Iterator[None]:
        yield
        assert {entry["Persist"] for entry in manager.written} <= {CredentialManager.CRED_PERSIST_LOCAL_MACHINE}

    def make_store(self, folder: Path) -> SecretStore:
        return KeyringSecrets(timeout=20)


@pytest.mark.clause("T1")
def test_entries_stay_on_this_machine(manager: CredentialManager) -> None:
    assert WinVaultKeyring().persist == manager.CRED_PERSIST_ENTERPRISE  # keyring's default, which roams
    KeyringSecrets(timeout=20).set("vault/root", b"secret")
    assert [entry["Persist"] for entry in manager.written] == [manager.CRED_PERSIST_LOCAL_MACHINE]


def test_everything_a_vault_stores_fits_with_room(manager: CredentialManager, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault", KeyringSecrets(timeout=20), FakeClock(), Limits(keyring_settle=0.0))
    vault.unlock()
    for number in range(3):
        vault.put("note", Note(str(number)))
        vault.rotate()
    longest = max(len(entry["CredentialBlob"]) for entry in manager.written)
    assert len({entry["TargetName"] for entry in manager.written}) >= 4  # roots, and the count of rotations
    assert 64 <= longest <= manager.LARGEST // 10
    assert vault.get("note", Note) == Note("2")
    vault.destroy()
    assert manager.entries == {}


def test_the_largest_secret_that_an_entry_takes(manager: CredentialManager) -> None:
    store = KeyringSecrets(timeout=20)
    largest = manager.LARGEST // 2 // 4 * 3  # two bytes a letter, four letters for three bytes
    store.set("vault/root", b"x" * largest)
    with pytest.raises(SecretStoreUnavailable):
        store.set("vault/root", b"x" * (largest + 1))
    assert store.get("vault/root") == b"x" * largest
