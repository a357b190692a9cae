"""Who asks for anything but our own statements is refused, from the first statement on; a schema is ours or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import VaultDamaged, VaultTooNew
from rocketvpn_sdk.vault.ending import Removal, abandon
from rocketvpn_sdk.vault.folder import DATABASE
from rocketvpn_sdk.vault.header import FORMAT
from rocketvpn_sdk.vault.schema import make_tables
from rocketvpn_sdk.vault.schema_guard import SchemaGuard, read_what_is_left


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE more (a)", "CREATE TRIGGER t AFTER DELETE ON keys BEGIN SELECT 1; END", "DROP TABLE keys",
     "ATTACH ':memory:' AS other", "PRAGMA writable_schema = ON", "SELECT load_extension('x')",
     "UPDATE sqlite_master SET sql = ''", "CREATE INDEX i ON keys (id)", "DETACH main"],
)  # fmt: skip
def test_attack_a_statement_that_is_not_ours(statement: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("CREATE TABLE keys (id)")
        SchemaGuard(db)
        with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited|may not be modified"):
            db.execute(statement)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("PRAGMA auto_vacuum = 2")
        yield db


def ours(db: sqlite3.Connection) -> SchemaGuard:
    guard = SchemaGuard(db)
    with guard.making():
        make_tables(db)
    return guard


def plant(db: sqlite3.Connection, *statements: str) -> None:
    """Change the schema as somebody does whom no guard watches."""
    db.set_authorizer(None)
    for statement in statements:
        db.execute(statement)


def test_our_own_schema_is_known_and_may_be_used(db: sqlite3.Connection) -> None:
    guard = SchemaGuard(db)
    guard.check()
    assert guard.format is None  # no tables yet
    guard = ours(db)
    guard.check()
    assert guard.format == FORMAT
    guard.check_file()
    db.execute("INSERT INTO shreds VALUES ('', '', '', 1.0)")
    assert db.execute("SELECT count(*) FROM shreds").fetchone() == (1,)
    with pytest.raises(sqlite3.DatabaseError):
        db.execute("CREATE TABLE more (a)")  # the making is over


ALTERED = [
    "CREATE TABLE more (a)",
    "CREATE VIEW more AS SELECT 1",
    "CREATE INDEX more ON keys (epoch)",
    "CREATE TRIGGER more AFTER DELETE ON keys BEGIN SELECT 1; END",
    "ALTER TABLE keys ADD COLUMN more TEXT",
    "DROP TABLE shreds",
]


@pytest.mark.parametrize("statement", ALTERED)
def test_attack_a_schema_that_is_not_ours_is_damage_each_time_it_is_looked_at(
    db: sqlite3.Connection, statement: str
) -> None:
    ours(db)
    plant(db, statement)
    guard = SchemaGuard(db)
    for _ in range(2):
        with pytest.raises(VaultDamaged, match="schema"):
            guard.check()
        assert guard.format is None


def test_a_making_that_leaves_another_schema_is_damage(db: sqlite3.Connection) -> None:
    guard = ours(db)
    with pytest.raises(VaultDamaged, match="schema"), guard.making():
        db.execute("CREATE TABLE more (a)")


def test_a_change_that_was_looked_at_and_rolled_back_is_looked_at_again(db: sqlite3.Connection) -> None:
    guard = ours(db)
    guard.check()
    db.execute("BEGIN IMMEDIATE")
    with guard.making():
        db.execute("DROP TABLE shreds")
        make_tables_again(db)
    db.execute("ROLLBACK")
    db.set_authorizer(None)
    db.execute("CREATE TABLE more (a)")
    with pytest.raises(VaultDamaged):
        guard.check()


def make_tables_again(db: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(":memory:")) as other:
        make_tables(other)
        (text,) = other.execute("SELECT sql FROM sqlite_master WHERE name = 'shreds'").fetchone()
    db.execute(text)


@pytest.mark.parametrize(
    ("format_of_it", "newer"), [(FORMAT + 1, True), (2**40, True), (FORMAT, False), (0, False), ("'9'", False)]
)
def test_a_schema_of_a_newer_format_is_told_from_damage(
    db: sqlite3.Connection, format_of_it: int | str, newer: bool
) -> None:
    plant(db, "CREATE TABLE head (format, more)", f"INSERT INTO head VALUES ({format_of_it}, 1)")
    with pytest.raises(VaultTooNew if newer else VaultDamaged) as caught:
        SchemaGuard(db).check()
    if newer:
        assert caught.value.params["format"] == format_of_it


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE VIEW head AS SELECT 9 AS format"],
        ["CREATE TABLE head (format)"],
        ["CREATE TABLE head (other)", "INSERT INTO head VALUES (9)"],
        ["CREATE TABLE other (format)", "INSERT INTO other VALUES (9)"],
        ["CREATE VIRTUAL TABLE head USING fts5(format)", "INSERT INTO head VALUES (9)"],
    ],
)
def test_attack_a_head_that_only_seems_newer(db: sqlite3.Connection, statements: list[str]) -> None:
    plant(db, *statements)
    with pytest.raises(VaultDamaged):
        SchemaGuard(db).check()


@pytest.mark.parametrize(
    ("name", "value"), [("auto_vacuum", 1), ("encoding", "'UTF-16'"), ("user_version", 1), ("application_id", 1)]
)
def test_attack_a_file_that_says_it_is_used_otherwise(name: str, value: str | int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"PRAGMA {'user_version' if name == 'auto_vacuum' else 'auto_vacuum'} = 2")
        db.execute(f"PRAGMA {name} = {value}")
        if name == "auto_vacuum":
            db.execute("PRAGMA user_version = 0")
        make_tables(db)
        with pytest.raises(VaultDamaged, match=name):
            SchemaGuard(db).check_file()


# ---------------------------------------------------------------- what a file that cannot be used still says


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


@pytest.fixture
def folder(tmp_path: Path, secrets: UnreliableSecrets) -> Path:
    with closing(open_vault(tmp_path / "vault", secrets)) as vault:
        vault.put("note", Note("one"))
    return tmp_path / "vault"


def edit(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_the_roots_and_the_keys_of_a_file_are_read(folder: Path, secrets: UnreliableSecrets) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        head = db.execute("SELECT vault_id, root_id FROM head").fetchall()
        keys = [key for (key,) in db.execute("SELECT wrapped FROM keys WHERE wrapped IS NOT NULL")]
    assert len(head) == 1
    assert keys
    assert read_what_is_left(folder) == (head, keys)
    edit(folder, "CREATE TRIGGER more AFTER DELETE ON keys BEGIN SELECT 1; END", "UPDATE keys SET wrapped = NULL")
    assert read_what_is_left(folder) == (head, [])


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE head ADD COLUMN more TEXT"],
        ["ALTER TABLE keys RENAME TO others", "CREATE VIEW keys AS SELECT * FROM others"],
        ["DROP TABLE keys"],
        ["DROP TABLE head"],
    ],
)
def test_attack_tables_that_are_not_word_for_word_ours_say_nothing(folder: Path, statements: list[str]) -> None:
    edit(folder, *statements)
    assert read_what_is_left(folder) == ([], [])


def test_what_is_no_database_or_is_not_there_says_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / DATABASE).write_bytes(b"no database" * 999)
    assert read_what_is_left(folder) == ([], [])
    assert read_what_is_left(tmp_path / "nowhere") == ([], [])


def test_a_reset_of_what_cannot_be_used_removes_the_secrets_that_open_a_key_of_it(
    folder: Path, secrets: UnreliableSecrets
) -> None:
    edit(folder, "CREATE TABLE more (a)")
    secrets.set("somebody-else", b"s" * 32)
    assert abandon(folder, secrets) == Removal()
    assert secrets.names() == ("somebody-else",)


def test_attack_a_file_that_names_another_vault_s_root_removes_nothing(
    folder: Path, secrets: UnreliableSecrets, tmp_path: Path
) -> None:
    with closing(open_vault(tmp_path / "other", secrets)) as other:
        other.put("note", Note("theirs"))
    with closing(sqlite3.connect(tmp_path / "other" / DATABASE)) as db:
        vault_id, root_id = db.execute("SELECT vault_id, root_id FROM head").fetchone()
    before = secrets.names()
    edit(
        folder, f"UPDATE head SET vault_id = x'{vault_id.hex()}', root_id = x'{root_id.hex()}'", "CREATE TABLE more (a)"
    )
    assert abandon(folder, secrets) == Removal(unknown=True)
    assert secrets.names() == before


def test_a_secret_store_that_is_gone_keeps_nobody_from_a_reset(folder: Path, secrets: UnreliableSecrets) -> None:
    edit(folder, "CREATE TABLE more (a)")
    secrets.lock()
    assert abandon(folder, secrets) == Removal(unknown=True)
