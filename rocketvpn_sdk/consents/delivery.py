"""Takes what the consent room has waiting to the server: in order, and each of it once."""

from __future__ import annotations

from collections.abc import Iterable

from rocketvpn_sdk import wire
from rocketvpn_sdk.consent.queued import PUT
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.transport import Api
from rocketvpn_sdk.transport.courier import Courier
from rocketvpn_sdk.vault import Queue, QueueItem


class Delivery:
    """Delivers the consent room's queue items.

    Args:
        api: the calls.
        queue: where they rest.
        events: where ``UserNeeded`` goes.
    """

    def __init__(self, api: Api, queue: Queue, events: EventBus) -> None:
        self._queue = queue
        self._courier = Courier(api, queue, events)

    def deliver(self, items: Iterable[QueueItem]) -> int:
        """Deliver ``items``, oldest first; return how many still wait.

        Once the server did not take one, what concerns the same thing is left for later: its order matters.

        Raises:
            VaultError: what became of one could not be written; it still waits.
        """
        stuck: set[str] = set()
        waiting = 0
        for item in items:
            about = _about(item)
            if about in stuck or not self._send(item):
                stuck.add(about)
                waiting += 1
        return waiting

    def _send(self, item: QueueItem) -> bool:
        if item.state != "accepted":  # else a crash came between the answer and this
            kind = wire.HeldConsent if item.operation == PUT else None
            item, answer = self._courier.deliver(item, kind, interactive=False)
            if answer is None:
                return False
        self._queue.remove(item)
        return True


def _about(item: QueueItem) -> str:
    if item.operation == PUT:
        return f"{item.body['purpose']}/{item.body.get('recipient', '')}"
    return item.operation
