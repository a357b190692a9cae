"""The vault's SQLite file: transactions, locks, sqlite3's errors as ours. Nothing here sees a key or a plain value."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultBusy, VaultClosed, VaultDamaged, VaultError, VaultFull, VaultReadOnly
from rocketvpn_sdk.files import disk_error, out_of_files
from rocketvpn_sdk.vault import folder as folders
from rocketvpn_sdk.vault.patience import Patience
from rocketvpn_sdk.vault.schema_guard import SchemaGuard

_COMMITS_PER_CHECKPOINT = 256
_CHECKPOINT_WAIT = 0.1
_CHECKPOINT_STEP = 0.005
_WRITE_STEP = 0.0001
_LONGEST_STEP = 0.01
_SOME_ROOM = 1 << 20
"""Bytes; with so much left a disk is not full."""


class Database:
    """One connection to ``vault.db`` and one to ``lock.db``.

    Not thread-safe: the vault holds its own lock around every use. ``synchronous`` is set for each transaction, FULL
    for what the user did and NORMAL for logs, which saves a second connection that would only wait for the first.
    """

    def __init__(self, folder: Path, patience: Patience) -> None:
        """Open (and, where new, make) the files.

        Raises:
            VaultUnsafe, VaultReadOnly, VaultFull, VaultDamaged, VaultBusy: see there.
        """
        self._folder = folder
        self._patience = patience
        folders.prepare(folder)
        folders.require_ours(folder)
        folders.create_lock(folder / folders.LOCK)
        self._handle = self._open_folder()
        self.writes = 0
        """Transactions committed here."""
        try:
            self._locked_file = self._identity()
            self._lock = self._connect(folders.LOCK)
            try:
                self._find_database()
                self._open_database()
            except BaseException:  # an interrupt too: no file stays open
                self._lock.close()
                raise
        except BaseException:  # as above
            self._let_go()
            raise

    def _open_folder(self) -> int | None:
        """Keep hold of the folder: it tells a folder that was renamed from one that was removed."""
        try:
            return platforms.open_folder(self._folder)
        except OSError as error:
            raise disk_error(error, self._folder) from None

    def _let_go(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def contains(self, path: Path) -> bool:
        """Return whether ``path`` is in the folder, also if that was renamed while it was open."""
        return platforms.is_within(path, self._folder) or platforms.is_below(path, self._handle)

    def _find_database(self) -> None:
        """Make the file where there is none; see that sqlite will not take what is left of one for a new one."""
        if not folders.is_there(self._folder / folders.DATABASE):
            with self.exclusively():  # or the leftovers removed could be the files that another process just made
                folders.create_database(self._folder)
        folders.check_database(self._folder)

    def _open_database(self) -> None:
        self._db = self._connect(folders.DATABASE)
        self._durable: bool | None = None
        try:
            self._configure()
        except BaseException:  # an interrupt too: no file stays open
            self._db.close()
            raise

    def _connect(self, name: str) -> sqlite3.Connection:
        folders.require_plain_journal(self._folder / name)
        with self.errors():
            return sqlite3.connect(
                self._folder / name, timeout=self._patience.seconds, isolation_level=None, check_same_thread=False
            )

    def _configure(self) -> None:
        with self.errors():
            self._guard = SchemaGuard(self._db)
            self._db.execute("PRAGMA trusted_schema = OFF")
            self._db.execute("PRAGMA cell_size_check = ON")
            made = self.has_schema()  # the first thing that makes sqlite read the schema
            if not made or self._db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                with self.exclusively():  # two processes may be making the vault at once
                    self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first page is written
                    self._db.execute("PRAGMA journal_mode = WAL")
            self._guard.check_file()
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            self._db.execute("PRAGMA fullfsync = ON")  # macOS: else a commit can wait in the disk's own cache

    @property
    def db(self) -> sqlite3.Connection:
        """The connection to ``vault.db``; what is read or written goes through ``snapshot`` or ``transaction``."""
        return self._db

    def data_version(self) -> int:
        """Return a number that changes with whatever another process writes."""
        try:  # not by ``errors``: it is asked before every use of what was read earlier
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise self._translate(error) from None

    @property
    def has_tables(self) -> bool:
        """Whether the tables were there when this transaction or snapshot began, or the last one."""
        return self._guard.format is not None

    def has_schema(self) -> bool:
        """Whether the tables are there; they are ours then.

        Raises:
            VaultDamaged: others are.
        """
        with self.snapshot():
            return self.has_tables

    def _identity(self) -> tuple[int, int]:
        try:
            found = (self._folder / folders.LOCK).lstat()
        except OSError:
            return (0, 0)
        return (found.st_dev, found.st_ino)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Hold ``lock.db``: one process at a time makes, rotates or removes a vault. Death releases it.

        Raises:
            VaultBusy: another process held it for too long.
            VaultClosed: another process removed the vault; there may be a new one in its place.
            VaultReadOnly: the folder was moved or renamed while it was open.
        """
        try:
            self._hurry(self._lock)
            self._begin_alone()
        except sqlite3.Error as error:
            self.require_in_place()  # the lock of a folder that is gone gives any error
            raise self._translate(error) from None
        try:
            self.require_in_place()
            yield
        finally:
            with suppress(sqlite3.Error):  # nothing is written there: an error on ending loses nothing
                self._lock.execute("ROLLBACK")

    def _begin_alone(self) -> None:
        folders.require_plain_journal(self._folder / folders.LOCK)
        try:
            self._lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
            self.require_in_place()
            folders.create_lock(self._folder / folders.LOCK)  # somebody wrote into it since it was opened
            self._lock.execute("BEGIN EXCLUSIVE")

    def require_in_place(self) -> None:
        """Go on where the folder's name still leads to the files that are open here.

        Raises:
            VaultClosed: the vault was removed; there may be a new one in its place.
            VaultReadOnly: the folder was moved or renamed.
        """
        if self._identity() == self._locked_file:
            return
        # What we hold is the lock of a vault that is gone: it must not let us touch the files of a new one.
        found = platforms.found_in(self._handle, folders.LOCK)
        if found is not None and (found.st_dev, found.st_ino) == self._locked_file:
            problem = "it was moved or renamed while it was open"
            raise VaultReadOnly(folder=str(self._folder), problem=problem, cause="moved")
        raise VaultClosed(problem="it was deleted by another process")

    @contextmanager
    def transaction(self, *, durable: bool, making: bool = False) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing; ``durable`` survives a power cut, otherwise only a kill.

        ``making`` is for who makes or changes tables.

        Raises:
            VaultBusy, VaultFull, VaultReadOnly, VaultDamaged: see there; nothing was written.
        """
        with self.errors():
            self._hurry(self._db)
            if durable is not self._durable:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                # FAST leaves what pages held when they became free. Ciphertext of a log may stay there, since its key
                # goes; the wrapped keys that documents carry may not: with the secrets of before they would open.
                self._db.execute(f"PRAGMA secure_delete = {'ON' if durable else 'FAST'}")
                self._durable = durable
            if not self._patiently(self._begins, self._patience.seconds, step=_WRITE_STEP):
                raise VaultBusy(seconds=self._patience.seconds)
            try:
                self._guard.check()
                with self._guard.making() if making else nullcontext():
                    yield self._db
                self._db.execute("COMMIT")
            except BaseException:  # an interrupt too: nothing half done stays
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
            self._hurry(self._db)
            self._db.execute("BEGIN")
            try:
                self._guard.check()
                yield self._db
            finally:
                with suppress(sqlite3.Error):  # a read transaction has nothing to lose
                    self._db.execute("ROLLBACK")

    def truncate_wal(self) -> bool:
        """Move the write-ahead log into the file and empty it; return whether that was done."""
        with self.errors():
            return self._patiently(self._truncates, _CHECKPOINT_WAIT, step=_CHECKPOINT_STEP)

    def _begins(self) -> bool:
        return self._unless_busy("BEGIN IMMEDIATE") is not None

    def _truncates(self) -> bool:
        done = self._unless_busy("PRAGMA wal_checkpoint(TRUNCATE)")
        return done is not None and not done.fetchone()[0]

    def _unless_busy(self, statement: str) -> sqlite3.Cursor | None:
        try:
            return self._db.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return None

    def _patiently(self, work: Callable[[], bool], seconds: float, *, step: float) -> bool:
        """Try ``work`` again and again until it is done, or the time is over; return whether it is done.

        sqlite's own waits grow to a tenth of a second, while a write takes milliseconds: beside a process that writes
        one after the other it sleeps through the gaps between them. And where it empties the log it waits for readers
        while it keeps writers out.
        """
        begun = time.monotonic()
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            while not work():
                waited = time.monotonic() - begun
                if waited >= seconds or not self._patience.left():
                    return False
                time.sleep(max(step, min(waited / 100, _LONGEST_STEP)))
            return True
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {int(self._patience.left() * 1000)}")

    def _hurry(self, connection: sqlite3.Connection) -> None:
        """Let sqlite's own waits end at the deadline, once there is one."""
        if self._patience.until is not None:
            connection.execute(f"PRAGMA busy_timeout = {int(self._patience.left() * 1000)}")

    def remove_files(self) -> None:
        """Close, and remove every file of the vault. The caller holds the lock, and nothing else open.

        Raises:
            VaultError: a file cannot be removed; calling it again goes on.
        """
        self._db.close()
        try:
            folders.remove(self._folder, folders.CONTENT if platforms.keeps_open_files() else folders.FILES)
        except VaultError:
            if folders.is_there(self._folder / folders.DATABASE):
                self._open_database()
            raise
        self._lock.close()
        self._let_go()
        if platforms.keeps_open_files():
            with suppress(VaultError):  # another process may hold one of them; they are empty
                folders.remove(self._folder, folders.LOCKS)

    def close(self) -> None:
        """Close both connections, and let go of the folder."""
        self._db.close()
        self._lock.close()
        self._let_go()

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
            return VaultBusy(seconds=self._patience.seconds)
        # The second one: the file's index in shared memory could not grow, which a full disk is the reason of.
        if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
            return self._limited() or VaultFull(folder=str(self._folder))
        if extended == sqlite3.SQLITE_READONLY_DBMOVED:
            problem = "its file was moved, renamed or removed while it was open"
            return VaultReadOnly(folder=str(self._folder), problem=problem, cause="moved")
        error_of_ours = self._cause(code)
        if error_of_ours is not None:
            return error_of_ours
        if code == sqlite3.SQLITE_IOERR:
            return self._limited() or VaultError(problem="the disk reported an error; what was stored before is whole")
        return VaultDamaged(part=f"the database file ({getattr(error, 'sqlite_errorname', type(error).__name__)})")

    def _limited(self) -> VaultReadOnly | VaultFull | None:
        """Tell the limit of a process from a disk that is full or fails, which sqlite says it is."""
        with suppress(OSError):
            import shutil  # for a disk that fails; it brings three compressors

            if platforms.file_sizes_are_limited() and shutil.disk_usage(self._folder).free > _SOME_ROOM:
                return disk_error(OSError(errno.EFBIG, ""), self._folder)
        return None

    def _cause(self, code: int) -> VaultReadOnly | VaultFull | None:
        """Return what keeps sqlite from the files, which itself says only that it could not open or write them."""
        refused = code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
        if not refused and code != sqlite3.SQLITE_IOERR:
            return None
        error = out_of_files()
        if error is None and not refused:
            return None
        if error is None:
            try:
                (self._folder / folders.DATABASE).lstat()
            except OSError as found:
                error = found
        return disk_error(error or PermissionError(errno.EACCES, ""), self._folder)
