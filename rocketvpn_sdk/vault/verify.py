"""Check everything that a vault holds, piece by piece, and name the piece that is not what was written.

The two MACs in the head say *that* something is wrong; this says what, as far as a piece can tell: a block by its place
in its chain, a key by the blocks that need it, a document by its seal. What only the MACs can see (a row put back whole
from an older copy) is named after them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.vault import sealing
from rocketvpn_sdk.vault.change import INDEX_LANE, Change, Keys, LaneRow, lane_rows
from rocketvpn_sdk.vault.head import check_heads, check_manifest, read_head
from rocketvpn_sdk.vault.keys import ID_BYTES
from rocketvpn_sdk.vault.reading import walk_chain
from rocketvpn_sdk.vault.vault import Vault

_Opened = dict[bytes, bytes | None]
"""A lane's keys by id; ``None``: a tombstone."""


class Verified(msgspec.Struct, frozen=True):
    """What was checked, all of it whole."""

    lanes: int
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
    with vault.read(checked=False) as (change, keys):
        rows = lane_rows(change.db)
        _check_strays(change, rows)
        blocks = records = 0
        for row in rows:
            opened = _open_keys(change, keys, row)
            walked, counted = _check_lane(change, row, opened)
            blocks, records = blocks + walked, records + counted
        documents = _check_documents(change, keys)
        head = read_head(change.db)
        check_heads(change.db, keys.root, head)
        check_manifest(change.db, keys.root, head)
        _check_pages(change)
        return Verified(len(rows), blocks, records, documents)


def _check_pages(change: Change) -> None:
    """Check the file below its tables: that each page is used once, and that the indexes say what the tables hold."""
    if change.db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise VaultDamaged(part="the pages of the database file")


def _check_strays(change: Change, rows: list[LaneRow]) -> None:
    """Find keys and blocks that stand in no lane."""
    lanes = {row.id for row in rows}
    for table, known in (("keys", lanes | {INDEX_LANE}), ("blocks", lanes)):
        for (lane,) in change.db.execute(f"SELECT DISTINCT lane FROM {table}"):  # noqa: S608 - constants
            if lane not in known:
                raise VaultDamaged(part=f"lane {lane} is missing and still has {table}")


def _open_keys(change: Change, keys: Keys, row: LaneRow) -> _Opened:
    found = change.db.execute("SELECT key_id, epoch, wrapped FROM keys WHERE lane = ?", (row.id,)).fetchall()
    return {
        key_id: None if wrapped is None else keys.root.unwrap(wrapped, part=f"the key of epoch {epoch} of {_name(row)}")
        for key_id, epoch, wrapped in found
    }


def _check_lane(change: Change, row: LaneRow, opened: _Opened) -> tuple[int, int]:
    """Walk a lane's chain and open its blocks; return how many blocks and records that were."""
    blocks = records = 0
    for block, previous in walk_chain(change, row):
        part = f"block {block.sequence} of {_name(row)}"
        if block.key_id not in opened:
            raise VaultDamaged(part=f"the key of {part} is missing")
        key = opened[block.key_id]
        if key is not None:
            if block.sealed is None:
                raise VaultDamaged(part=f"{part} was emptied")
            data = sealing.block_data(change.keys.root.vault_id, block.key_id, block.sequence, previous)
            records += len(sealing.open_block(key, data, block.sealed, part=part))
        blocks += 1
    return blocks, records


def _check_documents(change: Change, keys: Keys) -> int:
    rows = change.db.execute("SELECT slot, key_id, version, wrapped, sealed FROM documents ORDER BY slot").fetchall()
    for row in rows:
        _check_document(keys, *row)
    return len(rows)


def _check_document(keys: Keys, slot: bytes, key_id: bytes, version: int, wrapped: bytes, sealed: bytes) -> None:
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


def _name(row: LaneRow) -> str:
    return f"the {row.lane.stream!r} stream for {row.lane.purpose!r}"
