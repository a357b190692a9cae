"""Delivers queued requests: each takes effect once at the server; a refused one stays in the queue, marked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

import msgspec

from rocketvpn_sdk.errors import (
    AuthenticationError,
    CallCancelled,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
    TransportError,
    VaultError,
)
from rocketvpn_sdk.policy.members import PARAMETER
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.api import Api, ApiAnswer
from rocketvpn_sdk.transport.retries import one_try
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.due import LONGEST, asked_for, jitter, next_due, phase_of
from rocketvpn_sdk.vault.queue import ItemState

logger = logging.getLogger(__name__)

T = TypeVar("T")

Handlers = Mapping[str, Callable[[QueueItem], QueueItem | None]]
"""By operation, what takes an item further: it returns the item as it then stands, or ``None`` when it is done."""

PATIENCE = 2.0
"""Seconds to wait for another thread or process that is delivering: it delivers our items too."""
_LATER = (TransportError, ServerError, RateLimited)
"""Nothing is wrong with the request: it is tried again."""
_FOR_ALL = (TransportError, RateLimited)
"""Every other item would fail the same way: the server is unreachable, or asks this device to send less.

A 5xx may be about this one request alone, for good: what is behind it must not wait for it.
"""

GETS_ON = 3
"""How often an item's pauses may start again, since a try got part of the way."""
_BEHIND, _SOON = 120.0, 180.0
"""Seconds by which what was tried comes after what waits with it: two of the worker's rounds; and a little more."""


class QueueDelivery:
    """Delivers queue items through the one way out.

    Args:
        api: the calls.
        queue: where items rest.
    """

    def __init__(self, api: Api, queue: Queue) -> None:
        self._api = api
        self._queue = queue
        self._vault = queue.vault
        self._for_all: RocketVPNError | None = None
        """The error of this pass that would meet every other item too; guarded by the delivery lock."""

    def deliver_due(
        self,
        now: float,
        handlers: Handlers,
        *,
        ahead: bool = False,
        refused: bool = False,
        patience: float = PATIENCE,
    ) -> int:
        """Take every item that is due a step further, oldest first; return how many of them still wait.

        What is about the same goes in order. Once the server cannot be reached, or asks to slow down, the rest is left
        for later. All of it together takes no longer than one call may.

        Args:
            now: the wall clock, in seconds since the epoch.
            handlers: what to do with which operation; others are left alone.
            ahead: the user, or the app, asks for it now: only what the server itself put off or refused has to wait.
            refused: they ask for what it refused as well.
            patience: seconds to wait for another thread or process that is delivering.

        Raises:
            VaultError: what became of an item could not be written; it still waits.
            RocketVPNError: whatever a handler raises, the first of them, once all the others had their turn.
        """
        total = self._vault.limits.total_timeout
        with (
            deadline.within(total),
            one_try(self._queue.worked),
            self._queue.delivery_lock(min(patience, total)) as ours,
        ):
            if ours:
                self._walk(now, handlers, ahead=ahead, refused=refused)
        if self._vault.closed:
            return 0
        return sum(item.operation in handlers for item in self._queue.items())

    def _walk(self, now: float, handlers: Handlers, *, ahead: bool, refused: bool) -> None:
        seen, taken = set[str](), set[str]()
        holding: list[QueueItem] = []
        raised: list[RocketVPNError] = []
        self._for_all = None
        while (item := self._next(handlers, seen)) is not None and not deadline.expired():
            seen.add(item.id)
            due = item.is_due(now, ahead=ahead, refused=refused)
            if not due or any(item.waits_for(earlier) for earlier in holding):
                holding += [item] if item.holds_up else []
                continue
            taken.add(item.id)
            left = self._step(item, handlers, raised)
            if self._vault.closed:
                break
            holding += [left] if left is not None and left.holds_up else []
            if left is not None and self._for_all is not None:
                self._put_off(now, handlers, taken, left, self._for_all)
                break
        if raised:
            raise raised[0]

    def _step(self, item: QueueItem, handlers: Handlers, raised: list[RocketVPNError]) -> QueueItem | None:
        """Take ``item`` further; return it as it then stands. What is wrong with it alone is kept in ``raised``."""
        try:
            return handlers[item.operation](item)
        except VaultError:
            raise
        except RocketVPNError as error:
            raised.append(error)
            return self._queue.find(item.id)

    def _put_off(
        self, now: float, handlers: Handlers, taken: set[str], tried: QueueItem, error: RocketVPNError
    ) -> None:
        """Postpone the untried due items as if they had failed the way ``tried`` did.

        Each pause follows the item's own number of attempts, so a new item is tried again soon. Items with the same
        number wait together and cost one try, not one each. ``tried`` comes after them, in case only it fails.
        """
        holding: list[QueueItem] = []
        later: list[QueueItem] = []
        together = False
        for item in self._queue.items():
            mate, mine = item.attempts + 1 == tried.attempts, item.operation in handlers and item.id not in taken
            free = not any(item.waits_for(earlier) for earlier in holding)
            if mine and free and item.is_due(now + (_SOON if mate else 0.0)):
                together = together or mate
                later.append(
                    msgspec.structs.replace(
                        item,
                        due_at=tried.due_at if mate else self._due(item, error),
                        attempts=item.attempts + 1,
                        problem=problem_code(error) if item.state == "waiting" else item.problem,
                    )
                )
            holding += [item] if item.holds_up else []
        if together:
            later.append(msgspec.structs.replace(tried, due_at=tried.due_at + _BEHIND))
        self._queue.update(*later)

    def _next(self, handlers: Handlers, seen: set[str]) -> QueueItem | None:
        """Return the oldest item that was not looked at yet; what was added or cancelled meanwhile counts."""
        items = (item for item in self._queue.items() if item.id not in seen)
        return next((item for item in items if item.operation in handlers), None)

    @overload
    def deliver(
        self, item: QueueItem, answer: type[T], *, interactive: bool, last: bool = False
    ) -> tuple[QueueItem, ApiAnswer[T] | None]: ...

    @overload
    def deliver(
        self, item: QueueItem, answer: None, *, interactive: bool, last: bool = False
    ) -> tuple[QueueItem, ApiAnswer[None] | None]: ...

    def deliver(
        self, item: QueueItem, answer: type[Any] | None, *, interactive: bool, last: bool = False
    ) -> tuple[QueueItem, ApiAnswer[Any] | None]:
        """Send ``item`` once; return it as it now stands in the queue, and the answer if there was one.

        Members of its body that the operation's path names go there. Without ``interactive`` the user is never asked;
        ``UserNeeded`` is emitted instead. ``last``: the caller takes it off at once, so that its being accepted is not
        written; a process that dies in between sends it again, by the same key, on which the server acts once.

        Raises:
            VaultError: its state could not be written; it is still in the queue.
        """
        declared = self._api.permit.policy.operations.get(item.operation)
        in_path = set(PARAMETER.findall(declared.path)) if declared else set()
        members = {name: value for name, value in item.body.items() if name not in in_path}
        answered = self._api.answered
        try:
            got = self._api.call(
                item.operation,
                answer=answer,
                body=members or None,
                path={name: str(item.body[name]) for name in in_path & item.body.keys()},
                idempotency_key=item.idempotency_key,
                interactive=interactive,
            )
        except (VaultError, CallCancelled):  # it waits as before
            raise
        except RocketVPNError as error:
            return self._mark(_further(item) if self._api.answered != answered else item, error), None
        accepted = msgspec.structs.replace(item, state="accepted", problem=None, attempts=item.attempts + 1)
        if not last:
            self._queue.update(accepted)
        logger.info("queue: %s delivered", item.operation)
        return accepted, got

    def postpone(self, item: QueueItem, error: RocketVPNError | None = None) -> QueueItem:
        """Write down that ``item`` was tried, in the state that it has, and when that is done again; return it."""
        if isinstance(error, _FOR_ALL):
            self._for_all = error
        now, asked = self._vault.clock.time(), (error.retry_at if error else None) or 0.0
        due = self._due(item, error)
        # Also where a 429 names no time: else somebody who asks for it now never gets to what comes after it.
        held = item.state == "refused" or (isinstance(error, RateLimited) and asked <= now)
        later = msgspec.structs.replace(
            item,
            problem=problem_code(error) if error else item.problem,
            attempts=item.attempts + 1,
            due_at=due,
            not_before=due if held else min(due, now + asked_for(min(asked - now, LONGEST))) if asked > now else 0.0,
        )
        self._queue.update(later)
        logger.info(
            "queue: %s put off (%s), for %d s",
            item.operation,
            error.code if error else later.state,
            max(0.0, due - now),
        )
        return later

    def _due(self, item: QueueItem, error: RocketVPNError | None) -> float:
        """Return when ``item`` is tried again after one more failure."""
        now = self._vault.clock.time()
        due = next_due(
            item.attempts + 1 - item.counted_from, now, error.retry_at if error else None, phase=phase_of(item.id)
        )
        return max(due, now + jitter(LONGEST)) if item.state == "refused" else due

    def ask_for_user(self, item: QueueItem, error: AuthenticationError) -> QueueItem:
        """Write down that ``item`` cannot go on without the user, of which the app is told; return it."""
        return self.postpone(msgspec.structs.replace(item, state="waiting_for_user"), error)

    def _mark(self, item: QueueItem, error: RocketVPNError) -> QueueItem:
        if isinstance(error, AuthenticationError):
            return self.ask_for_user(item, error)
        state: ItemState = "waiting" if isinstance(error, _LATER) else "refused"
        return self.postpone(msgspec.structs.replace(item, state=state), error)


def _further(item: QueueItem) -> QueueItem:
    """Return ``item`` after a try in which the server answered something, a token say: its pauses start again."""
    if item.got_on >= GETS_ON:
        return item
    return msgspec.structs.replace(item, counted_from=item.attempts, got_on=item.got_on + 1)


def problem_code(error: RocketVPNError) -> str:
    """Return what to show about ``error``: the server's own code where it gave one."""
    return str(error.params.get("reason", error.code)) if isinstance(error, RequestRefused) else error.code
