"""The event bus: what the SDK tells the app; what an app records is a ``journal.Event``.

Touches: nothing. Start with ``EventBus``.

Event classes live beside what emits them. A callback runs on the thread that emitted, or wherever the app's
``dispatch`` puts it; one that raises is logged by type alone and stops nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.arguments import checked

logger = logging.getLogger(__name__)

Dispatch = Callable[[Callable[[], None]], None]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The base of everything the bus carries."""


N = TypeVar("N", bound=Notification)


def call_directly(callback: Callable[[], None]) -> None:
    """Run ``callback`` on the emitting thread: the default dispatch."""
    callback()


class EventBus:
    """Subscriptions by notification type; a subscription to a base class hears its subclasses too."""

    def __init__(self, dispatch: Dispatch = call_directly) -> None:
        self._dispatch = dispatch
        self._lock = threading.Lock()
        self._subscriptions: dict[object, tuple[type[Notification], Callable[[Any], None]]] = {}

    @checked
    def subscribe(self, kind: type[N], callback: Callable[[N], None]) -> Callable[[], None]:
        """Call ``callback`` with every notification of ``kind``; return a function that ends the subscription."""
        key = object()
        with self._lock:
            self._subscriptions[key] = (kind, callback)

        def unsubscribe() -> None:
            with self._lock:
                self._subscriptions.pop(key, None)

        return unsubscribe

    def heard(self, kind: type[Notification]) -> bool:
        """Whether anybody would be told of a notification of ``kind``."""
        with self._lock:
            return any(issubclass(kind, wanted) for wanted, _ in self._subscriptions.values())

    def emit(self, notification: Notification) -> None:
        """Hand ``notification`` to every subscriber of its type."""
        with self._lock:
            callbacks = [callback for kind, callback in self._subscriptions.values() if isinstance(notification, kind)]
        for callback in callbacks:
            run = partial(_run, "a subscriber", notification, partial(callback, notification))
            _run("the dispatch", notification, partial(self._dispatch, run))


def _run(who: str, notification: Notification, call: Callable[[], None]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - an app's code may raise anything; it must not stop the SDK
        logger.error("%s of %s raised %s", who, type(notification).__name__, type(error).__name__)
