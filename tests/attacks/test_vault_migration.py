"""A vault in an older format, as the code of that time wrote it, is brought to the present one: whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.crash import FORTNIGHT, LIMITS, Steps, copied, finish, of_format, open_shared, shared_secrets, start
from support.crash_steps import SURVIVED
from support.disks import mounted, remount, stuff
from support.forms import form
from support.vaults import Note, UnreliableSecrets

from rocketvpn_sdk.errors import (
    SecretStoreLocked,
    VaultBusy,
    VaultDamaged,
    VaultError,
    VaultFull,
    VaultOutdated,
    VaultReadOnly,
)
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault, header, migration
from rocketvpn_sdk.vault.header import FORMAT, OLDEST, heads, manifest, read_header
from rocketvpn_sdk.vault.keys import RootKey, secret_name
from rocketvpn_sdk.vault.moments import Moments
from rocketvpn_sdk.vault.rotation import rewrap
from rocketvpn_sdk.vault.verify import verify

KILLED = -9
LATER = 1_800_300_000.0
WHOLE = {
    ("log", "service"): list(range(10)),
    ("log", "improvement"): ["after the deletion"],
    ("log", "security"): [{"number": number} for number in range(10)],
    ("sent", "service"): [["to", number] for number in range(10)],
    ("decisions", "service"): [f"decided {number}" for number in range(10)],
    "notes": ["0", "one, replaced", "two, replaced", None],
}


@pytest.fixture(params=range(OLDEST, FORMAT))
def written_in(request: pytest.FixtureRequest) -> int:
    """Every format there ever was."""
    return request.param


@pytest.fixture
def old(tmp_path: Path, written_in: int) -> Path:
    return of_format(written_in, tmp_path / "old")


@pytest.fixture
def secrets(old: Path) -> UnreliableSecrets:
    secrets = UnreliableSecrets()
    secrets._entries.update({name: bytes.fromhex(value) for name, value in shared_secrets(old).entries().items()})
    return secrets


def opened(folder: Path, secrets: UnreliableSecrets, clock: FakeClock | None = None) -> Vault:
    """Return the vault; one that cannot be unlocked is closed again."""
    vault = Vault(folder / "vault", secrets, clock or FakeClock(LATER), LIMITS)
    try:
        vault.unlock()
    except BaseException:  # an interrupt, too: it is cleaned up and goes on
        vault.close()
        raise
    return vault


def contents(vault: Vault) -> dict[Any, Any]:
    streams = [key for key in WHOLE if key != "notes"]
    found: dict[Any, Any] = {
        (stream, purpose): [record for _, record in SealedLog(vault, stream).read(purpose=purpose)]
        for stream, purpose in streams
    }
    notes = [vault.get(name, Note) for name in ("note/0", "note/1", "note/2", "goes")]
    return found | {"notes": [note.text if note else None for note in notes]}


def written_format(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "vault" / "vault.db")) as db:
        return db.execute("SELECT format FROM head").fetchone()[0]


def tables(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as db:
        return dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())


# ---------------------------------------------------------------- everything is there


def test_a_vault_in_an_older_format_opens_and_is_in_the_present_one(
    old: Path, secrets: UnreliableSecrets, tmp_path: Path, written_in: int
) -> None:
    assert written_format(old) == written_in
    vault = opened(old, secrets)
    assert contents(vault) == WHOLE
    verify(vault)
    vault.put("note/0", Note("changed"))
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "new")
    log.commit()
    vault.close()
    assert written_format(old) == FORMAT == 3
    again = opened(old, secrets)
    assert contents(again) | {("log", "service"): [*range(10), "new"]} == contents(again)
    assert again.get("note/0", Note) == Note("changed")
    verify(again)
    again.close()
    fresh = open_shared(tmp_path)
    fresh.close()
    assert tables(old / "vault" / "vault.db") == tables(tmp_path / "vault" / "vault.db")


def test_a_migration_replaces_the_root(old: Path, secrets: UnreliableSecrets, tmp_path: Path) -> None:
    """Under the old one, a copy in the old format would be taken for the vault."""
    copy = copied(old, tmp_path / "copy")
    before = secrets.names()
    clock = FakeClock(LATER)
    vault = opened(old, secrets, clock)
    assert vault.status().rotation_owed_since is None
    clock.advance(60)
    vault.settle()
    assert not {name for name in before if not name.endswith("generation")} & set(secrets.names())
    with pytest.raises(VaultOutdated):
        opened(copy, secrets)
    vault.close()


def test_a_migration_owes_a_new_root_also_where_nothing_was_owed(old: Path, secrets: UnreliableSecrets) -> None:
    """And says so for as long as the secret store cannot be written to."""
    with signed_as_then(old, secrets) as db:
        db.execute("UPDATE head SET owed_since = NULL")

    def refuse(method: str, name: str) -> None:
        if method != "get":
            raise SecretStoreLocked(store="store", problem="now")

    secrets.before = refuse
    vault = opened(old, secrets)
    assert vault.status().rotation_owed_since is not None
    secrets.unlock()
    vault.rotate()
    assert vault.status().rotation_owed_since is None
    vault.close()


def test_deletions_from_before_hold_for_what_waits_in_memory(
    old: Path, secrets: UnreliableSecrets, written_in: int
) -> None:
    """No moment can be told from an older mark: what waits for the unlock that migrates is taken for older than it."""
    clock = FakeClock(LATER)
    vault = Vault(old / "vault", secrets, clock, LIMITS)
    recorded = clock.monotonic()
    vault.unlock()
    log, gone = SealedLog(vault, "sent"), SealedLog(vault, "gone")
    for purpose in ("improvement", "security"):
        log.append(purpose, FORTNIGHT, "waits", moment=recorded)
    gone.append("service", FORTNIGHT, "waits", moment=recorded)
    log.commit()
    gone.commit()
    assert [record for _, record in log.read(purpose="improvement")] == []
    assert [record for _, record in log.read(purpose="security")] == ["waits"]
    assert [record for _, record in gone.read()] == ([] if written_in == 2 else ["waits"])
    log.append("improvement", FORTNIGHT, "later")
    assert [record for _, record in log.read(purpose="improvement")] == ["later"]
    vault.close()


def test_status_needs_neither_the_secret_store_nor_a_migration(
    old: Path, secrets: UnreliableSecrets, written_in: int
) -> None:
    vault = Vault(old / "vault", secrets, FakeClock(LATER), LIMITS)
    status = vault.status()
    assert (status.state, status.generation) == ("locked", {1: 2, 2: 4}[written_in])
    assert status.rotation_owed_since is not None
    assert secrets.calls == []
    vault.close()
    assert written_format(old) == written_in


def test_destroying_needs_no_migration(old: Path, secrets: UnreliableSecrets) -> None:
    Vault(old / "vault", secrets, FakeClock(LATER), LIMITS).destroy()
    assert secrets.names() == ()
    assert not (old / "vault").exists()


# ---------------------------------------------------------------- or nothing changed


def test_a_locked_secret_store_leaves_the_old_format(old: Path, secrets: UnreliableSecrets) -> None:
    before = (old / "vault" / "vault.db").read_bytes()
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        opened(old, secrets)
    secrets.unlock()
    assert (old / "vault" / "vault.db").read_bytes() == before
    vault = opened(old, secrets)
    assert contents(vault) == WHOLE
    vault.close()


TAMPERING = {
    "a document put back": "UPDATE documents SET version = version - 1",
    "a document removed": "DELETE FROM documents WHERE slot = (SELECT min(slot) FROM documents)",
    "a key removed": "DELETE FROM keys WHERE lane = 1",
    "a key made a tombstone": "UPDATE keys SET wrapped = NULL WHERE lane = 1",
    "a lane removed": "DELETE FROM lanes WHERE id = 4",
    "a lane cut": "UPDATE lanes SET next_sequence = 0, link = first_link WHERE id = 1",
    "a deletion unmarked": "UPDATE lanes SET shredded_at = 0",
    "a debt forgiven": "UPDATE head SET owed_since = NULL",
    "another generation": "UPDATE head SET generation = 7",
    "a wrong manifest": "UPDATE head SET manifest = zeroblob(32)",
    "wrong ends of lanes": "UPDATE head SET heads = zeroblob(32)",
    "the root in force planned": "UPDATE head SET planned = root_id",
    "the root in force retired": "UPDATE head SET retired = root_id",
    "a format before the first": "UPDATE head SET format = 0",
    "the present format": f"UPDATE head SET format = {FORMAT}",
    "another older format": "UPDATE head SET format = 3 - format",
}


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING)
def test_attack_old_format_tampered_with_before_it_is_migrated(
    old: Path, secrets: UnreliableSecrets, statement: str
) -> None:
    with closing(sqlite3.connect(old / "vault" / "vault.db")) as db, db:
        db.execute(statement)
    before, entries = written_format(old), dict(secrets._entries)
    with pytest.raises(VaultDamaged):
        opened(old, secrets)
    assert written_format(old) == before
    assert secrets._entries == entries


@pytest.mark.parametrize("written_in", [1])
def test_attack_debt_cleared_where_format_1_did_not_look(old: Path, secrets: UnreliableSecrets) -> None:
    """Nothing vouched for when the root was replaced: so it cannot say that what is owed was paid."""
    with closing(sqlite3.connect(old / "vault" / "vault.db")) as db, db:
        db.execute("UPDATE head SET replaced_at = 1e12")

    def refuse_a_new_root(method: str, name: str) -> None:
        if method == "set" and not name.endswith("generation"):
            raise SecretStoreLocked(store="store", problem="now")

    secrets.before = refuse_a_new_root  # after what the rotation before had left is tidied up
    vault = opened(old, secrets)
    assert vault.status().rotation_owed_since is not None
    root = next(name for name in secrets.names() if not name.endswith("generation"))
    secrets.unlock()
    vault.rotate()
    assert vault.status().rotation_owed_since is None
    assert root not in secrets.names()
    assert contents(vault) == WHOLE
    vault.close()


def test_attack_present_format_called_an_older_one(tmp_path: Path) -> None:
    """The older rule vouches for less: it must not be enough to name it."""
    vault = open_shared(tmp_path)
    vault.put("note", Note("kept"))
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as db, db:
        db.execute("UPDATE head SET format = 1")
    with pytest.raises(VaultDamaged):
        vault.get("note", Note)
    vault.close()
    with pytest.raises(VaultDamaged):
        open_shared(tmp_path)


@pytest.mark.component("tmpfs")
def test_attack_old_format_on_a_read_only_disk(
    old: Path, secrets: UnreliableSecrets, tmp_path: Path, written_in: int
) -> None:
    with mounted(tmp_path / "disk") as disk:
        shutil.copytree(old, disk, dirs_exist_ok=True)
        (disk / "vault" / "lock.db").touch(mode=0o600)
        remount(disk, "ro")
        with pytest.raises(VaultReadOnly):
            opened(disk, secrets)
        remount(disk, "rw")
        assert written_format(disk) == written_in
        vault = opened(disk, secrets)
        assert contents(vault) == WHOLE
        vault.close()


@pytest.mark.component("tmpfs")
def test_attack_old_format_on_a_full_disk(
    old: Path, secrets: UnreliableSecrets, tmp_path: Path, written_in: int
) -> None:
    with mounted(tmp_path / "disk") as disk:
        shutil.copytree(old, disk, dirs_exist_ok=True)
        Vault(disk / "vault", secrets, FakeClock(LATER), LIMITS).close()
        ballast = stuff(disk)
        with pytest.raises(VaultFull):
            opened(disk, secrets)
        ballast.unlink()
        assert written_format(disk) == written_in
        vault = opened(disk, secrets)
        assert contents(vault) == WHOLE
        vault.close()


def test_attack_kill_9_at_every_statement_of_a_migration(old: Path, tmp_path: Path, written_in: int) -> None:
    """The process dies just before the n-th SQL statement of an unlock that migrates (short: every 6th)."""
    before = after = 0
    with Steps() as steps:
        for statement in range(0, 1000, form(17, 6, 1)):
            folder = copied(old, tmp_path / "copy")
            ended = steps.run("unlock", folder=str(folder), statement=statement)
            before += written_format(folder) == written_in
            after += written_format(folder) == FORMAT
            vault = open_shared(folder, clock=FakeClock(LATER))
            assert contents(vault) == WHOLE
            verify(vault)
            vault.close()
            if ended == SURVIVED:
                break
            assert ended == KILLED
    assert before
    assert after


# ---------------------------------------------------------------- two at once


def test_attack_two_processes_migrate_at_once(old: Path, tmp_path: Path) -> None:
    """One wins, the other finds the new format; both open."""
    for _ in range(form(1, 2, 40)):
        folder = copied(old, tmp_path / "copy")
        processes = [start("crash_one", "unlock", folder) for _ in range(2)]
        assert [finish(process) for process in processes] == [0, 0]
        vault = open_shared(folder, clock=FakeClock(LATER))
        assert contents(vault) == WHOLE
        verify(vault)
        vault.close()


@pytest.mark.parametrize("number", range(4))  # later ones come under the lock, for which the other one would wait
def test_attack_migrated_by_another_process_at_every_call(old: Path, secrets: UnreliableSecrets, number: int) -> None:
    """Just before the n-th call to the secret store, another process opens the vault and migrates it."""
    others: list[Vault] = []
    left = [number]

    def before(method: str, name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            secrets.unlock()
            others.append(opened(old, secrets))

    secrets.before = before
    vault = opened(old, secrets)
    assert len(others) == 1
    for each in (vault, *others):
        assert contents(each) == WHOLE
        each.close()


@pytest.fixture
def rotating(secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch) -> Callable[[Vault, int], None]:
    """Let an older version replace the root whenever the vault is about to take the lock, a number of times."""

    def install(vault: Vault, times: int) -> None:
        exclusively, left = vault._store.exclusively, [times]

        def later() -> Any:
            if left[0] > 0:
                left[0] -= 1
                rotate_as_then(vault.folder, secrets)
            return exclusively()

        monkeypatch.setattr(vault._store, "exclusively", later)

    return install


def test_attack_older_version_rotates_just_before_the_migration(
    old: Path, secrets: UnreliableSecrets, rotating: Callable[[Vault, int], None]
) -> None:
    vault = Vault(old / "vault", secrets, FakeClock(LATER), LIMITS)
    rotating(vault, 3)
    vault.unlock()
    assert contents(vault) == WHOLE
    vault.close()


def test_attack_older_version_rotates_all_the_time(
    old: Path, secrets: UnreliableSecrets, rotating: Callable[[Vault, int], None], written_in: int
) -> None:
    vault = Vault(old / "vault", secrets, FakeClock(LATER), LIMITS)
    rotating(vault, 99)
    with pytest.raises(VaultBusy):
        vault.unlock()
    vault.close()
    assert written_format(old) == written_in


def signed_as_then(folder: Path, secrets: UnreliableSecrets) -> Any:
    return _Signing(folder / "vault" / "vault.db", secrets)


class _Signing:
    """Changes a file in an older format as its own code would have: with the root that the secret store holds."""

    def __init__(self, file: Path, secrets: UnreliableSecrets) -> None:
        self.db = sqlite3.connect(file, isolation_level=None)
        self.secrets = secrets

    def __enter__(self) -> sqlite3.Connection:
        self.db.execute("BEGIN IMMEDIATE")
        return self.db

    def __exit__(self, *_: object) -> None:
        found = read_header(self.db, oldest=1)
        stored = self.secrets._entries[secret_name(found.vault_id, found.root_id)]
        root = RootKey.from_stored(found.vault_id, found.root_id, stored, store="")
        self.db.execute("UPDATE head SET manifest = ?, heads = ?", (manifest(self.db, root), heads(self.db, root)))
        self.db.execute("COMMIT")
        self.db.close()


def rotate_as_then(folder: Path, secrets: UnreliableSecrets) -> None:
    with _Signing(folder / "vault.db", secrets) as db:
        found = read_header(db, oldest=1)
        name = secret_name(found.vault_id, found.root_id)
        root = RootKey.from_stored(found.vault_id, found.root_id, secrets._entries.pop(name), store="")
        fresh = RootKey.new(found.vault_id)
        secrets._entries[fresh.name] = fresh.stored
        rewrap(db, root, fresh)
        db.execute("UPDATE head SET root_id = ?, generation = generation + 1", (fresh.root_id,))


# ---------------------------------------------------------------- the ladder


def test_every_format_has_a_step_to_the_next() -> None:
    assert list(migration.LADDER) == list(range(OLDEST, FORMAT))
    assert set(header._COVERED) == set(range(OLDEST, FORMAT + 1))


@pytest.fixture
def format_5(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A version of us that knows two formats more; yields the steps that it took."""
    taken: list[int] = []

    def step(number: int) -> Callable[[sqlite3.Connection, RootKey, Moments], None]:
        def climb(db: sqlite3.Connection, root: RootKey, moments: Moments) -> None:
            assert db.in_transaction
            assert db.execute("SELECT format FROM head").fetchone() == (number,)
            taken.append(number)

        return climb

    covered = header._COVERED | dict.fromkeys((FORMAT + 1, FORMAT + 2), header._COVERED[FORMAT])
    monkeypatch.setattr(header, "_COVERED", covered)
    monkeypatch.setattr(migration, "LADDER", migration.LADDER | {3: step(3), 4: step(4)})
    for module in (header, migration):
        monkeypatch.setattr(module, "FORMAT", 5)
    monkeypatch.setattr(header.read_header, "__kwdefaults__", {"oldest": 5, "also_closed": False})
    return taken


def test_a_vault_climbs_every_step_that_it_is_behind(
    old: Path, secrets: UnreliableSecrets, format_5: list[int]
) -> None:
    vault = opened(old, secrets)
    assert contents(vault) == WHOLE
    assert written_format(old) == 5
    assert format_5 == [3, 4]
    vault.close()


def test_a_step_that_fails_leaves_the_format_as_it_was(
    old: Path, secrets: UnreliableSecrets, format_5: list[int], monkeypatch: pytest.MonkeyPatch, written_in: int
) -> None:
    def fails(db: sqlite3.Connection, root: RootKey, moments: Moments) -> None:
        db.execute("DELETE FROM documents")
        db.execute("not sql")

    monkeypatch.setitem(migration.LADDER, 4, fails)
    before = tables(old / "vault" / "vault.db")
    with pytest.raises(VaultError):
        opened(old, secrets)
    assert format_5 == [3]
    assert tables(old / "vault" / "vault.db") == before
    assert written_format(old) == written_in
    monkeypatch.undo()
    vault = opened(old, secrets)
    assert contents(vault) == WHOLE
    vault.close()
