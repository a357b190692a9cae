"""A client that an earlier version left behind (``make_client``), on today's machine with a server that knows it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import delete, insert

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.sandbox import Sandbox, tables
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.vault.header import heads, manifest, read_header
from rocketvpn_sdk.vault.keys import RootKey, secret_name
from support.world import World

DATA = Path(__file__).parent.parent / "data"
CLIENTS = sorted(DATA.glob("client-*"))
"""One for each earlier version of the bundled policy."""


@contextmanager
def earlier(made_by: Path, name: str, folder: Path) -> Iterator[tuple[World, FakeClock, dict[str, Any]]]:
    """Yield the client ``name`` an hour after it was closed, the clock, and what was noted when it was made."""
    made = json.loads((made_by / "made.json").read_text())
    server = json.loads((made_by / "server.json").read_text())
    for path, content in server["files"].items():
        file = folder / "server" / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(b64decode(content))
        file.chmod(0o600)
    clock = FakeClock(made["clock"] + DAY / 24)
    with running_sandbox(folder / "server", clock=clock) as sandbox:
        _remember(sandbox, server["rows"])
        world = World(sandbox, folder / "client", app_id=made["app_ids"][name])
        shutil.copytree(made_by / name, world.folder)
        for path in (world.folder, *world.folder.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
        world.secrets._entries.update({key: bytes.fromhex(value) for key, value in made["secrets"][name].items()})
        yield world, clock, made | {"order": made["orders"][name]}


def _remember(sandbox: Sandbox, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Let the server know what it knew of these devices; what its tables have got since is as for a new row."""
    named = [table for table in tables.metadata.sorted_tables if table.name in rows]
    with sandbox._running().database.begin() as db:
        for table in reversed(named):
            db.execute(delete(table))
        for table in named:
            dated = {column.name for column in table.columns if column.type.python_type is date}
            for row in rows[table.name]:
                values = {key: date.fromisoformat(cell) if key in dated and cell else cell for key, cell in row.items()}
                since = {key: cell for key, cell in _since(row).items() if key in table.columns}
                db.execute(insert(table).values(since | values))


def _since(row: dict[str, Any]) -> dict[str, str]:
    """Return what rows have got since: the random name of the order's or device's row, here made of what it names."""
    order = row.get("number") or row.get("order_number")
    own, device_row = (uuid5(NAMESPACE_OID, f"{order}/{row.get(name)}").hex for name in ("id", "device_id"))
    return {"row_id": own, "device_row": device_row, "asked_by": device_row}


def as_format_1(world: World) -> None:
    """Put the vault, which is in format 2, into the one before: what deletions mark was in no table of its own."""
    with closing(sqlite3.connect(world.folder / "vault.db", isolation_level=None)) as db:
        found = read_header(db, oldest=1)
        assert found.format == 2
        name = secret_name(found.vault_id, found.root_id)
        root = RootKey.from_stored(found.vault_id, found.root_id, world.secrets._entries[name], store="")
        db.execute("DROP TABLE shreds")
        db.execute("UPDATE head SET format = 1")
        db.execute("UPDATE head SET manifest = ?, heads = ?", (manifest(db, root), heads(db, root)))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
