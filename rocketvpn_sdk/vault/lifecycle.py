"""How a vault begins and ends; both under ``lock.db``, and both can be interrupted."""

from __future__ import annotations

from rocketvpn_sdk.errors import SecretMissing, VaultOutdated
from rocketvpn_sdk.vault.change import INDEX_LANE
from rocketvpn_sdk.vault.head import Head, heads, manifest, read_head, update_head
from rocketvpn_sdk.vault.keys import RootKey, generation_name, new_id, new_key, secret_name
from rocketvpn_sdk.vault.rotation import known_generation, open_root
from rocketvpn_sdk.vault.sealing import FORMAT
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.store import Store

_TRIES = 3


def create(store: Store, secrets: SecretStore) -> None:
    """Make the tables and the first root, unless another process was first.

    Raises:
        SecretStoreError: the root cannot be kept; nothing was made.
        VaultError: the tables cannot be made; the root was removed again.
    """
    with store.exclusively():
        if store.has_schema():
            return
        root = RootKey.new(new_id())
        secrets.set(root.name, root.stored)
        try:
            _make_tables(store, root)
        except BaseException:
            secrets.delete(root.name)  # nothing was sealed under it yet
            raise


def _make_tables(store: Store, root: RootKey) -> None:
    with store.transaction(durable=True) as db:
        store.create_schema(db)
        db.execute(
            "INSERT INTO head (id, format, vault_id, root_id, generation, manifest, heads)"
            " VALUES (1, ?, ?, ?, 1, x'', x'')",
            (FORMAT, root.vault_id, root.root_id),
        )
        db.execute(
            "INSERT INTO keys (key_id, lane, epoch, wrapped) VALUES (?, ?, 0, ?)",
            (new_id(), INDEX_LANE, root.wrap(new_key())),
        )
        update_head(db, manifest=manifest(db, root), heads=heads(db, root))


def find_root(store: Store, secrets: SecretStore) -> RootKey:
    """Return the root that the file names; only a fresh look at both may say that it is missing.

    Raises:
        SecretMissing: the store has no key for this vault.
        VaultOutdated: the file is an older copy than the store knows of.
        SecretStoreError: the store cannot be used, or holds something else.
    """
    head = _look(store)
    for _ in range(_TRIES):
        root = open_root(secrets, head)
        if root is not None:
            _check_generation(secrets, head)
            return root
        seen, head = head, _look(store)
        if head.root_id == seen.root_id:
            break  # no rotation came in between: it is really not there
    _check_generation(secrets, head)
    raise SecretMissing(store=secrets.label)


def _look(store: Store) -> Head:
    with store.snapshot() as db:
        return read_head(db)


def _check_generation(secrets: SecretStore, head: Head) -> None:
    if known_generation(secrets, head.vault_id) > head.generation:
        raise VaultOutdated


def is_ended(store: Store) -> bool:
    """Whether a process has begun to remove this vault."""
    if not store.has_schema():
        return False
    with store.snapshot() as db:
        row = db.execute("SELECT closed FROM head").fetchone()
        return bool(row and row[0])


def end(store: Store, secrets: SecretStore) -> None:
    """Mark the vault closed for every process, drop its keys, remove its secrets; the files are the caller's to remove.

    Raises:
        SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same.
    """
    with store.exclusively():
        if store.has_schema():
            for name in _close(store):
                secrets.delete(name)


def _close(store: Store) -> tuple[str, ...]:
    with store.transaction(durable=True) as db:
        vault_id, *roots = db.execute("SELECT vault_id, root_id, planned, retired FROM head").fetchone()
        for table in ("keys", "documents", "blocks"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
        update_head(db, closed=1, bridge=None)
    return (*(secret_name(vault_id, root) for root in roots if root), generation_name(vault_id))
