"""From an older format of the file to the present one; docs/vault-format.md says what each step changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from rocketvpn_sdk.errors import VaultBusy, VaultDamaged
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.header import (
    FORMAT,
    OLDEST,
    Header,
    check_heads,
    check_manifest,
    heads,
    manifest,
    read_header,
    update_header,
)
from rocketvpn_sdk.vault.keys import RootKey
from rocketvpn_sdk.vault.lifecycle import find_root
from rocketvpn_sdk.vault.moments import Moments
from rocketvpn_sdk.vault.secrets import SecretStore

_TRIES = 10


def migrate(store: Database, secrets: SecretStore, now: float, moments: Moments) -> bool:
    """Bring the file to the present format, unless it is in it; all of it or nothing. Return whether that was done.

    Raises:
        SecretStoreError: the root that vouches for the file cannot be had; nothing was changed.
        VaultDamaged: the file is not what was last written, by the rule of its own format; nothing was changed.
        VaultReadOnly, VaultFull: the folder cannot be written to; nothing was changed.
        VaultBusy: other processes rotated all the time.
    """
    climbed = False
    for _ in range(_TRIES):
        with store.snapshot() as db:
            if read_header(db, oldest=OLDEST).format == FORMAT:
                return climbed
        root, _ = find_root(store, secrets)
        with store.exclusively(), store.transaction(durable=True, making=True) as db:
            header = read_header(db, oldest=OLDEST)
            # Another process may have been faster, or an older version of us have rotated: then it is looked at again.
            if header.format < FORMAT and header.root_id == root.root_id:
                _climb(db, root, header, now, moments)
                climbed = True
    raise VaultBusy(cause="changing")


def _climb(db: sqlite3.Connection, root: RootKey, header: Header, now: float, moments: Moments) -> None:
    check_manifest(db, root, header)
    check_heads(db, root, header)
    for number in range(header.format, FORMAT):
        LADDER[number](db, root, moments)
        update_header(db, format=number + 1)
    if header.owed_since is None:
        # A copy in the old format, and what that did not vouch for, would still open under this root: it is replaced.
        update_header(db, owed_since=now)
    update_header(db, manifest=manifest(db, root), heads=heads(db, root))


def _vouch_for_the_whole_head(db: sqlite3.Connection, root: RootKey, _: Moments) -> None:
    """Format 2: the manifest covers how far a rotation is, and deletions mark partitions that are not there yet."""
    header = read_header(db, oldest=1)
    if root.root_id in (header.planned, header.retired):
        raise VaultDamaged(part="the head of the vault")  # nothing vouched for these: tidying up would destroy the root
    # Nor for this one, and without it every debt counts as unpaid.
    update_header(db, replaced_at=None)
    db.execute(
        "CREATE TABLE shreds (\n"
        "  stream TEXT NOT NULL,\n"
        "  purpose TEXT NOT NULL,\n"
        "  at REAL NOT NULL,\n"
        "  PRIMARY KEY (stream, purpose)\n"
        ") STRICT"
    )
    # What format 1 concluded from the partitions that were there: a deletion that took all of a purpose, or of a
    # stream.
    for columns, name in (("'', purpose", "purpose"), ("stream, ''", "stream")):
        db.execute(
            f"INSERT INTO shreds SELECT {columns}, min(shredded_at) FROM lanes"  # noqa: S608 - constants
            f" GROUP BY {name} HAVING min(shredded_at) > 0"
        )


def _mark_deletions_by_moment(db: sqlite3.Connection, _: RootKey, moments: Moments) -> None:
    """Format 3: a deletion's mark names a moment of the machine's monotonic clock, and is the only one of it.

    No moment can be told from the age in an old mark. So it becomes this one: what a process of this version has in
    memory already, recorded while it waited for the unlock, is taken for older than the deletion.
    """
    partitions = db.execute(
        "SELECT id, stream, purpose, retention, first_sequence, first_link, next_sequence, link FROM lanes"
    ).fetchall()
    marks = db.execute(
        "SELECT stream, purpose FROM shreds UNION SELECT stream, purpose FROM lanes WHERE shredded_at > 0"
    ).fetchall()
    db.execute("DROP TABLE lanes")
    db.execute("DROP TABLE shreds")
    db.execute(
        "CREATE TABLE lanes (\n"
        "  id INTEGER PRIMARY KEY,\n"
        "  stream TEXT NOT NULL,\n"
        "  purpose TEXT NOT NULL,\n"
        "  retention TEXT NOT NULL,\n"
        "  first_sequence INTEGER NOT NULL,\n"
        "  first_link BLOB NOT NULL,\n"
        "  next_sequence INTEGER NOT NULL,\n"
        "  link BLOB NOT NULL,\n"
        "  UNIQUE (stream, purpose, retention)\n"
        ") STRICT"
    )
    db.execute(
        "CREATE TABLE shreds (\n"
        "  stream TEXT NOT NULL,\n"
        "  purpose TEXT NOT NULL,\n"
        "  boot TEXT NOT NULL,\n"
        "  moment REAL NOT NULL,\n"
        "  PRIMARY KEY (stream, purpose)\n"
        ") STRICT"
    )
    db.executemany("INSERT INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", partitions)
    now = moments.now()
    db.executemany("INSERT INTO shreds VALUES (?, ?, ?, ?)", [(*mark, moments.boot, now) for mark in marks])


LADDER: dict[int, Callable[[sqlite3.Connection, RootKey, Moments], None]] = {
    1: _vouch_for_the_whole_head,
    2: _mark_deletions_by_moment,
}
"""What brings a file of format n to n + 1, inside the open transaction; the format itself is raised by the caller."""
