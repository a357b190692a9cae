"""What a consent has waiting for the server: its own notice, and whatever goes for its purpose. In a transaction."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.ledger import Entry, parts_of
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.change import Change, read_document
from rocketvpn_sdk.vault.queue import INDEX

PUT = "consents.put"
GUARDIAN_WITHDRAW = "guardian.withdraw"
OPERATIONS = (PUT, GUARDIAN_WITHDRAW)
"""The queue items that are this room's."""


def notice_item(key: str, entry: Entry, device_id: str, created_at: float) -> QueueItem:
    """Return the server's notice about what holds for ``key``."""
    purpose, recipient = parts_of(key)
    body = {
        "purpose": purpose,
        "record_id": entry.record,
        "state": entry.state,
        "policy_version": entry.policy_version,
        "policy_sha256": entry.policy_sha256,
        "at": utc(int(entry.at)).isoformat().replace("+00:00", "Z"),
    }
    if recipient is not None:
        body["recipient"] = recipient
    return _item(PUT, body, device_id, created_at)


def guardian_item(request: str, device_id: str, created_at: float) -> QueueItem:
    """Return the server's notice that a guardian's agreement ended."""
    return _item(GUARDIAN_WITHDRAW, {"request_id": request}, device_id, created_at)


def _item(operation: str, body: dict[str, object], device_id: str, created_at: float) -> QueueItem:
    return QueueItem(
        id=secrets.token_hex(8),
        operation=operation,
        body=body,
        created_at=created_at,
        idempotency_key=str(uuid.uuid4()),
        device_id=device_id,
    )


def drop_purpose(change: Change, queue: Queue, purpose: str, policies: tuple[Policy, ...]) -> None:
    """Drop what waits for ``purpose``: what its calls carry, and notices that it was agreed to.

    Notices that somebody said no stay: the server has to hear each of them.
    """

    def goes(item: QueueItem) -> bool:
        if item.operation == PUT:
            return (item.body["purpose"], item.body["state"]) == (purpose, "granted")
        known = (policy.operations.get(item.operation) for policy in policies)
        return any(operation is not None and operation.purpose == purpose for operation in known)

    _drop(change, queue, goes)


def _drop(change: Change, queue: Queue, goes: Callable[[QueueItem], bool]) -> None:
    items = _items(change)
    kept = [item for item in items if not goes(item)]
    if len(kept) == len(items):
        return
    change.drop(*queue.documents(items))
    for item in kept:
        queue.add(change, item)


def _items(change: Change) -> tuple[QueueItem, ...]:
    """Return what waits, as ``change`` sees it: what another process added a moment ago must not get lost."""
    index = read_document(change.db, change.keys, INDEX)
    values = (read_document(change.db, change.keys, f"{INDEX}/{item}") for item in (index or {}).get("ids", ()))
    return tuple(msgspec.convert(value, QueueItem) for value in values if value is not None)
