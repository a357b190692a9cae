"""What waits for the server: sealed, in order, and never dropped because the server said no."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.vault import folder as folders
from rocketvpn_sdk.vault.due import is_due
from rocketvpn_sdk.vault.file_lock import file_lock
from rocketvpn_sdk.vault.transaction import Transaction
from rocketvpn_sdk.vault.vault import Vault

INDEX = "queue"

PERMANENT = frozenset(
    {
        "order-not-found",
        "order-expired",
        "device-exists",
        "device-limit-reached",
        "device-revoked",
        "validation-failed",
        "precondition-failed",
        "policy-version-unknown",
    }
)
"""The server's codes (wire contract, errors) after which sending the same once more brings the same answer."""

ItemState = Literal["waiting", "waiting_for_user", "accepted", "refused"]


class QueueItem(MaskedRepr, frozen=True, kw_only=True):
    """One request that waits for the server."""

    __masked__: ClassVar[tuple[str, ...]] = ("body", "device_id", "subject")

    id: str
    operation: str
    body: dict[str, Any]
    created_at: float
    begun_at: float = 0.0
    """The same by the smallest clock: what answers it is not older. 0: older vaults did not say, or nobody asks."""
    idempotency_key: str
    """The same for every try, so that the server acts once."""
    state: ItemState = "waiting"
    problem: str | None = None
    """The code of the last error, for the user to see."""
    attempts: int = 0
    """Number of delivery attempts, including those skipped because an earlier item failed."""
    counted_from: int = 0
    """How many of the attempts do not count for the next pause: after them a try got part of the way, so that somebody
    is there again."""
    got_on: int = 0
    """How often that happened; only the first few times count, so that what always fails half way backs off as well."""
    reference: str | None = None
    """The server's id for it, once it took it."""
    device_id: str | None = None
    """The device in whose name it goes; no other may send it."""
    subject: str = ""
    """What it is about: of one subject, the earlier goes first. Older vaults did not say; there it is the operation."""
    due_at: float = 0.0
    """When it is tried again by itself, by the wall clock, in seconds since the epoch."""
    not_before: float = 0.0
    """When the server may be asked again at the earliest, anyone who wants it sooner; 0: any time."""
    superseded: bool = False
    """It was refused, and the server has since taken what came after it about the same: it is not sent any more."""

    def is_due(self, now: float, *, ahead: bool = False, refused: bool = False) -> bool:
        """Whether it is to be tried now.

        Args:
            now: the wall clock, in seconds since the epoch.
            ahead: of its time, where the server does not mind.
            refused: also what the server refused, whenever and why ever.
        """
        if refused and self.state == "refused" and not self.superseded:
            return True
        return not self.rests and is_due(self.not_before if ahead else self.due_at, now)

    @property
    def rests(self) -> bool:
        """Whether it is not sent any more by itself: it is superseded, or the server's no is for good."""
        return self.superseded or (self.state == "refused" and self.problem in PERMANENT)

    def waits_for(self, other: QueueItem) -> bool:
        """Whether ``other``, which came earlier, is about the same."""
        if self.subject and other.subject:
            return self.subject == other.subject
        return self.operation == other.operation

    @property
    def holds_up(self) -> bool:
        """Whether what came after it about the same has to wait; a refusal holds nothing up."""
        return self.state in ("waiting", "waiting_for_user")

    @property
    def document(self) -> str:
        """The name of the sealed document that holds this item."""
        return f"{INDEX}/{self.id}"


class _Index(msgspec.Struct, frozen=True):
    ids: tuple[str, ...] = ()


class Queue:
    """The items, oldest first.

    Args:
        vault: where they rest.
        changed: called when there may be something to deliver, inside the transaction.
        worked: whether a background worker delivers what is due, so that a try that failed is repeated by its schedule.
    """

    def __init__(self, vault: Vault, changed: Callable[[], None] = lambda: None, *, worked: bool = False) -> None:
        self.vault = vault
        self.worked = worked
        self._changed = changed

    def items(self) -> tuple[QueueItem, ...]:
        """Return every item.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        index = self.vault.get(INDEX, _Index) or _Index()
        found = (self.find(item) for item in index.ids)
        return tuple(item for item in found if item is not None)

    def next_due(self) -> float | None:
        """Return when there is something to deliver next, by the wall clock; ``None``: nothing waits.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        now, holding, dues = self.vault.clock.time(), list[QueueItem](), list[float]()
        for item in self.items():
            if not item.rests and not any(item.waits_for(earlier) for earlier in holding):
                dues.append(0.0 if item.is_due(now) else item.due_at)
            holding += [item] if item.holds_up else []
        return min(dues, default=None)

    def find(self, item_id: str) -> QueueItem | None:
        """Return the item ``item_id``; ``None`` where it was taken off."""
        return self.vault.get(f"{INDEX}/{item_id}", QueueItem)

    def delivery_lock(self, patience: float) -> AbstractContextManager[bool]:
        """Deliver alone, among all threads and processes; yield whether that is so within ``patience`` seconds.

        Raises:
            VaultClosed, VaultReadOnly, VaultFull: see ``file_lock``.
        """
        return file_lock(self.vault.folder, folders.DELIVERY_LOCK, patience)

    def documents(self, items: tuple[QueueItem, ...]) -> tuple[str, ...]:
        """Return the names of the documents that hold ``items``, the index's included."""
        return (INDEX, *(item.document for item in items))

    def add(self, transaction: Transaction, item: QueueItem) -> None:
        """Put ``item`` at the end, as part of ``transaction``."""
        ids = self._ids(transaction)
        transaction.put(item.document, item)
        transaction.put(INDEX, _Index((*ids, item.id)))
        self._changed()

    def update(self, *items: QueueItem) -> None:
        """Write ``items`` again, but for those that another process has taken off."""
        if not items:
            return
        with self.vault.write() as transaction:
            ids = self._ids(transaction)
            kept = [item for item in items if item.id in ids]
            for item in kept:
                transaction.put(item.document, item)
            if kept:
                transaction.request_rotation(self.vault.clock.time())
                self._changed()

    def remove(self, item: QueueItem, *others: QueueItem) -> None:
        """Take ``item`` off; its key is destroyed. ``others``, as far as they are still there, are written again."""
        with self.vault.write() as transaction:
            kept = tuple(other for other in self._ids(transaction) if other != item.id)
            transaction.drop(item.document)
            transaction.put(INDEX, _Index(kept))
            for other in others:
                if other.id in kept:
                    transaction.put(other.document, other)
            transaction.request_rotation(self.vault.clock.time())

    def drop(self, transaction: Transaction, goes: Callable[[QueueItem], bool]) -> None:
        """Take off, as part of ``transaction``, every item that ``goes`` picks; the caller owes the rotation.

        It looks at what ``transaction`` sees: what another process added a moment ago must not get lost.
        """
        items = [item for item_id in self._ids(transaction) if (item := _read(transaction, item_id)) is not None]
        kept = [item for item in items if not goes(item)]
        if len(kept) == len(items):
            return
        transaction.drop(*(item.document for item in items if item not in kept))
        transaction.put(INDEX, _Index(tuple(item.id for item in kept)))

    def _ids(self, transaction: Transaction) -> tuple[str, ...]:
        index = transaction.get(INDEX, _Index)
        return index.ids if index is not None else ()


def _read(transaction: Transaction, item_id: str) -> QueueItem | None:
    return transaction.get(f"{INDEX}/{item_id}", QueueItem)
