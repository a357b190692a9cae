"""Changing the root key, safe at every step and across processes (the numbers are those of docs/vault-format.md).

Dropping a wrapped key is not enough: it may still stand in the write-ahead log, in a copy of the folder, or in an SSD's
spare cells. Once the root that opens it is gone from the secret store, none of those can be opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import SecretStoreError, SecretStoreUnavailable, VaultBusy, VaultDamaged, VaultError
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.header import Header, check_heads, check_manifest, heads, manifest, read_header, update_header
from rocketvpn_sdk.vault.keys import RootKey, generation_name, secret_name
from rocketvpn_sdk.vault.secrets import SecretStore


class Rotation:
    """The steps; the caller holds the vault's own lock. Secret-store calls never run under vault.db's write lock.

    Args:
        store: the files.
        secrets: where roots live.
        clock: the wall clock decides when a bridge may go.
        settle: seconds after which a keyring is believed to have written what it said it has.
    """

    def __init__(self, store: Database, secrets: SecretStore, clock: Clock, *, settle: float) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._settle = settle

    def rotate(self, old: RootKey) -> tuple[RootKey, SecretStoreError | None]:
        """Replace ``old`` by a new root; return that, and why the old one could not be removed yet, if so.

        Raises:
            SecretStoreError: the secret store cannot be used now: the old root still holds, and nothing was lost.
            VaultBusy: another process rotated meanwhile.
        """
        with self._store.exclusively():
            self.repair(old)
            new = RootKey.new(old.vault_id)
            self._plan(old, new)  # 0
            self._deposit(new)  # 1
            generation = self._change_over(old, new)  # 2
            try:
                self._retire(new, old.root_id, generation)  # 3 (step 4 comes later: see settle)
            except SecretStoreError as error:
                return new, error  # still owed: repair() goes on from here
            self._pay(new)  # 5
        return new, None

    def repair(self, root: RootKey) -> None:
        """Clear what a process that died in mid-rotation left behind. The caller holds ``lock.db``.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
            VaultBusy: another process replaced ``root`` before we had the lock.
            VaultDamaged: the header is not what was written; no secret was touched.
        """
        header = self._look(root)
        if header is None:
            raise VaultBusy(cause="changing")
        if header.planned is not None:
            self._remove(root, header.planned)
            with self._sealed(root) as db:
                update_header(db, planned=None)
        if header.retired is not None:
            self._retire(root, header.retired, header.generation)
            if is_paid(header):
                self._pay(root)

    def settle(self, root: RootKey) -> None:
        """Step 4: once enough time has passed, confirm both entries and take the bridge down."""
        if not self._is_settled(root):
            return
        with self._store.exclusively():
            header = self._look(root)
            if header is None or header.retired is None:
                return  # another process rotated, or did it, before we had the lock
            self._retire(root, header.retired, header.generation)
            with self._sealed(root) as db:
                update_header(db, retired=None, bridge=None, replaced_at=None)
        self._empty_wal()

    def _is_settled(self, root: RootKey) -> bool:
        with self._store.snapshot() as db:
            header = read_header(db)
        if header.retired is None or header.root_id != root.root_id:
            return False
        waiting = (header.replaced_at or 0.0) + self._settle - self._clock.time()
        return not 0 < waiting <= self._settle  # a clock set back must not keep the bridge up for longer

    def _empty_wal(self) -> bool:
        """Empty the write-ahead log; it cannot fail what was done before it."""
        with suppress(VaultError):
            return self._store.truncate_wal()
        return False

    def _pay(self, root: RootKey) -> None:
        """Step 5: empty the log, where dropped keys still stand wrapped by the old root; only then nothing is owed.

        Another process that is reading keeps the log from being emptied: then the debt stays, and is paid later.
        """
        if not self._empty_wal():
            return
        with self._sealed(root) as db:
            if is_paid(read_header(db)):
                update_header(db, owed_since=None)

    def _plan(self, old: RootKey, new: RootKey) -> None:
        with self._sealed(old) as db:
            update_header(db, planned=new.root_id)

    def _deposit(self, new: RootKey) -> None:
        self._secrets.set(new.name, new.stored)
        if self._secrets.get(new.name) != new.stored:
            raise SecretStoreUnavailable(store=self._secrets.label, problem="it did not keep what it was given")

    def _change_over(self, old: RootKey, new: RootKey) -> int:
        with self._store.transaction(durable=True) as db:
            header = self._expect(db, old)
            if header.planned != new.root_id:
                raise VaultBusy(cause="changing")
            check_manifest(db, old, header)
            check_heads(db, old, header)
            rewrap(db, old, new)
            now = self._clock.time()
            update_header(
                db,
                root_id=new.root_id,
                generation=header.generation + 1,
                planned=None,
                retired=old.root_id,
                bridge=old.bridge_to(new),
                replaced_at=now,
                # What is owed up to now is paid by this, once the old root is gone: a debt made later is larger than
                # `replaced_at`, and stays. The old root is itself a debt until then, also where nothing was dropped.
                owed_since=now if header.owed_since is None else min(now, header.owed_since),
            )
            update_header(db, manifest=manifest(db, new), heads=heads(db, new))
            return header.generation + 1

    def _retire(self, root: RootKey, retired: bytes, generation: int) -> None:
        """Make sure that the present root is kept and the retired one is gone."""
        if self._secrets.get(root.name) != root.stored:
            self._secrets.set(root.name, root.stored)  # the store forgot it: we still hold it
        self._secrets.set(generation_name(root.vault_id), str(generation).encode())
        self._remove(root, retired)

    def _remove(self, root: RootKey, other: bytes) -> None:
        if other == root.root_id:
            # No process of ours writes this; should one ever, everything would go with the root in force.
            raise VaultDamaged(part="the head of the vault")
        self._secrets.delete(secret_name(root.vault_id, other))

    def _look(self, root: RootKey) -> Header | None:
        """Return the header, checked, since secrets go because of what it says; ``None``: ``root`` was replaced."""
        with self._store.snapshot() as db:
            header = read_header(db)
            if header.root_id != root.root_id:
                return None
            check_manifest(db, root, header)
            return header

    @contextmanager
    def _sealed(self, root: RootKey) -> Iterator[sqlite3.Connection]:
        """Change the header: checked before, so that a forgery is not signed by accident, and sealed after."""
        with self._store.transaction(durable=True) as db:
            check_manifest(db, root, self._expect(db, root))
            yield db
            update_header(db, manifest=manifest(db, root))

    def _expect(self, db: sqlite3.Connection, root: RootKey) -> Header:
        header = read_header(db)
        if header.root_id != root.root_id:
            raise VaultBusy(cause="changing")  # another process replaced it before we had the lock
        return header


def is_paid(header: Header) -> bool:
    """Whether what is owed was dropped before the present root took over, so that no key under it is concerned."""
    return header.owed_since is not None and header.replaced_at is not None and header.owed_since <= header.replaced_at


def rewrap(db: sqlite3.Connection, old: RootKey, new: RootKey) -> None:
    """Wrap every key that stays by the new root."""
    for table, name, part in (("keys", "key_id", "a key of a log"), ("documents", "slot", "the key of a document")):
        rows = db.execute(f"SELECT {name}, wrapped FROM {table} WHERE wrapped IS NOT NULL").fetchall()  # noqa: S608 - constants
        db.executemany(
            f"UPDATE {table} SET wrapped = ? WHERE {name} = ?",  # noqa: S608 - constants
            [(new.wrap(old.unwrap(wrapped, part=part)), row) for row, wrapped in rows],
        )


def open_root(secrets: SecretStore, header: Header) -> RootKey | None:
    """Return the vault's present root from the secret store, over the bridge if the store has lost it, or ``None``.

    Raises:
        SecretStoreError: the store cannot be used, or holds something else.
    """
    stored = secrets.get(secret_name(header.vault_id, header.root_id))
    if stored is not None:
        return RootKey.from_stored(header.vault_id, header.root_id, stored, store=secrets.label)
    if header.bridge is None or header.retired is None:
        return None
    before = secrets.get(secret_name(header.vault_id, header.retired))
    if before is None:
        return None
    old = RootKey.from_stored(header.vault_id, header.retired, before, store=secrets.label)
    return old.cross(header.bridge, header.root_id)


def known_generation(secrets: SecretStore, vault_id: bytes) -> int:
    """Return the newest generation that the secret store knows of; 0 where it knows none or cannot say."""
    try:
        stored = secrets.get(generation_name(vault_id))
        return int(stored) if stored else 0
    except (SecretStoreError, ValueError):
        return 0
