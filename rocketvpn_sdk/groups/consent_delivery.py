"""Delivers the queued consent notices and guardian withdrawals to the server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.queued import GUARDIAN_WITHDRAW, PUT
from rocketvpn_sdk.vault import Queue, QueueItem

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.transport.delivery import Handlers, QueueDelivery


def prepare(decisions: Decisions) -> bool:
    """Drop what waits in the name of a device that this is no longer; return whether anything else waits.

    Raises:
        VaultError: it could not be dropped.
    """
    device, mine = decisions.device(), False
    for item in decisions.unsent():
        if item.device_id == device:
            mine = True
        else:
            decisions.queue.remove(item)  # the server forgot that device, and what it had said
    return mine


def handlers(queue: Queue, delivery: QueueDelivery) -> Handlers:
    """Return what takes an item further, by its operation."""

    def send(item: QueueItem, kind: type[wire.HeldConsent] | None) -> QueueItem | None:
        if item.state != "accepted":  # else an earlier version of ours wrote the answer down, and died
            item, answer = delivery.deliver(item, kind, interactive=False, last=True)
            if answer is None:
                return item
        queue.remove(item, *_superseded(queue, item))
        return None

    return {PUT: lambda item: send(item, wire.HeldConsent), GUARDIAN_WITHDRAW: lambda item: send(item, None)}


def _superseded(queue: Queue, item: QueueItem) -> Iterator[QueueItem]:
    """Yield what the server refused before, as what must not come after what it now knows.

    A notice says all that holds.
    """
    for earlier in queue.items() if item.operation == PUT else ():
        if earlier.id == item.id:
            return
        if earlier.state == "refused" and item.subject == earlier.subject:
            yield msgspec.structs.replace(earlier, superseded=True)
