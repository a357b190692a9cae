"""The database: transactions that processes share, retention, and erasure that reaches the bytes of the file."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    RootTransaction,
    create_engine,
    delete,
    event,
    make_url,
    select,
    tuple_,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import schema
from rocketvpn_sdk.sandbox.tables import EXPIRING, PaymentRow, metadata

T = TypeVar("T")

CONNECTIONS = 8
"""Connections of a process to PostgreSQL. More of them make each request cost more, and none be answered sooner."""
_THREADS = 40
"""Requests that a process with SQLite works on at a time; they wait for each other there."""
_TRIES = 4
_OF_RACES = frozenset({"40001", "40P01", "55P03"})
"""PostgreSQL's for what another transaction spoiled: serialization_failure, deadlock_detected, lock_not_available."""


class OutcomeUnknown(Exception):
    """The connection broke during the commit: the change was made, or not. The client asks again with the same key."""


class ServerDatabase:
    """The tables behind the server.

    Several processes may use one database. What is read and then acted on is locked: on PostgreSQL the order's row
    (``accounts.find_order``), on SQLite the whole database. ``ended`` is called after each transaction, with none open.
    """

    def __init__(self, url: str | URL, *, purge_interval: int, ended: Callable[[], None]) -> None:
        self._engine = _engine(make_url(url))
        self._lite = self._engine.dialect.name == "sqlite"
        self.parallel = _THREADS if self._lite else CONNECTIONS
        """How many requests to work on at a time; those beyond wait."""
        # SQLite lets one transaction write at a time; threads wait here in the order in which they came.
        self._turn = threading.Lock() if self._lite else contextlib.nullcontext()
        self._ended = ended
        self._purge_interval = purge_interval
        self._purge_at = 0.0
        self._scrub_owed = False
        try:
            schema.prepare(self._engine)
        except BaseException:  # an interrupt too: no connection stays open
            self._engine.dispose()
            raise

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction: committed at the end, rolled back if something is raised.

        Raises:
            OutcomeUnknown: the connection broke while it was committed.
        """
        try:
            with self._turn, self._engine.connect() as db, db.begin() as transaction:
                yield db
                _commit(transaction)
        finally:
            self._ended()

    @contextlib.contextmanager
    def alone(self) -> Iterator[Connection]:
        """Open a transaction while no other process has one of these: for what is made once, at the first start."""
        with self.begin() as db:
            schema.lock(db)
            yield db

    def retried(self, work: Callable[[], T]) -> T:
        """Return the result of ``work``, which is one transaction; repeat it if a race or a broken connection ended it.

        Raises:
            Exception: whatever ``work`` raises, in the end.
        """
        for _ in range(_TRIES - 1):
            try:
                return work()
            except DBAPIError as error:
                if not _spoiled(error):
                    raise
        return work()

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Return the result of ``work`` in a new transaction; repeat it as ``retried`` does."""

        def once() -> T:
            with self.begin() as db:
                return work(db)

        return self.retried(once)

    def purge(self, now: float) -> None:
        """Delete what has expired; does nothing if it did so a moment ago."""
        if self._purge_at - self._purge_interval <= now < self._purge_at:
            return
        self._purge_at = now + self._purge_interval
        self.transact(lambda db: _purge(db, now))
        if self._scrub_owed:
            self.scrub()

    def scrub(self) -> None:
        """Rewrite the database so that no page holds a byte of what was deleted.

        ``secure_delete`` overwrites each deleted row; ``VACUUM`` also drops what SQLite moved about inside its pages.
        On another database this is the operator's affair (PostgreSQL: ``VACUUM FULL``, and its write-ahead log).
        """
        if not self._lite:
            return
        self._scrub_owed = True  # until it succeeds: the disk may be full
        self._rewrite()
        self._scrub_owed = False

    def _rewrite(self) -> None:
        with self._turn:
            raw = self._engine.raw_connection()  # beside SQLAlchemy's transactions: VACUUM runs in none
            try:
                raw.cursor().execute("VACUUM")
            finally:
                raw.close()

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything the database holds, by table."""
        with self.begin() as db:
            return {
                table.name: [
                    {str(name): value for name, value in row.items()} for row in db.execute(select(table)).mappings()
                ]
                for table in metadata.sorted_tables
            }

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _purge(db: Connection, now: float) -> None:
    for table in EXPIRING:
        keys = list(table.primary_key)
        # What another transaction holds is left for the next time: waiting for it could make both wait.
        gone = select(*keys).where(table.c.expires_at <= now).with_for_update(skip_locked=True)
        db.execute(delete(table).where(tuple_(*keys).in_(gone)))
    db.execute(delete(PaymentRow.table).where(PaymentRow.c.hold_until <= utc(now).date()))


def described(error: BaseException) -> str:
    """Return the types of ``error`` and of its causes, and where it was raised, for the log.

    Not what it says: PostgreSQL's errors name the values of the row, as hashes of keys (``DETAIL: Key (…)=(…)``).
    """
    told = "".join(traceback.format_tb(error.__traceback__))
    kinds = []
    cause: BaseException | None = error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        kinds.append(type(cause).__name__ + (f" {state}" if state else ""))
        cause = cause.__cause__
    return f"{' from '.join(kinds)}\n{told}"


def connection_lost(error: BaseException) -> bool:
    """Whether ``error`` says that the database went away, or did not answer in time."""
    return isinstance(error, OperationalError | InterfaceError)


def _spoiled(error: DBAPIError) -> bool:
    """Whether another transaction, or a connection that broke before the commit, is to blame: nothing was changed."""
    if error.connection_invalidated or isinstance(error, IntegrityError):  # the second look sees the row that was first
        return True
    return getattr(error.orig, "sqlstate", None) in _OF_RACES


def _commit(transaction: RootTransaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise OutcomeUnknown from error
        raise


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # Errors are logged, values are not. After a restart of the database the first query fails, which replaces all
        # connections, and is made again (``retried``): that is cheaper than to ask before each transaction.
        return create_engine(url, hide_parameters=True, pool_size=CONNECTIONS, max_overflow=0)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event, below, opens transactions
    cursor = connection.cursor()
    # A rollback journal, emptied at each commit: no second file keeps what was erased.
    pragmas = ("busy_timeout=10000", "journal_mode=TRUNCATE", "secure_delete=ON", "synchronous=NORMAL")
    for pragma in (*pragmas, "foreign_keys=ON"):  # SQLite checks foreign keys only where it is told to
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
