"""An independent reader of a vault, written from docs/vault-format.md alone: it imports nothing of the SDK.

    python tests/support/vault_reader.py FOLDER/vault.db NAME HEX

NAME and HEX are the secret store's entry for the root. Prints a JSON line for every document and record.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MANIFEST = (
    (
        "head",
        "SELECT format, vault_id, generation, planned, retired, bridge, replaced_at, owed_since, closed FROM head",
    ),
    ("lanes", "SELECT id, stream, purpose, retention, first_sequence, first_link FROM lanes ORDER BY id"),
    ("shreds", "SELECT stream, purpose, boot, moment FROM shreds ORDER BY stream, purpose"),
    ("keys", "SELECT key_id, lane, epoch, wrapped FROM keys ORDER BY key_id"),
    ("documents", "SELECT slot, key_id, version, wrapped, sealed FROM documents ORDER BY slot"),
)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def derived(key: bytes, salt: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=salt, info=b"rocketvpn/vault/v1/" + purpose.encode()).derive(key)


def cell(value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"b" + sha256(value)
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value)
    return {int: b"i", str: b"s", type(None): b"N"}[type(value)] + str(value).encode()


def listed(cells: list[bytes]) -> bytes:
    return sha256(*(struct.pack(">I", len(each)) + each for each in cells))


class Reader:
    """Opens a vault's file with its root, read-only, and checks everything on the way."""

    def __init__(self, path: Path, name: str, entry: bytes) -> None:
        self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        query = "SELECT vault_id, root_id, manifest, heads FROM head WHERE format = 3"
        self.vault_id, self.root_id, manifest, heads = self.db.execute(query).fetchone()
        self.root, check = entry[:32], entry[32:]
        assert name == f"{self.vault_id.hex()}/{self.root_id.hex()}"
        assert check == sha256(b"rocketvpn/vault/v1/root\0", self.vault_id, self.root_id, self.root)[:8]
        self.wrapping = derived(self.root, self.vault_id, "wrapping")
        assert manifest == self.mac("manifest", self.manifest_cells())
        ends = self.db.execute("SELECT id, next_sequence, link FROM lanes ORDER BY id")
        assert heads == self.mac("heads", [cell(value) for row in ends for value in row])

    def mac(self, purpose: str, cells: list[bytes]) -> bytes:
        key = derived(self.root, self.vault_id, "mac")
        return hmac.digest(key, purpose.encode() + b"\0" + self.root_id + listed(cells), "sha256")

    def manifest_cells(self) -> list[bytes]:
        cells: list[bytes] = []
        for word, query in MANIFEST:
            cells += [word.encode(), *(cell(value) for row in self.db.execute(query) for value in row)]
        return cells

    def open(self, key: bytes, sealed: bytes, data: bytes) -> bytes:
        padded = AESGCM(key).decrypt(sealed[:12], sealed[12:], data)
        (length,) = struct.unpack(">I", padded[:4])
        assert not padded[4 + length :].strip(b"\0")
        return padded[4 : 4 + length]

    def documents(self) -> Iterator[tuple[str, Any]]:
        (wrapped,) = self.db.execute("SELECT wrapped FROM keys WHERE lane = 0").fetchone()
        index = aes_key_unwrap(self.wrapping, wrapped)
        rows = self.db.execute("SELECT slot, key_id, version, wrapped, sealed FROM documents")
        for slot, key_id, version, key, sealed in rows:
            data = b"RVDO" + struct.pack(">H", 1) + self.vault_id + key_id + slot + struct.pack(">Q", version)
            name, value = json.loads(self.open(aes_key_unwrap(self.wrapping, key), sealed, data))
            assert slot == hmac.digest(index, name.encode(), "sha256")[:16]
            yield name, value

    def records(self) -> Iterator[tuple[str, str, float, Any]]:
        keys = dict(self.db.execute("SELECT key_id, wrapped FROM keys").fetchall())
        for partition, stream, purpose, sequence, previous, end, last in self.db.execute(
            "SELECT id, stream, purpose, first_sequence, first_link, next_sequence, link FROM lanes"
        ):
            query = "SELECT sequence, key_id, digest, sealed FROM blocks WHERE lane = ? ORDER BY sequence"
            for number, key_id, digest, sealed in self.db.execute(query, (partition,)):
                assert number == sequence
                data = b"RVBL" + struct.pack(">H", 1) + self.vault_id + key_id + struct.pack(">Q", number) + previous
                assert sealed is None or digest == sha256(data, sealed)
                if keys[key_id] is not None and sealed is not None:
                    payload = self.open(aes_key_unwrap(self.wrapping, keys[key_id]), sealed, data)
                    for at, _, record in json.loads(zstd.decompress(payload)):
                        yield stream, purpose, at, record
                sequence, previous = sequence + 1, sha256(previous, digest)
            assert (sequence, previous) == (end, last)


if __name__ == "__main__":
    reader = Reader(Path(sys.argv[1]), sys.argv[2], bytes.fromhex(sys.argv[3]))
    for line in (*reader.documents(), *reader.records()):
        sys.stdout.write(json.dumps(line) + "\n")
