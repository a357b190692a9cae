"""Transactions under the root in force, which another process of the same user may replace at any time."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from rocketvpn_sdk.errors import SecretStoreError, VaultBusy, VaultClosed, VaultDamaged, VaultLocked
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.vault import lifecycle
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.header import Header, check_heads, check_manifest, read_header
from rocketvpn_sdk.vault.keys import RootKey
from rocketvpn_sdk.vault.moments import Moments
from rocketvpn_sdk.vault.rotation import Rotation
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.transaction import INDEX_PARTITION, OpenedKeys, Transaction

_TRIES = 10
"""How often another process may rotate while we look, before we say that the vault is busy."""


class KeyedStore(OneHolder):
    """Who may use the files, and under which keys. Not thread-safe: the vault holds its own lock around every use.

    Args:
        store: the files.
        secrets: where roots live.
        rotation: replaces the root.
        moments: tells what came first.
    """

    def __init__(self, store: Database, secrets: SecretStore, rotation: Rotation, moments: Moments) -> None:
        self._store = store
        self._secrets = secrets
        self._rotation = rotation
        self._moments = moments
        self._verified_version = -1
        self._known_generation = 0
        self.keys: OpenedKeys | None = None
        """``None``: locked."""
        self.changes = 0
        """Transactions of this process that wrote more than records at the end of a log, also if they failed."""
        self.ended = ""
        """Why nothing can be used any more, in words."""
        self._known_documents: dict[str, dict[type, Any]] = {}
        self._known_version = -1

    # ------------------------------------------------------------ who may

    def end(self, why: str) -> None:
        """Forget the keys for good."""
        self.keys = None
        self._known_documents.clear()
        self.ended = why

    def require_open(self) -> None:
        """Go on where the vault is not closed.

        Raises:
            VaultClosed: it is.
        """
        if self.ended:
            raise VaultClosed(problem=self.ended)

    def require_keys(self) -> OpenedKeys:
        """Return the keys as this process knows them.

        Raises:
            VaultLocked, VaultClosed: unlock first.
        """
        if self.keys is None or self.ended:
            self.require_open()
            raise VaultLocked
        return self.keys

    def known_documents(self) -> dict[str, dict[type, Any]]:
        """Return the documents read since another process last wrote, by name and type; the caller adds to them.

        Each transaction of this process takes those out that it changes. Inside one, none is known: it is to be asked.

        Raises:
            VaultLocked, VaultClosed: unlock first.
        """
        self.require_keys()
        if self._store.db.in_transaction:
            return {}
        version = self._store.data_version()
        if version != self._known_version:
            self._known_documents.clear()
            self._known_version = version
        return self._known_documents

    def fresh_keys(self) -> OpenedKeys:
        """Return the keys of the root in force; another process may have rotated it.

        Raises:
            VaultLocked, VaultClosed: unlock first.
            SecretStoreError, VaultBusy: the root cannot be fetched now.
        """
        keys = self.require_keys()
        with self._store.snapshot() as db:
            root_id = self._head(db).root_id
        if root_id != keys.root.root_id:
            keys = self.keys = self.load()
        return keys

    def load(self) -> OpenedKeys:
        """Fetch the root in force from the secret store.

        Raises:
            SecretStoreError, VaultOutdated: see ``lifecycle.find_root``.
            VaultBusy: other processes rotated all the time.
        """
        for _ in range(_TRIES):
            root, self._known_generation = lifecycle.find_root(self._store, self._secrets)
            keys = self._keys_of(root)
            if keys is not None:
                return keys
        raise VaultBusy(cause="changing")

    def _keys_of(self, root: RootKey) -> OpenedKeys | None:
        """Return the keys under ``root``, or ``None`` where another process has replaced it since it was fetched."""
        with self._store.snapshot() as db:
            if self._head(db).root_id != root.root_id:
                return None
            row = db.execute("SELECT wrapped FROM keys WHERE lane = ?", (INDEX_PARTITION,)).fetchone()
        if row is None or row[0] is None:
            raise VaultDamaged(part="the key of its index")
        return OpenedKeys(root, root.unwrap(row[0], part="the key of its index"))

    def _head(self, db: sqlite3.Connection) -> Header:
        try:
            return read_header(db)
        except VaultClosed:
            self.end("it was deleted by another process")
            raise

    # ------------------------------------------------------------ transactions

    @contextmanager
    def write(self, *, durable: bool) -> Iterator[Transaction]:
        """Write, all or nothing; see ``Vault.write``."""
        for _ in range(_TRIES):
            keys = self.require_keys()
            with self._store.transaction(durable=durable) as db:
                header = self._head(db)
                transaction = (
                    Transaction(db, keys, header, self._moments) if header.root_id == keys.root.root_id else None
                )
                if transaction is not None:
                    try:
                        yield transaction
                        transaction.finish()
                    finally:  # before the commit: an interrupt just after it must leave nothing that is out of date
                        self._forget(transaction.changed_documents)
                        self.changes += transaction.beyond_logs
            if transaction is not None:
                return
            self.keys = self.load()  # another process rotated; never fetched inside a transaction
        raise VaultBusy(cause="changing")

    def _forget(self, documents: Collection[str] | None) -> None:
        for name in list(self._known_documents) if documents is None else documents:
            self._known_documents.pop(name, None)

    @contextmanager
    def read(self, *, checked: bool = True) -> Iterator[tuple[Transaction, OpenedKeys]]:
        """Read one state of the vault; see ``Vault.read``."""
        for _ in range(_TRIES):
            keys = self.require_keys()
            with self._store.snapshot() as db:
                header = self._head(db)
                in_force = header.root_id == keys.root.root_id
                if in_force:
                    if checked:
                        self._check(db, keys, header)
                    yield Transaction(db, keys, header, self._moments), keys
            if in_force:
                return
            self.keys = self.load()  # another process rotated
        raise VaultBusy(cause="changing")

    def _check(self, db: sqlite3.Connection, keys: OpenedKeys, header: Header) -> None:
        version = db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._verified_version:
            check_manifest(db, keys.root, header)
            check_heads(db, keys.root, header)  # a log cut short while we are open would read as a shorter log
            self._verified_version = version

    # ------------------------------------------------------------ the root

    def rotate(self) -> None:
        """Replace the root key.

        Raises:
            SecretStoreError: the secret store cannot be used now; nothing was lost.
        """
        root, problem = self._replace_root()
        self.keys = self._keys_of(root) or self.load()
        if problem:
            raise problem

    def _replace_root(self) -> tuple[RootKey, SecretStoreError | None]:
        for _ in range(_TRIES):
            old = self.fresh_keys().root
            try:
                return self._rotation.rotate(old)
            except VaultBusy:
                if self.fresh_keys().root is old:
                    raise
                # Another process replaced it while we waited for the lock: ours starts again, from that one.
        raise VaultBusy(cause="changing")

    def settle(self) -> None:
        """Take down the bridge of an earlier rotation, where its time has come."""
        self._rotation.settle(self.fresh_keys().root)

    def tidy(self) -> None:
        """End what an earlier process left undone; a store that cannot be used now leaves it owed.

        Raises:
            VaultDamaged: what it left is not what was written.
        """
        try:
            with self._store.snapshot() as db:
                header = self._head(db)
                if not self._known_generation:
                    check_manifest(db, self.require_keys().root, header)
            if not self._known_generation:
                lifecycle.remember(self._secrets, header)
            if header.planned is not None or header.retired is not None:
                with self._store.exclusively():
                    self._rotation.repair(self.require_keys().root)
                self.settle()
            if header.owed_since is not None:
                self.rotate()
        except (SecretStoreError, VaultBusy):
            return
