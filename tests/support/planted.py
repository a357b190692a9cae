"""Plants in a vault's file what no version of us writes: schemas, lying indexes, pragmas, roots; imports nothing of us.

Every function here gets a ``random.Random`` and changes the file; a planting that sqlite refuses is another one's turn.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

TABLES = ("head", "lanes", "shreds", "keys", "blocks", "documents")
_LONG = 2_000_000
"""Steps of sqlite's machine; nothing here takes as many."""
Plant = Callable[[Path, Random], str]


@contextmanager
def attacked(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as anybody can who may write to the folder."""
    with closing(sqlite3.connect(file, isolation_level=None, timeout=2)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.set_progress_handler(lambda: 1, _LONG)  # what was planted before may be endless for whoever plants, too
        yield db
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _somewhere(db: sqlite3.Connection, random: Random) -> tuple[str, str]:
    table = random.choice(TABLES)
    return table, random.choice(columns(db, table))


def trigger(file: Path, random: Random) -> str:
    with attacked(file) as db:
        table, column = _somewhere(db, random)
        when = random.choice(["BEFORE", "AFTER"])
        what = random.choice(["INSERT", "DELETE", "UPDATE", f"UPDATE OF {column}"])
        body = random.choice(
            [
                "SELECT RAISE(IGNORE)",
                "INSERT INTO keys SELECT randomblob(16), 0, 0, wrapped FROM keys WHERE wrapped IS NOT NULL",
                "INSERT INTO documents SELECT randomblob(16), key_id, version, wrapped, sealed FROM documents",
                "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE wrapped IS NOT NULL LIMIT 1)",
                "DELETE FROM documents",
                "UPDATE head SET closed = 1",
                "UPDATE lanes SET retention = 'P9999D'",
            ]
        )
        statement = f"CREATE TRIGGER planted{random.randrange(10**9)} {when} {what} ON {table} BEGIN {body}; END"
        db.execute(statement)
        return statement


def view(file: Path, random: Random) -> str:
    with attacked(file) as db:
        table = random.choice(TABLES)
        endless = random.random() < 0.5
        condition = (
            "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c) > 0"
            if endless
            else "1"
        )
        db.execute(f"ALTER TABLE {table} RENAME TO {table}0")
        db.execute(f"CREATE VIEW {table} AS SELECT * FROM {table}0 WHERE {condition}")
        return f"a view for {table}, endless: {endless}"


def altered(file: Path, random: Random) -> str:
    """The text of a table or index is another one, over the same pages."""
    with attacked(file) as db:
        table = random.choice(TABLES)
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
        old, new = random.choice(
            [
                (") STRICT", ")"),
                ("NOT NULL", "NOT NULL ON CONFLICT IGNORE"),
                ("NOT NULL", "NOT NULL ON CONFLICT REPLACE DEFAULT 0"),
                ("NOT NULL", ""),
                ("PRIMARY KEY", "PRIMARY KEY ON CONFLICT IGNORE"),
                ("PRIMARY KEY", "PRIMARY KEY ON CONFLICT REPLACE"),
                ("BLOB", "BLOB DEFAULT x'00'"),
                ("BLOB", "BLOB CHECK (length(1) < 2)"),
                ("TEXT NOT NULL", "TEXT NOT NULL COLLATE NOCASE"),
                ("REAL", "REAL DEFAULT 9e99"),
                ("sequence)", "sequence) ON CONFLICT IGNORE"),
                ("retention)", "retention) ON CONFLICT REPLACE"),
                ("wrapped BLOB", "wrapped BLOB AS (x'00')"),
                ("CREATE TABLE", "CREATE  TABLE"),
            ]
        )
        if old not in sql:
            raise sqlite3.OperationalError("not in this one")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql.replace(old, new), table))
        _next_version(db)
        return f"{table}: {old!r} became {new!r}"


def added_column(file: Path, random: Random) -> str:
    with attacked(file) as db:
        table, column = _somewhere(db, random)
        kind = random.choice(
            [f"BLOB AS ({column}) VIRTUAL", "ANY", "BLOB DEFAULT x'00'", f"INTEGER AS (length({column}))"]
        )
        db.execute(f"ALTER TABLE {table} ADD COLUMN planted {kind}")
        return f"{table}: a column {kind}"


def index(file: Path, random: Random) -> str:
    with attacked(file) as db:
        table, column = _somewhere(db, random)
        unique = random.choice(["", "UNIQUE"])
        what = random.choice([column, f"hex({column})", f"{column} COLLATE NOCASE", f"{column} DESC"])
        where = random.choice(["", "WHERE 0", f"WHERE {column} IS NULL"])
        db.execute(f"CREATE {unique} INDEX planted{random.randrange(10**9)} ON {table} ({what}) {where}")
        return f"{table}: an index, {unique} {what} {where}"


def more(file: Path, random: Random) -> str:
    """Tables that nobody knows of; some of them run code when they are read."""
    with attacked(file) as db:
        statement = random.choice(
            [
                "CREATE TABLE planted (a)",
                "CREATE TABLE planted AS SELECT * FROM keys",
                "CREATE VIRTUAL TABLE planted USING fts5(a)",
                "CREATE VIEW planted AS SELECT * FROM keys",
                "ANALYZE",
                "CREATE TABLE planted (a INTEGER PRIMARY KEY AUTOINCREMENT)",
            ]
        )
        db.execute(statement)
        return statement


def dropped(file: Path, random: Random) -> str:
    with attacked(file) as db:
        table = random.choice(TABLES)
        db.execute(f"DROP TABLE {table}")
        return f"no {table}"


def roots(file: Path, random: Random) -> str:
    """Two b-trees change places, or are one."""
    with attacked(file) as db:
        pages = db.execute("SELECT name, rootpage FROM sqlite_master ORDER BY name").fetchall()
        (one, first), (two, second) = random.sample(pages, 2)
        swapped = random.random() < 0.5
        db.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (second, one))
        if swapped:
            db.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = ?", (first, two))
        _next_version(db)
        return f"{one} and {two} {'swapped' if swapped else 'share a root'}"


@contextmanager
def behind_its_index(file: Path, table: str, *, raised: int = 5) -> Iterator[sqlite3.Connection]:
    """Change rows of ``table`` while sqlite does not know of its index; afterwards the schema is as it was."""
    with attacked(file) as db:
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
        hidden = db.execute("SELECT * FROM sqlite_master WHERE tbl_name = ? AND type = 'index'", (table,)).fetchall()
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        bare = "\n".join(line for line in sql.splitlines() if not line.strip().startswith(("UNIQUE", "PRIMARY KEY (")))
        bare = bare.replace("BLOB PRIMARY KEY", "BLOB").replace(",\n) STRICT", "\n) STRICT")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (bare, table))
        db.execute("DELETE FROM sqlite_master WHERE tbl_name = ? AND type = 'index'", (table,))
        _next_version(db)
    with attacked(file) as db:
        yield db
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ? AND type = 'table'", (sql, table))
        db.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", hidden)
        db.execute(f"PRAGMA schema_version = {version + raised}")


def lying_index(file: Path, random: Random) -> str:
    table = random.choice(["lanes", "shreds", "keys", "blocks", "documents"])
    with behind_its_index(file, table, raised=random.choice([0, 5])) as db:
        names = columns(db, table)
        key = random.choice([name for name in names if name != "id"])
        rowids = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
        what = random.choice(["hide a row", "hide a copy", "take a row", "alter a row", "exchange rows"])
        if not rowids:
            what = "nothing, as it is empty"
        elif what.startswith("hide"):
            new = ("key_id", "slot") if what == "hide a row" else ()
            cells = ["NULL" if name == "id" else "randomblob(16)" if name in new else name for name in names]
            db.execute(f"INSERT INTO {table} SELECT {', '.join(cells)} FROM {table} LIMIT 1")
        elif what == "take a row":
            db.execute(f"DELETE FROM {table} WHERE rowid = ?", (random.choice(rowids),))
        elif what == "alter a row":
            value = f"(SELECT {key} FROM {table} WHERE rowid = {random.choice(rowids)})"
            db.execute(f"UPDATE {table} SET {key} = {value} WHERE rowid = ?", (random.choice(rowids),))
        else:
            one, other = random.choice(rowids), random.choice(rowids)
            for old, new_id in ((one, -1), (other, one), (-1, other)) if one != other else ():
                db.execute(f"UPDATE {table} SET rowid = {new_id} WHERE rowid = {old}")
    return f"{table}: {what} ({key}) behind the back of its index"


def out_of_order(file: Path, random: Random) -> str:
    """The first two cells of a leaf page change places, so that a search goes astray."""
    table = random.choice(["keys", "documents", "blocks", "lanes", "sqlite_autoindex_keys_1"])
    with closing(sqlite3.connect(file, isolation_level=None, timeout=2)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as raw:
        raw.seek((page - 1) * size)
        header = raw.read(16)
        leaf, (cells,) = header[0] in (10, 13), struct.unpack(">H", header[3:5])
        if cells < 2:
            raise sqlite3.OperationalError("too few cells")
        start = (page - 1) * size + (8 if leaf else 12)
        raw.seek(start)
        pointers = raw.read(4)
        raw.seek(start)
        raw.write(pointers[2:] + pointers[:2])
    return f"{table}: cells out of order"


def pragma(file: Path, random: Random) -> str:
    with attacked(file) as db:
        statement = random.choice(
            [
                "PRAGMA user_version = 7",
                "PRAGMA application_id = 7",
                "PRAGMA journal_mode = DELETE",
                "PRAGMA schema_version = 999",
                "PRAGMA schema_version = 0",
                "VACUUM",
            ]
        )
        if statement == "VACUUM":
            db.execute("PRAGMA auto_vacuum = NONE")
        db.execute(statement)
        return statement


PLANTS: tuple[Plant, ...] = (
    *(trigger, trigger, view, altered, altered, added_column, index, more, dropped, roots, pragma),
    *(lying_index, lying_index, lying_index, out_of_order),
)


def plant(file: Path, random: Random) -> str:
    """Plant one thing, and return what it was."""
    while True:
        try:
            return random.choice(PLANTS)(file, random)
        except (sqlite3.Error, TypeError, IndexError, ValueError):  # what was planted before took its place away
            continue


def _next_version(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA schema_version").fetchone()
    db.execute(f"PRAGMA schema_version = {version + 1}")
