"""The vault: one folder, one root key; documents here, logs in ``sealed_log``."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from rocketvpn_sdk.clock import Age, Clock
from rocketvpn_sdk.errors import (
    SecretStoreError,
    VaultBusy,
    VaultClosed,
    VaultDamaged,
    VaultError,
    VaultLocked,
    VaultTooNew,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.vault import folder as folders
from rocketvpn_sdk.vault import lifecycle
from rocketvpn_sdk.vault.change import INDEX_LANE, Change, Keys, read_document
from rocketvpn_sdk.vault.head import Head, check_heads, check_manifest, read_head
from rocketvpn_sdk.vault.keys import RootKey
from rocketvpn_sdk.vault.rotation import Rotation
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.store import Store

T = TypeVar("T", bound=msgspec.Struct)
CLOCK = "clock"
_TRIES = 10
"""How often another process may rotate while we look, before we say that the vault is busy."""


class VaultStatus(msgspec.Struct, frozen=True):
    """How the vault is."""

    state: Literal["locked", "unlocked", "closed"]
    folder: str
    secrets: str
    """What holds the root key."""
    rotation_owed_since: float | None = None
    """Seconds since the epoch; ``None``: every dropped key is out of reach."""
    generation: int = 0


class Vault:
    """What rests on this device. Thread-safe; several processes of one user may hold the same folder.

    Args:
        folder: where the files are.
        secrets: where the root key lives.
        clock: the time.
        limits: the bounds.
    """

    def __init__(self, folder: Path, secrets: SecretStore, clock: Clock, limits: Limits) -> None:
        """Open the files, without the secret store.

        Raises:
            VaultError: the folder or the files cannot be used.
        """
        self.folder = folder
        self.clock = clock
        self.limits = limits
        self._secrets = secrets.beside(folder)
        self._open_files()
        self._lock = threading.RLock()
        self._age_lock = threading.RLock()  # its own: who only asks how late it is must not wait for a keyring
        self._keys: Keys | None = None
        self._closed = ""
        self._age = Age()
        self._ticked = clock.monotonic()
        self._verified_version = -1
        self.gone = False
        """Whether ``destroy`` came to its end here."""
        _open_vaults.add(self)

    # ------------------------------------------------------------ open, unlock, close

    def _open_files(self) -> None:
        self._store = Store(self.folder, busy_timeout=self.limits.busy_timeout)
        self._rotation = Rotation(self._store, self._secrets, self.clock, settle=self.limits.keyring_settle)

    @property
    def closed(self) -> bool:
        """Whether it was closed, or deleted: it cannot be unlocked any more."""
        return bool(self._closed)

    @property
    def unlocked(self) -> bool:
        """Whether documents and logs can be read and written."""
        return self._keys is not None and not self._closed

    def unlock(self) -> None:
        """Fetch the root key (the user may be asked) and check the vault; makes it where it is new.

        Raises:
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt: see there; nothing was changed.
            VaultOutdated, VaultDamaged, VaultTooNew: see there; nothing was changed.
        """
        with self._lock:
            self._require_open()
            if self._keys is not None:
                return
            self._finish_removal()
            if not self._store.has_schema():
                lifecycle.create(self._store, self._secrets)
            self._keys = self._load_keys()
            try:
                with self.read() as (change, _):
                    head = read_head(change.db)
                stored = self.get(CLOCK, Age)
            except BaseException:
                self._keys = None
                raise
            with self._age_lock:
                self._age = (stored or Age()).opened(self.clock.time())
                self._ticked = self.clock.monotonic()
            if stored is None:
                self.save_clock()
            self._tidy(head)

    def close(self) -> None:
        """Forget the keys and close the files; calling it again is fine."""
        with self._lock:
            if self._closed:
                return
            if self._keys is not None:
                with suppress(VaultError):  # a full or busy disk: everything that matters was durable before
                    self.save_clock()
                    self._store.truncate_wal()
            self._shut("it was closed")

    def _shut(self, why: str) -> None:
        self._keys = None
        self._closed = why
        _open_vaults.discard(self)
        self._store.close()

    def _require_open(self) -> None:
        if self._closed:
            raise VaultClosed(problem=self._closed)

    def _require_keys(self) -> Keys:
        self._require_open()
        if self._keys is None:
            raise VaultLocked
        return self._keys

    def _load_keys(self) -> Keys:
        for _ in range(_TRIES):
            keys = self._keys_of(lifecycle.find_root(self._store, self._secrets))
            if keys is not None:
                return keys
        raise VaultBusy(seconds=0)

    def _read_head(self) -> Head:
        with self._store.snapshot() as db:
            return read_head(db)

    def _keys_of(self, root: RootKey) -> Keys | None:
        """Return the keys under ``root``, or ``None`` where another process has replaced it since it was fetched."""
        with self._store.snapshot() as db:
            if self._head_in(db).root_id != root.root_id:
                return None
            row = db.execute("SELECT wrapped FROM keys WHERE lane = ?", (INDEX_LANE,)).fetchone()
        if row is None or row[0] is None:
            raise VaultDamaged(part="the key of its index")
        return Keys(root, root.unwrap(row[0], part="the key of its index"))

    def _tidy(self, head: Head) -> None:
        """End what an earlier process left undone; a store that cannot be used now leaves it owed."""
        try:
            if head.planned is not None or head.retired is not None:
                with self._store.exclusively():
                    self._rotation.repair(self._require_keys().root)
                self._rotation.settle(self._require_keys().root)
            if head.owed_since is not None:
                self.rotate()
        except (SecretStoreError, VaultBusy):
            return

    # ------------------------------------------------------------ reading and writing

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Change]:
        """Write, all or nothing. ``durable`` survives a power cut, otherwise only a kill.

        Raises:
            VaultLocked, VaultClosed, VaultBusy, VaultFull, VaultReadOnly, VaultDamaged: see there; nothing was written.
        """
        with self._lock:
            for _ in range(_TRIES):
                keys = self._require_keys()
                with self._store.transaction(durable=durable) as db:
                    head = self._head_in(db)
                    if head.root_id == keys.root.root_id:
                        change = Change(db, keys, head)
                        yield change
                        change.finish()
                        return
                self._keys = self._load_keys()  # another process rotated; never fetched inside a transaction
            raise VaultBusy(seconds=self.limits.busy_timeout)

    @contextmanager
    def read(self, *, checked: bool = True) -> Iterator[tuple[Change, Keys]]:
        """Read one state of the vault, checked against its two MACs since another process last wrote.

        ``checked=False`` is for ``verify``, which checks by itself and says more.
        """
        with self._lock:
            for _ in range(_TRIES):
                keys = self._fresh_keys()
                with self._store.snapshot() as db:
                    head = self._head_in(db)
                    if head.root_id == keys.root.root_id:
                        if checked:
                            self._check(db, keys, head)
                        yield Change(db, keys, head), keys
                        return
            raise VaultBusy(seconds=0)

    def _check(self, db: sqlite3.Connection, keys: Keys, head: Head) -> None:
        version = db.execute("PRAGMA data_version").fetchone()[0]
        if version != self._verified_version:
            check_manifest(db, keys.root, head)
            check_heads(db, keys.root, head)  # a log cut short while we are open would read as a shorter log
            self._verified_version = version

    def _fresh_keys(self) -> Keys:
        """Return the keys of the root in force; another process may have rotated it."""
        keys = self._require_keys()
        with self._store.snapshot() as db:
            root_id = self._head_in(db).root_id
        if root_id != keys.root.root_id:
            keys = self._keys = self._load_keys()
        return keys

    def _head_in(self, db: sqlite3.Connection) -> Head:
        try:
            return read_head(db)
        except VaultClosed:
            self._closed = "it was deleted by another process"
            self._keys = None
            raise

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return the document ``name``, or ``None``.

        Raises:
            VaultDamaged: it is not what was written.
        """
        with self.read() as (change, keys):
            value = read_document(change.db, keys, name)
        try:
            return None if value is None else msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise VaultDamaged(part=f"the document {name!r}") from None

    def stamp(self) -> int:
        """Return a number that changes when any process has written to the vault: for caches of what was read."""
        with self._lock:
            self._require_keys()
            return self._store.writes + int(self._store.db.execute("PRAGMA data_version").fetchone()[0])

    def put(self, name: str, value: msgspec.Struct) -> None:
        """Write the document ``name``; durable when it returns. A replaced value makes a rotation owed."""
        self.put_all({name: value})

    def put_all(self, documents: Mapping[str, msgspec.Struct]) -> None:
        """Write several documents, all or none; replaced values make a rotation owed."""
        with self.write() as change:
            replaced = any(read_document(change.db, change.keys, name) is not None for name in documents)
            for name, value in documents.items():
                change.put(name, value)
            if replaced:
                change.owe_rotation(self.clock.time())

    def drop(self, *names: str) -> None:
        """Destroy documents' keys, then rotate the root, so that no copy of them opens either."""
        with self.shredding() as change:
            change.drop(*names)

    @contextmanager
    def shredding(self) -> Iterator[Change]:
        """Destroy keys in one transaction and rotate the root at once; where the secret store cannot, it is owed."""
        with self._lock:
            with self.write() as change:
                yield change
                change.owe_rotation(self.clock.time())
            try:
                self.rotate()
            except (SecretStoreError, VaultBusy):
                return  # the keys are dropped; status() shows the rotation as owed, the next opening pays it

    # ------------------------------------------------------------ rotation, time, end

    def rotate(self) -> None:
        """Replace the root key.

        Raises:
            SecretStoreError: the secret store cannot be used now; nothing was lost.
        """
        with self._lock:
            root, problem = self._replace_root()
            self._keys = self._keys_of(root) or self._load_keys()
            if problem:
                raise problem

    def _replace_root(self) -> tuple[RootKey, SecretStoreError | None]:
        for _ in range(_TRIES):
            old = self._fresh_keys().root
            try:
                return self._rotation.rotate(old)
            except VaultBusy:
                if self._fresh_keys().root is old:
                    raise
                # Another process replaced it while we waited for the lock: ours begins anew, from that one.
        raise VaultBusy(seconds=0)

    def settle(self) -> None:
        """Take down the bridge of an earlier rotation, where its time has come."""
        with self._lock:
            self._rotation.settle(self._fresh_keys().root)

    def age(self) -> Age:
        """Return how late it is; see ``Age``."""
        with self._age_lock:
            ticked = self.clock.monotonic()
            self._age = self._age.ran(ticked - self._ticked, self.clock.time())
            self._ticked = ticked
            return self._age

    def now(self) -> float:
        """Return the clock by which things end: the largest."""
        return self.age().ends

    def saw(self, moment: float) -> None:
        """Take note of a moment that another process of this vault believed in, and sealed: it is at least as late."""
        with self._age_lock:
            if moment > self._age.highest:
                self._age = msgspec.structs.replace(self._age, highest=moment)

    def agree(self, server: float) -> None:
        """Take the word of a server that proved who it is, in seconds since the epoch, for a leap of the wall clock."""
        with self._age_lock:
            self._age = self.age().agreed(server)

    def save_clock(self) -> None:
        """Write how late it is into the vault."""
        age = msgspec.structs.replace(self.age(), saved_at=self.clock.time())
        with self.write() as change:
            change.put(CLOCK, age)

    def status(self) -> VaultStatus:
        """Return how the vault is; never touches the secret store."""
        with self._lock:
            state: Literal["locked", "unlocked", "closed"] = "unlocked" if self.unlocked else "locked"
            folder, secrets = str(self.folder), self._secrets.label
            if self._closed:
                return VaultStatus("closed", folder, secrets)
            try:
                if not self._store.has_schema():
                    return VaultStatus(state, folder, secrets)
                head = self._read_head()
            except VaultClosed:
                return VaultStatus("closed", folder, secrets)  # another process deleted it
            return VaultStatus(state, folder, secrets, head.owed_since, head.generation)

    def destroy(self) -> None:
        """End the vault: mark it closed for other processes, remove its secrets, then its files. Needs no unlock.

        Raises:
            SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same, and
                calling it again goes on.
        """
        with self._lock:
            if self.gone:
                return
            self._keys, self._closed = None, "it is being deleted"
            with suppress(VaultClosed):  # another process was faster
                lifecycle.end(self._store, self._secrets)
            self._shut("it was deleted")
            self.gone = True

    def _finish_removal(self) -> None:
        """End a removal that a process started and did not live to end; then there is a new, empty vault to make."""
        if lifecycle.is_ended(self._store):
            try:
                lifecycle.end(self._store, self._secrets)
            except VaultClosed:  # another process was faster
                self._store.close()
            self._open_files()

    @classmethod
    def reset(cls, folder: Path, secrets: SecretStore, clock: Clock, limits: Limits) -> None:
        """Remove the vault in ``folder``, whatever state it is in; needs no unlock.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        try:
            cls(folder, secrets, clock, limits).destroy()
        except (VaultDamaged, VaultTooNew):
            # Its file cannot say which secrets are its own; without the file, those open nothing.
            secrets.beside(folder).discard()
            folders.remove(folder)

    def _leave_to_parent(self) -> None:
        """In a forked child: the parent's connections must be neither used nor closed here."""
        self._lock = threading.RLock()  # the parent's may be held by a thread that does not exist here
        self._age_lock = threading.RLock()
        self._keys = None
        self._closed = "this process was forked; open it again here"
        _kept_for_parent.append(self._store)

    def __reduce__(self) -> str:
        raise TypeError("a vault cannot be pickled or copied")

    def __repr__(self) -> str:
        return f"Vault({'closed' if self._closed else 'unlocked' if self._keys else 'locked'})"


_open_vaults: weakref.WeakSet[Vault] = weakref.WeakSet()
_kept_for_parent: list[Store] = []


def _after_fork() -> None:
    for vault in list(_open_vaults):
        vault._leave_to_parent()  # noqa: SLF001 - our own class


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
