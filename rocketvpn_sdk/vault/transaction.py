"""One write transaction on an unlocked vault: documents, partition keys, shredding; ends by renewing the MACs."""

from __future__ import annotations

import hmac
import math
import sqlite3
from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.header import Header, check_heads, check_manifest, heads, manifest, update_header
from rocketvpn_sdk.vault.keys import RootKey, new_id, new_key
from rocketvpn_sdk.vault.moments import Ended, Moments
from rocketvpn_sdk.vault.partitions import Keeps, Partition, PartitionChoice, as_made, epoch_dead

T = TypeVar("T")

INDEX_PARTITION = 0
"""The ``keys`` row of the key that turns documents' names into slots."""


class OpenedKeys(OneHolder):
    """The root in force, and the keys it has opened so far in this process."""

    def __init__(self, root: RootKey, index: bytes) -> None:
        self.root = root
        self._index = index
        self._opened: dict[bytes, bytes] = {}

    def slot(self, name: str) -> bytes:
        """Return where the document ``name`` stands; names cannot be read from the file."""
        return hmac.digest(self._index, name.encode(), "sha256")[:16]

    def open(self, key_id: bytes, wrapped: bytes, *, part: str) -> bytes:
        """Return the key ``key_id``, unwrapped once."""
        key = self._opened.get(key_id)
        if key is None:
            key = self._opened[key_id] = self.root.unwrap(wrapped, part=part)
        return key

    def forget(self) -> None:
        """Forget the keys that were opened; those that are still there are opened again."""
        self._opened.clear()

    def __repr__(self) -> str:
        return "OpenedKeys(…)"


class PartitionRow(msgspec.Struct, frozen=True):
    """Where a partition stands."""

    id: int
    partition: Partition
    first_sequence: int
    first_link: bytes
    next_sequence: int
    link: bytes


_PARTITION_COLUMNS = "id, stream, purpose, retention, first_sequence, first_link, next_sequence, link"


def partition_rows(db: sqlite3.Connection) -> list[PartitionRow]:
    """Return every partition."""
    rows = db.execute(f"SELECT {_PARTITION_COLUMNS} FROM lanes ORDER BY id")  # noqa: S608 - a constant
    return [PartitionRow(row[0], Partition(*row[1:4]), *row[4:]) for row in rows]


def live_keys(db: sqlite3.Connection, key_ids: Collection[bytes]) -> set[bytes]:
    """Return which of ``key_ids``, keys of logs, are still there."""
    if not key_ids:
        return set()
    marks = ", ".join("?" for _ in key_ids)
    query = f"SELECT key_id FROM keys WHERE wrapped IS NOT NULL AND key_id IN ({marks})"  # noqa: S608 - question marks
    return {key_id for (key_id,) in db.execute(query, tuple(key_ids))}


class Transaction(OneHolder):
    """What can be done inside a write transaction; made by ``Vault.write``."""

    def __init__(self, db: sqlite3.Connection, keys: OpenedKeys, header: Header, moments: Moments) -> None:
        self.db = db
        self.keys = keys
        self._head = header
        self._moments = moments
        self._manifest_touched = False
        self._heads_touched = False
        self.changed_documents: set[str] | None = set()
        """Names of those written or dropped so far; ``None``: it may be any."""

    @property
    def basis(self) -> bytes:
        """What the transaction began with: it changes with every document, key and mark, and with no record."""
        return self._head.manifest

    @property
    def beyond_logs(self) -> bool:
        """Whether it changed a document, a key or a partition, and not only what a log ends with."""
        return self._manifest_touched

    def touch_manifest(self) -> None:
        """Check the manifest before the first change to what it covers: a forgery must not be signed by accident."""
        if not self._manifest_touched:
            check_manifest(self.db, self.keys.root, self._head)
            self._manifest_touched = True

    def touch_heads(self) -> None:
        """Check the partitions' ends before the first append, for the same reason."""
        if not self._heads_touched:
            check_heads(self.db, self.keys.root, self._head)
            self._heads_touched = True

    # ------------------------------------------------------------ documents

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return the document ``name``, or ``None``.

        Raises:
            VaultDamaged: it is not what was written.
        """
        slot = self.keys.slot(name)
        query = "SELECT key_id, version, wrapped, sealed FROM documents WHERE slot = ?"
        row = self.db.execute(query, (slot,)).fetchone()
        if row is None:
            return None
        key_id, version, wrapped, sealed = row
        part = f"the document {name!r}"
        if not 0 <= version < 1 << 64:
            raise VaultDamaged(part=part)
        key = self.keys.root.unwrap(wrapped, part=part)
        payload = sealing.open_document(
            key, sealing.document_data(self.keys.root.vault_id, key_id, slot, version), sealed, part=part
        )
        written_name, value = msgspec.json.decode(payload)
        if written_name != name:
            raise VaultDamaged(part=part)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise VaultDamaged(part=part) from None

    def put(self, name: str, value: msgspec.Struct) -> None:
        """Write the document ``name`` under a key of its own, new at every write."""
        self.touch_manifest()
        self._changes(name)
        slot = self.keys.slot(name)
        row = self.db.execute("SELECT version FROM documents WHERE slot = ?", (slot,)).fetchone()
        version = row[0] + 1 if row else 1
        key, key_id = new_key(), new_id()
        data = sealing.document_data(self.keys.root.vault_id, key_id, slot, version)
        sealed = sealing.seal_document(key, data, msgspec.json.encode([name, value]))
        self.db.execute(
            "INSERT OR REPLACE INTO documents (slot, key_id, version, wrapped, sealed) VALUES (?, ?, ?, ?, ?)",
            (slot, key_id, version, self.keys.root.wrap(key), sealed),
        )

    def drop(self, *names: str) -> None:
        """Destroy the keys of documents; names that are not there are fine."""
        self.touch_manifest()
        self._changes(*names)
        slots = {self.keys.slot(name) for name in names}
        self.db.executemany("DELETE FROM documents WHERE slot = ?", [(slot,) for slot in slots])
        self._require_gone(slots & self._slots())

    def drop_all_documents(self, *, keep: Iterable[str] = ()) -> None:
        """Destroy the keys of all documents but those in ``keep``."""
        self.touch_manifest()
        self.changed_documents = None
        kept = [self.keys.slot(name) for name in keep]
        marks = ", ".join("?" for _ in kept)
        self.db.execute(f"DELETE FROM documents WHERE slot NOT IN ({marks})", kept)  # noqa: S608 - only question marks
        self._require_gone(self._slots() - set(kept))

    def _changes(self, *names: str) -> None:
        if self.changed_documents is not None:
            self.changed_documents.update(names)

    def _slots(self) -> set[bytes]:
        return {slot for (slot,) in self.db.execute("SELECT slot FROM documents NOT INDEXED")}

    def _require_gone(self, left: Collection[object]) -> None:
        """Go on where nothing is ``left`` of what was to go: looked for row by row, before it is committed."""
        if left:
            raise VaultDamaged(part="the database file: what is deleted from it stays")

    # ------------------------------------------------------------ partitions

    def partition(self, partition: Partition) -> PartitionRow:
        """Return the row of ``partition``, made where it is new."""
        found = self.find_partition(partition)
        if found:
            return found
        self.touch_manifest()
        self.touch_heads()
        self.db.execute(
            "INSERT INTO lanes (stream, purpose, retention, first_sequence, first_link, next_sequence, link)"
            " VALUES (?, ?, ?, 0, ?, 0, ?)",
            (partition.stream, partition.purpose, partition.retention, sealing.GENESIS, sealing.GENESIS),
        )
        made = self.find_partition(partition)
        if made is None:  # pragma: no cover - it was written one line above
            raise VaultDamaged(part="its list of logs")
        return made

    def find_partition(self, partition: Partition) -> PartitionRow | None:
        """Return the row of ``partition``, or ``None``."""
        row = self.db.execute(
            f"SELECT {_PARTITION_COLUMNS} FROM lanes WHERE stream = ? AND purpose = ? AND retention = ?",  # noqa: S608 - a constant
            (partition.stream, partition.purpose, partition.retention),
        ).fetchone()
        return PartitionRow(row[0], partition, *row[4:]) if row else None

    def epoch_key(self, row: PartitionRow, epoch: int) -> tuple[bytes, bytes]:
        """Return the id and the key of a partition's ``epoch``, made where it is new."""
        found = self.db.execute(
            "SELECT key_id, wrapped FROM keys WHERE lane = ? AND epoch = ? AND wrapped IS NOT NULL", (row.id, epoch)
        ).fetchone()
        if found:
            return found[0], self.keys.open(found[0], found[1], part="the key of a log")
        self.touch_manifest()
        key, key_id = new_key(), new_id()
        wrapped = self.keys.root.wrap(key)
        self.db.execute(
            "INSERT INTO keys (key_id, lane, epoch, wrapped) VALUES (?, ?, ?, ?)", (key_id, row.id, epoch, wrapped)
        )
        return key_id, self.keys.open(key_id, wrapped, part="the key of a log")

    def destroy(self, key_id: bytes) -> None:
        """Destroy one key of a log: what it sealed is past its time, or was sealed again."""
        self.touch_manifest()
        self.db.execute("UPDATE keys SET wrapped = NULL WHERE key_id = ?", (key_id,))

    def shred(self, which: PartitionChoice | Iterable[PartitionChoice]) -> int:
        """Destroy every key of the partitions in ``which``, and let nothing recorded before now come into them.

        Returns how many keys that were.
        """
        choices = (which,) if isinstance(which, PartitionChoice) else tuple(which)
        self.touch_manifest()
        dropped = 0
        for row in partition_rows(self.db):
            if any(choice(row.partition) for choice in choices):
                dropped += self.db.execute(_TOMBSTONE, (row.id,)).rowcount
                self._require_gone(self._epochs(row))
        self.keys.forget()
        self.mark(*choices)
        return dropped

    def mark(self, *choices: PartitionChoice) -> None:
        """Let nothing recorded before now come into the partitions in ``choices``, whichever process has it in memory.

        The moment is that of this transaction, so a later mark is a later moment: it takes the earlier one's place.
        """
        self.touch_manifest()
        now = self._moments.now()
        self.db.executemany(
            "INSERT INTO shreds (stream, purpose, boot, moment) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (stream, purpose) DO UPDATE SET boot = excluded.boot, moment = excluded.moment",
            [(which.stream or "", which.purpose or "", self._moments.boot, now) for which in choices],
        )

    def ended(self, stream: str) -> Ended:
        """Return up to which moment what was recorded for a purpose in ``stream`` was ended.

        A mark of another run of the machine is older than whatever is in memory. So is one that lies ahead: no clock
        that this process shares made it. Where one side could not tell its run (a sandbox that hides /proc), it is
        taken for the same.
        """
        rows = self.db.execute(
            "SELECT purpose, max(moment) FROM shreds WHERE stream IN ('', :stream)"
            " AND (boot IN ('', :boot) OR :boot = '') AND moment <= :now GROUP BY purpose",
            {"stream": stream, "boot": self._moments.boot, "now": self._moments.now()},
        )
        marks = dict(rows.fetchall())
        always = max(self._moments.all_ended, marks.get("", -math.inf))
        return lambda purpose: max(always, marks.get(purpose, -math.inf))

    def expire(self, now: float, kept: Keeps = as_made) -> int:
        """Destroy the keys of epochs past their retention, which is what ``kept`` says; return how many."""
        dropped = 0
        for row in partition_rows(self.db):
            seconds = kept(row.partition)
            dead = {epoch for epoch in self._epochs(row) if epoch_dead(seconds, epoch, now)}
            for epoch in dead:
                self.touch_manifest()
                dropped += self.db.execute(f"{_TOMBSTONE} AND epoch = ?", (row.id, epoch)).rowcount
            if dead:
                self._require_gone(dead & self._epochs(row))
        if dropped:
            self.keys.forget()
        return dropped

    def _epochs(self, row: PartitionRow) -> set[int]:
        """Return the epochs of a partition whose keys are there."""
        live = self.db.execute("SELECT epoch FROM keys NOT INDEXED WHERE lane = ? AND wrapped IS NOT NULL", (row.id,))
        return {epoch for (epoch,) in live}

    # ------------------------------------------------------------ the end

    def request_rotation(self, now: float) -> None:
        """Note that keys were dropped which the present root could still open elsewhere."""
        self.touch_manifest()
        since, replaced_at = self._head.owed_since, self._head.replaced_at
        if since is None:
            update_header(self.db, owed_since=now if replaced_at is None else _after(replaced_at, now))
        elif replaced_at is not None and since <= replaced_at:
            # The debt so far is paid as soon as the last rotation's old root is gone; this one is not.
            update_header(self.db, owed_since=_after(replaced_at, now))

    def finish(self) -> None:
        """Renew the MACs over what changed."""
        if self._manifest_touched:
            update_header(self.db, manifest=manifest(self.db, self.keys.root))
        if self._heads_touched:
            update_header(self.db, heads=heads(self.db, self.keys.root))


def _after(moment: float, now: float) -> float:
    """Return ``now``, or just after ``moment`` where a coarse clock, or one that was set back, says less."""
    return max(now, math.nextafter(moment, math.inf))


_TOMBSTONE = "UPDATE keys SET wrapped = NULL WHERE wrapped IS NOT NULL AND lane = ?"
