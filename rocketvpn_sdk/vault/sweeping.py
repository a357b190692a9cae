"""What goes from the sealed logs: ciphertext whose key is gone, and the oldest blocks beyond the cap."""

from __future__ import annotations

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.header import check_indexes
from rocketvpn_sdk.vault.transaction import PartitionRow, Transaction, partition_rows


def is_due(transaction: Transaction) -> bool:
    """Whether ``sweep`` would remove anything; reads alone, so that nobody waits for a write that changes nothing.

    Raises:
        VaultDamaged: as ``sweep``.
    """
    _check_emptied(transaction)
    dead = "k.wrapped IS NULL AND (b.id IS NULL OR b.sealed IS NOT NULL)"  # a tombstone of nothing goes as well
    query = f"SELECT 1 FROM keys k LEFT JOIN blocks b ON b.key_id = k.key_id WHERE {dead} LIMIT 1"  # noqa: S608 - a constant
    return transaction.db.execute(query).fetchone() is not None


def sweep(transaction: Transaction, *, most_bytes: int) -> int:
    """Remove ciphertext whose key is gone, oldest first, at most ``most_bytes``; return the bytes removed.

    The digest stays while an older block does, so that the chain can still be checked.
    """
    _check_emptied(transaction)
    removed = 0
    dead = transaction.db.execute(
        "SELECT b.id, length(b.sealed) FROM blocks b JOIN keys k ON k.key_id = b.key_id AND k.wrapped IS NULL"
        " WHERE b.sealed IS NOT NULL ORDER BY b.lane, b.sequence"
    ).fetchall()
    if dead:
        transaction.touch_manifest()  # what is a tombstone decides what is removed for good
    for block, size in dead:
        if removed and removed + size > most_bytes:
            break
        transaction.db.execute("UPDATE blocks SET sealed = NULL WHERE id = ?", (block,))
        removed += size
    for row in partition_rows(transaction.db):
        _advance(transaction, row)
    return removed


def _check_emptied(transaction: Transaction) -> None:
    """Refuse to go on where a block is empty, or has no key, and nobody of us did that.

    The chain cannot tell: it keeps an empty block's digest. Moving a partition's beginning past it would sign the
    forgery.
    """
    check_indexes(transaction.db, "blocks")  # or it would be asked of some of them only
    strays = transaction.db.execute(
        "SELECT 1 FROM (SELECT lane, count(*) AS blocks, min(sequence) AS first, max(sequence) AS last"
        " FROM blocks NOT INDEXED GROUP BY lane) LEFT JOIN lanes ON id = lane"
        " WHERE id IS NULL OR first <> first_sequence OR last <> next_sequence - 1 OR blocks <> last - first + 1"
    ).fetchone()
    if strays:
        raise VaultDamaged(part="its logs have more or fewer blocks than were written")
    found = transaction.db.execute(
        "SELECT b.sequence, l.stream FROM blocks b JOIN lanes l ON l.id = b.lane"
        " LEFT JOIN keys k ON k.key_id = b.key_id AND k.lane = b.lane"
        " WHERE k.key_id IS NULL OR (b.sealed IS NULL AND k.wrapped IS NOT NULL) LIMIT 1"
    ).fetchone()
    if found:
        raise VaultDamaged(part=f"block {found[0]} of the {found[1]!r} stream was emptied")


def _advance(transaction: Transaction, row: PartitionRow) -> None:
    """Move a partition's beginning past blocks that are empty, and forget the tombstones that nothing refers to."""
    sequence, link = row.first_sequence, row.first_link
    blocks = transaction.db.execute(
        "SELECT sequence, digest, sealed IS NULL FROM blocks WHERE lane = ? ORDER BY sequence", (row.id,)
    )
    for number, digest, empty in blocks.fetchall():
        if not empty or number != sequence:
            break
        sequence, link = sequence + 1, sealing.link(link, digest)
    if sequence != row.first_sequence:
        transaction.touch_manifest()
        transaction.db.execute("DELETE FROM blocks WHERE lane = ? AND sequence < ?", (row.id, sequence))
        transaction.db.execute(
            "UPDATE lanes SET first_sequence = ?, first_link = ? WHERE id = ?", (sequence, link, row.id)
        )
    unused = "lane = ? AND wrapped IS NULL AND key_id NOT IN (SELECT key_id FROM blocks WHERE lane = ?)"
    if transaction.db.execute(f"SELECT 1 FROM keys WHERE {unused}", (row.id, row.id)).fetchone():  # noqa: S608 - a constant
        transaction.touch_manifest()
        transaction.db.execute(f"DELETE FROM keys WHERE {unused}", (row.id, row.id))  # noqa: S608 - a constant


def stored_bytes(transaction: Transaction, stream: str) -> int:
    """Return how many sealed bytes ``stream`` holds."""
    row = transaction.db.execute(
        "SELECT total(length(b.sealed)) FROM blocks b JOIN lanes l ON l.id = b.lane WHERE l.stream = ?", (stream,)
    ).fetchone()
    return int(row[0])


def trim(transaction: Transaction, stream: str, *, most_bytes: int) -> int:
    """Remove the oldest blocks of ``stream`` beyond ``most_bytes``, and keys that are left without one.

    Returns:
        How many records went.
    """
    excess, records = stored_bytes(transaction, stream) - most_bytes, 0
    if excess <= 0:
        return 0
    _check_emptied(transaction)
    # By the highest epoch so far in each partition, so that what goes is always the beginning of a partition, also
    # where two processes told the time differently: an empty block in the middle would look like one that was taken
    # out.
    oldest = transaction.db.execute(
        "SELECT b.id, b.lane, b.sequence, b.key_id, b.sealed, k.wrapped,"
        " max(k.epoch) OVER (PARTITION BY b.lane ORDER BY b.sequence) AS age"
        " FROM blocks b JOIN lanes l ON l.id = b.lane JOIN keys k ON k.key_id = b.key_id"
        " WHERE l.stream = ? AND b.sealed IS NOT NULL ORDER BY age, b.lane, b.sequence",
        (stream,),
    )
    rows = {row.id: row for row in partition_rows(transaction.db)}
    gone: list[tuple[int]] = []
    for block, partition, sequence, key_id, sealed, wrapped, _ in oldest:
        if excess <= 0:
            break
        if wrapped is not None:
            records += _count(transaction, rows[partition], sequence, key_id, sealed, wrapped)
        excess -= len(sealed)
        gone.append((block,))
    oldest.close()
    transaction.touch_manifest()
    transaction.db.executemany("UPDATE blocks SET sealed = NULL WHERE id = ?", gone)
    transaction.db.execute(
        "UPDATE keys SET wrapped = NULL WHERE wrapped IS NOT NULL AND lane IN (SELECT id FROM lanes WHERE stream = ?)"
        " AND key_id IN (SELECT key_id FROM blocks)"
        " AND key_id NOT IN (SELECT key_id FROM blocks WHERE sealed IS NOT NULL)",
        (stream,),
    )
    for row in partition_rows(transaction.db):
        _advance(transaction, row)
    return records


def _count(
    transaction: Transaction, row: PartitionRow, sequence: int, key_id: bytes, sealed: bytes, wrapped: bytes
) -> int:
    """Return how many records a block holds; its number is inside the seal."""
    previous = row.first_link
    for (digest,) in transaction.db.execute(
        "SELECT digest FROM blocks WHERE lane = ? AND sequence < ? ORDER BY sequence", (row.id, sequence)
    ):
        previous = sealing.link(previous, digest)
    key = transaction.keys.open(key_id, wrapped, part="the key of a log")
    data = sealing.block_data(transaction.keys.root.vault_id, key_id, sequence, previous)
    return len(sealing.open_block(key, data, sealed, part=f"a block of the {row.partition.stream!r} stream"))
