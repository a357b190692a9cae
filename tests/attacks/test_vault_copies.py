"""Copies: a folder, a secret store, or both, from before and from after a deletion; and raw bytes, searched for keys.

A key is looked for in the one form in which a root still in some secret store would open it: AES key wrap (RFC 3394)
has no nonce, so a key under a root is always the same forty bytes, and these either stand in a file or they do not.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from support.crash import FORTNIGHT
from support.vaults import Note, open_vault

from rocketvpn_sdk.errors import SecretMissing, VaultOutdated
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.keys import KEY_BYTES, derive
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.vault import CLOCK
from rocketvpn_sdk.vault.verify import verify

pytestmark = pytest.mark.clause("A3")

DOCUMENTS = 60
RECORDS = 400


class Machine:
    """A folder, a secret store and a clock, with copies of either."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder = place / "vault"
        self.secrets = MemorySecrets()
        self.clock = FakeClock()
        self.vault = open_vault(self.folder, self.secrets, self.clock)

    def copy_folder(self, name: str) -> Path:
        """Copy the folder as it lies there now, write-ahead log included, under a running vault."""
        target = self.place / name
        shutil.copytree(self.folder, target)
        return target

    def copy_secrets(self) -> MemorySecrets:
        copy = MemorySecrets()
        copy._entries.update(self.secrets._entries)
        return copy

    def open(self, folder: Path, secrets: MemorySecrets) -> Vault:
        return open_vault(folder, secrets, self.clock)


@dataclass
class Planted:
    """What is deleted: its keys in the clear, as only the test knows them."""

    keys: list[bytes]
    kept: list[bytes]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.vault.close()


def fill(machine: Machine) -> Planted:
    """Write what stays and what goes, over many pages."""
    log = SealedLog(machine.vault, "log", block_records=16)
    for number in range(RECORDS):
        log.append(("stays", "goes")[number % 2], FORTNIGHT, number)
        if number % 50 == 0:
            log.commit()
            machine.clock.advance(86400 / 4)
    log.commit()
    for number in range(DOCUMENTS):
        machine.vault.put(f"goes/{number}", Note(f"goes {number} " * 40))
    machine.vault.put("stays", Note("stays"))
    going, staying = deleted_keys(machine.vault)
    return Planted(going, staying)


def deleted_keys(vault: Vault) -> tuple[list[bytes], list[bytes]]:
    """Unwrap every key there is; return those of what goes, and the others."""
    with vault.read() as (transaction, keys):
        goes = [row[0] for row in transaction.db.execute("SELECT id FROM lanes WHERE purpose = 'goes'")]
        rows = transaction.db.execute("SELECT lane, wrapped FROM keys WHERE wrapped IS NOT NULL").fetchall()
        staying = keys.slot("stays"), keys.slot(CLOCK)
        documents = transaction.db.execute("SELECT slot, wrapped FROM documents").fetchall()
        going = [wrapped for partition, wrapped in rows if partition in goes]
        going += [wrapped for slot, wrapped in documents if slot not in staying]
        kept = [wrapped for partition, wrapped in rows if partition not in goes]
        kept += [wrapped for slot, wrapped in documents if slot == staying[0]]
        return tuple([keys.root.unwrap(each, part="") for each in part] for part in (going, kept))


def delete(machine: Machine) -> None:
    with machine.vault.shredding() as transaction:
        transaction.shred(PartitionChoice(purpose="goes"))
        transaction.drop(*(f"goes/{number}" for number in range(DOCUMENTS)))


def held(vault: Vault) -> tuple[int, int]:
    """Return how many records and documents of what was deleted can be read."""
    try:
        records = sum(1 for _ in SealedLog(vault, "log").read(purpose="goes"))
        return records, sum(vault.get(f"goes/{number}", Note) is not None for number in range(DOCUMENTS))
    finally:
        vault.close()


def wrappings(secrets: MemorySecrets) -> list[bytes]:
    """Return the wrapping key of every root that a secret store holds: what someone who has it can derive."""
    return [
        derive(stored[:KEY_BYTES], bytes.fromhex(name.partition("/")[0]), b"wrapping")
        for name, stored in secrets._entries.items()
        if not name.endswith("generation")
    ]


def openable(folder: Path, secrets: MemorySecrets, keys: list[bytes]) -> int:
    """Return how many of ``keys`` stand anywhere in the folder's bytes, in the clear or as these roots open them."""
    content = b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    forms = [(key, *(aes_key_wrap(wrapping, key) for wrapping in wrappings(secrets))) for key in keys]
    return sum(any(form in content for form in each) for each in forms)


# ---------------------------------------------------------------- four pairings


def test_attack_folder_and_secrets_of_before_are_what_the_threat_model_names(machine: Machine) -> None:
    """Both from before: a copy of the whole disk opens what it held. The control of the three others."""
    planted = fill(machine)
    folder, secrets = machine.copy_folder("before"), machine.copy_secrets()
    delete(machine)
    assert openable(folder, secrets, planted.keys) == len(planted.keys)
    assert held(machine.open(folder, secrets)) == (RECORDS // 2, DOCUMENTS)


@pytest.mark.parametrize("settled", [False, True], ids=["bridge up", "bridge down"])
def test_attack_folder_of_before_with_the_secrets_of_after(machine: Machine, settled: bool) -> None:
    planted = fill(machine)
    folder = machine.copy_folder("before")
    delete(machine)
    if settled:
        machine.clock.advance(60)
        machine.vault.settle()
    assert openable(folder, machine.secrets, planted.keys) == 0
    with pytest.raises(VaultOutdated):
        machine.open(folder, machine.copy_secrets())


@pytest.mark.parametrize("settled", [False, True], ids=["bridge up", "bridge down"])
def test_attack_folder_of_after_with_the_secrets_of_before(machine: Machine, settled: bool) -> None:
    """While the bridge is up, the old root leads to the new one: to what was kept, to nothing that was deleted."""
    planted = fill(machine)
    secrets = machine.copy_secrets()
    delete(machine)
    if settled:
        machine.clock.advance(60)
        machine.vault.settle()
    folder = machine.copy_folder("after")
    assert openable(folder, secrets, planted.keys) == 0
    if settled:
        with pytest.raises(SecretMissing):
            machine.open(folder, secrets)
    else:
        assert held(machine.open(folder, secrets)) == (0, 0)


def test_attack_folder_and_secrets_of_after(machine: Machine) -> None:
    planted = fill(machine)
    delete(machine)
    folder, secrets = machine.copy_folder("after"), machine.copy_secrets()
    assert openable(folder, secrets, planted.keys) == 0
    assert openable(folder, secrets, planted.kept) == len(planted.kept)  # the search finds what is there
    assert held(machine.open(folder, secrets)) == (0, 0)
    assert [record for _, record in SealedLog(machine.vault, "log").read()] == list(range(0, RECORDS, 2))


# ---------------------------------------------------------------- every moment


def test_attack_every_copy_ever_made_with_the_secrets_of_after(machine: Machine) -> None:
    """Folders copied all along (while writing, between the steps of a rotation, with the log full or empty)."""
    copies: list[Path] = []
    planted = fill(machine)
    copies.append(machine.copy_folder("written"))
    machine.vault.rotate()
    copies.append(machine.copy_folder("rotated"))
    machine.vault.close()
    copies.append(machine.copy_folder("closed"))
    machine.vault = machine.open(machine.folder, machine.secrets)
    machine.clock.advance(60)
    machine.vault.settle()
    copies.append(machine.copy_folder("settled"))
    with machine.vault.write() as transaction:  # dropped; the secret store is asked afterwards
        transaction.shred(PartitionChoice(purpose="goes"))
        transaction.drop(*(f"goes/{number}" for number in range(DOCUMENTS)))
        transaction.request_rotation(machine.clock.time())
    copies.append(machine.copy_folder("dropped"))
    assert openable(copies[-1], machine.secrets, planted.keys) == len(planted.keys)  # still in the write-ahead log
    machine.vault.rotate()
    for copy in copies:
        assert openable(copy, machine.secrets, planted.keys) == 0, copy.name
    for folder in (machine.folder, *copies):
        assert openable(folder, MemorySecrets(), planted.keys) == 0, "a key stands there in the clear"


def put_back(machine: Machine, folder: Path) -> None:
    """Exchange the vault's file for that of a copy; nothing has it open."""
    shutil.copy(folder / "vault.db", machine.folder / "vault.db")


def test_attack_older_file_under_the_same_root(machine: Machine) -> None:
    """As the threat model says: a state that was once true is taken for the present one, until the root is replaced."""
    log = SealedLog(machine.vault, "log")
    log.append("stays", FORTNIGHT, "first")
    log.commit()
    with machine.vault.write() as transaction:  # which owes nothing
        transaction.put("choice", Note("no"))
    machine.vault.close()
    older = machine.copy_folder("older")
    machine.vault = machine.open(machine.folder, machine.secrets)
    log = SealedLog(machine.vault, "log")
    log.append("stays", FORTNIGHT, "second")
    log.commit()
    with machine.vault.write() as transaction:
        transaction.put("choice", Note("yes"))
    machine.vault.close()
    put_back(machine, older)
    machine.vault = machine.open(machine.folder, machine.secrets)
    assert [record for _, record in SealedLog(machine.vault, "log").read()] == ["first"]
    assert machine.vault.get("choice", Note) == Note("no")
    verify(machine.vault)
    machine.vault.rotate()
    machine.vault.close()
    put_back(machine, older)
    with pytest.raises(VaultOutdated):
        machine.open(machine.folder, machine.secrets)


def test_attack_older_file_while_a_deletion_is_owed(machine: Machine) -> None:
    """Dropped keys come back with an older file for as long as the root that opens them is there, and no longer."""
    machine.vault.put("goes/0", Note("goes"))
    machine.vault.close()
    older = machine.copy_folder("older")
    machine.vault = machine.open(machine.folder, machine.secrets)
    with machine.vault.write() as transaction:  # the secret store cannot be asked now
        transaction.drop("goes/0")
        transaction.request_rotation(machine.clock.time())
    assert machine.vault.status().rotation_owed_since is not None
    assert held(machine.open(older, machine.copy_secrets())) == (0, 1)
    machine.vault.rotate()
    with pytest.raises(VaultOutdated):
        machine.open(older, machine.copy_secrets())


def test_attack_replaced_document_in_a_copy(machine: Machine) -> None:
    """What a document held before it was replaced cannot be opened once the rotation that it owes was paid."""
    machine.vault.put("stays", Note("before"))
    with machine.vault.read() as (transaction, keys):
        wrapped = transaction.db.execute(
            "SELECT wrapped FROM documents WHERE slot = ?", (keys.slot("stays"),)
        ).fetchone()[0]
        key = keys.root.unwrap(wrapped, part="")
    folder = machine.copy_folder("before")
    machine.vault.put("stays", Note("after"))
    assert machine.vault.status().rotation_owed_since is not None
    assert openable(folder, machine.secrets, [key]) == 1
    machine.vault.rotate()
    assert machine.vault.status().rotation_owed_since is None
    assert openable(folder, machine.secrets, [key]) == 0
    assert openable(machine.folder, machine.secrets, [key]) == 0


def test_attack_free_pages_still_hold_what_was_deleted(machine: Machine) -> None:
    """After the log was emptied, no page, free or in use, holds a deleted key under the root that is gone."""
    planted = fill(machine)
    secrets = machine.copy_secrets()
    machine.vault.close()  # everything is in the file itself, in pages of its own
    machine.vault = machine.open(machine.folder, machine.secrets)
    delete(machine)
    machine.clock.advance(60)
    machine.vault.settle()
    assert openable(machine.folder, secrets, planted.keys) == 0
    assert (machine.folder / "vault.db-wal").stat().st_size == 0


def test_attack_pages_that_moved_about_still_hold_what_was_deleted(machine: Machine) -> None:
    """Documents of all sizes come and go, so that SQLite splits, merges and frees pages; then the last ones go."""
    rng = random.Random(3)
    everything = MemorySecrets()
    keys: set[bytes] = set()
    for number in range(300):
        machine.vault.put(f"goes/{rng.randrange(DOCUMENTS)}", Note("x" * rng.choice((1, 500, 3000, 9000))))
        if number % 10 == 0:
            everything._entries.update(machine.secrets._entries)
            keys.update(deleted_keys(machine.vault)[0])
            machine.vault.drop(*(f"goes/{rng.randrange(DOCUMENTS)}" for _ in range(8)))
    everything._entries.update(machine.secrets._entries)
    keys.update(deleted_keys(machine.vault)[0])
    delete(machine)
    machine.clock.advance(60)
    machine.vault.settle()
    assert openable(machine.folder, everything, list(keys)) == 0


def test_attack_write_ahead_log_kept_open_by_a_reader(machine: Machine) -> None:
    """A reader may keep the log from being emptied; the next opportunity does it."""
    planted = fill(machine)
    secrets = machine.copy_secrets()
    reader = machine.open(machine.folder, machine.secrets)
    with reader._store.snapshot() as db:
        db.execute("SELECT count(*) FROM documents").fetchone()
        delete(machine)
        assert openable(machine.folder, secrets, planted.keys) > 0
    reader.close()
    machine.clock.advance(60)
    machine.vault.settle()
    assert openable(machine.folder, secrets, planted.keys) == 0
