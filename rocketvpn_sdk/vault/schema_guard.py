"""What the schema of ``vault.db`` must be, and that nothing is done under any other.

A trigger, a view or an altered column in the file would run, or decide, as part of our own statements: what was deleted
would stay, a check would never end. The schema is no secret and nobody signs it; it must simply be the one that
``schema`` makes, word for word.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from rocketvpn_sdk.errors import VaultDamaged, VaultError, VaultTooNew
from rocketvpn_sdk.vault.folder import DATABASE, require_plain_journal
from rocketvpn_sdk.vault.header import FORMAT
from rocketvpn_sdk.vault.schema import make_tables

_Schema = frozenset[tuple[object, ...]]

_LOOK = "SELECT type, name, tbl_name, sql FROM sqlite_master"
_SHARED_ROOT = "SELECT 1 FROM sqlite_master GROUP BY rootpage HAVING count(*) > 1 OR rootpage IS NULL OR rootpage < 2"
_MOST = 256
"""Rows of a schema that are looked at; ours has a dozen."""
_IN_THE_FILE = {"auto_vacuum": 2, "encoding": "UTF-8", "user_version": 0, "application_id": 0}
"""What the file itself says about how it is to be used, as we make it."""

_PRAGMAS = {
    *("application_id", "auto_vacuum", "busy_timeout", "cell_size_check", "data_version", "encoding", "fullfsync"),
    *(
        "integrity_check",
        "journal_mode",
        "query_only",
        "schema_version",
        "secure_delete",
        "synchronous",
        "trusted_schema",
    ),
    *("user_version", "wal_autocheckpoint", "wal_checkpoint"),
}
_ALWAYS = {sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_FUNCTION}
_ROWS = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
_MAKING = {
    *(sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_INDEX),
    *(sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_REINDEX),
}


_LANES_UNTIL_2 = """CREATE TABLE lanes (
  id INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  purpose TEXT NOT NULL,
  retention TEXT NOT NULL,
  first_sequence INTEGER NOT NULL,
  first_link BLOB NOT NULL,
  next_sequence INTEGER NOT NULL,
  link BLOB NOT NULL,
  shredded_at REAL NOT NULL DEFAULT 0,
  UNIQUE (stream, purpose, retention)
) STRICT"""
_SHREDS_OF_2 = """CREATE TABLE shreds (
  stream TEXT NOT NULL,
  purpose TEXT NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (stream, purpose)
) STRICT"""
_OLDER = {1: {"lanes": _LANES_UNTIL_2, "shreds": ""}, 2: {"lanes": _LANES_UNTIL_2, "shreds": _SHREDS_OF_2}}
"""The formats that can still be migrated: which tables were written otherwise; an empty text: it was not there."""


def _format_of(found: _Schema) -> int | None:
    """Return the format of a file with this schema; ``None``: it is none of ours. Most have the newest."""
    return next((number for number in (FORMAT, *_OLDER) if _schema(number) == found), None)


@cache
def _schema(number: int) -> _Schema:
    """Return the schema that a file of ours in format ``number`` has."""
    altered = _OLDER.get(number, {})
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        make_tables(db)
        for table, text in altered.items():
            db.execute(f"DROP TABLE IF EXISTS {table}")
            if text:
                db.execute(text)
        return frozenset(db.execute(_LOOK).fetchall())


class SchemaGuard:
    """Stands before every statement of one connection to ``vault.db``.

    Args:
        db: the connection; nothing was asked of it yet.

    Raises:
        VaultError: this Python's sqlite3 asks nobody, so that nothing could be refused.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._making = False
        self._refused = 0
        self._checked: int | None = None
        """The file's count of changes to its schema when that was last found to be ours."""
        self.format: int | None = None
        """Of the tables, when they were last looked at; ``None``: there were none."""
        db.set_authorizer(self._judge)
        self._require_asked()

    def _require_asked(self) -> None:
        """Try what must be refused: a guard that nobody asks would look just like one that is content."""
        before = self._refused
        try:
            self._db.execute("ATTACH ':memory:' AS probe")
        except sqlite3.DatabaseError as error:
            if self._refused == before + 1:
                return
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_AUTH:
                raise  # newer versions of sqlite look into the file first: it is none of a database
        raise VaultError(problem="this Python's sqlite3 does not ask before it runs a statement")

    def _judge(
        self, action: int, first: str | None, second: str | None, database: str | None, inner: str | None
    ) -> int:
        """Allow the statements that we make, as sqlite prepares them; none of them is in a trigger or view."""
        del second, database
        name = first or ""
        if action == sqlite3.SQLITE_PRAGMA:
            ours = name in _PRAGMAS
        elif action in _ROWS:
            ours = self._making or not name.startswith("sqlite_")
        else:
            ours = action in _ALWAYS or (self._making and action in _MAKING)
        if ours and inner is None:
            return sqlite3.SQLITE_OK
        self._refused += 1
        return sqlite3.SQLITE_DENY

    @contextmanager
    def making(self) -> Iterator[None]:
        """Let tables be made or changed, inside the caller's transaction, which must leave a schema of ours."""
        self._making, self._checked = True, None
        try:
            yield
        finally:
            self._making = False
        self.check()
        self._checked = None  # the caller may still roll back

    def check_file(self) -> None:
        """Check what the file says about how it is to be used.

        Raises:
            VaultDamaged: somebody changed it.
        """
        for name, ours in _IN_THE_FILE.items():
            if self._db.execute(f"PRAGMA {name}").fetchone()[0] != ours:
                raise VaultDamaged(part=f"the database file (its {name})")

    def check(self) -> None:
        """Check the schema, if it changed since this was last done; the first thing in each transaction.

        Raises:
            VaultDamaged: it is not ours; nothing in it was run.
            VaultTooNew: a newer version made it.
        """
        (version,) = self._db.execute("PRAGMA schema_version").fetchone()
        if version == self._checked:
            return
        self._checked = None  # whatever comes of it: a number that was once right can come again
        found = self._db.execute(_LOOK).fetchmany(_MOST)
        self.format = _format_of(frozenset(found)) if found else None
        if found and (self.format is None or self._db.execute(_SHARED_ROOT).fetchone()):
            newer = self._newer(found)
            raise VaultTooNew(format=newer) if newer else VaultDamaged(part="the database's schema")
        self._checked = version

    def _newer(self, found: list[tuple[object, ...]]) -> int:
        """Return the file's format where it is newer than ours, so that its schema cannot be known; else 0.

        All that is read is one cell of one plain table: nothing can run there, and nothing go on for ever.
        """
        header = [str(sql) for kind, name, _, sql in found if name == "head" and kind == "table"]
        if len(header) != 1 or not header[0].startswith("CREATE TABLE"):
            return 0
        try:
            row = self._db.execute("SELECT format FROM head NOT INDEXED LIMIT 1").fetchone()
        except sqlite3.Error:
            return 0
        return row[0] if row and isinstance(row[0], int) and row[0] > FORMAT else 0


def read_what_is_left(folder: Path) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Return what a file that cannot be used still says of its roots: (vault id, root id), and the wrapped keys.

    Only plain tables that are word for word ours are read; none of it is vouched for.
    """
    ours = {row for row in _schema(FORMAT) if row[1] in ("head", "keys")}
    try:
        require_plain_journal(folder / DATABASE)
        with closing(sqlite3.connect(folder / DATABASE, timeout=0, isolation_level=None)) as db:
            SchemaGuard(db)
            if not ours.issubset(db.execute(_LOOK).fetchmany(_MOST)):
                return [], []
            heads = db.execute("SELECT vault_id, root_id FROM head NOT INDEXED LIMIT 4").fetchall()
            keys = db.execute("SELECT wrapped FROM keys NOT INDEXED LIMIT 65536").fetchall()
    except (sqlite3.Error, UnicodeDecodeError, VaultError):
        return [], []
    return [row for row in heads if all(isinstance(cell, bytes) for cell in row)], [key for (key,) in keys if key]
