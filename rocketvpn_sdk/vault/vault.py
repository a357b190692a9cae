"""The vault: one folder, one root key; documents here, logs in ``sealed_log``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from rocketvpn_sdk.clock import Age, Clock
from rocketvpn_sdk.errors import (
    SecretStoreError,
    VaultBusy,
    VaultClosed,
    VaultError,
    VaultFull,
    VaultReadOnly,
)
from rocketvpn_sdk.files.forks import register_fork_aware
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.vault import lifecycle
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.ending import Removal, end, finish
from rocketvpn_sdk.vault.header import FORMAT, OLDEST, read_header
from rocketvpn_sdk.vault.keyed_store import KeyedStore
from rocketvpn_sdk.vault.keys import RootKey
from rocketvpn_sdk.vault.migration import migrate
from rocketvpn_sdk.vault.moments import Moments
from rocketvpn_sdk.vault.patience import Patience, PatientLock
from rocketvpn_sdk.vault.rotation import Rotation
from rocketvpn_sdk.vault.secrets import CheckedSecrets, SecretStore
from rocketvpn_sdk.vault.timekeeping import Timekeeper
from rocketvpn_sdk.vault.transaction import OpenedKeys, Transaction

logger = logging.getLogger(__name__)  # its lines come once the lock is free: a handler may take one of its own

T = TypeVar("T", bound=msgspec.Struct)
CLOCK = "clock"
_WORTH_WRITING = 3600.0
"""Seconds by which a server's word must move the age to be written at once, should the process be killed."""


class VaultStatus(msgspec.Struct, frozen=True):
    """How the vault is."""

    state: Literal["locked", "unlocked", "closed"]
    folder: str
    secrets: str
    """What holds the root key."""
    rotation_owed_since: float | None = None
    """Seconds since the epoch; ``None``: every dropped key is out of reach."""
    generation: int = 0
    keeps_deleted: str = ""
    """The program behind the secret store, if it is known to keep what is deleted from it (KeePassXC's recycle bin); as
    long as it does, an old copy of the folder opens. Known once unlocked."""


class Vault(OneHolder):
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
        self.moments = Moments(clock)
        self._secrets = CheckedSecrets(secrets).beside(folder)
        self._patience = Patience(limits.busy_timeout)
        self._open_files()
        self._lock = PatientLock(self._patience)
        self._time = Timekeeper(clock)
        self._forked = False
        self._known: RootKey | None = None
        """The root of a deletion that the secret store kept from coming to its end."""
        self._keeper = ""
        self.on_written: Callable[[Collection[str] | None], object] = lambda _: None
        """Called after documents were written here, with their names; ``None``: any of them."""
        self.gone = False
        """Whether ``destroy`` came to its end here."""
        register_fork_aware(self)
        logger.info("vault opened")

    # ------------------------------------------------------------ open, unlock, close

    def _open_files(self) -> None:
        self._store = Database(self.folder, self._patience)
        rotation = Rotation(self._store, self._secrets, self.clock, settle=self.limits.keyring_settle)
        self._keyed_store = KeyedStore(self._store, self._secrets, rotation, self.moments)

    @property
    def closed(self) -> bool:
        """Whether it was closed, or deleted: it cannot be unlocked any more."""
        return bool(self._keyed_store.ended)

    @property
    def unlocked(self) -> bool:
        """Whether documents and logs can be read and written."""
        return self._keyed_store.keys is not None

    def unlock(self) -> None:
        """Fetch the root key (the user may be asked) and check the vault; makes it where it is new.

        Raises:
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt, MadeWithPassphrase,
                MadeWithoutPassphrase: see there; nothing was changed.
            VaultOutdated, VaultDamaged, VaultTooNew: see there; nothing was changed.
        """
        with self._lock:
            self._keyed_store.require_open()
            if self._keyed_store.keys is not None:
                return
            self._finish_removal()
            made = not lifecycle.is_made(self._store)
            if made:
                lifecycle.create(self._store, self._secrets)
            migrated = migrate(self._store, self._secrets, self.clock.time(), self.moments)
            self._keyed_store.keys = self._keyed_store.load()
            try:
                stored = self.get(CLOCK, Age)  # which checks the two MACs before anything is changed
                self._time.opened(stored)
                if stored is None:
                    self.save_clock()
                self._keyed_store.tidy()
                self._keeper = self._secrets.keeper()
            except BaseException:  # an interrupt too: half unlocked is locked
                self._keyed_store.keys = None
                raise
        if made:
            logger.info("vault made")
        if migrated:
            logger.info("vault migrated to format %d", FORMAT)
        logger.info("vault unlocked")

    def end_within(self, seconds: float) -> None:
        """Let no wait for another process or thread last longer than ``seconds`` from now: it is being closed.

        What cannot be had by then is ``VaultBusy``.
        """
        self._patience.end_within(seconds)

    def close(self) -> None:
        """Forget the keys and close the files; calling it again is fine."""
        if not self._lock.acquire():  # another thread is inside, for a keyring say: its files close with it
            self._keyed_store.end(self._keyed_store.ended or "it was closed")
            return
        try:
            if self._forked:
                return
            news = not self.closed
            try:
                if self.unlocked:
                    with suppress(VaultError):  # a full or busy disk: everything that matters was durable before
                        self.save_clock()
                        self._store.truncate_wal()
            finally:
                # The files are open until now, also if a deletion failed or another process deleted the vault.
                self._shut(self._keyed_store.ended or "it was closed")
        finally:
            self._lock.release()
        if news:
            logger.info("vault closed")

    def _shut(self, why: str) -> None:
        self._keyed_store.end(why)
        self._store.close()

    # ------------------------------------------------------------ reading and writing

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Write, all or nothing. ``durable`` survives a power cut, otherwise only a kill.

        Raises:
            VaultLocked, VaultClosed, VaultBusy, VaultFull, VaultReadOnly, VaultDamaged: see there; nothing was written.
        """
        with self._lock, self._keyed_store.write(durable=durable) as transaction:
            yield transaction
        self._tell(transaction)

    @contextmanager
    def read(self, *, checked: bool = True) -> Iterator[tuple[Transaction, OpenedKeys]]:
        """Read one state of the vault, checked against its two MACs since another process last wrote.

        ``checked=False`` is for ``verify``, which checks by itself and says more.
        """
        with self._lock, self._keyed_store.read(checked=checked) as found:
            yield found

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return the document ``name``, or ``None``; read from the file where it may have changed since the last time.

        Args:
            name: of the document.
            kind: a frozen type, since callers share the value.

        Raises:
            VaultDamaged: it is not what was written.
        """
        with self._lock:
            known = self._keyed_store.known_documents().setdefault(name, {})
            if kind not in known:
                with self.read() as (transaction, _):
                    known[kind] = transaction.get(name, kind)
            value: T | None = known[kind]
            return value

    def stamp(self) -> int:
        """Return a number that changes with the documents and keys of the vault: for caches of what was read.

        It also changes with whatever another process writes, and not with what this one appends to a log.
        """
        with self._lock:
            self._keyed_store.require_keys()
            return self._keyed_store.changes + self._store.data_version()

    def basis(self) -> bytes:
        """Return ``Transaction.basis`` as it is now: for who asks what may be written before the transaction begins."""
        with self.read(checked=False) as (transaction, _):
            return transaction.basis

    def put(self, name: str, value: msgspec.Struct) -> None:
        """Write the document ``name``; durable when it returns. A replaced value makes a rotation owed."""
        self.put_all({name: value})

    def put_all(self, documents: Mapping[str, msgspec.Struct]) -> None:
        """Write several documents, all or none; replaced values make a rotation owed."""
        with self.write() as transaction:
            replaced = any(transaction.get(name, object) is not None for name in documents)
            for name, value in documents.items():
                transaction.put(name, value)
            if replaced:
                transaction.request_rotation(self.clock.time())

    def drop(self, *names: str) -> None:
        """Destroy documents' keys, then rotate the root, so that no copy of them opens either."""
        with self.shredding() as transaction:
            transaction.drop(*names)

    @contextmanager
    def shredding(self, then: Callable[[], object] = lambda: None) -> Iterator[Transaction]:
        """Destroy keys in one transaction and rotate the root at once; where that cannot be done now, it is owed.

        Args:
            then: called once the keys are destroyed, also where an interrupt ends the rotation, at the secret store's
                prompt say: it forgets what is in memory.
        """
        owed: str | None = None
        with ExitStack() as after, self._lock:
            try:
                with self._keyed_store.write(durable=True) as transaction:
                    yield transaction
                    transaction.request_rotation(self.clock.time())
                    after.callback(then)  # before the commit: an interrupt just after it must not skip it
            except Exception:  # whatever it was: nothing was destroyed, and nothing is to be forgotten
                after.pop_all()
                raise
            try:
                self._keyed_store.rotate()
            except (SecretStoreError, VaultBusy, VaultFull, VaultReadOnly) as error:
                owed = error.code  # the keys are dropped; status() shows the rotation as owed, the next opening pays it
        if owed is None:
            logger.info("root key replaced")
        else:
            logger.warning("root key not replaced yet (%s)", owed)
        self._tell(transaction)

    def _tell(self, transaction: Transaction) -> None:
        if transaction.changed_documents != set():
            self.on_written(transaction.changed_documents)

    # ------------------------------------------------------------ rotation, time, end

    def rotate(self) -> None:
        """Replace the root key.

        Raises:
            SecretStoreError: the secret store cannot be used now; nothing was lost.
        """
        with self._lock:
            self._keyed_store.rotate()
        logger.info("root key replaced")

    def settle(self) -> None:
        """Take down the bridge of an earlier rotation, where its time has come."""
        with self._lock:
            self._keyed_store.settle()

    def contains(self, path: Path) -> bool:
        """Return whether ``path`` is in the folder, also if that was renamed while it was open."""
        return self._store.contains(path)

    def age(self) -> Age:
        """Return how late it is; see ``Age``."""
        return self._time.age()

    def now(self) -> float:
        """Return the clock by which things end: the largest; it hides and withholds, and destroys nothing."""
        return self.age().ends

    def fresh(self) -> float:
        """Return the clock by which something signed is still fresh: the wall's, or what servers proved if later."""
        return self.age().fresh(self.clock.time())

    def agree(self, server: float) -> None:
        """Take the word of a server that proved who it is for how late it is, in seconds since the epoch."""
        before, after = self._time.agree(server)
        if before.vouched is None or before.warned != after.warned or after.highest - before.highest > _WORTH_WRITING:
            with suppress(VaultError):  # then it is written with the rest, within the hour
                self.save_clock()

    def save_clock(self) -> None:
        """Write how late it is into the vault."""
        with self.write() as transaction:
            transaction.put(CLOCK, self._time.to_store(transaction.get(CLOCK, Age)))

    def status(self) -> VaultStatus:
        """Return how the vault is; never touches the secret store."""
        with self._lock:
            state: Literal["locked", "unlocked", "closed"] = "unlocked" if self.unlocked else "locked"
            folder, secrets = str(self.folder), self._secrets.label
            if self.closed:
                return VaultStatus("closed", folder, secrets)
            try:
                if not self._store.has_schema():
                    return VaultStatus(state, folder, secrets)
                with self._store.snapshot() as db:
                    header = read_header(db, oldest=OLDEST)
            except VaultClosed:
                return VaultStatus("closed", folder, secrets)  # another process deleted it
            return VaultStatus(state, folder, secrets, header.owed_since, header.generation, self._keeper)

    def destroy(self, *, resetting: Callable[[], object] | None = None) -> Removal:
        """End the vault: mark it closed for other processes, remove its secrets, then its files. Needs no unlock.

        ``resetting`` is what ``reset`` does before that, once it is certain that the vault may go.

        Raises:
            SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same, and
                calling it again goes on.
        """
        with self._lock:
            if self.gone:
                return Removal()
            known = self._known = self._keyed_store.keys.root if self._keyed_store.keys else self._known
            self._keyed_store.end("it is being deleted")
            removal = Removal()
            with suppress(VaultClosed):  # another process was faster
                if resetting is not None:
                    lifecycle.require_right_kind(self._store, self._secrets)
                    resetting()
                removal = end(self._store, self._secrets, known=known, resetting=resetting is not None)
            self._shut("it was deleted")
            self.gone, self._known = True, None
        logger.info("vault deleted")
        return removal

    def _finish_removal(self) -> None:
        """End a removal that a process started and did not live to end; then there is a new, empty vault to make."""
        if lifecycle.is_ended(self._store):
            self.moments.all_ended = self.moments.now()  # the new one knows of no deletion
            try:
                finish(self._store, self._secrets)
            except VaultClosed:  # another process was faster
                self._store.close()
            self._open_files()

    def reset_after_fork(self) -> None:
        """In a forked child: the parent's connections must be neither used nor closed here."""
        self._lock = PatientLock(self._patience)  # the parent's may be held by a thread that does not exist here
        self._time.reset_after_fork()
        self._forked, self._known = True, None
        self._keyed_store.end(self._keyed_store.ended or "this process was forked; open it again here")
        _kept_for_parent.append(self._store)

    def __repr__(self) -> str:
        return f"Vault({'closed' if self.closed else 'unlocked' if self.unlocked else 'locked'})"


_kept_for_parent: list[Database] = []
