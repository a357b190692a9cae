"""The database: transactions, retention, and erasure that reaches the bytes of the file."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from sqlalchemy import URL, Connection, Engine, RowMapping, Select, create_engine, delete, event, select
from sqlalchemy.engine.interfaces import DBAPIConnection

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import tables

Row = TypeVar("Row", bound=msgspec.Struct)


class Store:
    """The tables behind the server.

    One transaction at a time, whatever the database: limits (devices, tries, one use) are read and then acted on, and
    one process is all that a sandbox is.
    """

    def __init__(self, url: str | URL, *, purge_interval: int) -> None:
        self._engine: Engine = create_engine(url, hide_parameters=True)  # errors are logged; values are not
        self._lite = self._engine.dialect.name == "sqlite"
        self._lock = threading.Lock()
        self._purge_interval = purge_interval
        self._purge_at = 0.0
        if self._lite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_immediate)
        tables.metadata.create_all(self._engine)
        with self.begin() as db:  # what a crash left half done
            db.execute(delete(tables.idempotency).where(tables.idempotency.c.status.is_(None)))

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction: committed at the end, rolled back if something is raised."""
        with self._lock, self._engine.begin() as connection:
            yield connection

    def purge(self, now: float) -> None:
        """Delete what has expired; does nothing if it did so a moment ago."""
        if self._purge_at - self._purge_interval <= now < self._purge_at:
            return
        self._purge_at = now + self._purge_interval
        with self.begin() as db:
            for table in tables.EXPIRING:
                db.execute(delete(table).where(table.c.expires_at <= now))
            held = tables.payments.c
            db.execute(delete(tables.payments).where(held.order_number.is_(None), held.hold_until <= utc(now).date()))

    def scrub(self) -> None:
        """Rewrite the database so that no page holds a byte of what was deleted.

        ``secure_delete`` overwrites each deleted row; ``VACUUM`` also drops what SQLite moved about inside its pages.
        On another database this is the operator's affair (PostgreSQL: ``VACUUM FULL``, and its write-ahead log).
        """
        if not self._lite:
            return
        with self._lock:
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
                for table in tables.metadata.sorted_tables
            }

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def one(db: Connection, query: Select[Any], kind: type[Row]) -> Row | None:
    """Return the first row of ``query`` as ``kind``, or nothing."""
    row = db.execute(query).mappings().first()
    return None if row is None else _typed(row, kind)


def every(db: Connection, query: Select[Any], kind: type[Row]) -> list[Row]:
    """Return every row of ``query`` as ``kind``."""
    return [_typed(row, kind) for row in db.execute(query).mappings()]


def _typed(row: RowMapping, kind: type[Row]) -> Row:
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event, below, opens transactions
    cursor = connection.cursor()
    # A rollback journal, emptied at each commit: no second file keeps what was erased.
    for pragma in ("journal_mode=TRUNCATE", "secure_delete=ON", "synchronous=NORMAL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
