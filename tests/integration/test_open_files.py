"""On Windows an open file can be neither removed, moved nor replaced: whole lives of a vault under that rule."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.systems import keep_open_files, open_files
from support.vaults import Note, open_vault
from support.world import World

from rocketvpn_sdk import DeletionConfirmed, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.errors import ExportFailed, ValueRefused, VaultClosed, VaultError
from rocketvpn_sdk.files import new_file
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.vault import folder as folders

pytestmark = pytest.mark.clause("A3")


@pytest.fixture(autouse=True)
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_open_files(monkeypatch)


def test_the_rule_is_kept_here(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("w"):
        for call in (path.unlink, lambda: path.rename(tmp_path / "b"), lambda: path.replace(tmp_path / "b")):
            with pytest.raises(PermissionError):
                call()
    path.unlink()


def test_from_binding_to_the_end(world: World, tmp_path: Path) -> None:
    with RocketVPN.open(world.config(receipts=tmp_path / "receipts")) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.policy.check()  # which keeps signed files
        exported = rocket.rights.export(tmp_path / "mine.zip")
        rocket.rights.export(tmp_path / "mine.zip", overwrite=True)
        outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert (outcome.server.state, outcome.server.problem) == ("confirmed", None)
    assert not world.folder.exists()
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [Path(exported.path).name]
    assert len(list((tmp_path / "receipts").iterdir())) == 1


def test_a_deletion_that_is_delivered_later_leaves_nothing_either(world: World) -> None:
    """Who delivers holds a file of the vault, so it goes after the vault."""
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("device"))
    with RocketVPN.open(world.config()) as rocket:
        confirmed: list[DeletionConfirmed] = []
        rocket.events.subscribe(DeletionConfirmed, confirmed.append)
        assert rocket.sync().vault.state == "closed"
    assert len(confirmed) == 1
    assert not world.folder.exists()


def test_resetting_removes_everything(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
    RocketVPN.reset(world.config())
    assert not world.folder.exists()


def vault_in(folder: Path, secrets: MemorySecrets) -> Vault:
    return open_vault(folder, secrets, limits=Limits(busy_timeout=0.1))


def test_what_another_process_has_open_stays_until_it_has_closed_it(tmp_path: Path) -> None:
    folder, secrets = tmp_path / "vault", MemorySecrets()
    mine, theirs = vault_in(folder, secrets), vault_in(folder, secrets)
    mine.put("note", Note("a secret"))
    with pytest.raises(VaultError, match="another process has its files open"):
        mine.destroy()
    assert secrets.names() == ()  # what is there opens with nothing any more
    with pytest.raises(VaultClosed):
        theirs.get("note", Note)
    theirs.close()
    mine.destroy()
    assert mine.gone
    assert not folder.exists()


def test_a_removal_that_could_not_end_is_ended_by_the_next_opening(tmp_path: Path) -> None:
    folder, secrets = tmp_path / "vault", MemorySecrets()
    mine, theirs = vault_in(folder, secrets), vault_in(folder, secrets)
    mine.put("note", Note("a secret"))
    with pytest.raises(VaultError):
        mine.destroy()
    mine.close()
    theirs.close()
    again = vault_in(folder, secrets)
    assert again.get("note", Note) is None
    again.destroy()
    assert not folder.exists()


def test_a_passphrase_s_file_that_is_being_read_is_an_error_of_ours(tmp_path: Path) -> None:
    store = PassphraseSecrets("right", path=tmp_path / "root.key")
    store.set("vault/a", b"a")
    with (tmp_path / "root.key").open("rb"):
        for call in (lambda: store.set("vault/b", b"b"), lambda: store.delete("vault/a"), store.discard):
            with pytest.raises(VaultError, match="passphrase store"):
                call()
    assert store.get("vault/a") == b"a"
    store.delete("vault/a")
    assert list(tmp_path.iterdir()) == []


def test_a_vault_with_a_passphrase_lives_and_ends(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault", PassphraseSecrets("right"), FakeClock(), Limits(keyring_settle=0.0))
    vault.unlock()
    vault.put("note", Note("one"))
    vault.rotate()
    vault.destroy()
    assert not (tmp_path / "vault").exists()


def write_while_another_one_comes_first(path: Path) -> None:
    with new_file(path, overwrite=False) as second:
        second.write(b"second")
        path.write_bytes(b"somebody's")


def test_a_file_that_is_being_written_is_not_swept_away_and_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with new_file(path, overwrite=False) as first:
        first.write(b"first")
        (part,) = tmp_path.iterdir()
        with pytest.raises(ValueRefused):
            write_while_another_one_comes_first(path)
        assert part.exists()
        path.unlink()
    assert path.read_bytes() == b"first"
    with path.open("rb"), pytest.raises(ExportFailed), new_file(path, overwrite=True) as third:
        third.write(b"third")
    assert path.read_bytes() == b"first"
    (tmp_path / ".mine.zip.0a0b0c0d.part").write_bytes(b"of a process that was killed")
    with new_file(path, overwrite=True) as fourth:
        fourth.write(b"fourth")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.zip"]
    assert path.read_bytes() == b"fourth"


def test_nothing_stays_open(tmp_path: Path) -> None:
    vault = vault_in(tmp_path / "vault", MemorySecrets())
    assert str(tmp_path / "vault" / folders.DATABASE) in open_files()
    vault.close()
    assert not [path for path in open_files() if path.startswith(f"{tmp_path}{os.sep}")]
