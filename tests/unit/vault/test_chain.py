"""A log's chain, walked: which block is missing, altered, or one too many is said by its number."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.reading import walk_chain
from rocketvpn_sdk.vault.transaction import partition_rows


def logged(folder: Path) -> Vault:
    """Return a vault whose log has four blocks."""
    vault = open_vault(folder, UnreliableSecrets())
    log = SealedLog(vault, "log", block_records=1)
    for number in range(4):
        log.append("service", Duration("P14D"), number)
        log.commit()
    return vault


def walked(vault: Vault, *statements: str) -> list[int]:
    """Return the numbers of the blocks that are walked once ``statements`` were run; nothing of it stays."""
    with vault.write() as transaction:
        for statement in statements:
            transaction.db.execute(statement)
        (row,) = [row for row in partition_rows(transaction.db) if row.partition.stream == "log"]
        return [block.sequence for block, _ in walk_chain(transaction, row)]


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("DELETE FROM blocks WHERE sequence = 0", "block 0 of the 'log' stream is missing"),
        ("DELETE FROM blocks WHERE sequence = 2", "block 2 of the 'log' stream is missing"),
        ("DELETE FROM blocks WHERE sequence = 3", "the 'log' stream is cut off or was extended"),
        ("UPDATE lanes SET next_sequence = 5", "the 'log' stream is cut off or was extended"),
        ("UPDATE lanes SET link = first_link", "the 'log' stream is cut off or was extended"),
        ("UPDATE lanes SET first_link = link", "block 0 of the 'log' stream was altered"),
        ("UPDATE blocks SET key_id = x'00' WHERE sequence = 1", "block 1 of the 'log' stream was altered"),
        ("UPDATE blocks SET digest = x'00' WHERE sequence = 1", "block 1 of the 'log' stream was altered"),
        ("UPDATE blocks SET sealed = x'00' WHERE sequence = 1", "block 1 of the 'log' stream was altered"),
        ("UPDATE blocks SET sequence = 9 WHERE sequence = 3", "block 3 of the 'log' stream is missing"),
    ],
)
def test_what_is_wrong_with_a_chain_is_said_by_its_block(tmp_path: Path, statement: str, part: str) -> None:
    with closing(logged(tmp_path / "vault")) as vault:
        with pytest.raises(VaultDamaged) as damaged:
            walked(vault, statement)
        assert damaged.value.params["part"] == part
        assert walked(vault) == [0, 1, 2, 3]


def test_a_block_that_was_emptied_still_leads_to_the_next(tmp_path: Path) -> None:
    with closing(logged(tmp_path / "vault")) as vault, vault.write() as transaction:
        transaction.db.execute("UPDATE blocks SET sealed = NULL WHERE sequence = 1")
        (row,) = [row for row in partition_rows(transaction.db) if row.partition.stream == "log"]
        assert [block.sealed is None for block, _ in walk_chain(transaction, row)] == [False, True, False, False]
