"""From an older format of the file to the present one; docs/vault-format.md says what each step changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from rocketvpn_sdk.errors import VaultBusy, VaultDamaged
from rocketvpn_sdk.vault.head import (
    FORMAT,
    OLDEST,
    Head,
    check_heads,
    check_manifest,
    heads,
    manifest,
    read_head,
    update_head,
)
from rocketvpn_sdk.vault.keys import RootKey
from rocketvpn_sdk.vault.lifecycle import find_root
from rocketvpn_sdk.vault.moments import Moments
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.store import Store

_TRIES = 10


def migrate(store: Store, secrets: SecretStore, now: float, moments: Moments) -> None:
    """Bring the file to the present format, unless it is in it; all of it or nothing.

    Raises:
        SecretStoreError: the root that vouches for the file cannot be had; nothing was changed.
        VaultDamaged: the file is not what was last written, by the rule of its own format; nothing was changed.
        VaultReadOnly, VaultFull: the folder cannot be written to; nothing was changed.
        VaultBusy: other processes rotated all the time.
    """
    for _ in range(_TRIES):
        with store.snapshot() as db:
            if read_head(db, oldest=OLDEST).format == FORMAT:
                return
        root, _ = find_root(store, secrets)
        with store.exclusively(), store.transaction(durable=True, making=True) as db:
            head = read_head(db, oldest=OLDEST)
            # Another process may have been faster, or an older version of us have rotated: then it is looked at anew.
            if head.format < FORMAT and head.root_id == root.root_id:
                _climb(db, root, head, now, moments)
    raise VaultBusy(seconds=0)


def _climb(db: sqlite3.Connection, root: RootKey, head: Head, now: float, moments: Moments) -> None:
    check_manifest(db, root, head)
    check_heads(db, root, head)
    for number in range(head.format, FORMAT):
        LADDER[number](db, root, moments)
        update_head(db, format=number + 1)
    if head.owed_since is None:
        # A copy in the old format, and what that did not vouch for, would still open under this root: it is replaced.
        update_head(db, owed_since=now)
    update_head(db, manifest=manifest(db, root), heads=heads(db, root))


def _vouch_for_the_whole_head(db: sqlite3.Connection, root: RootKey, _: Moments) -> None:
    """Format 2: the manifest covers how far a rotation is, and deletions mark lanes that are not there yet."""
    head = read_head(db, oldest=1)
    if root.root_id in (head.planned, head.retired):
        raise VaultDamaged(part="the head of the vault")  # nothing vouched for these: tidying up would destroy the root
    # Nor for this one, and without it every debt counts as unpaid.
    update_head(db, replaced_at=None)
    db.execute(
        "CREATE TABLE shreds (\n"
        "  stream TEXT NOT NULL,\n"
        "  purpose TEXT NOT NULL,\n"
        "  at REAL NOT NULL,\n"
        "  PRIMARY KEY (stream, purpose)\n"
        ") STRICT"
    )
    # What format 1 concluded from the lanes that were there: a deletion that took all of a purpose, or of a stream.
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
    lanes = db.execute(
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
    db.executemany("INSERT INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lanes)
    now = moments.now()
    db.executemany("INSERT INTO shreds VALUES (?, ?, ?, ?)", [(*mark, moments.boot, now) for mark in marks])


LADDER: dict[int, Callable[[sqlite3.Connection, RootKey, Moments], None]] = {
    1: _vouch_for_the_whole_head,
    2: _mark_deletions_by_moment,
}
"""What brings a file of format n to n + 1, inside the open transaction; the format itself is raised by the caller."""
