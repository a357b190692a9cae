"""What this process changed on the device, told to the app; and what waits for the user, for as long as it does.

Touches: ``vault``. Start with ``Changes``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from rocketvpn_sdk.consent.age import PERSON
from rocketvpn_sdk.consent.guardian import GUARDIAN
from rocketvpn_sdk.consent.ledger import LEDGER
from rocketvpn_sdk.errors import VaultClosed, VaultError, VaultLocked
from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.policy_versions.operator_notices import NOTICES
from rocketvpn_sdk.policy_versions.store import POLICY_STATE
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.queue import INDEX

RECEIPT_WAITING = "receipt-waiting"
"""The problem of a deletion whose receipt nobody would take."""
RECEIPT_UNSAVED = "receipt-unsaved"
"""The problem of a deletion whose receipt could not be written."""

Part = Literal["vault", "binding", "consent", "policy", "queue"]
_PARTS: dict[str, Part] = {
    "binding": "binding",  # identity.BINDING; that module brings what reads keys, which recording does not need
    LEDGER: "consent",
    PERSON: "consent",
    GUARDIAN: "consent",
    POLICY_STATE: "policy",
    NOTICES: "policy",
    INDEX: "queue",
}
"""By the names of documents, what they hold."""


class Changed(Notification, frozen=True, kw_only=True):
    """Something is not as it was; told once it is durable. What other processes change is not seen.

    A window reads it again then: ``status()``, ``consent.status()``, ``policy.pending``, ``queue.items()``.
    """

    part: Part
    """``vault``: it was unlocked, closed or deleted."""


class UserNeeded(Notification, frozen=True, kw_only=True):
    """Something in the queue needs the user, e.g. a code from an e-mail; ``operation`` says what.

    Also told to who subscribes later, as long as it is so.
    """

    operation: str
    code: str
    """The error's code."""


class Changes:
    """Tells the app. Thread-safe.

    Args:
        events: where it goes.
        queue: the requests that may need the user.
    """

    def __init__(self, events: EventBus, queue: Queue) -> None:
        self._events = events
        self._queue = queue

    def written(self, names: Collection[str] | None) -> None:
        """Tell what changed with the documents ``names``; ``None``: any of them may be another one."""
        parts = _PARTS.values() if names is None else map(_part, names)
        for part in sorted({part for part in parts if part is not None}):
            if part == "queue":
                self.look_at_queue()
            self._events.emit(Changed(part=part))

    def vault(self) -> None:
        """Tell that the vault was unlocked, closed or deleted."""
        self.look_at_queue()
        self._events.emit(Changed(part="vault"))

    def look_at_queue(self) -> None:
        """Tell what newly needs the user, and let go what does not any more."""
        self._events.renew(UserNeeded, self._needing)

    def _needing(self) -> dict[str, Notification] | None:
        try:
            needing = filter(_needs_user, self._queue.items())
            return {item.id: UserNeeded(operation=item.operation, code=item.problem or "") for item in needing}
        except (VaultLocked, VaultClosed):
            return {}
        except VaultError:  # busy, say: what needed the user goes on doing so
            return None


def _part(name: str) -> Part | None:
    return _PARTS.get(name.partition("/")[0])


def _needs_user(item: QueueItem) -> bool:
    return item.state == "waiting_for_user" or item.problem in (RECEIPT_WAITING, RECEIPT_UNSAVED)
