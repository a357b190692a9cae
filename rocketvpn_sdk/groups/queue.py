"""``rocket.queue``: the requests that wait for the server, for the user to see and to cancel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.queued import GUARDIAN_WITHDRAW, PUT
from rocketvpn_sdk.consent.reports import ERASE
from rocketvpn_sdk.errors import NotCancellable, ValueRefused, VaultBusy
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.queue import ItemState

_PATIENCE = 2.0
"""Seconds to wait for a delivery in progress: a request that is being sent cannot be cancelled."""

_SENTENCE = "The server is not told. What was done on this device stays done."
_NO_HAS_TO_BE_HEARD = "you said no, and the server has to hear that"
_GUARDIAN = "a guardian's agreement ended, and the server has to hear that"
_WITHDRAW_INSTEAD = "it says what you agreed to; take the consent back instead, and the server hears that"
_REPORTS = "without it nobody could ask the server to erase what was sent without your name"
_ACCEPTED = "the server has it already"
_LAST_WORD = "without it nobody could ask the server again; rights.forget_now() drops it, and all that is left here"


class WaitingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the server has not confirmed yet. It holds no value of yours, only what it is about."""

    id: str
    """Names it here; the server does not know it."""
    operation: str
    """Its id in the policy."""
    sentence: str
    """What it does, in the policy's words."""
    since: datetime
    due: datetime | None
    """When it is tried again by itself, where the background worker is on; ``None``: at the next opportunity,
    or, where the server's no is for good, not by itself."""
    state: ItemState
    problem: str | None
    """The code of the last error, or of the server's refusal."""
    tries: int
    can_cancel: bool
    why_not: str = ""
    """Why it cannot be cancelled; empty where it can."""


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """A request that will not be sent."""

    request: WaitingRequest
    sentence: str
    """What that means, for the user."""


@checks_arguments
class WaitingRequests:
    """``rocket.queue``. Thread-safe. Never asks the server.

    Args:
        queue: where the requests rest.
        policy: returns the policy, for its words.
    """

    def __init__(self, queue: Queue, policy: Callable[[], Policy]) -> None:
        self._queue = queue
        self._policy = policy

    def items(self, language: str = "en") -> tuple[WaitingRequest, ...]:
        """Return what waits for the server, oldest first.

        Args:
            language: BCP 47, for the policy's words; English where it lacks it.

        Raises:
            VaultLocked: unlock first.
        """
        policy = self._policy()
        return tuple(_shown(item, policy, language) for item in self._queue.items())

    def cancel(self, request_id: str) -> Cancelled:
        """Take a request back before the server has it. What was done on this device stays done.

        Args:
            request_id: the ``id`` that ``items`` shows.

        Raises:
            ValueRefused: nothing with this id waits.
            NotCancellable: a right would be lost with it; the sentence says which, and what to do instead.
            VaultBusy: it is on its way to the server just now.
            VaultLocked: unlock first.
        """
        self._find(request_id)
        with self._queue.delivery_lock(_PATIENCE) as ours:
            if not ours:
                raise VaultBusy(seconds=_PATIENCE)
            item = self._find(request_id)
            reason = why_not(item)
            if reason:
                raise NotCancellable(rule="A3", reason=translate(reason))
            self._queue.remove(item)
        return Cancelled(request=_shown(item, self._policy(), "en"), sentence=translate(_SENTENCE))

    def _find(self, request_id: str) -> QueueItem:
        for item in self._queue.items():
            if item.id == request_id:
                return item
        raise ValueRefused(name="request_id", problem="no request with this id waits")


def why_not(item: QueueItem) -> str:
    """Return why ``item`` cannot be cancelled; empty where that loses no right."""
    if item.superseded:
        return ""
    if item.operation == PUT:
        return _WITHDRAW_INSTEAD if item.body["state"] == "granted" else _NO_HAS_TO_BE_HEARD
    if item.operation == GUARDIAN_WITHDRAW:
        return _GUARDIAN
    if item.operation == ERASE:
        return _REPORTS
    if item.state == "accepted" or (item.reference is not None and item.state != "refused"):
        return _ACCEPTED
    return "" if item.body.get("scope", "logs") == "logs" else _LAST_WORD


def _shown(item: QueueItem, policy: Policy, language: str) -> WaitingRequest:
    declared = policy.operations.get(item.operation)
    sentences = declared.sentence if declared else {}
    reason = why_not(item)
    return WaitingRequest(
        id=item.id,
        operation=item.operation,
        sentence=sentences.get(language) or sentences.get("en", item.operation),
        since=utc(item.created_at),
        due=utc(item.due_at) if item.due_at and not item.rests else None,
        state=item.state,
        problem=item.problem,
        tries=item.attempts,
        can_cancel=not reason,
        why_not=translate(reason) if reason else "",
    )
