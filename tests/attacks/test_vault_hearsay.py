"""A file that nobody vouches for must not talk us into destroying anything: hostile heads, doubled entries, folders.

Somebody may write to the folder of vault B, and knows the ids of vault A, which has the same user and secret store.
Whatever stands in B's head then: A and A's copy open as before, and B's own roots go only with a deletion or a reset
that the user asked for.

Twenty heads, 200 with CI=true, 6,000 in the long form (ROCKETVPN_SOAK=1).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.forms import form
from support.planted import TABLES, attacked
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.errors import (
    RocketVPNError,
    SecretStoreLocked,
    SecretStoreUnavailable,
    VaultDamaged,
    VaultUnsafe,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.vault.resetting import reset_vault

HEADS = form(20, 200, 6_000)
SEED = int(os.environ.get("ROCKETVPN_SEED", "12"))


def made(folder: Path, secrets: MemorySecrets, text: str, *, rotate: bool = False) -> None:
    vault = open_vault(folder, secrets)
    vault.put("note", Note(text))
    if rotate:
        vault.rotate()
    vault.close()


def head_of(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "vault.db")) as db:
        db.row_factory = sqlite3.Row
        return dict(db.execute("SELECT * FROM head").fetchone())


def hostile(folder: Path, random: Random, own: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Write a head of any combination into ``folder``; the rest of the file stays, or is emptied in part."""
    done = []
    roots = [own["root_id"], other["root_id"], own["retired"], other["retired"], random.randbytes(16), None, b""]
    choices: dict[str, list[Any]] = {
        "vault_id": [other["vault_id"], other["vault_id"], own["vault_id"], random.randbytes(16)],
        "root_id": [root for root in roots if root is not None],
        "planned": roots,
        "retired": roots,
        "generation": [0, 1, 2, 10**6, own["generation"], other["generation"]],
        "closed": [0, 1],
        "bridge": [None, own["bridge"], other["bridge"], random.randbytes(40)],
        "owed_since": [None, 0.0],
        "replaced_at": [None, 0.0, 9e12],
        "manifest": [own["manifest"], other["manifest"], b""],
        "heads": [own["heads"], other["heads"], b""],
    }
    with attacked(folder / "vault.db") as db:
        for table in TABLES[1:]:
            if random.random() < 0.5:
                db.execute(f"DELETE FROM {table}")
                done.append(f"no {table}")
        for column, values in choices.items():
            if random.random() < 0.5:
                value = random.choice(values)
                db.execute(f"UPDATE head SET {column} = ?", (value,))
                done.append(f"{column} = {value.hex()[:8] if isinstance(value, bytes) else value}")
        if random.random() < 0.05:
            db.execute("DELETE FROM head")
    return done


@pytest.mark.parametrize("part", range(5))
def test_attack_hostile_heads(tmp_path: Path, part: int) -> None:
    secrets = UnreliableSecrets()
    a, b, spare = tmp_path / "a", tmp_path / "b", tmp_path / "pristine"
    made(a, secrets, "of A", rotate=part % 2 == 0)
    made(b, secrets, "of B", rotate=part % 3 == 0)
    shutil.copytree(a, spare)
    pristine = tmp_path / "of-b"
    shutil.copytree(b, pristine)
    own, other, entries = head_of(b), head_of(a), dict(secrets._entries)
    for number in range(part, HEADS, 5):
        random = Random(f"{SEED}/{number}")
        shutil.rmtree(b, ignore_errors=True)
        shutil.copytree(pristine, b)
        secrets._entries = dict(entries)
        done = hostile(b, random, own, other)
        act = random.choice(["open", "open twice", "reset", "destroy", "locked reset", "delete"])
        said = f"seed {SEED}/{number}: {act} after {done}"
        with suppress(RocketVPNError):
            _act(act, b, secrets)
        for name, secret in entries.items():
            if name.startswith(other["vault_id"].hex()) or act.startswith("open"):
                assert secrets._entries.get(name) == secret, said
        for folder in (a, spare):
            copy = tmp_path / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy)
            vault = open_vault(copy, secrets)
            assert vault.get("note", Note) == Note("of A"), said
            vault.close()


def _act(act: str, folder: Path, secrets: UnreliableSecrets) -> None:
    clock, limits = FakeClock(), Limits(busy_timeout=0.2)
    if act == "reset":
        reset_vault(folder, secrets, clock, limits)
    elif act == "locked reset":
        secrets.lock()
        try:
            with suppress(RocketVPNError):
                reset_vault(folder, secrets, clock, limits)
        finally:
            secrets.unlock()
        reset_vault(folder, secrets, clock, limits)
    elif act == "destroy":
        with closing(Vault(folder, secrets, clock, limits)) as vault:
            vault.destroy()
    else:
        for _ in range(2 if act == "open twice" else 1):
            with closing(open_vault(folder, secrets)) as vault:
                vault.put("note", Note("new"))
                vault.drop("note")  # rotates: what it replaces must be its own
                if act == "delete":
                    vault.destroy()


# ---------------------------------------------------------------- removals that did not come to their end


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


def refuse_deleting(secrets: UnreliableSecrets) -> None:
    def before(method: str, name: str) -> None:
        if method == "delete":
            raise SecretStoreLocked(store=secrets.label, problem="its prompt was dismissed")

    secrets.before = before


def rows_left(folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / "vault.db")) as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES[3:]}


def test_a_removal_that_the_root_vouches_for_is_ended_at_the_next_opening(
    tmp_path: Path, secrets: UnreliableSecrets
) -> None:
    folder = tmp_path / "vault"
    vault = open_vault(folder, secrets)
    vault.put("note", Note("goes"))
    before = set(secrets.names())
    refuse_deleting(secrets)
    with pytest.raises(SecretStoreLocked):
        vault.destroy()
    vault.close()
    assert rows_left(folder) == {"keys": 0, "blocks": 0, "documents": 0}  # though the keyring did not answer
    assert set(secrets.names()) == before
    secrets.unlock()
    again = open_vault(folder, secrets)
    assert again.get("note", Note) is None
    assert not before & set(secrets.names())
    again.close()


def test_a_mark_that_the_root_does_not_vouch_for_waits_for_a_reset(tmp_path: Path, secrets: UnreliableSecrets) -> None:
    """A reset while the keyring was locked: the keys are gone, and what is left shows which root was theirs."""
    folder = tmp_path / "vault"
    made(folder, secrets, "goes")
    before = dict(secrets._entries)
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        reset_vault(folder, secrets, FakeClock(), Limits())
    assert rows_left(folder) == {"keys": 1, "blocks": 0, "documents": 0}  # the key of the names of documents
    secrets.unlock()
    with pytest.raises(VaultDamaged, match="nothing vouches"):
        open_vault(folder, secrets)
    assert secrets._entries == before
    assert reset_vault(folder, secrets, FakeClock(), Limits()).left == ()
    assert (secrets.names(), folder.exists()) == ((), False)


@pytest.mark.parametrize("place", [0, 2], ids=["before", "behind"])
def test_attack_a_second_head_hides_the_root_from_a_reset(
    tmp_path: Path, secrets: UnreliableSecrets, place: int
) -> None:
    folder = tmp_path / "vault"
    made(folder, secrets, "goes")
    with closing(sqlite3.connect(folder / "vault.db")) as db, db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        columns = [row[1] for row in db.execute("PRAGMA table_info(head)") if row[1] not in ("id", "root_id")]
        same = ", ".join(columns)
        db.execute(f"INSERT INTO head (id, root_id, {same}) SELECT ?, randomblob(16), {same} FROM head", (place,))
    with pytest.raises(VaultDamaged, match="head"):
        open_vault(folder, secrets)
    assert not reset_vault(folder, secrets, FakeClock(), Limits()).unknown
    assert (secrets.names(), folder.exists()) == ((), False)


def test_files_that_outlived_their_root_and_hold_nothing_are_removed_at_the_next_opening(
    tmp_path: Path, secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "vault"
    vault = open_vault(folder, secrets)
    vault.put("note", Note("goes"))
    with monkeypatch.context() as patch:
        patch.setattr("rocketvpn_sdk.vault.database.Database.remove_files", lambda store: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            vault.destroy()
    vault.close()
    assert secrets.names() == ()
    again = open_vault(folder, secrets)
    assert again.get("note", Note) is None
    again.close()


def test_a_mark_whose_root_is_gone_removes_nothing_that_is_still_there(
    tmp_path: Path, secrets: UnreliableSecrets
) -> None:
    folder = tmp_path / "vault"
    made(folder, secrets, "stays")
    with attacked(folder / "vault.db") as db:
        db.execute("UPDATE head SET closed = 1, root_id = randomblob(16), retired = NULL")
    with pytest.raises(VaultDamaged):
        open_vault(folder, secrets)
    assert rows_left(folder)["documents"] > 0


def test_a_reset_leaves_the_root_of_another_vault_and_says_so(tmp_path: Path, secrets: UnreliableSecrets) -> None:
    made(tmp_path / "a", secrets, "of A")
    made(tmp_path / "b", secrets, "of B")
    other, entries = head_of(tmp_path / "a"), dict(secrets._entries)
    with attacked(tmp_path / "b" / "vault.db") as db:
        db.execute("UPDATE head SET vault_id = ?, root_id = ?", (other["vault_id"], other["root_id"]))
    removal = reset_vault(tmp_path / "b", secrets, FakeClock(), Limits())
    assert set(removal.left) == {name for name in entries if name.startswith(other["vault_id"].hex())}
    assert secrets._entries == entries
    assert not (tmp_path / "b").exists()


def test_a_reset_of_a_file_with_a_planted_schema_still_removes_its_root(
    tmp_path: Path, secrets: UnreliableSecrets
) -> None:
    made(tmp_path / "v", secrets, "goes")
    with attacked(tmp_path / "v" / "vault.db") as db:
        db.execute("CREATE TRIGGER t BEFORE DELETE ON keys BEGIN SELECT RAISE(IGNORE); END")
    assert not reset_vault(tmp_path / "v", secrets, FakeClock(), Limits()).unknown
    assert secrets.names() == ()


def test_a_vault_that_was_begun_uses_no_root_that_is_in_use(tmp_path: Path, secrets: UnreliableSecrets) -> None:
    """Else two vaults had one root, and the rotation of one would destroy the other."""
    made(tmp_path / "a", secrets, "of A")
    made(tmp_path / "b", secrets, "of B")
    other, before = head_of(tmp_path / "a"), dict(secrets._entries)
    with attacked(tmp_path / "b" / "vault.db") as db:
        for table in TABLES[1:]:
            db.execute(f"DELETE FROM {table}")
        db.execute(
            "UPDATE head SET generation = 0, vault_id = ?, planned = ?, root_id = x''",
            (other["vault_id"], other["root_id"]),
        )
    vault = open_vault(tmp_path / "b", secrets)
    assert vault._keyed_store.keys.root.vault_id not in (other["vault_id"],)
    vault.rotate()
    vault.close()
    assert before.items() <= secrets._entries.items()


# ---------------------------------------------------------------- entries that are there more than once


class Doubled(UnreliableSecrets):
    """As after a merge of two keyrings: ``copies`` of each entry, of which a deletion takes one."""

    copies = 3

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def set(self, name: str, secret: bytes) -> None:
        super().set(name, secret)
        self.counts[name] = self.copies

    def delete(self, name: str) -> None:
        if self.counts.get(name, 0) > 1:
            self.counts[name] -= 1
        else:
            super().delete(name)


def test_a_root_is_deleted_until_none_is_left(tmp_path: Path) -> None:
    secrets = Doubled()
    vault = open_vault(tmp_path / "vault", secrets)
    old = vault._keyed_store.keys.root.name
    vault.put("note", Note("goes"))
    vault.drop("note")
    assert old not in secrets.names()
    assert vault.status().rotation_owed_since is None
    vault.destroy()
    assert secrets.names() == ()


def test_a_root_that_cannot_be_deleted_is_owed_and_never_called_gone(tmp_path: Path) -> None:
    secrets = Doubled()
    secrets.copies = 10**9
    vault = open_vault(tmp_path / "vault", secrets)
    vault.put("note", Note("goes"))
    vault.drop("note")
    assert vault.status().rotation_owed_since is not None
    with pytest.raises(SecretStoreUnavailable, match="did not remove"):
        vault.destroy()
    vault.close()
    assert (tmp_path / "vault" / "vault.db").exists()


# ---------------------------------------------------------------- stores that keep what was deleted


class Keeping(MemorySecrets):
    """A store with a recycle bin."""

    def __init__(self) -> None:
        super().__init__()
        self.bin: dict[str, bytes] = {}

    def delete(self, name: str) -> None:
        if name in self._entries:
            self.bin[name] = self._entries[name]
        super().delete(name)

    def keeper(self) -> str:
        return "Recycler"


def config(folder: Path, secrets: MemorySecrets | PassphraseSecrets) -> Config:
    return Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=folder, secrets=secrets)


def test_a_store_that_keeps_what_was_deleted_is_named_wherever_a_deletion_is_told_of(tmp_path: Path) -> None:
    secrets = Keeping()
    with RocketVPN.open(config(tmp_path / "v", secrets)) as rocket:
        assert rocket.status().vault.keeps_deleted == "Recycler"
        here = rocket.rights.delete(rocket.rights.plan_delete("logs")).here
        assert (here.done, here.keeps_deleted) == (True, "Recycler")
    assert secrets.bin  # why it is said
    assert RocketVPN.reset(config(tmp_path / "v", secrets)).keeps_deleted == "Recycler"
    with RocketVPN.open(config(tmp_path / "w", MemorySecrets())) as rocket:
        assert rocket.status().vault.keeps_deleted == ""


# ---------------------------------------------------------------- journals that name other files


def plant_journal(database: Path, victim: Path) -> None:
    """Leave what a crash in the middle of a transaction over several files leaves: sqlite removes the file it names."""
    if not database.stat().st_size:
        with closing(sqlite3.connect(database)) as db:  # of an empty file sqlite takes no journal
            db.execute("CREATE TABLE t (a)")
    magic, name = bytes.fromhex("d9d505f920a163d7"), str(victim).encode()
    header = (magic + struct.pack(">IIIII", 0, 1, 0, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    database.with_name(f"{database.name}-journal").write_bytes(header + end)


def test_the_attack_works_on_sqlite_alone(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "any.db").touch()
    plant_journal(tmp_path / "any.db", tmp_path / "victim")
    with closing(sqlite3.connect(tmp_path / "any.db")) as db:
        db.execute("SELECT * FROM sqlite_master").fetchall()
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("act", ["open", "delete", "reset"])
@pytest.mark.parametrize("name", ["vault.db", "lock.db", "courier.lock", "updates/lock.db"])
def test_attack_a_planted_journal_makes_us_remove_no_file_that_it_names(
    tmp_path: Path, name: str, act: str, opened: bool
) -> None:
    victim, folder, secrets = tmp_path / "victim", tmp_path / "vault", MemorySecrets()
    victim.write_text("mine")
    rocket = RocketVPN.open(config(folder, secrets))
    if not opened:
        rocket.close()
    (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
    (folder / name).touch(mode=0o600)
    plant_journal(folder / name, victim)
    with suppress(RocketVPNError):
        if act == "reset":
            RocketVPN.reset(config(folder, secrets))
        else:
            again = rocket if opened else RocketVPN.open(config(folder, secrets))
            again.rights.delete(again.rights.plan_delete("account" if act == "delete" else "logs"))
            again.sync()
    rocket.close()
    assert victim.read_text() == "mine"


# ---------------------------------------------------------------- folders that are not a vault's


FOREIGN: dict[str, list[str]] = {
    "a database of another program": ["CREATE TABLE passwords (a)", "INSERT INTO passwords VALUES ('mine')"],
    "one with a table of our name": ["CREATE TABLE head (a)", "CREATE TABLE keys (b)"],
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("act", ["reset", "open"])
def test_another_programs_file_by_our_name_is_left_alone(tmp_path: Path, kind: str, act: str) -> None:
    tmp_path.chmod(0o700)
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as db:
        for statement in FOREIGN[kind]:
            db.execute(statement)
    (tmp_path / "updates").mkdir(mode=0o700)
    (tmp_path / "updates" / "kept.json").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(VaultUnsafe, match="another program's"):
        RocketVPN.reset(config(tmp_path, MemorySecrets())) if act == "reset" else RocketVPN.open(
            config(tmp_path, MemorySecrets())
        )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["lock.db", "courier.lock", "vault.db-wal", "root.key", "updates"])
def test_a_folder_with_one_of_our_names_and_no_vault_loses_nothing_but_that(tmp_path: Path, name: str) -> None:
    """An empty lock may be left of a vault that was removed by hand; nothing else is taken for ours."""
    folder = tmp_path / "project"
    folder.mkdir(mode=0o700)
    (folder / "thesis.txt").write_text("mine")
    if name == "updates":
        (folder / name).mkdir()
        (folder / name / "kept.json").write_text("mine")
    else:
        (folder / name).write_bytes(b"" if "lock" in name else b"of another program")
    with suppress(RocketVPNError):
        RocketVPN.reset(config(folder, MemorySecrets()))
    assert (folder / "thesis.txt").read_text() == "mine"
    if name == "updates":
        assert (folder / name / "kept.json").read_text() == "mine"
    if name == "root.key":
        assert (folder / name).exists()


def test_a_reset_leaves_the_profiles_beside_it_and_what_links_lead_to(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    made(tmp_path / "a", secrets, "of A")
    made(tmp_path / "b", secrets, "of B")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.json").write_text("mine")
    (tmp_path / "b" / "updates").symlink_to(outside)
    (tmp_path / "b" / "vault.db-journal").symlink_to(outside / "kept.json")
    with suppress(RocketVPNError):
        RocketVPN.reset(config(tmp_path / "b", secrets))
    assert (outside / "kept.json").read_text() == "mine"
    vault = open_vault(tmp_path / "a", secrets)
    assert vault.get("note", Note) == Note("of A")
    vault.close()
