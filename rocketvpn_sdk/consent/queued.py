"""What a consent has waiting for the server: its own notice, and whatever goes for its purpose. In a transaction."""

from __future__ import annotations

import secrets
import uuid

from rocketvpn_sdk.clock import iso_utc
from rocketvpn_sdk.consent.ledger import LedgerEntry, parts_of
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.transaction import Transaction

PUT = "consents.put"
GUARDIAN_WITHDRAW = "guardian.withdraw"
OPERATIONS = (PUT, GUARDIAN_WITHDRAW)
"""The operations of consents' own queue items."""


def notice_item(key: str, entry: LedgerEntry, device_id: str, created_at: float) -> QueueItem:
    """Return the server's notice about what holds for ``key``."""
    purpose, recipient = parts_of(key)
    body = {
        "purpose": purpose,
        "record_id": entry.record,
        "state": entry.state,
        "policy_version": entry.policy_version,
        "policy_sha256": entry.policy_sha256,
        "at": iso_utc(entry.at),
    }
    if recipient is not None:
        body["recipient"] = recipient
    return _item(PUT, body, device_id, created_at, about=f"consent/{key}")


def guardian_item(request: str, device_id: str, created_at: float) -> QueueItem:
    """Return the server's notice that a guardian's agreement ended."""
    return _item(GUARDIAN_WITHDRAW, {"request_id": request}, device_id, created_at, about="guardian")


def _item(operation: str, body: dict[str, object], device_id: str, created_at: float, *, about: str) -> QueueItem:
    return QueueItem(
        id=secrets.token_hex(8),
        operation=operation,
        body=body,
        created_at=created_at,
        idempotency_key=str(uuid.uuid4()),
        device_id=device_id,
        subject=about,
    )


def drop_purpose(transaction: Transaction, queue: Queue, purpose: str, policies: tuple[Policy, ...]) -> None:
    """Drop what waits for ``purpose``: what its calls carry, and notices that it was agreed to.

    Notices that somebody said no stay: the server has to hear each of them.
    """

    def goes(item: QueueItem) -> bool:
        if item.operation == PUT:
            return (item.body["purpose"], item.body["state"]) == (purpose, "granted")
        known = (policy.operations.get(item.operation) for policy in policies)
        return any(operation is not None and operation.purpose == purpose for operation in known)

    queue.drop(transaction, goes)
