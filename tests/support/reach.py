"""What can still be opened with what is left: every key in every file, tried on every seal; imports nothing of us."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from support.vault_reader import derived, sha256, zstd

WRAPPED = 40
"""Bytes of a 32-byte key in RFC 3394's wrapping."""


def reachable(files: Iterable[Path], entries: Mapping[str, bytes]) -> bytes:
    """Return the plain bytes of all that the roots in ``entries`` open in ``files``, whatever table it stands in."""
    cells = [cell for file in files for cell in _cells(file)]
    wrapped = {cell for cell in cells if len(cell) == WRAPPED}
    keys: set[tuple[bytes, bytes]] = set()
    for name, stored in entries.items():
        vault_id = bytes.fromhex(name.split("/")[0])
        if not name.endswith("generation"):
            wrapping = derived(stored[:32], vault_id, "wrapping")
            for cell in wrapped:
                with suppress(InvalidUnwrap):
                    keys.add((vault_id, aes_key_unwrap(wrapping, cell)))
    return b"\n".join(plain for file in files for plain in _opened(file, keys))


def _cells(file: Path) -> list[bytes]:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        found = []
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall():
            with suppress(sqlite3.Error):
                rows = db.execute(f'SELECT * FROM "{name}" NOT INDEXED').fetchall()
                found += [cell for row in rows for cell in row if isinstance(cell, bytes)]
        return found


def _opened(file: Path, keys: set[tuple[bytes, bytes]]) -> Iterable[bytes]:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        with suppress(sqlite3.Error):
            rows = db.execute("SELECT slot, key_id, version, sealed FROM documents NOT INDEXED").fetchall()
            for slot, key_id, version, sealed in rows:
                for vault_id, key in keys:
                    data = b"RVDO" + struct.pack(">H", 1) + vault_id + key_id + slot + struct.pack(">Q", version)
                    with suppress(InvalidTag):
                        yield AESGCM(key).decrypt(sealed[:12], sealed[12:], data)
        with suppress(sqlite3.Error):
            for partition, first in db.execute("SELECT id, first_link FROM lanes").fetchall():
                previous = first
                query = (
                    "SELECT sequence, key_id, digest, sealed FROM blocks NOT INDEXED WHERE lane = ? ORDER BY sequence"
                )
                for number, key_id, digest, sealed in db.execute(query, (partition,)).fetchall():
                    for vault_id, key in keys if sealed else ():
                        data = b"RVBL" + struct.pack(">H", 1) + vault_id + key_id + struct.pack(">Q", number) + previous
                        with suppress(InvalidTag):
                            padded = AESGCM(key).decrypt(sealed[:12], sealed[12:], data)
                            yield zstd.decompress(padded[4 : 4 + struct.unpack(">I", padded[:4])[0]])
                    previous = sha256(previous, digest)
