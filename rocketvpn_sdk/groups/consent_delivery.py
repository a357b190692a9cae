"""Delivers the queued consent notices and guardian withdrawals to the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.consent import Consent
from rocketvpn_sdk.consent.queued import GUARDIAN_WITHDRAW, PUT
from rocketvpn_sdk.vault import Queue, QueueItem

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.transport.delivery import Handlers, QueueDelivery


class ConsentDelivery:
    """Handles the queue items of consents and guardians.

    Args:
        consent: whose they are.
        queue: where they rest.
    """

    def __init__(self, consent: Consent, queue: Queue) -> None:
        self._consent = consent
        self._queue = queue

    def prepare(self) -> bool:
        """Drop what waits in the name of a device that this is no longer; return whether anything else waits.

        Raises:
            VaultError: it could not be dropped.
        """
        device, mine = self._consent.device(), False
        for item in self._consent.unsent():
            if item.device_id == device:
                mine = True
            else:
                self._queue.remove(item)  # the server forgot that device, and what it had said
        return mine

    def handlers(self, delivery: QueueDelivery) -> Handlers:
        """Return what takes an item further, by its operation."""

        def consent(item: QueueItem) -> QueueItem | None:
            return self._send(delivery, item, wire.HeldConsent)

        def guardian(item: QueueItem) -> QueueItem | None:
            return self._send(delivery, item, None)

        return {PUT: consent, GUARDIAN_WITHDRAW: guardian}

    def _send(self, delivery: QueueDelivery, item: QueueItem, kind: type[wire.HeldConsent] | None) -> QueueItem | None:
        if item.state != "accepted":  # else an earlier version of ours wrote the answer down, and died
            item, answer = delivery.deliver(item, kind, interactive=False, last=True)
            if answer is None:
                return item
        self._queue.remove(item, *self._superseded(item))
        return None

    def _superseded(self, item: QueueItem) -> Iterator[QueueItem]:
        """Yield what the server refused before, as what must not come after what it now knows.

        A notice says all that holds.
        """
        for earlier in self._queue.items() if item.operation == PUT else ():
            if earlier.id == item.id:
                return
            if earlier.state == "refused" and item.subject == earlier.subject:
                yield msgspec.structs.replace(earlier, superseded=True)
