"""How a vault ends: a mark for every process, its keys, its secrets, then its files; and what of a file is believed.

A file can say anything: so can anyone with write access. So a secret goes on the word of a root alone, that of the
very file: its MAC vouches for the header, or, for ``reset``, it unwraps a key that is there. What the file names and
nothing vouches for may be another vault's, and stays.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import msgspec

from rocketvpn_sdk.errors import SecretCorrupt, SecretStoreError, VaultDamaged
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.header import OLDEST, Header, heads, manifest, read_header, update_header, vouches
from rocketvpn_sdk.vault.keys import RootKey, generation_name, secret_name
from rocketvpn_sdk.vault.lifecycle import is_ended, is_made, was_begun
from rocketvpn_sdk.vault.passphrase import is_beside
from rocketvpn_sdk.vault.rotation import open_root
from rocketvpn_sdk.vault.schema_guard import read_what_is_left
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.transaction import INDEX_PARTITION

_WRAPPED = "SELECT wrapped FROM keys WHERE wrapped IS NOT NULL UNION ALL SELECT wrapped FROM documents"
_HOLDS = "SELECT EXISTS (SELECT 1 FROM keys) OR EXISTS (SELECT 1 FROM documents) OR EXISTS (SELECT 1 FROM blocks)"
_HEARSAY = "it says that it was deleted, and nothing vouches for that"


class Removal(msgspec.Struct, frozen=True):
    """What became of a vault's secrets when its files were removed."""

    left: tuple[str, ...] = ()
    """Names of entries that the file named, that are still in the secret store, and that nothing vouched for."""
    unknown: bool = False
    """The file could not say which entries are its own; there may be some."""
    keeps_deleted: str = ""
    """The program behind the secret store, if it is known to keep what is deleted from it."""


def finish(store: Database, secrets: SecretStore) -> None:
    """Go on with a removal that a process began and did not live to end.

    Where the root is still there, it must vouch for the mark. Where it is gone, and the file holds no key, document or
    block, then all that goes is an empty file: nobody loses by that what they would not have lost already.

    Raises:
        SecretStoreError: the secret store cannot be used now; nothing was changed.
        VaultDamaged: nothing vouches for the mark; nothing was changed.
        VaultClosed: another process has done it.
    """
    with store.exclusively():
        if not is_ended(store):
            return
        with store.snapshot() as db:
            header, holds = read_header(db, oldest=OLDEST, also_closed=True), db.execute(_HOLDS).fetchone()[0]
        root = open_root(secrets, header)
        with store.snapshot() as db:
            if holds or (root is not None and not vouches(db, root, header)):
                raise VaultDamaged(part=_HEARSAY)
        if root is not None or was_begun(header, secrets):
            _delete(secrets, _all_names(header))
        store.remove_files()


def end(store: Database, secrets: SecretStore, *, known: RootKey | None = None, resetting: bool = False) -> Removal:
    """Mark the vault closed for every process, drop its keys, remove its secrets, then its files.

    All of it under one lock: anyone who waited for it must not remove what was made again in the meantime.

    Args:
        store: its files.
        secrets: where its root is.
        known: the root that this process has it unlocked with, if it has.
        resetting: a root that unwraps a key of the file goes too, where nothing else vouches for it; and the file that
            ``secrets`` keeps beside the vault, if it cannot be read or if no vault was made to its end here.

    Raises:
        SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same.
        VaultDamaged: the file does not say which secrets are its own; nothing was removed.
        VaultClosed: another process has done it.
    """
    with store.exclusively():
        beside = is_beside(store.folder, secrets)
        belongs_to_none = not is_made(store) and beside
        removal = Removal()
        try:
            if store.has_schema():
                removal = _end_secrets(_Closing(store, secrets, known, resetting), beside=beside)
        except SecretCorrupt:
            if not (resetting and beside):
                raise
            secrets.discard()
        if resetting and belongs_to_none:
            secrets.discard()
        store.remove_files()
        return removal


class _Closing(msgspec.Struct, frozen=True):
    store: Database
    secrets: SecretStore
    known: RootKey | None
    resetting: bool

    def root(self, header: Header) -> tuple[RootKey | None, SecretStoreError | None]:
        """Return the root that ``header`` names, or what kept the store from saying."""
        known = self.known
        if known is not None and (known.vault_id, known.root_id) == (header.vault_id, header.root_id):
            return known, None
        try:
            return open_root(self.secrets, header), None
        except SecretStoreError as error:
            return None, error
        except VaultDamaged:  # a bridge that leads nowhere
            return None, None

    def close(self, header: Header, root: RootKey | None, *, evident: bool) -> tuple[str, ...]:
        """Drop every key, mark the file closed; return the entries that are the file's own for certain.

        Where ``root`` vouches for what is there, it vouches for the mark too, so that anyone who comes next may go on.
        Where the secret store could not be asked (``evident``), the key of the index stays: by that a root can still
        be recognised, and nothing can be read with it.
        """
        with self.store.transaction(durable=True) as db:
            if read_header(db, oldest=OLDEST, also_closed=True) != header:
                raise VaultDamaged(part="the head of the vault")  # it changed under our lock: none of us did that
            vouched = root is not None and _vouches(db, root, header)
            names = _all_names(header) if vouched else self._proven(db, root)
            db.execute("DELETE FROM documents")
            db.execute("DELETE FROM blocks")
            db.execute("DELETE FROM keys WHERE NOT (? AND lane = ?)", (evident, INDEX_PARTITION))
            update_header(db, closed=1, bridge=None)
            if root is not None and vouched:
                update_header(db, manifest=manifest(db, root), heads=heads(db, root))
        return names

    def _proven(self, db: sqlite3.Connection, root: RootKey | None) -> tuple[str, ...]:
        """Return the entries of roots that are this vault's, where its own file does not bear that out.

        The one that it was unlocked with; for a reset also the one that unwraps a key (RFC 3394 checks integrity).
        """
        roots = [self.known] if self.known is not None else []
        if self.resetting and root is not None and any(_opens(root, cell) for (cell,) in db.execute(_WRAPPED)):
            roots.append(root)
        return tuple(dict.fromkeys(name for own in roots for name in (generation_name(own.vault_id), own.name)))


def _end_secrets(closing: _Closing, *, beside: bool) -> Removal:
    store, secrets = closing.store, closing.secrets
    with store.snapshot() as db:
        header = read_header(db, oldest=OLDEST, also_closed=True)
    if beside:  # their file is one of the folder's own, and goes with it like the others: no passphrase is asked for
        closing.close(header, closing.known, evident=False)
        _delete(secrets, _all_names(header))
        return Removal()
    root, problem = closing.root(header)
    names = closing.close(header, root, evident=problem is not None)
    if problem is not None and not isinstance(problem, SecretCorrupt):
        raise problem
    if was_begun(header, secrets):
        names = _all_names(header)
    _delete(secrets, names)
    return Removal(left=tuple(name for name in _all_names(header) if name not in names and _is_there(secrets, name)))


def abandon(folder: Path, secrets: SecretStore) -> Removal:
    """Remove the secrets of a file that cannot be used, as far as it still shows which are its own."""
    if is_beside(folder, secrets):
        secrets.discard()
        return Removal()
    found, wrapped = read_what_is_left(folder)
    removed = set()
    with suppress(SecretStoreError):  # nobody may be kept from a reset by a store that is gone for good
        for vault_id, root_id in found:
            name = secret_name(vault_id, root_id)
            stored = secrets.get(name)
            if stored is None:
                continue
            root = RootKey.from_stored(vault_id, root_id, stored, store=secrets.label)
            if any(_opens(root, cell) for cell in wrapped):
                _delete(secrets, (generation_name(vault_id), name))
                removed.add(name)
    return Removal(unknown=not removed)


def _vouches(db: sqlite3.Connection, root: RootKey, header: Header) -> bool:
    try:
        return vouches(db, root, header)
    except VaultDamaged:
        return False


def _opens(root: RootKey, wrapped: bytes) -> bool:
    with suppress(VaultDamaged):
        root.unwrap(wrapped, part="")
        return True
    return False


def _all_names(header: Header) -> tuple[str, ...]:
    """Return every entry that the header names; the root in force comes last, since it vouches for the others."""
    roots = dict.fromkeys(root for root in (header.planned, header.retired, header.root_id) if root)
    return generation_name(header.vault_id), *(secret_name(header.vault_id, root) for root in roots)


def _delete(secrets: SecretStore, names: tuple[str, ...]) -> None:
    for name in names:
        secrets.delete(name)


def _is_there(secrets: SecretStore, name: str) -> bool:
    try:
        return secrets.get(name) is not None
    except SecretStoreError:
        return True
