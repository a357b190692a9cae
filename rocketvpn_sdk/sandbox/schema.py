"""Brings a database to the tables of this version: an empty one at once, an older one by the migrations (Alembic)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.sandbox import tables

MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "0007"
"""The revision of ``tables``; ``tests/support/new_revision.py`` renews it with each migration."""
_FIRST = "0001"
"""What a database holds that has ``orders.row_id``, yet no word of its revision: made before there were migrations."""
_LOCK = 0x526F636B657456  # "RocketV"; nothing else takes an advisory lock by this number


def lock(db: Connection) -> None:
    """Wait until no other process starts, until the transaction ends; on SQLite that began with the lock already."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def prepare(engine: Engine) -> None:
    """Make the tables, or change those of an earlier version; nothing to do for those of this one.

    Raises:
        ConfigurationError: the database is of a newer version, or so old that nothing leads here from it.
    """
    with engine.connect() as db:
        if db.dialect.name == "sqlite":  # a table that is made anew must not take along what refers to it
            _pragma(db, "foreign_keys=OFF")
        try:
            with db.begin():
                lock(db)
                _prepare(db)
        finally:
            if db.dialect.name == "sqlite":
                _pragma(db, "foreign_keys=ON")


def _prepare(db: Connection) -> None:
    found = _revision(db)
    if found == NEWEST:
        return
    if found is None:
        tables.metadata.create_all(db)
        db.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        db.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": NEWEST})
        return
    if found > NEWEST:
        raise ConfigurationError(problem="the sandbox's database was made by a newer version of it")
    upgrade(db, found)


def upgrade(db: Connection, found: str) -> None:
    """Run the migrations that follow ``found``, in the transaction of ``db``."""
    from alembic import command  # here: most starts need none of it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = db
    if "alembic_version" not in inspect(db).get_table_names():
        command.stamp(config, found)
    command.upgrade(config, NEWEST)
    if db.dialect.name == "sqlite" and db.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise ConfigurationError(problem="the sandbox's database has rows that refer to nothing")


def _revision(db: Connection) -> str | None:
    """Return the revision of the tables that are there, or nothing if there are none."""
    inspector = inspect(db)
    there = set(inspector.get_table_names())
    if "alembic_version" in there:
        return str(db.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    if "orders" not in there:
        return None
    if "row_id" not in {column["name"] for column in inspector.get_columns("orders")}:
        raise ConfigurationError(problem="the sandbox's database is too old to be brought up to date")
    return _FIRST


def _pragma(db: Connection, pragma: str) -> None:
    """Set it outside of a transaction, where alone SQLite heeds it."""
    cursor = db.connection.cursor()
    cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
