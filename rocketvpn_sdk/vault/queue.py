"""What waits for the server: sealed, in order, and never dropped because the server said no."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.vault.change import Change, read_document
from rocketvpn_sdk.vault.vault import Vault

INDEX = "queue"

ItemState = Literal["waiting", "waiting_for_user", "accepted", "refused"]


class QueueItem(MaskedRepr, frozen=True, kw_only=True):
    """One request that waits for the server."""

    __masked__: ClassVar[tuple[str, ...]] = ("body", "device_id")

    id: str
    operation: str
    body: dict[str, Any]
    created_at: float
    idempotency_key: str
    """The same for every try, so that the server acts once."""
    state: ItemState = "waiting"
    problem: str | None = None
    """The code of the last error, for the user to see."""
    attempts: int = 0
    reference: str | None = None
    """The server's id for it, once it took it."""
    device_id: str | None = None
    """The device in whose name it goes; no other may send it."""

    @property
    def document(self) -> str:
        """The name of the sealed document that holds this item."""
        return f"{INDEX}/{self.id}"


class _Index(msgspec.Struct, frozen=True):
    ids: tuple[str, ...] = ()


class Queue:
    """The items, oldest first."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def items(self) -> tuple[QueueItem, ...]:
        """Return every item.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        index = self._vault.get(INDEX, _Index) or _Index()
        found = (self._vault.get(f"{INDEX}/{item}", QueueItem) for item in index.ids)
        return tuple(item for item in found if item is not None)

    def documents(self, items: tuple[QueueItem, ...]) -> tuple[str, ...]:
        """Return the names of the documents that hold ``items``, the index's included."""
        return (INDEX, *(item.document for item in items))

    def add(self, change: Change, item: QueueItem) -> None:
        """Put ``item`` at the end, as part of ``change``."""
        ids = self._ids(change)
        change.put(item.document, item)
        change.put(INDEX, _Index((*ids, item.id)))

    def update(self, item: QueueItem) -> None:
        """Write ``item`` anew, unless another process has taken it off."""
        with self._vault.write() as change:
            if item.id in self._ids(change):
                change.put(item.document, item)
                change.owe_rotation(self._vault.clock.time())

    def remove(self, item: QueueItem) -> None:
        """Take ``item`` off; its key is destroyed."""
        with self._vault.write() as change:
            change.drop(item.document)
            change.put(INDEX, _Index(tuple(other for other in self._ids(change) if other != item.id)))
            change.owe_rotation(self._vault.clock.time())

    def _ids(self, change: Change) -> tuple[str, ...]:
        value = read_document(change.db, change.keys, INDEX)
        return msgspec.convert(value, _Index).ids if value is not None else ()
