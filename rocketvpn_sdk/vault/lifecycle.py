"""How a vault begins and ends; both under ``lock.db``, and both can be interrupted."""

from __future__ import annotations

from rocketvpn_sdk.errors import SecretMissing, VaultBusy, VaultDamaged, VaultOutdated
from rocketvpn_sdk.vault.change import INDEX_LANE
from rocketvpn_sdk.vault.head import Head, heads, manifest, read_head, update_head
from rocketvpn_sdk.vault.keys import RootKey, generation_name, new_id, new_key, secret_name
from rocketvpn_sdk.vault.rotation import known_generation, open_root
from rocketvpn_sdk.vault.sealing import FORMAT
from rocketvpn_sdk.vault.secrets import SecretStore
from rocketvpn_sdk.vault.store import Store

_TRIES = 10


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
        VaultBusy: other processes rotated all the time.
    """
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
        return read_head(db)


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


def end(store: Store, secrets: SecretStore) -> None:
    """Mark the vault closed for every process, drop its keys, remove its secrets, then its files.

    All of it under one lock: whoever waited for it must not remove what was made anew in the meantime.

    Raises:
        SecretStoreError: the secret store cannot be used now; the keys in the file are gone all the same.
        VaultClosed: another process has done it.
    """
    with store.exclusively():
        if store.has_schema():
            for name in _close(store):
                secrets.delete(name)
        store.remove_files()


def _close(store: Store) -> tuple[str, ...]:
    with store.transaction(durable=True) as db:
        vault_id, *roots = db.execute("SELECT vault_id, root_id, planned, retired FROM head").fetchone()
        for table in ("keys", "documents", "blocks"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
        update_head(db, closed=1, bridge=None)
    return (*(secret_name(vault_id, root) for root in roots if root), generation_name(vault_id))
