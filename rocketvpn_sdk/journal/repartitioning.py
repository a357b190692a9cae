"""Records whose partition keeps its keys for longer than they may live now go to the partition of their present time.

A partition is named by the time for which its records could be kept when they were recorded. When a later version of
the policy keeps one of their fields for less, or not at all, their key must die sooner: what is left is sealed again
under a key of its present partition, and the old key is destroyed. One transaction for each key; interrupted, it goes
on with the next purge. What was looked at once under the same versions is not looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.journal.lifetimes import Lifetimes
from rocketvpn_sdk.vault import SealedLog, Vault, sealing
from rocketvpn_sdk.vault.partitions import Partition
from rocketvpn_sdk.vault.reading import Block, Stored, opened_keys, walk_chain
from rocketvpn_sdk.vault.transaction import PartitionRow, Transaction, partition_rows

COUNTERS = "journal"
_WORTH_NOTING = 16
"""Blocks: fewer new ones are looked at again the next time, rather than write down at each opening that they were."""


class Counters(msgspec.Struct, frozen=True):
    """What is remembered of the records: no record is in it."""

    capped: int = 0
    """Records removed because the log was full."""
    versions: tuple[str, ...] = ()
    """The SHA-256 of the versions under which every block was looked at."""
    seen: dict[str, int] = {}
    """Up to which sequence number that was, by the partition's number."""


class _Key(msgspec.Struct, frozen=True):
    """A key that has to go sooner than its partition says, or opens a field that is not kept any more."""

    partition: Partition
    key_id: bytes


class Repartitioning:
    """Looks at what is stored, and moves what has to be moved.

    Args:
        vault: where it is stored.
        log: the stream.
        stream: its name.
    """

    def __init__(self, vault: Vault, log: SealedLog, stream: str) -> None:
        self._vault = vault
        self._log = log
        self._stream = stream

    def run(self, lifetimes: Lifetimes, now: float) -> int:
        """Move what has to be moved; return how many keys were destroyed. The root's rotation is then owed."""
        versions = tuple(policy.sha256 for policy in lifetimes.policies)
        before = self._vault.get(COUNTERS, Counters) or Counters()
        known = before.seen if before.versions == versions else {}
        found, seen, new = self._look(lifetimes, known)
        for key in found:
            with self._vault.write() as transaction:
                self._move(transaction, key, lifetimes, now)
                transaction.request_rotation(now)
        if new >= _WORTH_NOTING or (new and not known):
            with self._vault.write() as transaction:
                transaction.put(COUNTERS, msgspec.structs.replace(counters(transaction), versions=versions, seen=seen))
        if found:
            self._log.forget_ended()
        return len(found)

    def _look(self, lifetimes: Lifetimes, known: dict[str, int]) -> tuple[list[_Key], dict[str, int], int]:
        """Return which keys hold what does not fit, how far each partition was read, and the number of blocks read."""
        found: dict[bytes, _Key] = {}
        seen: dict[str, int] = {}
        new = 0
        with self._vault.read() as (transaction, keys):
            for row in partition_rows(transaction.db):
                if row.partition.stream != self._stream:
                    continue
                seen[str(row.id)] = row.next_sequence - 1  # the last block may still be filled
                live = opened_keys(transaction, keys, row, 0.0, math.inf)
                for block, records in _blocks(transaction, row, live, known.get(str(row.id), 0)):
                    new += block.sequence < row.next_sequence - 1
                    if block.key_id not in found and not lifetimes.fits(row.partition, records):
                        found[block.key_id] = _Key(row.partition, block.key_id)
        return list(found.values()), seen, new

    def _move(self, transaction: Transaction, key: _Key, lifetimes: Lifetimes, now: float) -> None:
        """Seal what still lives under ``key`` again, and destroy it; block by block, so that memory stays small."""
        row = transaction.find_partition(key.partition)
        live = opened_keys(transaction, transaction.keys, row, 0.0, math.inf) if row else {}
        if row is None or key.key_id not in live:
            return  # another process was faster
        transaction.destroy(key.key_id)
        epoch, waiting = live[key.key_id][0], _Waiting(self._log, transaction, self._vault.limits.batch_records)
        for _, records in _blocks(transaction, row, {key.key_id: live[key.key_id]}):
            for record, partition, begins in lifetimes.living(row.partition, epoch, records, now):
                waiting.add(partition, begins, record)
        waiting.end()


class _Waiting:
    """Records on their way to their partitions, at most a block of each in memory."""

    def __init__(self, log: SealedLog, transaction: Transaction, most: int) -> None:
        self._log = log
        self._change = transaction
        self._most = most
        self._records: dict[tuple[Partition, int], list[Stored]] = {}

    def add(self, partition: Partition, epoch: int, record: Stored) -> None:
        records = self._records.setdefault((partition, epoch), [])
        records.append(record)
        if len(records) >= self._most:
            self._log.put_over(self._change, partition, epoch, self._records.pop((partition, epoch)))

    def end(self) -> None:
        for (partition, epoch), records in self._records.items():
            self._log.put_over(self._change, partition, epoch, records)


def _blocks(
    transaction: Transaction, row: PartitionRow, live: dict[bytes, tuple[int, bytes]], start: int = 0
) -> Iterator[tuple[Block, list[Stored]]]:
    """Yield the partition's blocks from ``start`` on that a key in ``live`` opens, with their records, not as sealed.

    Which ones there are is looked at first: the caller may append to the partition meanwhile.
    """
    part = f"a block of the {row.partition.stream!r} stream"
    wanted = [
        (msgspec.structs.replace(block, sealed=None), previous)
        for block, previous in walk_chain(transaction, row)
        if block.sequence >= start and block.key_id in live
    ]
    for block, previous in wanted:
        found = "SELECT sealed FROM blocks WHERE lane = ? AND sequence = ?"
        (sealed,) = transaction.db.execute(found, (row.id, block.sequence)).fetchone()
        if sealed is None:
            raise VaultDamaged(part=f"block {block.sequence} of the {row.partition.stream!r} stream was emptied")
        data = sealing.block_data(transaction.keys.root.vault_id, block.key_id, block.sequence, previous)
        yield block, sealing.open_block(live[block.key_id][1], data, sealed, part=part)


def counters(transaction: Transaction) -> Counters:
    """Return what is remembered, as ``transaction`` sees it."""
    return transaction.get(COUNTERS, Counters) or Counters()
