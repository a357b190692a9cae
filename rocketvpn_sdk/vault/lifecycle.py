"""How a vault begins and ends; both under ``lock.db``, and both can be interrupted."""

from __future__ import annotations

from rocketvpn_sdk.errors import (
    MadeWithoutPassphrase,
    SecretMissing,
    SecretStoreError,
    VaultBusy,
    VaultDamaged,
    VaultOutdated,
)
from rocketvpn_sdk.vault.database import Database
from rocketvpn_sdk.vault.header import (
    FORMAT,
    OLDEST,
    Header,
    heads,
    manifest,
    read_header,
    update_header,
)
from rocketvpn_sdk.vault.keys import ID_BYTES, RootKey, generation_name, new_id, new_key, secret_name
from rocketvpn_sdk.vault.passphrase import wrong_kind
from rocketvpn_sdk.vault.rotation import known_generation, open_root
from rocketvpn_sdk.vault.schema import make_tables
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.transaction import INDEX_PARTITION

_TRIES = 10
_UNMADE = 0
"""The generation of a vault that is being made: its root is planned, and may be in the secret store or not."""
_HOW_FAR = (
    "SELECT generation, EXISTS (SELECT 1 FROM keys) OR EXISTS (SELECT 1 FROM documents)"
    " OR EXISTS (SELECT 1 FROM lanes) OR EXISTS (SELECT 1 FROM blocks) FROM head"
)


def is_made(store: Database) -> bool:
    """Whether the vault was made to its end.

    Raises:
        VaultDamaged: it says that it was not, and holds something.
    """
    if not store.has_schema():
        return False
    with store.snapshot() as db:
        row = db.execute(_HOW_FAR).fetchone()
    if row is None or row[0] != _UNMADE:
        return True  # what is wrong with it, if anything, is said where it is read
    if row[1]:
        raise VaultDamaged(part="the head of the vault")
    return False


def create(store: Database, secrets: SecretStore) -> None:
    """Make the tables and the first root, unless another process was first; goes on where one died.

    The root's id is in the file before the root is in the secret store: so anyone who dies in between leaves no entry
    there that nobody knows of. What that one left is used if the store bears out that it is new, and is never removed:
    a file that only says it is unfinished must not talk us into using, or destroying, another vault's root.

    Raises:
        SecretStoreError: the root cannot be kept; nothing was sealed.
        VaultError: the tables cannot be made; a root that was stored for them was removed again.
    """
    with store.exclusively():
        if is_made(store):
            return
        header = _look(store) if store.has_schema() else _plan(store)
        if header.planned is None or len(header.planned) != ID_BYTES:
            raise VaultDamaged(part="the head of the vault")
        if not was_begun(header, secrets):
            header = _plan(store)  # its ids are those of a vault that is in use, here or elsewhere
        root, ours = _planned_root(header, secrets)
        try:
            _finish(store, root)
        except BaseException:  # an interrupt too: no root stays that no file names
            if ours:
                secrets.delete(root.name)  # nothing was sealed under it yet
            raise


def _plan(store: Database) -> Header:
    with store.transaction(durable=True, making=True) as db:
        if not store.has_tables:
            make_tables(db)
        db.execute(
            "INSERT OR REPLACE INTO head (id, format, vault_id, root_id, generation, planned, manifest, heads)"
            " VALUES (1, ?, ?, x'', ?, ?, x'', x'')",
            (FORMAT, new_id(), _UNMADE, new_id()),
        )
        return read_header(db)


def _planned_root(header: Header, secrets: SecretStore) -> tuple[RootKey, bool]:
    """Return the root to begin with, and whether it was made here just now."""
    planned = header.planned or b""
    stored = secrets.get(secret_name(header.vault_id, planned))
    if stored is not None:
        return RootKey.from_stored(header.vault_id, planned, stored, store=secrets.label), False
    root = RootKey(header.vault_id, planned, new_key())
    secrets.set(root.name, root.stored)
    return root, True


def _finish(store: Database, root: RootKey) -> None:
    with store.transaction(durable=True) as db:
        db.execute(
            "INSERT INTO keys (key_id, lane, epoch, wrapped) VALUES (?, ?, 0, ?)",
            (new_id(), INDEX_PARTITION, root.wrap(new_key())),
        )
        update_header(db, root_id=root.root_id, generation=1, planned=None)
        update_header(db, manifest=manifest(db, root), heads=heads(db, root))


def remember(secrets: SecretStore, header: Header) -> None:
    """Tell the secret store of a vault whose generation it does not know; ``header`` was vouched for.

    Raises:
        SecretStoreError: the store cannot be used now.
    """
    secrets.set(generation_name(header.vault_id), str(header.generation).encode())


def find_root(store: Database, secrets: SecretStore) -> tuple[RootKey, int]:
    """Return the root that the file names, and the generation that the store knows of; 0: it knows none.

    Only a fresh look at both may say that the root is missing.

    Raises:
        SecretMissing: the store has no key for this vault.
        MadeWithPassphrase, MadeWithoutPassphrase: the same, and the folder shows that another kind of store has it.
        VaultOutdated: the file is an older copy than the store knows of.
        SecretStoreError: the store cannot be used, or holds something else.
        VaultBusy: other processes rotated all the time.
    """
    try:
        return _find_root(store, secrets)
    except SecretStoreError:
        store.require_in_place()  # a store beside the vault is looked for under the folder's name
        other = wrong_kind(store.folder, secrets, _look(store).vault_id)
        if other is None:
            raise
        raise other from None


def _find_root(store: Database, secrets: SecretStore) -> tuple[RootKey, int]:
    header = _look(store)
    for _ in range(_TRIES):
        root = open_root(secrets, header)
        known = known_generation(secrets, header.vault_id)
        seen, header = header, _look(store)
        if header.root_id != seen.root_id:
            continue  # a rotation came in between: what the store said belongs to either side of it
        if known > header.generation:
            raise VaultOutdated
        if root is None:
            raise SecretMissing(store=secrets.label)
        return root, known
    raise VaultBusy(cause="changing")


def _look(store: Database) -> Header:
    with store.snapshot() as db:
        return read_header(db, oldest=OLDEST)


def require_right_kind(store: Database, secrets: SecretStore) -> None:
    """Go on where nothing shows that the vault's key is in another kind of store, which is to be reset with that.

    Raises:
        MadeWithPassphrase, MadeWithoutPassphrase: something does.
    """
    if not is_made(store):
        return  # nothing was sealed under its key yet
    with store.snapshot() as db:
        header = read_header(db, oldest=OLDEST, also_closed=True)
    other = wrong_kind(store.folder, secrets, header.vault_id, cause="reset")
    if other is not None and not (header.closed and isinstance(other, MadeWithoutPassphrase)):
        raise other  # (of one that is being removed, the file of the passphrase may be gone already)


def is_ended(store: Database) -> bool:
    """Whether the file says that a process has begun to remove this vault; nothing vouches for that yet."""
    if not store.has_schema():
        return False
    with store.snapshot() as db:
        row = db.execute("SELECT closed FROM head").fetchone()
    return bool(row and row[0])


def was_begun(header: Header, secrets: SecretStore) -> bool:
    """Whether the vault of ``header`` was never made to its end, and what its planned root opens is nothing.

    The file's word is not enough for that. The secret store's is: it is told of every vault's generation by the first
    that unlocks it (see ``remember``).

    Raises:
        SecretStoreError: the store cannot be used now.
    """
    return header.generation == _UNMADE and secrets.get(generation_name(header.vault_id)) is None
