"""The vault's SQLite file: schema, transactions, sqlite3's errors as ours. Nothing here sees a key or a plain value."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocketvpn_sdk.errors import VaultBusy, VaultClosed, VaultDamaged, VaultError, VaultFull, VaultReadOnly
from rocketvpn_sdk.vault import folder as folders

_SCHEMA = """
CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL,
  vault_id BLOB NOT NULL,
  root_id BLOB NOT NULL,
  generation INTEGER NOT NULL,
  planned BLOB,
  retired BLOB,
  bridge BLOB,
  replaced_at REAL,
  owed_since REAL,
  closed INTEGER NOT NULL DEFAULT 0,
  manifest BLOB NOT NULL,
  heads BLOB NOT NULL
) STRICT;
CREATE TABLE lanes (
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
) STRICT;
CREATE TABLE keys (
  key_id BLOB PRIMARY KEY,
  lane INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  wrapped BLOB
) STRICT;
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  key_id BLOB NOT NULL,
  digest BLOB NOT NULL,
  sealed BLOB,
  UNIQUE (lane, sequence)
) STRICT;
CREATE TABLE documents (
  slot BLOB PRIMARY KEY,
  key_id BLOB NOT NULL,
  version INTEGER NOT NULL,
  wrapped BLOB NOT NULL,
  sealed BLOB NOT NULL
) STRICT;
"""

_CHECKPOINT_WAIT_MS = 100
_COMMITS_PER_CHECKPOINT = 256


class Store:
    """One connection to ``vault.db`` and one to ``lock.db``.

    Not thread-safe: the vault holds its own lock around every use. ``synchronous`` is set for each transaction, FULL
    for what the user did and NORMAL for logs, which saves a second connection that would only wait for the first.
    """

    def __init__(self, folder: Path, *, busy_timeout: float) -> None:
        """Open (and, where new, make) the files.

        Raises:
            VaultUnsafe, VaultReadOnly, VaultFull, VaultDamaged, VaultBusy: see there.
        """
        self._folder = folder
        self._busy_timeout = busy_timeout
        folders.prepare(folder)
        for name in (folders.DATABASE, folders.LOCK):
            folders.create_file(folder / name)
        self._locked_file = self._identity()
        self._lock = self._connect(folders.LOCK)
        try:
            self._db = self._connect(folders.DATABASE)
        except BaseException:
            self._lock.close()
            raise
        self._durable: bool | None = None
        self.writes = 0
        """Transactions committed here."""
        try:
            self._configure()
        except BaseException:
            self.close()
            raise

    def _connect(self, name: str) -> sqlite3.Connection:
        with self.errors():
            return sqlite3.connect(
                self._folder / name, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
            )

    def _configure(self) -> None:
        with self.errors():
            if not self._db.execute("PRAGMA schema_version").fetchone()[0]:
                with self.exclusively():  # two processes may be making the vault at once
                    self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first page is written
                    self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            self._db.execute("PRAGMA trusted_schema = OFF")

    @property
    def db(self) -> sqlite3.Connection:
        """The connection to ``vault.db``, for reading."""
        return self._db

    def create_schema(self, db: sqlite3.Connection) -> None:
        """Make the tables, inside the caller's transaction."""
        for statement in _SCHEMA.split(";"):
            if statement.strip():
                db.execute(statement)

    def has_schema(self) -> bool:
        """Whether the tables are there."""
        with self.errors():
            return bool(self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'head'").fetchone()[0])

    def _identity(self) -> tuple[int, int]:
        try:
            found = (self._folder / folders.LOCK).lstat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_dev, found.st_ino)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold ``lock.db``: one process at a time makes, rotates or removes a vault. Death releases it.

        Raises:
            VaultBusy: another process held it for too long.
            VaultClosed: another process removed the vault; there may be a new one in its place.
        """
        with self.errors():
            self._lock.execute("BEGIN EXCLUSIVE")
        try:
            if self._identity() != self._locked_file:
                # What we hold is the lock of a vault that is gone: it must not let us touch the files of a new one.
                raise VaultClosed(problem="it was deleted by another process")
            yield
        finally:
            with suppress(sqlite3.Error):  # nothing is written there: an error on ending loses nothing
                self._lock.execute("ROLLBACK")

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing; ``durable`` survives a power cut, otherwise only a kill.

        Raises:
            VaultBusy, VaultFull, VaultReadOnly, VaultDamaged: see there; nothing was written.
        """
        with self.errors():
            if durable is not self._durable:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                # FAST leaves what pages held when they became free. Ciphertext of a log may stay there, since its key
                # goes; the wrapped keys that documents carry may not: with the secrets of before they would open.
                self._db.execute(f"PRAGMA secure_delete = {'ON' if durable else 'FAST'}")
                self._durable = durable
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one to tell; sqlite may have rolled back itself
                    self._db.execute("ROLLBACK")
                raise
            self.writes += 1
            if self.writes % _COMMITS_PER_CHECKPOINT == 0:
                # What was to be written is written: an error here would make callers write it twice.
                with suppress(sqlite3.Error):
                    self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read one state of the file, whatever other processes write meanwhile."""
        with self.errors():
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                with suppress(sqlite3.Error):  # a read transaction has nothing to lose
                    self._db.execute("ROLLBACK")

    def truncate_wal(self) -> bool:
        """Move the write-ahead log into the file and empty it; return whether that was done."""
        with self.errors():
            self._db.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
            try:
                busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                busy = 1
            finally:
                self._db.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
            return not busy

    def remove_files(self) -> None:
        """Close, and remove every file of the vault. The caller holds the lock, and nothing else open."""
        self._db.close()
        if sys.platform == "win32":  # pragma: no cover - an open file cannot be removed there
            self._lock.close()
        folders.remove(self._folder)
        self._lock.close()

    def close(self) -> None:
        """Close both connections."""
        self._db.close()
        self._lock.close()

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn sqlite3's errors into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from None
        except UnicodeDecodeError:  # sqlite3 raises it for a damaged schema, whose text its own message repeats
            raise VaultDamaged(part="the database file") from None

    def _translate(self, error: sqlite3.Error) -> VaultError:
        extended = getattr(error, "sqlite_errorcode", 0)
        code = extended & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return VaultBusy(seconds=self._busy_timeout)
        # The second one: the file's index in shared memory could not grow, which a full disk is the reason of.
        if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
            return VaultFull(folder=str(self._folder))
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return VaultReadOnly(folder=str(self._folder))
        if code == sqlite3.SQLITE_IOERR:
            return VaultError(problem="the disk reported an error; what was stored before is whole")
        return VaultDamaged(part=f"the database file ({getattr(error, 'sqlite_errorname', type(error).__name__)})")
