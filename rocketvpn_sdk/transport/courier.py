"""Delivers what waits in the queue: once at the server, however often it takes; a no keeps the item and marks it."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import msgspec

from rocketvpn_sdk.errors import (
    AuthenticationError,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
    TransportError,
    VaultError,
)
from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.transport.api import Answer, Api
from rocketvpn_sdk.transport.requests import PARAMETER
from rocketvpn_sdk.vault import Queue, QueueItem

T = TypeVar("T")

_LATER = (TransportError, ServerError, RateLimited)
"""Nothing is wrong with the request: it is tried again."""


class UserNeeded(Notification, frozen=True, kw_only=True):
    """Something in the queue needs the user, e.g. a code from an e-mail; ``operation`` says what."""

    operation: str
    code: str
    """The error's code."""


class Courier:
    """Delivers queue items through the one way out.

    Args:
        api: the calls.
        queue: where items rest.
        events: where ``UserNeeded`` goes.
    """

    def __init__(self, api: Api, queue: Queue, events: EventBus) -> None:
        self._api = api
        self._queue = queue
        self._events = events

    @overload
    def deliver(self, item: QueueItem, answer: type[T], *, interactive: bool) -> tuple[QueueItem, Answer[T] | None]: ...

    @overload
    def deliver(self, item: QueueItem, answer: None, *, interactive: bool) -> tuple[QueueItem, Answer[None] | None]: ...

    def deliver(
        self, item: QueueItem, answer: type[Any] | None, *, interactive: bool
    ) -> tuple[QueueItem, Answer[Any] | None]:
        """Send ``item`` once; return it as it now stands in the queue, and the answer if there was one.

        Members of its body that the operation's path names go there. Without ``interactive`` the user is never asked;
        ``UserNeeded`` is emitted instead.

        Raises:
            VaultError: its state could not be written; it is still in the queue.
        """
        declared = self._api.policy.operations.get(item.operation)
        in_path = set(PARAMETER.findall(declared.path)) if declared else set()
        members = {name: value for name, value in item.body.items() if name not in in_path}
        try:
            got = self._api.call(
                item.operation,
                answer=answer,
                body=members or None,
                path={name: str(item.body[name]) for name in in_path & item.body.keys()},
                idempotency_key=item.idempotency_key,
                interactive=interactive,
            )
        except VaultError:
            raise
        except RocketVPNError as error:
            return self._mark(item, error), None
        accepted = msgspec.structs.replace(item, state="accepted", problem=None, attempts=item.attempts + 1)
        self._queue.update(accepted)
        return accepted, got

    def _mark(self, item: QueueItem, error: RocketVPNError) -> QueueItem:
        marked = msgspec.structs.replace(item, problem=problem_code(error), attempts=item.attempts + 1)
        if isinstance(error, AuthenticationError):
            marked = msgspec.structs.replace(marked, state="waiting_for_user")
            self._events.emit(UserNeeded(operation=item.operation, code=error.code))
        elif isinstance(error, _LATER):
            marked = msgspec.structs.replace(marked, state="waiting")
        else:
            marked = msgspec.structs.replace(marked, state="refused")
        self._queue.update(marked)
        return marked


def problem_code(error: RocketVPNError) -> str:
    """Return what to show about ``error``: the server's own code where it gave one."""
    return str(error.params.get("reason", error.code)) if isinstance(error, RequestRefused) else error.code
