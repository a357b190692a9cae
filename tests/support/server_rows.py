"""What is in the sandbox's database, read with nothing of the SDK: every table, every column."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

Rows = dict[str, list[dict[str, Any]]]


def all_rows(file: Path) -> Rows:
    """Return every row of every table of the sandbox whose SQLite file would be ``file``."""
    if os.environ.get("RV_TESTS_POSTGRESQL"):
        return _rows_of_postgresql(file.parent)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: [dict(row) for row in db.execute(f'SELECT * FROM "{name}" ORDER BY rowid')] for name in names}


def _rows_of_postgresql(folder: Path) -> Rows:
    from support import postgresql

    cluster = postgresql.chosen()
    assert cluster is not None
    with postgresql.connect(cluster, postgresql.name_of(folder)) as db:
        names = [row["tablename"] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in sorted(names)}  # type: ignore[call-overload]  # psycopg wants a literal


def rows_about(file: Path, values: Collection[str]) -> Rows:
    """Return the rows in which one of ``values`` is in any column, by table; tables without one are left out."""
    found = {
        table: [row for row in rows if any(value in str(cell) for cell in row.values() for value in values)]
        for table, rows in all_rows(file).items()
    }
    return {table: rows for table, rows in found.items() if rows}
