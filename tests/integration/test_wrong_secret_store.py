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
from rocketvpn_sdk.vault.database import Database


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
    assert "PassphraseSecrets" in error.hint
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


# ---------------------------------------------------------------- reset


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_reset_with_a_passphrase_leaves_a_vault_whose_key_is_elsewhere(tmp_path: Path) -> None:
    right, folder = MemorySecrets(), tmp_path / "vault"
    made(folder, right)
    (folder / "updates").mkdir(mode=0o700)
    (folder / "updates" / "kept.json").write_text("{}")
    before = tree(folder)
    with pytest.raises(MadeWithoutPassphrase, match="Nothing was removed") as caught:
        RocketVPN.reset(config(folder, PassphraseSecrets("x")))
    assert "by hand" in caught.value.remedy
    assert str(folder) in caught.value.message
    assert tree(folder) == before
    RocketVPN.reset(config(folder, right))
    assert (folder.exists(), right.names()) == (False, ())


@pytest.mark.parametrize("damaged", [False, True])
def test_reset_with_another_store_leaves_a_vault_that_a_passphrase_locks(tmp_path: Path, damaged: bool) -> None:
    folder = tmp_path / "vault"
    made(folder, PassphraseSecrets("x"))
    if damaged:
        (folder / "vault.db").write_bytes(b"garbage" * 1000)
    before = tree(folder)
    with pytest.raises(MadeWithPassphrase, match="Nothing was removed"):
        RocketVPN.reset(config(folder, MemorySecrets()))
    assert tree(folder) == before
    RocketVPN.reset(config(folder, PassphraseSecrets("any will do")))
    assert not folder.exists()


def test_reset_goes_on_where_the_key_went_and_the_files_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "vault"
    made(folder, PassphraseSecrets("x"))
    with monkeypatch.context() as patch:
        patch.setattr(Database, "remove_files", lambda store: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            RocketVPN.reset(config(folder, PassphraseSecrets("x")))
    assert not (folder / "root.key").exists()
    RocketVPN.reset(config(folder, PassphraseSecrets("x")))
    assert not folder.exists()


def test_a_store_that_is_gone_for_good_keeps_nobody_from_resetting(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    made(folder, MemorySecrets())
    RocketVPN.reset(config(folder, MemorySecrets()))
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"{}"])
def test_reset_is_the_way_out_where_the_passphrase_file_is_garbage(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "vault"
    made(folder, PassphraseSecrets("x"))
    (folder / "root.key").write_bytes(content)
    assert "reset" in advice(refused(folder, PassphraseSecrets("x"), SecretCorrupt))
    assert (folder / "root.key").read_bytes() == content
    RocketVPN.reset(config(folder, PassphraseSecrets("x")))
    assert not folder.exists()
    made(folder, PassphraseSecrets("new"))


@pytest.mark.parametrize("tried", [False, True])
@pytest.mark.parametrize("left", ["root.key", ".root.key.new"])
def test_reset_takes_the_passphrase_file_of_a_vault_that_was_removed_by_hand(
    tmp_path: Path, tried: bool, left: str
) -> None:
    folder = tmp_path / "vault"
    made(folder, PassphraseSecrets("old"))
    (folder / "root.key").rename(folder / left)
    for path in folder.glob("*.db*"):
        path.unlink()
    if tried and left == "root.key":
        refused(folder, PassphraseSecrets("new"), SecretStoreLocked)
    RocketVPN.reset(config(folder, PassphraseSecrets("new")))
    assert not folder.exists()
    made(folder, PassphraseSecrets("new"))


def test_reset_with_another_store_takes_no_file_that_may_be_anothers(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_text("of a web server")
    RocketVPN.reset(config(tmp_path, MemorySecrets()))
    right = MemorySecrets()
    made(tmp_path, right)
    RocketVPN.reset(config(tmp_path, right))
    assert tree(tmp_path) == {"root.key": b"of a web server"}


@pytest.mark.parametrize("kind", [SecretStoreUnavailable, SecretStoreLocked, SecretCorrupt])
def test_the_passphrase_file_of_another_vault_is_no_reason(tmp_path: Path, kind: type[SecretStoreError]) -> None:
    """It was left there by hand; what is wrong is the store."""
    right = UnreliableSecrets()
    made(tmp_path / "a", right)
    made(tmp_path / "b", PassphraseSecrets("x"))
    (tmp_path / "a" / "root.key").write_bytes((tmp_path / "b" / "root.key").read_bytes())
    right.before = failing(kind).before
    refused(tmp_path / "a", right, kind)
