"""The power goes while a vault is being made, or removed: no key is left that nobody knows of, nothing comes back.

The disk is the one of test_vault_power_cut.py. The secret store lies elsewhere and keeps what it said it has.
"""

from __future__ import annotations

import gc
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.crash import LIMITS, FileSecrets
from support.power import Disk
from support.vaults import Crash, Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.errors import RocketVPNError, SecretStoreLocked
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.verify import verify


class CutsPower(FileSecrets):
    """Cuts the power at its n-th call, before or after what that does; then nothing of this process goes on.

    Where it is removing, that begins with the first thing to be removed.
    """

    def __init__(self, path: Path, disk: Disk, at: int, *, after: bool, removing: bool = False) -> None:
        super().__init__(path)
        self._disk, self._at, self._after, self._number = disk, at, after, -1 if removing else 0

    def _step(self, *, after: bool) -> None:
        if self._number == self._at and after is self._after:
            self._disk.cut_power()
            raise Crash

    def get(self, name: str) -> bytes | None:
        self._step(after=False)
        found = super().get(name)
        self._step(after=True)
        self._number += self._number >= 0
        return found

    def set(self, name: str, secret: bytes) -> None:
        self._step(after=False)
        super().set(name, secret)
        self._step(after=True)
        self._number += self._number >= 0

    def delete(self, name: str) -> None:
        self._number = max(self._number, 0)
        self._step(after=False)
        super().delete(name)
        self._step(after=True)
        self._number += 1


def vault_at(disk: Disk, secrets: FileSecrets) -> Vault:
    return Vault(disk.path / "vault", secrets, SystemClock(), LIMITS)


def only_root(disk: Disk, secrets: FileSecrets) -> bool:
    """Whether the store holds the root that the file names, and no other one; read without the SDK."""
    with closing(sqlite3.connect(disk.path / "vault" / "vault.db")) as db:
        vault_id, root_id = db.execute("SELECT vault_id, root_id FROM head").fetchone()
    return secrets.roots() == {f"{vault_id.hex()}/{root_id.hex()}"}


@pytest.mark.component("ext4")
@pytest.mark.clause("T1")
def test_a_power_cut_while_a_vault_is_made_leaves_no_key_that_nobody_knows_of(tmp_path: Path) -> None:
    moments = [(at, after) for at in range(4) for after in (False, True)]
    with Disk(tmp_path) as disk:
        for number, (at, after) in enumerate(moments):
            path = tmp_path / f"{number}.json"
            vault = vault_at(disk, CutsPower(path, disk, at, after=after))
            with suppress(Crash):
                vault.unlock()
                disk.cut_power()  # as soon as it is said to be made
            with suppress(RocketVPNError):
                vault.close()
            del vault
            gc.collect()
            disk.start_again()
            again, secrets = vault_at(disk, FileSecrets(path)), FileSecrets(path)
            again.unlock()
            again.put("note", Note("it goes on"))
            verify(again)
            assert only_root(disk, secrets), (at, after)
            again.destroy()
            assert secrets.entries() == {}


@pytest.mark.component("ext4")
@pytest.mark.clause("T1")
def test_a_vault_that_was_made_to_its_end_stays_so_after_a_power_cut(tmp_path: Path) -> None:
    """Before the store is asked for its root again, which is when it opens."""
    with Disk(tmp_path) as disk:
        secrets = CutsPower(tmp_path / "secrets.json", disk, 3, after=False)
        vault = vault_at(disk, secrets)
        with pytest.raises(Crash):
            vault.unlock()
        assert len(secrets.roots()) == 1
        with suppress(RocketVPNError):
            vault.close()
        del vault
        gc.collect()
        disk.start_again()
        with closing(sqlite3.connect(disk.path / "vault" / "vault.db")) as db:
            assert db.execute("SELECT generation, planned FROM head").fetchone() == (1, None)
            assert db.execute("SELECT count(*) FROM keys").fetchone() == (1,)


@pytest.mark.component("ext4")
@pytest.mark.clause("A3")
def test_a_power_cut_while_a_vault_is_removed_does_not_stop_its_removal(tmp_path: Path) -> None:
    """Once the secret store was asked to remove anything, the next opening goes on, and finds no old vault."""
    moments = [(at, after) for at in range(2) for after in (False, True)]
    with Disk(tmp_path) as disk:
        for number, (at, after) in enumerate(moments):
            path = tmp_path / f"{number}.json"
            made = vault_at(disk, FileSecrets(path))
            made.unlock()
            made.put("note", Note("goes"))
            made.rotate()
            made.close()
            vault = vault_at(disk, CutsPower(path, disk, at, after=after, removing=True))
            with suppress(Crash, RocketVPNError):
                vault.destroy()
            with suppress(RocketVPNError):
                vault.close()
            del vault
            gc.collect()
            disk.start_again()
            again, secrets = vault_at(disk, FileSecrets(path)), FileSecrets(path)
            again.unlock()
            assert again.get("note", Note) is None, (at, after)
            assert only_root(disk, secrets), (at, after)
            again.destroy()


@pytest.mark.clause("A3")
def test_a_removal_that_the_secret_store_stops_leaves_nothing_for_its_root_to_open(tmp_path: Path) -> None:
    """The root is still in the keyring then: what it opens must be out of the file already."""
    secrets = UnreliableSecrets()
    vault = open_vault(tmp_path / "vault", secrets, FakeClock())
    vault.put("note", Note("goes"))
    log = SealedLog(vault, "log")
    log.append("service", Duration("P14D"), "goes")
    log.commit()
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        vault.destroy()
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as db:
        left = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("keys", "documents")}
        assert left == {"keys": 0, "documents": 0}
        assert db.execute("SELECT count(*) FROM blocks").fetchone() == (0,)
        assert db.execute("SELECT closed, bridge FROM head").fetchone() == (1, None)
