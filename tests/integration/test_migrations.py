"""A database of an earlier version becomes one of this version, with its rows; a new one has the same tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from support.dpop_client import Peer

from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.sandbox import Sandbox, schema, tables
from rocketvpn_sdk.testing import FakeClock

pytestmark = pytest.mark.clause("A1", "R1")

OLD = Path(__file__).parents[1] / "data" / "sandbox-database-1"
"""Dumps of a database that the last version without migrations made (tests/support/victims.py filled it)."""
KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.component("postgresql"))]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sandbox.db'}"
        return
    from support.postgresql import Cluster

    with Cluster() as cluster:
        yield cluster.database("sandbox")


@pytest.fixture
def old(url: str, tmp_path: Path) -> str:
    """The URL of a database as the first version left it."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "sandbox.db")) as db:
            db.executescript((OLD / "sqlite.sql").read_text("utf-8"))
        return url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.exec_driver_sql((OLD / "postgresql.sql").read_text("utf-8").replace("%", "%%"))
    engine.dispose()
    return url


def differences(url: str) -> list[Any]:
    """Return in what the tables that are there differ from those of this version, as Alembic sees it."""
    engine = create_engine(url)
    with engine.connect() as db:
        options = {"compare_type": True, "include_object": lambda _thing, name, *_: name != "alembic_version"}
        found = compare_metadata(MigrationContext.configure(db, opts=options), tables.metadata)
    engine.dispose()
    return list(found)


def comparable(value: object) -> object:
    """Return a value as SQLite stores it: dates are text there, and truth is a number."""
    return int(value) if isinstance(value, bool) else value.isoformat() if isinstance(value, date) else value


def held(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = create_engine(url)
    with engine.connect() as db:
        names = set(inspect(db).get_table_names()) - {"alembic_version"}
        rows = {
            name: [
                {column: comparable(value) for column, value in row.items()}
                for row in db.execute(text(f'SELECT * FROM "{name}"')).mappings()
            ]
            for name in names
        }
    engine.dispose()
    return rows


def migrated_from_nothing(url: str) -> Engine:
    engine = create_engine(url)
    with engine.begin() as db:
        db.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        schema.upgrade(db, "base")
    return engine


def test_the_migrations_are_one_row_of_numbers() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]

    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)], "renumber the one that came last"
    assert revisions[-1] == schema.NEWEST


def test_the_migrations_lead_to_the_tables_of_this_version(url: str) -> None:
    migrated_from_nothing(url).dispose()

    assert differences(url) == []


def test_a_new_database_has_the_tables_of_this_version(url: str, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "server", database_url=url):
        assert differences(url) == []


ENDS = {"auth_sessions"}
"""What an update ends: who waits for a code just then, for ten minutes at most, asks for another one."""


def test_a_database_of_the_first_version_is_brought_up_to_date_with_its_rows(old: str, tmp_path: Path) -> None:
    before = held(old)
    with Sandbox(tmp_path / "server", database_url=old, clock=FakeClock()) as sandbox:
        after = sandbox.rows()
        with Peer(sandbox.url, sandbox.ca_file, now=FakeClock().time) as peer:
            assert peer.bind("RV-OLD-0001").call("GET", "/v1/order").json()["devices_used"] == 3

    assert differences(old) == []
    for name, rows in (before | dict.fromkeys(ENDS, ())).items():
        kept = [{column: comparable(row[column]) for column in rows[0]} for row in after[name]] if rows else []
        assert [row for row in rows if row not in kept] == [], name
        assert name == "meta" or len(after[name]) == len(rows), "nor was one added"


def test_it_is_done_once(old: str, tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(tmp_path / "server", database_url=old, clock=FakeClock()) as sandbox:
            assert len(sandbox.rows()["devices"]) == 2


def test_a_database_of_a_newer_version_is_left_alone(url: str, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "server", database_url=url):
        pass
    engine = create_engine(url)
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(ConfigurationError, match="newer version"), Sandbox(tmp_path / "server", database_url=url):
        pass


def test_a_database_that_is_too_old_is_said_to_be(url: str, tmp_path: Path) -> None:
    engine = create_engine(url)
    with engine.begin() as db:
        db.execute(text("CREATE TABLE orders (number VARCHAR(40) PRIMARY KEY)"))
    engine.dispose()

    with pytest.raises(ConfigurationError, match="too old"), Sandbox(tmp_path / "server", database_url=url):
        pass
