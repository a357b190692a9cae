"""The event bus: what the SDK tells the app; what an app records is a ``journal.Event``.

Touches: nothing. Start with ``EventBus``.

Event classes live beside what emits them. A callback runs on the thread that emitted, or wherever the app's
``dispatch`` puts it; one that raises is logged by type alone and stops nothing. What still holds (a policy to come, a
device that was revoked, a code that is needed) is told again to whoever subscribes later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.arguments import checked

logger = logging.getLogger(__name__)

Dispatch = Callable[[Callable[[], None]], None]
Callback = Callable[[Any], object]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The base of everything the bus carries."""


N = TypeVar("N", bound=Notification)


def call_directly(callback: Callable[[], None]) -> None:
    """Run ``callback`` on the emitting thread: the default dispatch."""
    callback()


class EventBus:
    """Subscriptions by notification type; a subscription to a base class hears its subclasses too. Thread-safe.

    Args:
        dispatch: runs the callbacks.
        on: by type, callbacks that are there from the beginning.
    """

    def __init__(
        self, dispatch: Dispatch = call_directly, on: Mapping[type[Notification], Callback] | None = None
    ) -> None:
        self._dispatch = dispatch
        self._lock = threading.Lock()
        self._subscriptions: dict[object, tuple[type[Notification], Callback]] = {
            object(): wanted for wanted in (on or {}).items()
        }
        self._standing: dict[tuple[type[Notification], str], Notification] = {}
        """What still holds, by its type and what it is about."""

    @checked
    def subscribe(self, kind: type[N], callback: Callable[[N], object]) -> Callable[[], None]:
        """Call ``callback`` with every notification of ``kind``; return a function that ends the subscription.

        What was told before and still holds is told to it first. It takes no look at disk, network or keyring.
        """
        key = object()
        with self._lock:
            self._subscriptions[key] = (kind, callback)
            standing = [notification for notification in self._standing.values() if isinstance(notification, kind)]
        for notification in standing:
            self._call(callback, notification)

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
            callbacks = self._heard_by(notification)
        for callback in callbacks:
            self._call(callback, notification)

    @checked
    def stand(self, notification: Notification, about: str = "") -> None:
        """Emit ``notification``, and tell it to whoever subscribes until it is settled, or replaced.

        Args:
            notification: what holds.
            about: tells it from others of its type.
        """
        with self._lock:
            self._standing[type(notification), about] = notification
            callbacks = self._heard_by(notification)
        for callback in callbacks:
            self._call(callback, notification)

    @checked
    def settle(self, kind: type[Notification]) -> None:
        """Let go what holds of ``kind``: it does not any more."""
        self.keep_only(kind, {})

    @checked
    def keep_only(self, kind: type[Notification], holds: Mapping[str, Notification]) -> None:
        """Let go what does not hold any more of ``kind``, and emit what newly ``holds``, by what it is about."""
        with self._lock:
            known = {about: told for (of, about), told in self._standing.items() if of is kind}
            for about in known.keys() - holds.keys():
                del self._standing[kind, about]
        for about, notification in holds.items():
            if known.get(about) != notification:
                self.stand(notification, about)

    def _heard_by(self, notification: Notification) -> list[Callback]:
        return [callback for kind, callback in self._subscriptions.values() if isinstance(notification, kind)]

    def _call(self, callback: Callback, notification: Notification) -> None:
        run = partial(_run, "a subscriber", notification, partial(callback, notification))
        _run("the dispatch", notification, partial(self._dispatch, run))


def _run(who: str, notification: Notification, call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - an app's code may raise anything; it must not stop the SDK
        logger.error("%s of %s raised %s", who, type(notification).__name__, type(error).__name__)
