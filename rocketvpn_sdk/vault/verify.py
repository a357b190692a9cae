"""Check everything that a vault holds, piece by piece, and name the piece that is not what was written.

The two MACs in the header say *that* something is wrong; this says what, as far as a piece can tell: a block by its
place in its chain, a key by the blocks that need it, a document by its seal. What only the MACs can see (a row put back
whole from an older copy) is named after them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.header import check_heads, check_manifest, read_header
from rocketvpn_sdk.vault.keys import ID_BYTES
from rocketvpn_sdk.vault.reading import walk_chain
from rocketvpn_sdk.vault.transaction import INDEX_PARTITION, OpenedKeys, PartitionRow, Transaction, partition_rows
from rocketvpn_sdk.vault.vault import Vault

_Opened = dict[bytes, bytes | None]
"""A partition's keys by id; ``None``: a tombstone."""


class Verified(msgspec.Struct, frozen=True):
    """What was checked, all of it whole."""

    partitions: int
    blocks: int
    """Blocks in the chains, those included whose key was destroyed."""
    records: int
    """Records in the blocks that could be opened, those past their retention included."""
    documents: int


def verify(vault: Vault) -> Verified:
    """Open every block and every document, walk every chain, check every MAC.

    Raises:
        VaultLocked, VaultClosed: unlock first.
        VaultDamaged: a block, key or document is missing, reordered, altered, exchanged or cut off; it is named.
    """
    with vault.read(checked=False) as (transaction, keys):
        rows = partition_rows(transaction.db)
        _check_strays(transaction, rows)
        blocks = records = 0
        for row in rows:
            opened = _open_keys(transaction, keys, row)
            walked, counted = _check_partition(transaction, row, opened)
            blocks, records = blocks + walked, records + counted
        documents = _check_documents(transaction, keys)
        header = read_header(transaction.db)
        check_heads(transaction.db, keys.root, header)
        check_manifest(transaction.db, keys.root, header)
        _check_pages(transaction)
        return Verified(len(rows), blocks, records, documents)


def _check_pages(transaction: Transaction) -> None:
    """Check the file below its tables: that each page is used once, and that the indexes say what the tables hold."""
    if transaction.db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise VaultDamaged(part="the pages of the database file")


def _check_strays(transaction: Transaction, rows: list[PartitionRow]) -> None:
    """Find keys and blocks that stand in no partition."""
    partitions = {row.id for row in rows}
    for table, known in (("keys", partitions | {INDEX_PARTITION}), ("blocks", partitions)):
        for (partition,) in transaction.db.execute(f"SELECT DISTINCT lane FROM {table}"):  # noqa: S608 - constants
            if partition not in known:
                raise VaultDamaged(part="a log is missing, and parts of it are left")


def _open_keys(transaction: Transaction, keys: OpenedKeys, row: PartitionRow) -> _Opened:
    found = transaction.db.execute("SELECT key_id, epoch, wrapped FROM keys WHERE lane = ?", (row.id,)).fetchall()
    return {
        key_id: None if wrapped is None else keys.root.unwrap(wrapped, part=f"a key of {_name(row)}")
        for key_id, epoch, wrapped in found
    }


def _check_partition(transaction: Transaction, row: PartitionRow, opened: _Opened) -> tuple[int, int]:
    """Walk a partition's chain and open its blocks; return how many blocks and records that were."""
    blocks = records = 0
    for block, previous in walk_chain(transaction, row):
        part = f"block {block.sequence} of {_name(row)}"
        if block.key_id not in opened:
            raise VaultDamaged(part=f"the key of {part} is missing")
        key = opened[block.key_id]
        if key is not None:
            if block.sealed is None:
                raise VaultDamaged(part=f"{part} was emptied")
            data = sealing.block_data(transaction.keys.root.vault_id, block.key_id, block.sequence, previous)
            records += len(sealing.open_block(key, data, block.sealed, part=part))
        blocks += 1
    return blocks, records


def _check_documents(transaction: Transaction, keys: OpenedKeys) -> int:
    rows = transaction.db.execute(
        "SELECT slot, key_id, version, wrapped, sealed FROM documents ORDER BY slot"
    ).fetchall()
    for row in rows:
        _check_document(keys, *row)
    return len(rows)


def _check_document(keys: OpenedKeys, slot: bytes, key_id: bytes, version: int, wrapped: bytes, sealed: bytes) -> None:
    part = f"the document in slot {slot.hex()[:8]}"  # its name is inside the seal
    if len(slot) != ID_BYTES or len(key_id) != ID_BYTES or version < 1:
        raise VaultDamaged(part=part)
    key = keys.root.unwrap(wrapped, part=f"the key of {part}")
    data = sealing.document_data(keys.root.vault_id, key_id, slot, version)
    name, _ = _named(sealing.open_document(key, data, sealed, part=part))
    if keys.slot(name) != slot:
        raise VaultDamaged(part=f"the document {name!r} stands in another one's place")


def _named(plain: bytes) -> tuple[str, Any]:
    name, value = msgspec.json.decode(plain)
    return name, value


def _name(row: PartitionRow) -> str:
    return f"the {row.partition.stream!r} stream for {row.partition.purpose!r}"
