"""The vault as a whole: documents, logs, rotation, several processes, and what tampering does."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.vaults import Crash, Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    SecretCorrupt,
    SecretMissing,
    SecretStoreLocked,
    SecretStoreUnavailable,
    VaultBusy,
    VaultClosed,
    VaultDamaged,
    VaultError,
    VaultFull,
    VaultLocked,
    VaultOutdated,
    VaultReadOnly,
    VaultTooNew,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault, lifecycle, sealing
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.resetting import reset_vault
from rocketvpn_sdk.vault.sweeping import stored_bytes, sweep, trim
from rocketvpn_sdk.vault.verify import verify

FORTNIGHT = Duration("P14D")


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def vault(folder: Path, secrets: UnreliableSecrets, clock: FakeClock):
    vault = open_vault(folder, secrets, clock)
    yield vault
    vault.close()


def reopened(vault: Vault, secrets: UnreliableSecrets, clock: FakeClock) -> Vault:
    vault.close()
    return open_vault(vault.folder, secrets, clock)


# ---------------------------------------------------------------- documents


def test_a_document_survives_reopening(vault: Vault, secrets: UnreliableSecrets, clock: FakeClock) -> None:
    vault.put("note", Note("hello"))
    again = reopened(vault, secrets, clock)
    assert again.get("note", Note) == Note("hello")
    assert again.get("other", Note) is None
    again.close()


def test_replacing_a_document_owes_a_rotation_and_dropping_one_pays_it(vault: Vault) -> None:
    vault.put("note", Note("one"))
    assert vault.status().rotation_owed_since is None
    vault.put("note", Note("two"))
    assert vault.status().rotation_owed_since is not None
    vault.drop("note")
    assert vault.get("note", Note) is None
    assert vault.status().rotation_owed_since is None


def test_a_locked_vault_opens_no_document(folder: Path, secrets: UnreliableSecrets) -> None:
    vault = open_vault(folder, secrets, unlock=False)
    with pytest.raises(VaultLocked):
        vault.get("note", Note)
    with pytest.raises(VaultLocked):
        vault.put("note", Note(""))
    assert secrets.calls == []
    vault.close()


def test_a_closed_vault_says_so(vault: Vault) -> None:
    vault.close()
    vault.close()
    assert vault.status().state == "closed"
    for call in (vault.unlock, lambda: vault.get("note", Note), vault.settle):
        with pytest.raises(VaultClosed):
            call()


def test_a_vault_neither_shows_nor_travels(vault: Vault) -> None:
    assert repr(vault) == "Vault(unlocked)"
    for take in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            take(vault)


def test_a_document_of_another_shape_is_damage(vault: Vault) -> None:
    vault.put("note", Note("hello"))

    class Other(Note, frozen=True):
        more: int

    with pytest.raises(VaultDamaged):
        vault.get("note", Other)


# ---------------------------------------------------------------- logs


def test_records_come_back_in_order_over_many_blocks(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    log = SealedLog(vault, "log")
    for number in range(1000):
        log.append("service", FORTNIGHT, number)
        clock.advance(1)
        if number % 37 == 0:
            log.commit()
    assert [record for _, record in log.read()] == list(range(1000))
    again = reopened(vault, secrets, clock)
    assert [record for _, record in SealedLog(again, "log").read()] == list(range(1000))
    with closing(sqlite3.connect(again.folder / "vault.db")) as db:
        blocks = db.execute("SELECT count(*) FROM blocks").fetchone()[0]
    assert blocks < 1000 / (again.limits.batch_records / 2)  # commits of 37 records fill blocks all the same
    again.close()


def test_lanes_are_read_as_one_stream_by_time(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log")
    for number in range(20):
        log.append("service" if number % 2 else "security", FORTNIGHT, number)
        clock.advance(1)
    assert [record for _, record in log.read()] == list(range(20))
    assert [record for _, record in log.read(purpose="security")] == list(range(0, 20, 2))
    start = clock.time() - 20
    assert [record for _, record in log.read(since=start + 5, until=start + 8)] == [5, 6, 7]


@pytest.mark.clause("R1")
def test_nothing_is_read_past_its_retention_even_before_the_purge(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "old")
    log.commit()
    clock.advance(14 * DAY - 1)
    log.append("service", FORTNIGHT, "new")
    clock.advance(1)
    assert [record for _, record in log.read()] == ["new"]
    clock.turn(-(10 * DAY))  # the highest time seen counts
    assert [record for _, record in log.read()] == ["new"]


@pytest.mark.clause("R1")
def test_attack_far_future_clock_hides_records_and_destroys_none(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "kept")
    log.commit()
    clock.turn(1000 * DAY)
    assert list(log.read()) == []
    with vault.write() as transaction:
        assert transaction.expire(vault.age().highest) == 0
    again = reopened(vault, secrets, clock)
    again.agree(clock.time() - 1000 * DAY)  # a server that knows better
    assert list(SealedLog(again, "log").read()) == []
    clock.turn(-1000 * DAY)
    assert [record for _, record in SealedLog(again, "log").read()] == ["kept"]
    again.close()


@pytest.mark.clause("R1", "X1")
def test_a_servers_word_outlives_a_process_that_is_killed(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """What it has said is written down at once where it moves, warns, or is the first; the process is never closed."""
    vault.agree(clock.time())
    for word, known in [(0, 0), (20, 20), (90, 90), (20, 20)]:
        vault.agree(clock.time() + word * DAY)
        other = open_vault(vault.folder, secrets, clock)
        assert other.now() == clock.time() + known * DAY
        assert other.age().vouched == clock.time()
        other.close()


@pytest.mark.clause("R1")
def test_after_the_clock_was_set_back_new_records_are_kept_and_live_their_time(vault: Vault, clock: FakeClock) -> None:
    vault.age()
    clock.turn(-100 * DAY)
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "new")
    assert [record for _, record in log.read()] == ["new"]
    with vault.write() as transaction:
        assert transaction.expire(vault.age().highest) == 0
    clock.advance(15 * DAY)
    assert list(log.read()) == []


@pytest.mark.clause("A3")
def test_after_a_deletion_with_a_wrong_clock_new_records_are_kept(vault: Vault, clock: FakeClock) -> None:
    clock.turn(300 * DAY)
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "old")
    log.commit()
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    clock.turn(-300 * DAY)
    clock.advance(1)
    log.append("service", FORTNIGHT, "new")
    assert [record for _, record in log.read()] == ["new"]


@pytest.mark.clause("R1")
def test_expiry_drops_keys_and_then_their_ciphertext(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "old")
    log.commit()
    clock.advance(15 * DAY)
    with vault.write() as transaction:
        assert transaction.expire(vault.now()) == 1
    log.append("service", FORTNIGHT, "new")
    log.commit()
    with vault.write() as transaction:
        assert sweep(transaction, most_bytes=1) > 0
    with vault.write() as transaction:
        assert sweep(transaction, most_bytes=1) == 0
    assert [record for _, record in log.read()] == ["new"]
    with vault.read() as (transaction, _):
        assert transaction.db.execute("SELECT count(*) FROM blocks").fetchone()[0] == 1
        assert transaction.db.execute("SELECT count(*) FROM keys WHERE wrapped IS NULL").fetchone()[0] == 0


def test_records_come_in_the_order_of_their_times_whatever_partition_they_are_in(
    vault: Vault, clock: FakeClock
) -> None:
    log = SealedLog(vault, "log")
    for purpose, hours in (("service", 3), ("improvement", 1), ("service", 2), ("improvement", 4)):
        clock.turn(hours * 3600)
        log.append(purpose, FORTNIGHT, f"at {hours}")
        clock.turn(-hours * 3600)
    log.commit()
    assert [record for _, record in log.read()] == ["at 1", "at 2", "at 3", "at 4"]


def test_a_sweep_goes_from_the_oldest_on_and_stops_at_its_bound(vault: Vault, clock: FakeClock) -> None:
    """What is smaller and comes later does not overtake: the chain's beginning moves with what is gone."""
    log, sizes = SealedLog(vault, "log"), []
    for record in ("short", os.urandom(9000).hex(), "short"):
        log.append("service", FORTNIGHT, record)
        log.commit()
        sizes.append(vault_size(vault) - sum(sizes))
        clock.advance(DAY)  # the next one has a key and a block of its own
    clock.advance(15 * DAY)
    with vault.write() as transaction:
        transaction.expire(vault.now())
    with vault.write() as transaction:
        assert sweep(transaction, most_bytes=sizes[0] + sizes[2]) == sizes[0]
    with vault.write() as transaction:
        assert sweep(transaction, most_bytes=1 << 20) == sizes[1] + sizes[2]


def vault_size(vault: Vault) -> int:
    with vault.read() as (transaction, _):
        return int(transaction.db.execute("SELECT total(length(sealed)) FROM blocks").fetchone()[0])


def test_shredding_one_purpose_leaves_the_others(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "stays")
    log.append("improvement", FORTNIGHT, "goes")
    log.commit()
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice(purpose="improvement"))
    assert [record for _, record in log.read()] == ["stays"]


def test_what_another_process_buffered_before_a_deletion_does_not_come_back(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    other = open_vault(vault.folder, secrets, clock)
    log = SealedLog(other, "log")
    log.append("service", FORTNIGHT, "stored before")
    log.commit()
    log.append("service", FORTNIGHT, "buffered before")
    clock.advance(1)
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    clock.advance(1)
    log.append("service", FORTNIGHT, "after")
    log.commit()
    assert [record for _, record in log.read()] == ["after"]
    other.close()


def test_a_pseudonym_key_lives_for_an_epoch_and_survives_reopening(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    log = SealedLog(vault, "log")
    today = log.pseudonym_key("service", Duration("P7D"))
    assert log.pseudonym_key("service", Duration("P7D")) == today
    assert log.pseudonym_key("security", Duration("P7D")) != today
    again = reopened(vault, secrets, clock)
    assert SealedLog(again, "log").pseudonym_key("service", Duration("P7D")) == today
    clock.advance(DAY)
    assert SealedLog(again, "log").pseudonym_key("service", Duration("P7D")) != today
    again.close()


def test_a_failed_commit_keeps_what_was_buffered(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, 1)
    blocker = sqlite3.connect(vault.folder / "vault.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(VaultBusy):
        log.commit()
    blocker.execute("ROLLBACK")
    blocker.close()
    log.append("service", FORTNIGHT, 2)
    assert [record for _, record in log.read()] == [1, 2]
    log.append("service", FORTNIGHT, 3)
    assert log.discard() == 1
    assert log.buffered == 0


# ---------------------------------------------------------------- secret store: four states, four errors


def test_the_four_states_of_the_secret_store_are_told_apart_and_lose_nothing(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault.put("note", Note("kept"))
    vault.close()
    entries = dict(secrets._entries)
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        open_vault(vault.folder, secrets, clock)
    secrets.unlock()
    secrets._entries.clear()
    with pytest.raises(SecretMissing):
        open_vault(vault.folder, secrets, clock)
    secrets._entries.update(dict.fromkeys(entries, b"something else"))
    with pytest.raises(SecretCorrupt):
        open_vault(vault.folder, secrets, clock)
    secrets._entries.update(entries)
    again = open_vault(vault.folder, secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.close()


@pytest.mark.parametrize("step", ["make_tables", "_finish"])
def test_a_vault_that_cannot_be_made_leaves_no_secret_behind(
    folder: Path, secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The disk fails while the tables are made, or when the root is stored and the first key is written."""

    def fail(*_: object) -> None:
        raise VaultFull(folder=str(folder))

    vault = open_vault(folder, secrets, unlock=False)
    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, step, fail)
        with pytest.raises(VaultFull):
            vault.unlock()
    assert secrets.names() == ()
    vault.unlock()
    vault.put("note", Note("kept"))
    assert vault.get("note", Note) == Note("kept")
    vault.close()


def test_a_vault_is_made_once_the_secret_store_answers(folder: Path, secrets: UnreliableSecrets) -> None:
    vault = open_vault(folder, secrets, unlock=False)
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        vault.unlock()
    assert vault.status().state == "locked"
    assert vault.status().generation == 0
    secrets.unlock()
    vault.unlock()
    assert vault.status().generation == 1
    root = vault._keyed_store.keys.root
    assert set(secrets.names()) == {root.name, f"{root.vault_id.hex()}/generation"}
    vault.close()


# ---------------------------------------------------------------- rotation


def test_rotation_keeps_everything_and_leaves_one_root(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "record")
    log.commit()
    vault.put("note", Note("kept"))
    before = secrets.names()
    vault.rotate()
    assert vault.status().generation == 2
    roots = [name for name in secrets.names() if not name.endswith("generation")]
    assert len(roots) == 1
    assert roots[0] not in before
    again = reopened(vault, secrets, clock)
    assert again.get("note", Note) == Note("kept")
    assert [record for _, record in SealedLog(again, "log").read()] == ["record"]
    again.close()


@pytest.mark.parametrize("call", range(12))
@pytest.mark.parametrize("dies", [True, False], ids=["process dies", "store fails"])
def test_rotation_stopped_at_any_secret_store_call_loses_nothing(
    folder: Path, secrets: UnreliableSecrets, clock: FakeClock, call: int, dies: bool
) -> None:
    vault = open_vault(folder, secrets, clock)
    vault.put("note", Note("kept"))
    left = [call]

    def stop(method: str, name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise Crash if dies else SecretStoreLocked(store="store", problem="now")

    secrets.before = stop
    with suppress(Crash, SecretStoreLocked):
        vault.rotate()
    secrets.unlock()
    if not dies:
        assert vault.get("note", Note) == Note("kept")
        vault.put("note", Note("kept"))
    vault.close()
    again = open_vault(folder, secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.rotate()
    clock.advance(60)
    again.settle()
    assert [name for name in secrets.names() if not name.endswith("generation")] == [again._keyed_store.keys.root.name]
    assert again.status().rotation_owed_since is None
    again.close()


def test_a_keyring_that_forgets_the_new_root_is_bridged(folder: Path, secrets: UnreliableSecrets) -> None:
    """Some keyrings answer before they have written: the new entry is lost, the old one comes back."""
    clock = FakeClock()
    vault = open_vault(folder, secrets, clock)
    vault.put("note", Note("kept"))
    before = dict(secrets._entries)
    vault.rotate()
    vault.close()
    secrets._entries.clear()
    secrets._entries.update(before)
    again = open_vault(folder, secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.close()
    clock.advance(60)
    last = open_vault(folder, secrets, clock)
    assert last.get("note", Note) == Note("kept")
    with last.read() as (transaction, _):
        assert transaction.db.execute("SELECT bridge, retired FROM head").fetchone() == (None, None)
    last.close()


def test_a_locked_secret_store_never_delays_dropping_keys(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault.put("note", Note("goes"))
    secrets.lock()
    vault.drop("note")
    assert vault.get("note", Note) is None
    assert vault.status().rotation_owed_since is not None
    secrets.unlock()
    again = reopened(vault, secrets, clock)
    assert again.status().rotation_owed_since is None
    again.close()


def test_two_processes_see_each_others_rotations(vault: Vault, secrets: UnreliableSecrets, clock: FakeClock) -> None:
    other = open_vault(vault.folder, secrets, clock)
    for number in range(6):
        vault.put("note", Note(str(number)))
        (other if number % 2 else vault).rotate()
        assert other.get("note", Note) == vault.get("note", Note) == Note(str(number))
    other.close()


# ---------------------------------------------------------------- copies and tampering


@pytest.mark.clause("A3")
def test_attack_old_copy_of_folder_with_new_secrets_opens_nothing_deleted(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock, tmp_path: Path
) -> None:
    vault.put("note", Note("deleted"))
    shutil.copytree(vault.folder, tmp_path / "copy")
    old_secrets = dict(secrets._entries)
    vault.drop("note")
    with pytest.raises(VaultOutdated):
        open_vault(tmp_path / "copy", secrets, clock)
    clock.advance(60)
    vault.settle()
    shutil.copytree(vault.folder, tmp_path / "after")
    vault.close()
    secrets._entries.clear()
    secrets._entries.update(old_secrets)
    with pytest.raises(SecretMissing):
        open_vault(tmp_path / "after", secrets, clock)
    # The one pairing that does open what it held, and that the threat model names: both from before.
    both = open_vault(tmp_path / "copy", secrets, clock)
    assert both.get("note", Note) == Note("deleted")
    both.close()


TAMPERING = {
    "a document put back": "UPDATE documents SET sealed = x'00', version = version - 1",
    "a document removed": "DELETE FROM documents",
    "a key removed": "DELETE FROM keys WHERE lane > 0",
    "a key made a tombstone": "UPDATE keys SET wrapped = NULL WHERE lane > 0",
    "a lane removed": "DELETE FROM lanes",
    "a lane renamed": "UPDATE lanes SET purpose = 'improvement'",
    "a lane cut": "UPDATE lanes SET next_sequence = 0, link = first_link",
    "a rotation undone": "UPDATE head SET generation = generation - 1",
    "a debt forgiven": "UPDATE head SET owed_since = NULL",
    "a wrong manifest": "UPDATE head SET manifest = zeroblob(32)",
}


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING)
def test_attack_tampered_row_is_refused_at_opening(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock, statement: str
) -> None:
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "record")
    log.commit()
    vault.put("note", Note("one"))
    vault.put("note", Note("two"))
    vault.close()
    attacker = sqlite3.connect(vault.folder / "vault.db")
    with attacker:
        attacker.execute(statement)
    attacker.close()
    with pytest.raises(VaultDamaged):
        open_vault(vault.folder, secrets, clock)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM blocks WHERE sequence = 1",
        "DELETE FROM blocks WHERE sequence = 2",
        "UPDATE blocks SET sealed = (SELECT sealed FROM blocks WHERE sequence = 0) WHERE sequence = 1",
        "UPDATE blocks SET digest = zeroblob(32) WHERE sequence = 1",
        "UPDATE blocks SET sealed = NULL, digest = zeroblob(32) WHERE sequence = 1",
    ],
)
def test_attack_tampered_block_is_never_a_wrong_record(vault: Vault, statement: str) -> None:
    log = SealedLog(vault, "log", block_records=1)
    for number in range(3):
        log.append("service", FORTNIGHT, number)
        log.commit()
    attacker = sqlite3.connect(vault.folder / "vault.db")
    attacker.executescript(statement)
    attacker.close()
    with pytest.raises(VaultDamaged):
        list(log.read())


def test_attack_append_after_tampering_does_not_sign_the_forgery(vault: Vault) -> None:
    log = SealedLog(vault, "log", block_records=1)
    for number in range(2):
        log.append("service", FORTNIGHT, number)
        log.commit()
    attacker = sqlite3.connect(vault.folder / "vault.db")
    attacker.executescript(
        "DELETE FROM blocks WHERE sequence = 1;"
        "UPDATE lanes SET next_sequence = 1, link = (SELECT digest FROM blocks WHERE sequence = 0)"
    )
    attacker.close()
    log.append("service", FORTNIGHT, "more")
    with pytest.raises(VaultDamaged):
        log.commit()


def test_attack_document_swapped_while_open_is_noticed(vault: Vault) -> None:
    vault.put("note", Note("one"))
    old = sqlite3.connect(vault.folder / "vault.db")
    slot = vault._keyed_store.keys.slot("note")
    query = "SELECT slot, key_id, version, wrapped, sealed FROM documents WHERE slot = ?"
    row = old.execute(query, (slot,)).fetchone()
    vault.put("note", Note("two"))
    with old:
        old.execute("REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", row)
    old.close()
    with pytest.raises(VaultDamaged):
        vault.get("note", Note)


def test_a_newer_format_is_refused_and_left_alone(vault: Vault, secrets: UnreliableSecrets, clock: FakeClock) -> None:
    vault.close()
    newer = sqlite3.connect(vault.folder / "vault.db")
    with newer:
        newer.execute("UPDATE head SET format = 99")
    newer.close()
    with pytest.raises(VaultTooNew):
        open_vault(vault.folder, secrets, clock)
    assert (vault.folder / "vault.db").exists()


def test_a_file_that_is_no_database_is_damage_until_reset(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault.close()
    (vault.folder / "vault.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(VaultDamaged):
        open_vault(vault.folder, secrets, clock)
    reset_vault(vault.folder, secrets, clock, Limits())
    assert not vault.folder.exists()
    again = open_vault(vault.folder, secrets, clock)
    assert again.get("note", Note) is None
    again.close()


@pytest.mark.parametrize("by", ["get", "verify"])
def test_a_document_that_says_another_name_is_damage(vault: Vault, by: str) -> None:
    """Nobody without the keys can write one; should we ever, it is not told as the other document."""
    with vault.write() as transaction:
        transaction.put("note", Note("of another name"))
        keys, slot = transaction.keys, transaction.keys.slot("note")
        key = b"k" * 32
        data = sealing.document_data(keys.root.vault_id, b"i" * 16, slot, 1)
        transaction.db.execute(
            "UPDATE documents SET key_id = ?, version = 1, wrapped = ?, sealed = ? WHERE slot = ?",
            (b"i" * 16, keys.root.wrap(key), sealing.seal_document(key, data, b'["other",{"text":""}]'), slot),
        )
    with pytest.raises(VaultDamaged):
        vault.get("note", Note) if by == "get" else verify(vault)


def test_keys_are_not_shown(vault: Vault) -> None:
    assert repr(vault._keyed_store.keys) == "OpenedKeys(…)"


def test_a_generation_that_makes_no_sense_is_no_generation(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """The entry is no secret and no key: whatever stands there, it does not keep the vault from opening."""
    vault.put("note", Note("kept"))
    vault.rotate()
    name = next(name for name in secrets.names() if name.endswith("generation"))
    secrets.set(name, b"many")
    again = reopened(vault, secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.close()


@pytest.mark.parametrize("fails", ["keeps nothing", "removes nothing"])
def test_a_secret_store_that_does_not_do_what_it_says(vault: Vault, secrets: UnreliableSecrets, fails: str) -> None:
    vault.put("note", Note("kept"))
    method = "set" if fails == "keeps nothing" else "delete"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, method, lambda *_: None)
        with pytest.raises(SecretStoreUnavailable, match="did not"):
            vault.rotate()
        assert vault.get("note", Note) == Note("kept")
        assert fails == "keeps nothing" or vault.status().rotation_owed_since is not None
    vault.rotate()
    assert vault.status().rotation_owed_since is None
    assert vault.get("note", Note) == Note("kept")


def test_a_log_that_cannot_be_emptied_leaves_the_rotation_owed(
    vault: Vault, secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise VaultError(problem="the disk reported an error")

    vault.put("note", Note("kept"))
    with monkeypatch.context() as patch:
        patch.setattr(vault._store, "truncate_wal", fail)
        vault.rotate()
    assert vault.status().rotation_owed_since is not None
    assert vault.get("note", Note) == Note("kept")


def test_writing_to_files_that_became_read_only_says_so(vault: Vault) -> None:
    vault.put("note", Note("kept"))
    vault._store.db.execute("PRAGMA query_only = ON")
    with pytest.raises(VaultReadOnly):
        vault.put("note", Note("other"))
    assert vault.get("note", Note) == Note("kept")
    vault._store.db.execute("PRAGMA query_only = OFF")


def test_trimming_takes_several_blocks_and_counts_what_could_be_read(vault: Vault, clock: FakeClock) -> None:
    log = SealedLog(vault, "log", block_records=2)
    for number in range(8):
        log.append("service", FORTNIGHT, number)
        log.append("improvement", FORTNIGHT, -number)
        log.commit()
    with vault.write() as transaction:
        transaction.shred(PartitionChoice(purpose="improvement"))
    clock.advance(1)
    with vault.write() as transaction:
        assert trim(transaction, "log", most_bytes=stored_bytes(transaction, "log")) == 0
        assert trim(transaction, "log", most_bytes=0) == 8
    assert list(log.read()) == []
    verify(vault)


# ---------------------------------------------------------------- the end


@pytest.mark.clause("A3")
def test_destroying_leaves_no_file_and_no_secret(vault: Vault, secrets: UnreliableSecrets, clock: FakeClock) -> None:
    other = open_vault(vault.folder, secrets, clock)
    vault.put("note", Note("goes"))
    vault.destroy()
    assert secrets.names() == ()
    assert not vault.folder.exists()
    with pytest.raises(VaultClosed):
        vault.get("note", Note)
    with pytest.raises(VaultError):
        other.get("note", Note)
    other.close()


def test_destroying_twice_is_fine_and_so_is_what_was_never_unlocked(
    folder: Path, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault = open_vault(folder, secrets, unlock=False)
    assert vault.status().state == "locked"
    vault.destroy()
    vault.destroy()
    assert not folder.exists()
    assert vault.status().state == "closed"


def test_a_vault_that_another_process_removed_says_so(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    other, locked = open_vault(vault.folder, secrets, clock), open_vault(vault.folder, secrets, unlock=False)
    last = open_vault(vault.folder, secrets, unlock=False)
    vault.destroy()
    assert other.status().state == "closed"
    with pytest.raises(VaultClosed):
        other.rotate()
    last.destroy()  # there is nothing left to do
    assert last.gone
    locked.unlock()  # which makes a new one
    assert locked.get("note", Note) is None
    for each in (other, locked):
        each.close()


def test_a_removal_that_another_process_ends_first_leaves_a_new_vault(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find the mark of a removal that was cut off; the slower one finds it done."""
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        vault.destroy()
    secrets.unlock()
    vault._store.close()
    slower = open_vault(vault.folder, secrets, clock, unlock=False)
    exclusively, others = slower._store.exclusively, []

    def later():
        if not others:
            others.append(open_vault(vault.folder, secrets, clock))
        return exclusively()

    monkeypatch.setattr(slower._store, "exclusively", later)
    slower.unlock()
    others[0].put("note", Note("new"))
    assert slower.get("note", Note) == Note("new")
    for each in (slower, *others):
        each.close()


def test_a_file_without_its_head_is_damage_until_reset(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault.close()
    with closing(sqlite3.connect(vault.folder / "vault.db")) as db, db:
        db.execute("DELETE FROM head")
    with pytest.raises(VaultDamaged):
        open_vault(vault.folder, secrets, clock)
    reset_vault(vault.folder, secrets, clock, Limits())
    assert not vault.folder.exists()


def test_destroying_that_was_interrupted_is_ended_at_the_next_opening(
    vault: Vault, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    vault.put("note", Note("goes"))
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        vault.destroy()
    secrets.unlock()
    vault.close()
    again = open_vault(vault.folder, secrets, clock)
    assert again.get("note", Note) is None
    again.put("note", Note("new"))
    assert again.get("note", Note) == Note("new")
    root = again._keyed_store.keys.root
    assert set(secrets.names()) == {root.name, f"{root.vault_id.hex()}/generation"}
    again.close()


def test_a_forked_child_cannot_use_the_parents_vault(vault: Vault) -> None:
    vault.put("note", Note("parent's"))
    child = os.fork()
    if child == 0:
        try:
            vault.get("note", Note)
        except VaultClosed:
            os._exit(42)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    assert vault.get("note", Note) == Note("parent's")


def test_attack_what_is_left_of_a_vault_s_file_is_not_taken_for_a_new_vault(
    tmp_path: Path, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """sqlite would: it takes an empty file for a new database, and removes the log that belonged to the old one."""
    open_vault(tmp_path / "vault", secrets, clock).close()
    left = {"vault.db": b"", "vault.db-wal": b"what was written last" * 200}
    for name, content in left.items():
        (tmp_path / "vault" / name).write_bytes(content)
    with pytest.raises(VaultDamaged, match="cut short"):
        open_vault(tmp_path / "vault", secrets, clock)
    assert {name: (tmp_path / "vault" / name).read_bytes() for name in left} == left
