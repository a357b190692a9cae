"""Appending to a partition: into its last block where that is ours and has room, and into new ones."""

from __future__ import annotations

from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.memory import Tail
from rocketvpn_sdk.vault.reading import Stored
from rocketvpn_sdk.vault.transaction import PartitionRow, Transaction


def append_blocks(
    transaction: Transaction,
    row: PartitionRow,
    tail: Tail | None,
    key_id: bytes,
    key: bytes,
    records: list[Stored],
    block_records: int,
) -> Tail:
    """Append ``records``; return what the partition ends with now.

    A trickle goes on in the last block; a full batch begins a new one rather than be split over two.

    Args:
        transaction: the one that writes.
        row: the partition's.
        tail: its last block, if this process wrote that.
        key_id: the number of the epoch's key.
        key: the epoch's key.
        records: one at least.
        block_records: a block is full when it holds this many.
    """
    sequence, previous, start = row.next_sequence, row.link, 0
    if tail and tail.link == row.link and tail.key_id == key_id and len(tail.records) + len(records) <= block_records:
        sequence, previous = tail.sequence, tail.previous
        records = tail.records + records
    while True:
        made = _seal(transaction, row, sequence, previous, key_id, key, records[start : start + block_records])
        start += block_records
        if start >= len(records):
            break
        sequence, previous = sequence + 1, made.link
    transaction.db.execute(
        "UPDATE lanes SET next_sequence = ?, link = ? WHERE id = ?", (sequence + 1, made.link, row.id)
    )
    return made


def _seal(
    transaction: Transaction,
    row: PartitionRow,
    sequence: int,
    previous: bytes,
    key_id: bytes,
    key: bytes,
    records: list[Stored],
) -> Tail:
    data = sealing.block_data(transaction.keys.root.vault_id, key_id, sequence, previous)
    sealed = sealing.seal_block(key, data, records)
    digest = sealing.digest(data, sealed)
    transaction.db.execute(
        "INSERT INTO blocks (lane, sequence, key_id, digest, sealed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (lane, sequence) DO UPDATE SET key_id = excluded.key_id, digest = excluded.digest,"
        " sealed = excluded.sealed",
        (row.id, sequence, key_id, digest, sealed),
    )
    return Tail(sequence, previous, sealing.link(previous, digest), key_id, records)
