"""The vault's format is what docs/vault-format.md says: known answers, and a reader that knows nothing but that page.

A change that makes one of the pinned values wrong is a new format: it raises ``FORMAT``, and the old one is migrated.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from support.crash import FORTNIGHT, TESTS
from support.vault_reader import Reader, derived, sha256, zstd
from support.vaults import Note, open_vault

from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault, sealing
from rocketvpn_sdk.vault.header import FORMAT, heads, manifest
from rocketvpn_sdk.vault.keys import RootKey, derive, generation_name, secret_name
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.schema import make_tables

VAULT, ROOT_ID, KEY_ID, SLOT = (bytes([value]) * 16 for value in (0xA1, 0xB2, 0xC3, 0xD4))
SECRET, KEY = bytes(range(32)), bytes(range(32, 64))
NONCE = bytes(range(12))
PREVIOUS = bytes([0xEE]) * 32
ROOT = RootKey(VAULT, ROOT_ID, SECRET)
RECORDS = [[1_800_000_000.0, 1, ["service", "session.connected", {"region": "de-fra"}]], [1_800_000_001.5, 2, None]]
# As this format's first version wrote it; zstd may compress otherwise one day, and must still read it.
BLOCK = (
    "000102030405060708090a0b5c525df06280c4119ca5bcc426c19a2c04f02c5eb1e9e942c8074a0ae9ef8fe1c687ac94fa37aec662d6d382"
    "2d486bf63ed195b9ca987250971993a8d277270aef94cd072d104944d94cb9a4b0913c8985988bb0c097d616587f180b8359fb414726598c"
    "25624c8dfe5bc6e1e41f296bd0fd06769f0d69338980f71d042a985e1b87873018820394d4b754f165e511b53ec6fa428c32d27ff69850dc"
    "b7a74767c7ef705c69320d52817f3b15b94cb7f99464008191912718ddb08ec2d799a509af50d6f906b277c6b2bff9807be7482424b19afc"
    "779e72ba96428ed53cdf259ebf0bc5303b1450c0ac292cc22571460256d27829061f1645767b0cc4c8d540dff430e9d11fde58afa1531f07"
    "f45d9482"
)
PINNED = {
    "stored": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f607d7b85e55d1c35",
    "wrapping": "56d434c06622c296bac14797492d79ec700d62acdba15d25dbf77bf030e7a219",
    "mac": "a212bef62abcffa43e5a34802a159f86686a22e0149643996fc7ec0ae75fc71e",
    "bridge": "5a0457f998288ff357bf13511968a66d2741d3b5e1bfd684d4890f524f3cd491",
    "pseudonym": "bbdabe5b6b9ee85c9d0765aa844cc1591df56fae75e3ee3c383e9dd96897be0d",
    "wrapped": "27bbf9aa8515c71a9ccc16ec0c7a7c031c7931539a21deadf7e52b38f3eafaba30c115660a1ef059",
    "document": "34e976235d934e0e9806232e1ca5f01a3f2a6bc0725151c127a2da505e0af980",
    "digest": "e82f44e1d0e2369c03f7add78baf42e68c0d7e7edf01b7ab59f62ff1610a0e41",
    "link": "f7616ce0ac29cd03318db16d07c9b4e1588eb3464d84a7c416d00e424adf1fb4",
    "manifest of format 1": "228f8195fe3591939a82d72d86cea60cde0717815de881598d5db0f491ab5343",
    "manifest": "33afbce28a98fa63523f57f973e1a76bf993d56d9cdb4d1d7dce93577fc84377",
    "manifest of format 2": "ee12d9ac03b382c4a676168183c5ae59ac59131f8ba5f1bd12fef28fb6c6e6de",
    "heads": "e90d5520322812014694e349e3aff5efad62dae623d627244acb70cd27a105df",
}


@pytest.fixture(autouse=True)
def _fixed_nonce(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.name.startswith("test_known"):
        monkeypatch.setattr(sealing.os, "urandom", lambda count: NONCE[:count])


# ---------------------------------------------------------------- known answers


def test_known_keys() -> None:
    assert ROOT.stored.hex() == (SECRET + sha256(b"rocketvpn/vault/v1/root\0", VAULT, ROOT_ID, SECRET)[:8]).hex()
    assert ROOT.stored.hex() == PINNED["stored"]
    for name in ("wrapping", "mac", "bridge"):
        assert derive(SECRET, VAULT, name.encode()) == derived(SECRET, VAULT, name)
        assert derived(SECRET, VAULT, name).hex() == PINNED[name]
    assert derive(KEY, b"", b"pseudonym") == derived(KEY, b"", "pseudonym")
    assert derived(KEY, b"", "pseudonym").hex() == PINNED["pseudonym"]
    assert ROOT.wrap(KEY) == aes_key_wrap(derived(SECRET, VAULT, "wrapping"), KEY)
    assert ROOT.wrap(KEY).hex() == PINNED["wrapped"]
    assert ROOT.bridge_to(RootKey(VAULT, KEY_ID, KEY)) == aes_key_wrap(derived(SECRET, VAULT, "bridge"), KEY)
    assert secret_name(VAULT, ROOT_ID) == f"{'a1' * 16}/{'b2' * 16}"
    assert generation_name(VAULT) == f"{'a1' * 16}/generation"


def test_known_document() -> None:
    plain = b'["note",{"text":"hello"}]'
    data = b"RVDO" + struct.pack(">H", 1) + VAULT + KEY_ID + SLOT + struct.pack(">Q", 7)
    padded = (struct.pack(">I", len(plain)) + plain).ljust(1024, b"\0")
    expected = NONCE + AESGCM(KEY).encrypt(NONCE, padded, data)
    made = sealing.seal_document(KEY, sealing.document_data(VAULT, KEY_ID, SLOT, 7), plain)
    assert made == expected
    assert hashlib.sha256(made).hexdigest() == PINNED["document"]
    assert sealing.open_document(KEY, data, made, part="") == plain


def test_known_block() -> None:
    data = b"RVBL" + struct.pack(">H", 1) + VAULT + KEY_ID + struct.pack(">Q", 5) + PREVIOUS
    assert sealing.block_data(VAULT, KEY_ID, 5, PREVIOUS) == data
    made = sealing.seal_block(KEY, data, RECORDS)
    padded = AESGCM(KEY).decrypt(NONCE, made[12:], data)
    (length,) = struct.unpack(">I", padded[:4])
    assert json.loads(zstd.decompress(padded[4 : 4 + length])) == RECORDS
    assert padded[4 + length :] == bytes(len(padded) - 4 - length)
    assert len(padded) == 256
    old = bytes.fromhex(BLOCK)
    assert sealing.open_block(KEY, data, old, part="") == RECORDS
    assert sealing.digest(data, old) == sha256(data, old)
    assert sealing.digest(data, old).hex() == PINNED["digest"]
    assert sealing.link(PREVIOUS, sealing.digest(data, old)) == sha256(PREVIOUS, sha256(data, old))
    assert sealing.link(PREVIOUS, sealing.digest(data, old)).hex() == PINNED["link"]


SIZES = {1: 256, 256: 256, 257: 272, 1000: 1024, 65536: 65536, 65537: 67584}


@pytest.mark.parametrize(("length", "padded"), SIZES.items())
def test_known_sizes(length: int, padded: int) -> None:
    """Padmé: at most 12 % more, few distinct sizes."""
    assert sealing.padme(length) == padded


def test_known_macs() -> None:
    """Fixed rows of every kind: bytes, whole numbers, floats, texts, NULL."""
    with Rows(FORMAT) as db:
        reader = Reader.__new__(Reader)
        reader.db, reader.vault_id, reader.root_id, reader.root = db, VAULT, ROOT_ID, SECRET
        assert manifest(db, ROOT) == reader.mac("manifest", reader.manifest_cells())
        assert manifest(db, ROOT).hex() == PINNED["manifest"]
        assert heads(db, ROOT).hex() == PINNED["heads"]
    for older in (1, 2):
        with Rows(older) as db:
            assert manifest(db, ROOT).hex() == PINNED[f"manifest of format {older}"]


OLDER_TABLES = (
    "ALTER TABLE lanes ADD COLUMN shredded_at REAL NOT NULL DEFAULT 0",
    "ALTER TABLE shreds DROP COLUMN boot",
    "ALTER TABLE shreds RENAME COLUMN moment TO at",
)
"""What formats 1 and 2 had in the place of what this one has, as far as the manifest can see."""


class Rows:
    """A database with one row of everything, as the schema has it."""

    def __init__(self, written_in: int) -> None:
        self.format = written_in

    def __enter__(self) -> sqlite3.Connection:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        make_tables(self.db)
        if self.format != FORMAT:
            for statement in OLDER_TABLES:
                self.db.execute(statement)
        columns = (
            "id, format, vault_id, root_id, generation, planned, retired, replaced_at, owed_since, manifest, heads"
        )
        self.db.execute(
            f"INSERT INTO head ({columns}) VALUES (1, ?, ?, ?, 3, ?, ?, 4.5, 5.5, x'', x'')",
            (self.format, VAULT, ROOT_ID, SLOT, KEY_ID),
        )
        partition = (1, "log", "service", "P14D", 2, PREVIOUS, 9, SECRET)
        if self.format == FORMAT:
            self.db.execute("INSERT INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", partition)
            self.db.execute("INSERT INTO shreds VALUES ('', 'improvement', 'a boot', 4.25)")
        else:
            self.db.execute("INSERT INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?, ?, 4.25)", partition)
            self.db.execute("INSERT INTO shreds VALUES ('', 'improvement', 4.25)")
        self.db.execute("INSERT INTO keys VALUES (?, 0, 0, ?)", (KEY_ID, ROOT.wrap(KEY)))
        self.db.execute("INSERT INTO keys VALUES (?, 1, 86400, NULL)", (ROOT_ID,))
        self.db.execute("INSERT INTO documents VALUES (?, ?, 7, ?, ?)", (SLOT, KEY_ID, ROOT.wrap(KEY), KEY))
        return self.db

    def __exit__(self, *_: object) -> None:
        self.db.close()


# ---------------------------------------------------------------- a whole vault


@pytest.fixture
def secrets() -> MemorySecrets:
    return MemorySecrets()


@pytest.fixture
def vault(tmp_path: Path, secrets: MemorySecrets) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", secrets, FakeClock())
    yield vault
    vault.close()


def written(vault: Vault) -> list[list[object]]:
    """Write something of every kind; return the records that stay."""
    log, sent = SealedLog(vault, "log", block_records=4), SealedLog(vault, "sent")
    for number in range(10):
        log.append("service", FORTNIGHT, number)
        log.append("improvement", FORTNIGHT, -number)
        sent.append("service", FORTNIGHT, {"to": number})
        log.commit()
        sent.commit()
    vault.put("note", Note("one"))
    vault.put("note", Note("two"))
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice(purpose="improvement"))
    now = vault.clock.time()
    return [
        *(["log", "service", now, number] for number in range(10)),
        *(["sent", "service", now, {"to": number}] for number in range(10)),
    ]


def test_a_reader_made_from_the_docs_opens_a_real_vault(vault: Vault, secrets: MemorySecrets) -> None:
    expected = written(vault)
    root = vault._keyed_store.keys.root
    reader = Reader(vault.folder / "vault.db", root.name, secrets.get(root.name))
    assert [list(record) for record in reader.records()] == expected
    assert dict(reader.documents())["note"] == {"text": "two"}
    reader.db.close()


def test_the_reader_runs_by_itself(vault: Vault, secrets: MemorySecrets) -> None:
    """In an interpreter that cannot import the SDK."""
    expected = written(vault)
    root = vault._keyed_store.keys.root
    vault.close()
    script = TESTS / "support" / "vault_reader.py"
    code = (
        "import sys, runpy; sys.modules['rocketvpn_sdk'] = None; sys.argv = sys.argv[1:];"
        " runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(script), str(vault.folder / "vault.db"), root.name]
    done = subprocess.run([*command, root.stored.hex()], capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line for line in lines if len(line) == 4] == expected
    assert ["note", {"text": "two"}] in lines


def test_the_slot_of_a_document_is_a_mac_of_its_name(vault: Vault) -> None:
    vault.put("note", Note("one"))
    keys = vault._keyed_store.keys
    assert keys.slot("note") == hmac.digest(keys._index, b"note", "sha256")[:16]
    with vault.read() as (transaction, _):
        slots = [row[0] for row in transaction.db.execute("SELECT slot FROM documents")]
    assert keys.slot("note") in slots


def test_the_file_is_what_the_page_says(vault: Vault) -> None:
    """WAL, incremental vacuum, modes, and no table or column beyond those that the page names."""
    written(vault)
    page = (TESTS.parent / "docs" / "vault-format.md").read_text("utf-8")
    with vault.read() as (transaction, _):
        assert transaction.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert transaction.db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        tables = [row[0] for row in transaction.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert sorted(tables) == ["blocks", "documents", "head", "keys", "lanes", "shreds"]
    assert all(f"`{table}`" in page for table in tables)
    assert vault.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in vault.folder.iterdir()} == {0o600}
