"""How a vault begins and ends; both under ``lock.db``, and both can be interrupted."""

from __future__ import annotations

from rocketvpn_sdk.errors import SecretCorrupt, SecretMissing, SecretStoreError, VaultBusy, VaultDamaged, VaultOutdated
from rocketvpn_sdk.vault.change import INDEX_LANE
from rocketvpn_sdk.vault.head import FORMAT, OLDEST, Head, heads, manifest, read_head, update_head
from rocketvpn_sdk.vault.keys import ID_BYTES, RootKey, generation_name, new_id, new_key, secret_name
from rocketvpn_sdk.vault.passphrase import is_beside, wrong_kind
from rocketvpn_sdk.vault.rotation import known_generation, open_root
from rocketvpn_sdk.vault.schema import make_tables
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.store import Store

_TRIES = 10
_UNMADE = 0
"""The generation of a vault that is being made: its root is planned, and may be in the secret store or not."""
_HOW_FAR = (
    "SELECT generation, EXISTS (SELECT 1 FROM keys) OR EXISTS (SELECT 1 FROM documents)"
    " OR EXISTS (SELECT 1 FROM lanes) OR EXISTS (SELECT 1 FROM blocks) FROM head"
)


def is_made(store: Store) -> bool:
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


def create(store: Store, secrets: SecretStore) -> None:
    """Make the tables and the first root, unless another process was first; goes on where one died.

    The root's id is in the file before the root is in the secret store: so whoever dies in between leaves no entry
    there that nobody knows of. What that one left is used, never removed: a file that only says it is unfinished must
    not talk us into destroying a root.

    Raises:
        SecretStoreError: the root cannot be kept; nothing was sealed.
        VaultError: the tables cannot be made; a root that was stored for them was removed again.
    """
    with store.exclusively():
        if is_made(store):
            return
        if not store.has_schema():
            _plan(store)
        root = _planned_root(_look(store), secrets)
        try:
            _finish(store, root)
        except BaseException:
            secrets.delete(root.name)  # nothing was sealed under it yet
            raise


def _plan(store: Store) -> None:
    with store.transaction(durable=True, making=True) as db:
        make_tables(db)
        db.execute(
            "INSERT INTO head (id, format, vault_id, root_id, generation, planned, manifest, heads)"
            " VALUES (1, ?, ?, x'', ?, ?, x'', x'')",
            (FORMAT, new_id(), _UNMADE, new_id()),
        )


def _planned_root(head: Head, secrets: SecretStore) -> RootKey:
    if head.planned is None or len(head.planned) != ID_BYTES:
        raise VaultDamaged(part="the head of the vault")
    stored = secrets.get(secret_name(head.vault_id, head.planned))
    if stored is not None:
        return RootKey.from_stored(head.vault_id, head.planned, stored, store=secrets.label)
    root = RootKey(head.vault_id, head.planned, new_key())
    secrets.set(root.name, root.stored)
    return root


def _finish(store: Store, root: RootKey) -> None:
    with store.transaction(durable=True) as db:
        db.execute(
            "INSERT INTO keys (key_id, lane, epoch, wrapped) VALUES (?, ?, 0, ?)",
            (new_id(), INDEX_LANE, root.wrap(new_key())),
        )
        update_head(db, root_id=root.root_id, generation=1, planned=None)
        update_head(db, manifest=manifest(db, root), heads=heads(db, root))


def find_root(store: Store, secrets: SecretStore) -> RootKey:
    """Return the root that the file names; only a fresh look at both may say that it is missing.

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


def _find_root(store: Store, secrets: SecretStore) -> RootKey:
    head = _look(store)
    for _ in range(_TRIES):
        root = open_root(secrets, head)
        known = known_generation(secrets, head.vault_id)
        seen, head = head, _look(store)
        if head.root_id != seen.root_id:
            continue  # a rotation came in between: what the store said belongs to either side of it
        if known > head.generation:
            raise VaultOutdated
        if root is None:
            raise SecretMissing(store=secrets.label)
        return root
    raise VaultBusy(seconds=0)


def _look(store: Store) -> Head:
    with store.snapshot() as db:
        return read_head(db, oldest=OLDEST)


def is_ended(store: Store) -> bool:
    """Whether a process has begun to remove this vault.

    Raises:
        VaultDamaged: it says so, and still has keys.
    """
    if not store.has_schema():
        return False
    with store.snapshot() as db:
        row = db.execute("SELECT closed, EXISTS (SELECT 1 FROM keys) FROM head").fetchone()
    if row and row[0] and row[1]:
        # The mark and the end of the keys are one transaction: this is one wrong bit, no reason to remove everything.
        raise VaultDamaged(part="the head of the vault")
    return bool(row and row[0])


def require_right_kind(store: Store, secrets: SecretStore) -> None:
    """Go on where nothing shows that the vault's key is in another kind of store, which is to be reset with that.

    Raises:
        MadeWithPassphrase, MadeWithoutPassphrase: something does.
    """
    if is_ended(store) or not is_made(store):
        return  # its key is on its way out, or nothing was sealed under it yet
    other = wrong_kind(store.folder, secrets, _look(store).vault_id, cause="reset")
    if other is not None:
        raise other


def end(store: Store, secrets: SecretStore, *, discard: bool = False) -> None:
    """Mark the vault closed for every process, drop its keys, remove its secrets, then its files.

    All of it under one lock: whoever waited for it must not remove what was made anew in the meantime.

    Args:
        store: its files.
        secrets: where its root is.
        discard: remove the file that ``secrets`` keeps if it cannot be read, or if no vault was made to its end here,
            so that it belongs to none.

    Raises:
        SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same.
        VaultDamaged: the file does not say which secrets are its own; nothing was removed.
        VaultClosed: another process has done it.
    """
    with store.exclusively():
        belongs_to_none = not is_made(store) and is_beside(store.folder, secrets)
        try:
            if store.has_schema():
                for name in _close(store):
                    secrets.delete(name)
        except SecretCorrupt:
            if not discard:
                raise
            secrets.discard()
        if discard and belongs_to_none:
            secrets.discard()
        store.remove_files()


def _close(store: Store) -> tuple[str, ...]:
    with store.transaction(durable=True) as db:
        row = db.execute("SELECT vault_id, root_id, planned, retired FROM head").fetchone()
        if row is None:
            raise VaultDamaged(part="the head of the vault")
        vault_id, *roots = row
        for table in ("keys", "documents", "blocks"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
        update_head(db, closed=1, bridge=None)
    return (*(secret_name(vault_id, root) for root in roots if root), generation_name(vault_id))
