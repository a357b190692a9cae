"""The vault's first row, and the two MACs that hold everything else in place."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import struct
from typing import Any

import msgspec

from rocketvpn_sdk.errors import VaultClosed, VaultDamaged, VaultTooNew
from rocketvpn_sdk.vault.keys import RootKey

FORMAT = 3
"""The file's; what its blocks and documents are sealed in has a number of its own."""
OLDEST = 1
"""The oldest format that can still be migrated."""

_COLUMNS = (
    "format, vault_id, root_id, generation, planned, retired, bridge, replaced_at, owed_since, closed, manifest, heads"
)
_PARTITIONS = "SELECT id, stream, purpose, retention, first_sequence, first_link FROM lanes ORDER BY id"
_PARTITIONS_MARKED = (
    "SELECT id, stream, purpose, retention, first_sequence, first_link, shredded_at FROM lanes ORDER BY id"
)
"""As formats 1 and 2 had them."""
_HEAD = "SELECT format, vault_id, generation, planned, retired, bridge, replaced_at, owed_since, closed FROM head"
_KEYS = "SELECT key_id, lane, epoch, wrapped FROM keys ORDER BY key_id"
_DOCUMENTS = "SELECT slot, key_id, version, wrapped, sealed FROM documents ORDER BY slot"
_COVERED = {
    1: (
        (b"head", "SELECT format, vault_id, generation, owed_since, closed FROM head"),
        (b"lanes", _PARTITIONS_MARKED),
        (b"keys", _KEYS),
        (b"documents", _DOCUMENTS),
    ),
    2: (
        (b"head", _HEAD),
        (b"lanes", _PARTITIONS_MARKED),
        (b"shreds", "SELECT stream, purpose, at FROM shreds ORDER BY stream, purpose"),
        (b"keys", _KEYS),
        (b"documents", _DOCUMENTS),
    ),
    3: (
        (b"head", _HEAD),
        (b"lanes", _PARTITIONS),
        (b"shreds", "SELECT stream, purpose, boot, moment FROM shreds ORDER BY stream, purpose"),
        (b"keys", _KEYS),
        (b"documents", _DOCUMENTS),
    ),
}
"""What the manifest covers in each format, in this order: a word for each query, and what it finds."""
_ENDS = ((b"", "SELECT id, next_sequence, link FROM lanes ORDER BY id"),)
"""What the other MAC covers."""


class Header(msgspec.Struct, frozen=True):
    """The row that says which root opens this vault, and how far a rotation is."""

    format: int
    vault_id: bytes
    root_id: bytes
    generation: int
    planned: bytes | None
    retired: bytes | None
    bridge: bytes | None
    replaced_at: float | None
    """When the present root took over from the retired one; debts up to then are paid once that one is gone."""
    owed_since: float | None
    """Since when a rotation is owed."""
    closed: bool
    manifest: bytes
    heads: bytes


def read_header(db: sqlite3.Connection, *, oldest: int = FORMAT, also_closed: bool = False) -> Header:
    """Return the header row.

    Args:
        db: inside a snapshot or a transaction.
        oldest: the format down to which the caller can read the file.
        also_closed: return it although the vault says that it was closed.

    Raises:
        VaultDamaged: there is none, or it is not what it should be.
        VaultTooNew: a newer version wrote it.
        VaultClosed: the vault was deleted or reset, as far as the file says: it stops anyone who reads it, and no more.
    """
    rows = db.execute(f"SELECT {_COLUMNS} FROM head").fetchmany(2)  # noqa: S608 - a constant
    try:
        (row,) = rows  # the table's CHECK can be passed by: of two, neither is believed
        header = msgspec.convert(dict(zip(Header.__struct_fields__, row, strict=True)), Header, strict=False)
    except (ValueError, msgspec.ValidationError):
        raise VaultDamaged(part="the head of the vault") from None
    if header.format > FORMAT:
        raise VaultTooNew(format=header.format)
    if header.format < oldest:
        raise VaultDamaged(part="the head of the vault")
    if header.closed and not also_closed:
        raise VaultClosed(problem="it was deleted")
    return header


def update_header(db: sqlite3.Connection, **values: Any) -> None:
    """Set columns of the header row."""
    columns = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE head SET {columns}", tuple(values.values()))  # noqa: S608 - names come from our own code


def check_indexes(db: sqlite3.Connection, *tables: str) -> None:
    """Check that the indexes of ``tables`` say what those hold, and that both can be searched.

    An index that lies hides a row from anyone who looks for it, and so from who counts, lists or deletes it.

    Raises:
        VaultDamaged: they do not.
    """
    for table in tables:
        if db.execute(f"PRAGMA integrity_check({table})").fetchone() != ("ok",):
            raise VaultDamaged(part=f"the index of its table {table!r}")


def manifest(db: sqlite3.Connection, root: RootKey) -> bytes:
    """Return the MAC over what changes seldom: the header, keys, tombstones, documents, where each partition begins."""
    (written_in,) = db.execute("SELECT format FROM head").fetchone()
    return root.mac(b"manifest", root.root_id + _digest(db, _COVERED[written_in]))


def heads(db: sqlite3.Connection, root: RootKey) -> bytes:
    """Return the MAC over what every append changes: the newest link of each partition."""
    return root.mac(b"heads", root.root_id + _digest(db, _ENDS))


def check_manifest(db: sqlite3.Connection, root: RootKey, header: Header) -> None:
    """Check that the header, keys, documents and partitions are those last written, by the rule of the file's format.

    Raises:
        VaultDamaged: one was removed, altered, added or put back from an older copy.
    """
    if not vouches(db, root, header):
        raise VaultDamaged(part="its list of keys and documents is not the one last written")


def vouches(db: sqlite3.Connection, root: RootKey, header: Header) -> bool:
    """Return whether ``root`` vouches for the header, keys, documents and partitions.

    Raises:
        VaultDamaged: an index says otherwise than its table, so that what was checked need not be what is found.
    """
    if header.format not in _COVERED:
        return False
    check_indexes(db, *(word.decode() for word, _ in _COVERED[header.format]))
    return hmac.compare_digest(manifest(db, root), header.manifest)


def check_heads(db: sqlite3.Connection, root: RootKey, header: Header) -> None:
    """Check that each partition ends where it was last written to.

    Raises:
        VaultDamaged: a partition was cut, extended or exchanged.
    """
    check_indexes(db, "lanes")
    if not hmac.compare_digest(heads(db, root), header.heads):
        raise VaultDamaged(part="a log does not end where it was last written to")


def _digest(db: sqlite3.Connection, covered: tuple[tuple[bytes, str], ...]) -> bytes:
    """Hash what the queries find, each value with its type and its length, so that no two contents share a digest."""
    digest = hashlib.sha256()
    for word, query in covered:
        cells = [word] if word else []
        for row in db.execute(query):
            for value in row:  # no function of its own: a transaction covers hundreds of them
                if isinstance(value, bytes):
                    cells.append(b"b" + hashlib.sha256(value).digest())
                elif isinstance(value, float):
                    cells.append(b"f" + struct.pack(">d", value))
                else:
                    cells.append(f"{type(value).__name__[0]}{value}".encode())
        digest.update(b"".join(struct.pack(">I", len(cell)) + cell for cell in cells))
    return digest.digest()
