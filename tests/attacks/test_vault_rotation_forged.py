"""A rotation signs everything anew: what was forged before must stop it, and must not become genuine by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.header import update_header
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.verify import verify

FORTNIGHT, WEEK = Duration("P14D"), Duration("P7D")
LAST = "(SELECT max(sequence) FROM blocks WHERE lane = lanes.id)"

FORGERIES = {
    "the newest block cut off, and the log made to end before it": f"""
        UPDATE lanes SET next_sequence = {LAST}, link = (
            SELECT digest FROM blocks WHERE lane = lanes.id AND sequence = {LAST} - 1) WHERE purpose = 'service';
        DELETE FROM blocks WHERE sequence = 2 AND lane = (SELECT id FROM lanes WHERE purpose = 'service');
    """,
    "all blocks of a log cut off": """
        DELETE FROM blocks WHERE lane = (SELECT id FROM lanes WHERE purpose = 'service');
        UPDATE lanes SET next_sequence = first_sequence, link = first_link WHERE purpose = 'service';
    """,
    "the link bent to nothing": "UPDATE lanes SET link = zeroblob(32) WHERE purpose = 'service'",
    "a log said to be longer": "UPDATE lanes SET next_sequence = next_sequence + 1 WHERE purpose = 'service'",
    "the ends of two logs exchanged": """
        UPDATE lanes SET link = (SELECT link FROM lanes AS other WHERE other.id != lanes.id AND stream = 'log');
    """,
    "the seal over the ends made to nothing": "UPDATE head SET heads = zeroblob(32)",
    "a key dropped": "DELETE FROM keys WHERE key_id = (SELECT key_id FROM blocks LIMIT 1)",
    "a document dropped": "DELETE FROM documents",
    "a mark of a deletion moved": "UPDATE shreds SET moment = 9e9",
    "a mark of a deletion taken away": "DELETE FROM shreds",
    "a debt forgiven": "UPDATE head SET owed_since = NULL",
}


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


@pytest.fixture
def vault(tmp_path: Path, secrets: UnreliableSecrets):
    vault = open_vault(tmp_path / "vault", secrets, FakeClock())
    vault.put("note", Note("kept"))
    log = SealedLog(vault, "log", block_records=1)
    for purpose, retention in (("service", FORTNIGHT), ("improvement", WEEK)):
        for number in range(3):
            log.append(purpose, retention, number)
            log.commit()
    with vault.write() as transaction:
        transaction.shred(PartitionChoice(stream="other"))
        transaction.request_rotation(vault.clock.time())
    yield vault
    vault.close()


def image(vault: Vault) -> dict[str, list[object]]:
    with closing(sqlite3.connect(vault.folder / "vault.db")) as db:
        tables = ("head", "lanes", "shreds", "keys", "documents", "blocks")
        found = {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in tables}
        found["root"] = db.execute("SELECT root_id, generation FROM head").fetchall()
        found["ends"] = db.execute("SELECT id, next_sequence, link FROM lanes ORDER BY id").fetchall()
        return found


def rotates(vault: Vault) -> None:
    vault.rotate()


def shreds(vault: Vault) -> None:
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice(stream="log", purpose="improvement"))


@pytest.mark.clause("T1")
@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("act", [rotates, shreds])
def test_attack_a_rotation_over_a_forgery_stops_and_does_not_make_it_genuine(
    vault: Vault, secrets: UnreliableSecrets, act: Callable[[Vault], None], forgery: str
) -> None:
    """In the process that had it open, and in one that opens it after what was tried."""
    before = image(vault)
    with closing(sqlite3.connect(vault.folder / "vault.db")) as attacker:
        attacker.executescript(forgery)
    forged = image(vault)
    assert forged != before
    with pytest.raises(VaultDamaged):  # noqa: PT012 - a deletion that owes its rotation is no forgery's success
        act(vault)
        verify(vault)
    after = image(vault)
    assert after["ends"] == forged["ends"]
    assert after["root"] == before["root"]
    with pytest.raises(VaultDamaged), closing(open_vault(vault.folder, secrets, FakeClock())) as again:
        verify(again)


@pytest.mark.parametrize("column", ["retired", "planned"])
def test_a_head_that_would_have_the_root_in_force_removed_costs_no_secret(
    vault: Vault, secrets: UnreliableSecrets, column: str
) -> None:
    """No process of ours writes such a head. Should one ever, its seal is right, and everything would go."""
    with vault.write() as transaction:
        root = transaction.keys.root.name
        transaction.touch_manifest()
        update_header(transaction.db, **{column: transaction.keys.root.root_id, "replaced_at": 0.0})
    with pytest.raises(VaultDamaged):
        vault.rotate()
    assert root in secrets.names()


@pytest.mark.clause("T1")
@pytest.mark.parametrize("back", [1.0, 3600.0, 400 * 86400.0])
def test_a_clock_set_back_after_a_rotation_does_not_keep_the_old_root_s_bridge(
    tmp_path: Path, secrets: UnreliableSecrets, back: float
) -> None:
    clock = FakeClock()
    with closing(open_vault(tmp_path / "other", secrets, clock)) as vault:
        vault.rotate()
        assert bridge(vault) is not None
        clock.turn(-back)
        vault.settle()
        if bridge(vault) is not None:  # it is within the time that a keyring gets, which begins anew at most once
            clock.advance(Limits().keyring_settle + 1.0)
            vault.settle()
        assert bridge(vault) is None


def bridge(vault: Vault) -> object:
    with closing(sqlite3.connect(vault.folder / "vault.db")) as db:
        return db.execute("SELECT bridge FROM head").fetchone()[0]
