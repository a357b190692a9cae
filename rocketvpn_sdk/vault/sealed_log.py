"""Append-only streams of records: batched, compressed, sealed, chained partition by partition.

Each partition has a chain of its own: it only ever shrinks from its front (its epochs die in order), so destroying one
purpose's keys never touches another's chain.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from rocketvpn_sdk.errors import VaultError
from rocketvpn_sdk.files.forks import register_fork_aware
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.vault.blocks import append_blocks
from rocketvpn_sdk.vault.keys import derive
from rocketvpn_sdk.vault.memory import EpochBuffer, PseudonymKey, Tail
from rocketvpn_sdk.vault.moments import Ended, everything
from rocketvpn_sdk.vault.partitions import Keeps, Partition, as_made, epoch_dead, epoch_length, epoch_of
from rocketvpn_sdk.vault.reading import Sift, Stored, as_sealed, merged, open_partition
from rocketvpn_sdk.vault.transaction import Transaction, live_keys, partition_rows
from rocketvpn_sdk.vault.vault import Vault

Record = tuple[float, Any]
"""When (seconds since the epoch) and what (a JSON value)."""

_Place = tuple[Partition, int]
"""A partition and an epoch."""
_Batch = dict[_Place, list[tuple[float, Stored]]]
"""Each record with the moment of the call that made it, which is not stored."""
_time = itemgetter(0)


class _AskedBefore(Exception):
    """What was asked before writing was asked of an earlier state of the vault."""


class SealedLog:
    """One stream (``log``, ``sent``, ``decisions``). Thread-safe.

    Args:
        vault: where it is kept.
        stream: its name.
        durable: commits survive a power cut (for what the user did), not only a kill.
        block_records: a block is re-sealed until it holds this many.
    """

    def __init__(self, vault: Vault, stream: str, *, durable: bool = False, block_records: int | None = None) -> None:
        self._vault = vault
        self._stream = stream
        self._durable = durable
        self._block_records = block_records or vault.limits.batch_records
        # Two locks, so that a line that is only buffered never waits for the disk, or for a keyring that asks its user:
        # what is buffered (held for a moment, and never while the vault is called), and what is being written.
        self._lock = threading.RLock()
        self._writing = threading.RLock()
        self._batch: _Batch = {}
        self.buffered = 0
        """How many records wait for ``commit``."""
        self.dropped = 0
        """How many records were given up: ended before they were sealed, or past their time by then."""
        self._appended = 0
        self._buffers: dict[tuple[str, str], EpochBuffer] = {}
        self._tails: dict[Partition, Tail] = {}
        self._partitions: dict[tuple[str, str], Partition] = {}
        self._pseudonym_keys: dict[Partition, PseudonymKey] = {}
        register_fork_aware(self)

    # ------------------------------------------------------------ writing

    def partition(self, purpose: str, retention: Duration) -> Partition:
        """Return the partition for ``purpose`` and ``retention``."""
        partition = self._partitions.get((purpose, retention.text))
        if partition is None:
            partition = self._partitions[purpose, retention.text] = Partition(self._stream, purpose, retention.text)
        return partition

    def append(
        self,
        purpose: str,
        retention: Duration,
        record: Any,
        *,
        at: float | None = None,
        now: float | None = None,
        moment: float | None = None,
    ) -> None:
        """Buffer ``record``.

        Args:
            purpose: with ``retention``, names its partition.
            retention: how long it is kept.
            record: a JSON value.
            at: the time stored with it; ``now`` by default.
            now: when it was made, by the wall clock; the present by default.
            moment: the same by the monotonic clock (``Moments.now``): what was ended after it ends it too.
        """
        if moment is None:
            moment = self._vault.moments.now()
        if now is None:
            now = self._vault.clock.time()
        self.extend(purpose, retention, [(now if at is None else at, now, moment, record)])

    def extend(self, purpose: str, retention: Duration, records: Iterable[tuple[float, float, float, Any]]) -> None:
        """Buffer ``records`` of one partition, in order.

        Args:
            purpose: as for ``append``.
            retention: as for ``append``.
            records: of each ``at``, ``now``, ``moment`` and the record, as for ``append``.
        """
        place = purpose, retention.text
        with self._lock:
            buffer = self._buffers.get(place)
            for at, now, moment, record in records:
                if buffer is None or not buffer.begins <= now < buffer.ends:
                    buffer = self._open_buffer(self.partition(purpose, retention), now, moment)
                self._appended += 1
                buffer.records.append((moment, (at, self._appended, record)))
                self.buffered += 1

    def _open_buffer(self, partition: Partition, now: float, moment: float) -> EpochBuffer:
        """Open the page of the epoch into which a record falls that was made at ``now`` and ``moment``."""
        made = self._vault.age().highest - self._vault.moments.waited(now, moment)
        ahead = made - now  # epochs go by age: a clock set back must not make new records old
        epoch = epoch_of(partition.seconds, made)
        records = self._batch.setdefault((partition, epoch), [])
        buffer = EpochBuffer(epoch - ahead, epoch - ahead + epoch_length(partition.seconds), records)
        self._buffers[partition.purpose, partition.retention] = buffer
        return buffer

    def append_now(self, purpose: str, retention: Duration, record: Any) -> None:
        """Store ``record``, after what is buffered: it is about what comes next, so no deletion so far is about it.

        Raises:
            VaultError: nothing was written; what was buffered stays buffered, and ``record`` is not.
        """
        partition = self.partition(purpose, retention)
        with self._lock:
            self._appended += 1
            stored = self._vault.clock.time(), self._appended, record
        self.commit(last=((partition, epoch_of(partition.seconds, self._vault.age().highest)), stored))

    def commit(
        self, kept: Keeps = as_made, basis: bytes | None = None, last: tuple[_Place, Stored] | None = None
    ) -> bool:
        """Seal and store what is buffered; durable for a kill (or a power cut, see ``durable``) when it returns.

        What was ended since it was recorded, by whichever process, is dropped instead: decided inside the transaction,
        so that a deletion comes either before it, and is seen, or after it, and takes what it wrote. So is what is past
        its time, which is what ``kept`` says now.

        Args:
            kept: for how long the records of a partition are kept now.
            basis: ``Vault.basis`` from before it was asked what may be kept; where that has changed since, nothing is
                written.
            last: one more record with its partition and epoch, which no mark reaches; where nothing is written, it is
                not kept for later.

        Returns:
            Whether it was written: if not, it has to be asked again.

        Raises:
            VaultError: nothing was written; what was buffered stays buffered.
        """
        with self._writing:
            batch, buffered = self._take()
            whole = batch
            if last is not None:
                place, record = last
                whole = {**batch, place: [*batch.get(place, ()), (math.inf, record)]}
            if not whole:
                return True
            try:
                with self._vault.write(durable=self._durable) as transaction:
                    if basis not in (None, transaction.basis):
                        raise _AskedBefore
                    tails, dropped = self._write(transaction, whole, kept)
            except _AskedBefore:
                self._give_back(batch, buffered)
                return False
            except BaseException:  # an interrupt too: no record is lost
                self._give_back(batch, buffered)
                raise
            self._tails.update(tails)
            self.dropped += dropped
            return True

    def revise(self, judge: Callable[[float, Any], tuple[float, Any] | None]) -> int:
        """Put in place of each buffered record what ``judge`` returns; return how many it left nothing of.

        Waits for a ``commit`` that is under way.

        Args:
            judge: takes the time that is stored with a record, and the record; returns both as they may be kept.
        """
        dropped = 0
        with self._writing, self._lock:  # what is being written may be given back
            for records in self._batch.values():
                seen = len(records)  # a signal handler may log meanwhile: that comes after
                left = []
                for moment, (at, place, record) in records[:seen]:
                    kept = judge(at, record)
                    if kept is not None:
                        left.append((moment, (kept[0], place, kept[1])))
                records[:seen] = left
                dropped += seen - len(left)
            self.buffered -= dropped
        return dropped

    def discard(self) -> int:
        """Forget what is buffered; return how many records that was."""
        return self._take()[1]

    def _take(self) -> tuple[_Batch, int]:
        with self._lock:
            taken = self._batch, self.buffered
            self._batch, self._buffers, self.buffered = {}, {}, 0
            return taken

    def _give_back(self, batch: _Batch, buffered: int) -> None:
        """Put what could not be written before what came since; the lists stay those that the pages point to."""
        with self._lock:
            for key, records in batch.items():
                self._batch.setdefault(key, [])[:0] = records
            self.buffered += buffered

    def _write(self, transaction: Transaction, batch: _Batch, kept: Keeps) -> tuple[dict[Partition, Tail], int]:
        """Write ``batch``; return what each partition ends with now, and how many records were dropped instead."""
        transaction.touch_heads()
        self._forget_dead(transaction)
        ended, now, dropped = transaction.ended(self._stream), self._vault.age().highest, 0
        tails: dict[Partition, Tail] = {}
        for (partition, epoch), records in sorted(batch.items(), key=lambda item: item[0][1]):
            end = math.inf if epoch_dead(kept(partition), epoch, now) else ended(partition.purpose)
            alive = [record for moment, record in records if moment > end]
            dropped += len(records) - len(alive)
            if alive:
                row = transaction.partition(partition)
                key_id, key = transaction.epoch_key(row, epoch)
                tail = tails.get(partition) or self._tails.get(partition)
                tails[partition] = append_blocks(transaction, row, tail, key_id, key, alive, self._block_records)
        return tails, dropped

    def put_over(self, transaction: Transaction, partition: Partition, epoch: int, records: list[Stored]) -> None:
        """Append what was stored before, under another key, inside ``transaction``.

        Marks of deletions do not count: what they were for is gone, and this was still there.
        """
        transaction.touch_heads()
        row = transaction.partition(partition)
        key_id, key = transaction.epoch_key(row, epoch)
        append_blocks(transaction, row, None, key_id, key, records, self._block_records)

    def pseudonym_key(self, purpose: str, retention: Duration) -> bytes:
        """Return the key under which today's pseudonyms are made; it is gone with the epoch's key."""
        partition = self.partition(purpose, retention)
        epoch, stamp = epoch_of(partition.seconds, self._vault.age().highest), self._vault.stamp()
        known = self._pseudonym_keys.get(partition)
        if known is not None and (known.epoch, known.stamp) == (epoch, stamp):
            return known.key
        with self._writing:
            # Something was written since: another process may have destroyed the key that ours was made from.
            with self._vault.write(durable=self._durable) as transaction:
                key_id, key = transaction.epoch_key(transaction.partition(partition), epoch)
            made = derive(key, b"", b"pseudonym")
            self._pseudonym_keys[partition] = PseudonymKey(epoch, self._vault.stamp(), key_id, made)
            return made

    # ------------------------------------------------------------ what was ended

    def forget_ended(self) -> Ended:
        """Drop from memory what was ended: what is buffered, what is cached of blocks, keys made from their keys.

        Waits for a ``commit`` that is under way. Returns what was ended; everything where that cannot be read.
        """
        with self._writing:
            try:
                with self._vault.read(checked=False) as (transaction, _):
                    ended = transaction.ended(self._stream)
                    self._forget_dead(transaction)
            except VaultError:
                ended = everything
                self._tails.clear()
                self._pseudonym_keys.clear()
            with self._lock:
                for (partition, _), records in self._batch.items():
                    end, count = ended(partition.purpose), len(records)
                    alive = [(moment, record) for moment, record in records[:count] if moment > end]
                    records[:count] = alive  # the page points to this list, and a signal handler may have added to it
                    self.buffered -= count - len(alive)
                    self.dropped += count - len(alive)
            return ended

    def _forget_dead(self, transaction: Transaction) -> None:
        """Drop what is cached of blocks, and made from keys, that are gone: destroyed by whichever process."""
        tails, made = self._tails, self._pseudonym_keys
        held = {tail.key_id for tail in tails.values()} | {key.key_id for key in made.values()}
        dead = held - live_keys(transaction.db, held)
        if dead:
            self._tails = {partition: tail for partition, tail in tails.items() if tail.key_id not in dead}
            self._pseudonym_keys = {partition: key for partition, key in made.items() if key.key_id not in dead}
            transaction.keys.forget()

    def reset_after_fork(self) -> None:
        """In a forked child: what is buffered is the parent's, and its locks may be held by threads not here."""
        self._lock, self._writing = threading.RLock(), threading.RLock()
        self._batch, self._buffers, self.buffered = {}, {}, 0
        self._tails, self._pseudonym_keys = {}, {}

    # ------------------------------------------------------------ reading

    def read(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        purpose: str | None = None,
    ) -> Iterator[Record]:
        """Yield records by time, oldest first; never one past its retention, even before the purge ran.

        Raises:
            VaultDamaged: a block is missing, reordered, altered, exchanged or cut off.
        """
        self.commit()
        for records in self.read_blocks(since=since, until=until, purpose=purpose):
            for at, _, record in records:
                yield at, record

    def read_blocks(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        purpose: str | None = None,
        kept: Keeps = as_made,
        sift: Sift = as_sealed,
    ) -> Iterator[list[Stored]]:
        """Yield what is stored, in lists of some hundred: reading many is faster that way. Commits nothing.

        ``kept`` says how long the keys of a partition are kept now, and ``sift`` which records under them are.
        """
        now = self._vault.now()
        with self._vault.read() as (transaction, keys):
            opened = [
                open_partition(transaction, keys, row, now, kept, sift)
                for row in partition_rows(transaction.db)
                if row.partition.stream == self._stream and purpose in (None, row.partition.purpose)
            ]
        for records in merged([blocks() for blocks in opened]):
            begin = 0 if since is None else bisect_left(records, since, key=_time)
            end = len(records) if until is None else bisect_left(records, until, key=_time)
            if begin < end:
                yield records[begin:end]
