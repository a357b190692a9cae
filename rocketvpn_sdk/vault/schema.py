"""The tables of ``vault.db``, as docs/vault-format.md describes them."""

from __future__ import annotations

import sqlite3

_TABLES = """
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
  UNIQUE (stream, purpose, retention)
) STRICT;
CREATE TABLE shreds (
  stream TEXT NOT NULL,
  purpose TEXT NOT NULL,
  boot TEXT NOT NULL,
  moment REAL NOT NULL,
  PRIMARY KEY (stream, purpose)
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


def make_tables(db: sqlite3.Connection) -> None:
    """Make the tables, inside the caller's transaction."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            db.execute(statement)
