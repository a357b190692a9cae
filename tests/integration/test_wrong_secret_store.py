"""The wrong secret store: said as what it is, with how to open rightly, and never with advice that destroys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.vaults import UnreliableSecrets

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.cli import problems
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.errors import (
    MadeWithoutPassphrase,
    MadeWithPassphrase,
    RocketVPNError,
    SecretCorrupt,
    SecretMissing,
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import SecretStore


def config(folder: Path, secrets: SecretStore) -> Config:
    return Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=folder, secrets=secrets)


def made(folder: Path, secrets: SecretStore) -> None:
    with RocketVPN.open(config(folder, secrets)) as rocket:
        rocket.consent.declare_age(True)


def refused(folder: Path, secrets: SecretStore, kind: type[SecretStoreError]) -> RocketVPNError:
    with pytest.raises(SecretStoreError) as caught:
        RocketVPN.open(config(folder, secrets))
    assert type(caught.value) is kind
    (finding,) = [each for each in examine(config(folder, secrets), online=False).findings if each.check == "keyring"]
    assert finding.code == caught.value.code
    return caught.value


def advice(error: RocketVPNError) -> str:
    return f"{error} {problems.action(error)}"


def failing(kind: Callable[..., SecretStoreError]) -> UnreliableSecrets:
    secrets = UnreliableSecrets()

    def refuse(method: str, name: str) -> None:
        raise kind(store=secrets.label, problem="it is not there")

    secrets.before = refuse
    return secrets


def test_made_without_a_passphrase_and_opened_with_one(tmp_path: Path) -> None:
    right = MemorySecrets()
    made(tmp_path, right)
    error = refused(tmp_path, PassphraseSecrets("x"), MadeWithoutPassphrase)
    assert "reset" not in advice(error)
    assert "Leave out --passphrase" in problems.action(error)
    assert str(tmp_path) in str(error)
    assert not list(tmp_path.rglob("root.key")), "nothing was made"
    with RocketVPN.open(config(tmp_path, right)) as rocket:
        assert rocket.consent.status().adult is True


@pytest.mark.parametrize(
    "secrets",
    [MemorySecrets(), *map(failing, (SecretStoreUnavailable, SecretStoreLocked, SecretCorrupt))],
    ids=["empty", "unavailable", "locked", "corrupt"],
)
def test_made_with_a_passphrase_and_opened_with_another_store(secrets: SecretStore, tmp_path: Path) -> None:
    made(tmp_path, PassphraseSecrets("x"))
    error = refused(tmp_path, secrets, MadeWithPassphrase)
    assert "reset" not in advice(error)
    assert "PassphraseSecrets" in error.action
    assert "--passphrase" in problems.action(error)
    with RocketVPN.open(config(tmp_path, PassphraseSecrets("x"))) as rocket:
        assert rocket.consent.status().adult is True


def test_the_passphrase_file_was_moved_and_is_looked_for_elsewhere(tmp_path: Path) -> None:
    made(tmp_path / "vault", PassphraseSecrets("x"))
    refused(tmp_path / "vault", PassphraseSecrets("x", path=tmp_path / "no.key"), MadeWithPassphrase)


def test_where_the_folder_shows_nothing_the_key_is_missing(tmp_path: Path) -> None:
    made(tmp_path / "a", MemorySecrets())
    assert "reset" in advice(refused(tmp_path / "a", MemorySecrets(), SecretMissing))
    made(tmp_path / "b", PassphraseSecrets("x", path=tmp_path / "b.key"))
    refused(tmp_path / "b", PassphraseSecrets("x", path=tmp_path / "other.key"), SecretMissing)
    refused(tmp_path / "b", MemorySecrets(), SecretMissing)


def test_both_kinds_are_there_and_each_opens_what_it_made(tmp_path: Path) -> None:
    right = MemorySecrets()
    made(tmp_path / "a", right)
    made(tmp_path / "b", PassphraseSecrets("x"))
    key = next((tmp_path / "b").rglob("root.key"))
    stray = next((tmp_path / "a").rglob("vault.db")).with_name("root.key")
    stray.write_bytes(key.read_bytes())
    with RocketVPN.open(config(tmp_path / "a", right)) as rocket:
        assert rocket.consent.status().adult is True
    refused(tmp_path / "a", PassphraseSecrets("y"), SecretMissing)


def test_a_wrong_passphrase_is_no_wrong_store(tmp_path: Path) -> None:
    made(tmp_path, PassphraseSecrets("x"))
    assert "not the right one" in str(refused(tmp_path, PassphraseSecrets("y"), SecretStoreLocked))


def test_what_was_never_finished_can_be_made_with_any_store(tmp_path: Path) -> None:
    """Nothing was sealed yet: a process died, or its store failed, before the first key was kept."""
    with pytest.raises(SecretStoreUnavailable):
        RocketVPN.open(config(tmp_path, failing(SecretStoreUnavailable)))
    made(tmp_path, PassphraseSecrets("x"))
