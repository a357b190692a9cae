"""Reading a partition: its chain is walked and checked, and what can still be opened is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

import msgspec

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.keys import ID_BYTES
from rocketvpn_sdk.vault.partitions import Keeps, Partition, as_made, epoch_dead
from rocketvpn_sdk.vault.transaction import OpenedKeys, PartitionRow, Transaction

Stored = tuple[float, int, Any]
"""A record's time, its place among those of the process that wrote it (times may be coarse), and the record."""


Sift = Callable[[Partition, int, list[Stored], float], list[Stored]]
"""Returns what still lives of records: those of a partition's epoch, at a time in seconds since the epoch."""


def as_sealed(partition: Partition, epoch: int, records: list[Stored], now: float) -> list[Stored]:  # noqa: ARG001 - a ``Sift``
    """Return ``records``: each lives as long as its key."""
    return records


by_time = itemgetter(0, 1)


class Block(msgspec.Struct, frozen=True):
    """A block as it lies in the file."""

    sequence: int
    key_id: bytes
    digest: bytes
    sealed: bytes | None


def open_partition(
    transaction: Transaction,
    keys: OpenedKeys,
    row: PartitionRow,
    now: float,
    kept: Keeps = as_made,
    sift: Sift = as_sealed,
) -> Callable[[], Iterator[list[Stored]]]:
    """Check the partition's chain and fetch what can still be opened; iterating decodes it, block by block.

    Nothing of an epoch that is past its retention at ``now``, which is what ``kept`` says; of the others, what ``sift``
    leaves.

    Raises:
        VaultDamaged: a block is missing, reordered, altered, exchanged or cut off.
    """
    wanted: list[tuple[int, bytes, bytes, bytes]] = []
    live = opened_keys(transaction, keys, row, now, kept(row.partition))
    known = {key_id for (key_id,) in transaction.db.execute("SELECT key_id FROM keys WHERE lane = ?", (row.id,))}
    for block, previous in walk_chain(transaction, row):
        if block.key_id not in known or (block.sealed is None and block.key_id in live):
            # Only what its key went before may be empty; any other block would just be missing from the answer.
            raise VaultDamaged(part=f"block {block.sequence} of the {row.partition.stream!r} stream was emptied")
        data = sealing.block_data(keys.root.vault_id, block.key_id, block.sequence, previous)
        if block.sealed is not None and block.key_id in live:
            epoch, key = live[block.key_id]
            wanted.append((epoch, key, data, block.sealed))
    part = f"a block of the {row.partition.stream!r} stream"

    def blocks() -> Iterator[list[Stored]]:
        for epoch, key, data, sealed in wanted:
            records = sift(row.partition, epoch, sealing.open_block(key, data, sealed, part=part), now)
            if records:
                records.sort(key=by_time)  # nearly always in order already
                yield records

    return blocks


def merged(partitions: Iterable[Iterator[list[Stored]]]) -> Iterator[list[Stored]]:
    """Yield the records of all ``partitions`` by time, in lists.

    Sorting lists that are nearly in order costs far less than comparing record by record.
    """
    waiting = [(block, partition) for partition in partitions if (block := next(partition, []))]
    while len(waiting) > 1:
        known_until = min(by_time(block[-1]) for block, _ in waiting)
        ready: list[Stored] = []
        left: list[tuple[list[Stored], Iterator[list[Stored]]]] = []
        for block, partition in waiting:
            end = bisect_right(block, known_until, key=by_time)
            ready += block[:end]
            rest = block[end:] or next(partition, [])
            if rest:
                left.append((rest, partition))
        waiting = left
        ready.sort(key=by_time)
        yield ready
    for block, partition in waiting:
        yield block
        yield from partition


def walk_chain(transaction: Transaction, row: PartitionRow) -> Iterator[tuple[Block, bytes]]:
    """Yield a partition's blocks, each with the link before it.

    Raises:
        VaultDamaged: the chain does not lead from the partition's first link to its last.
    """
    link, expected = row.first_link, row.first_sequence
    where = f"the {row.partition.stream!r} stream"
    rows = transaction.db.execute(
        "SELECT sequence, key_id, digest, sealed FROM blocks WHERE lane = ? ORDER BY sequence", (row.id,)
    )
    for cells in rows:
        block = Block(*cells)
        if block.sequence != expected:
            raise VaultDamaged(part=f"block {expected} of {where} is missing")
        if len(block.key_id) != ID_BYTES or len(block.digest) != len(link):
            raise VaultDamaged(part=f"block {expected} of {where} was altered")
        if block.sealed is not None:
            data = sealing.block_data(transaction.keys.root.vault_id, block.key_id, block.sequence, link)
            if sealing.digest(data, block.sealed) != block.digest:
                raise VaultDamaged(part=f"block {expected} of {where} was altered")
        yield block, link
        link, expected = sealing.link(link, block.digest), expected + 1
    if link != row.link or expected != row.next_sequence:
        raise VaultDamaged(part=f"{where} is cut off or was extended")


def opened_keys(
    transaction: Transaction, keys: OpenedKeys, row: PartitionRow, now: float, seconds: float
) -> dict[bytes, tuple[int, bytes]]:
    """Return the epochs and keys of epochs within their retention: an epoch begins no later than any of its records."""
    found = transaction.db.execute(
        "SELECT key_id, epoch, wrapped FROM keys WHERE lane = ? AND wrapped IS NOT NULL", (row.id,)
    )
    return {
        key_id: (epoch, keys.open(key_id, wrapped, part="the key of a log"))
        for key_id, epoch, wrapped in found.fetchall()
        if not epoch_dead(seconds, epoch, now)
    }
