"""Roots: what a rotation signs, how long a bridge stands, what creating and ending a vault make certain of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import SecretStoreLocked, VaultDamaged
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault

MONTH = Duration("P30D")


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vault(tmp_path: Path, secrets: UnreliableSecrets, clock: FakeClock) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", secrets, clock)
    vault.put("note", Note("kept"))
    log = SealedLog(vault, "log", block_records=1)
    for number in range(3):
        log.append("service", MONTH, {"n": number})
    log.commit()
    yield vault
    vault.close()


def sql(vault: Vault, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(vault.folder / "vault.db", isolation_level=None)) as db:
        return [db.execute(statement).fetchall() for statement in statements]


@pytest.mark.parametrize(
    ("forgery", "undo"),
    [
        ("UPDATE lanes SET next_sequence = next_sequence - 1", "UPDATE lanes SET next_sequence = next_sequence + 1"),
        ("UPDATE lanes SET link = zeroblob(32)", None),
        ("UPDATE head SET heads = zeroblob(32)", None),
    ],
)
def test_attack_a_log_cut_short_is_not_signed_by_the_next_rotation(
    vault: Vault, secrets: UnreliableSecrets, forgery: str, undo: str | None
) -> None:
    before = secrets.names()
    sql(vault, forgery)
    with pytest.raises(VaultDamaged, match="does not end where"):
        vault.rotate()
    assert set(before) <= set(secrets.names())
    if undo:
        sql(vault, undo)
        vault.rotate()
        assert [record["n"] for _, record in SealedLog(vault, "log").read()] == [0, 1, 2]


@pytest.mark.parametrize("turned", [0.0, -1.0, -86400.0 * 400, 86400.0])
def test_a_bridge_comes_down_however_the_clock_is_set(vault: Vault, clock: FakeClock, turned: float) -> None:
    """With it, a store that still had the old root would open the new one for as long as the clock is behind."""
    vault.rotate()
    (((bridge,),),) = sql(vault, "SELECT bridge FROM head")
    assert bridge is not None
    clock.turn(turned)
    clock.advance(vault.limits.keyring_settle)
    vault.settle()
    if turned == -1.0:  # the one in which it cannot be told from waiting: a second later it is
        clock.advance(1)
        vault.settle()
    assert sql(vault, "SELECT bridge, retired FROM head") == [[(None, None)]]


def test_a_bridge_stands_for_as_long_as_a_keyring_may_need(vault: Vault, clock: FakeClock) -> None:
    vault.rotate()
    clock.advance(vault.limits.keyring_settle - 1)
    vault.settle()
    (((bridge,),),) = sql(vault, "SELECT bridge FROM head")
    assert bridge is not None


def test_making_a_vault_survives_a_power_cut_at_every_commit(tmp_path: Path) -> None:
    """A root in the secret store that the file has forgotten could never be found again."""
    vault = open_vault(tmp_path / "new", UnreliableSecrets(), unlock=False)
    said: list[str] = []
    vault._store.db.set_trace_callback(said.append)
    vault.unlock()
    vault._store.db.set_trace_callback(None)
    levels, level = [], ""
    for statement in said:
        if statement.startswith("PRAGMA synchronous"):
            level = statement.split("=")[1].strip()
        elif statement == "COMMIT":
            levels.append(level)
    assert len(levels) >= 3  # the tables, the root, the clock
    assert set(levels) == {"FULL"}
    vault.close()


def test_what_a_deletion_leaves_when_the_keyring_fails_is_a_file_without_content(
    vault: Vault, secrets: UnreliableSecrets
) -> None:
    secrets.lock()
    with pytest.raises(SecretStoreLocked):
        vault.destroy()
    counts = sql(vault, *(f"SELECT count(*) FROM {table}" for table in ("keys", "documents", "blocks")))
    assert counts == [[(0,)]] * 3
    vault.close()
    secrets.unlock()
    open_vault(vault.folder, secrets).close()


def test_a_secret_store_that_knows_no_generation_is_told_at_the_next_opening(
    vault: Vault, secrets: UnreliableSecrets
) -> None:
    """By it a vault that was made is told from one that a file only calls unfinished."""
    name = f"{vault._keyed_store.keys.root.vault_id.hex()}/generation"
    vault.rotate()
    generation = str(vault.status().generation).encode()
    vault.close()
    del secrets._entries[name]
    open_vault(vault.folder, secrets).close()
    assert secrets._entries[name] == generation
