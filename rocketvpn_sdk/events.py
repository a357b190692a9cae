"""The event bus: what the SDK tells the app; what an app records is a ``journal.Event``.

Touches: nothing. Start with ``EventBus``.

Event classes live beside what emits them. A callback runs on the thread that emitted, or wherever the app's
``dispatch`` puts it; one that raises is logged by type alone and stops nothing. What still holds (a policy to come, a
device that was revoked, a code that is needed) is told again to whoever subscribes later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.files.forks import ForkSafe

logger = logging.getLogger(__name__)

Dispatch = Callable[[Callable[[], None]], None]
Callback = Callable[[Any], object]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """The base of everything the bus carries."""


N = TypeVar("N", bound=Notification)


def call_directly(callback: Callable[[], None]) -> None:
    """Run ``callback`` on the emitting thread: the default dispatch."""
    callback()


class EventBus(ForkSafe):
    """Subscriptions by notification type; a subscription to a base class hears its subclasses too. Thread-safe.

    Args:
        dispatch: runs the callbacks.
        on: by type, callbacks that are there from the beginning.
    """

    def __init__(
        self, dispatch: Dispatch = call_directly, on: Mapping[type[Notification], Callback] | None = None
    ) -> None:
        self._dispatch = dispatch
        self._subscriptions: dict[object, tuple[type[Notification], Callback]] = {
            object(): wanted for wanted in (on or {}).items()
        }
        self._standing: dict[tuple[type[Notification], str], Notification] = {}
        """What still holds, by its type and what it is about."""
        self._looks = 0
        self._renewed: dict[type[Notification], int] = {}
        """By type, the number of the look that told what holds."""
        super().__init__()

    def subscribe(self, kind: type[N], callback: Callable[[N], object]) -> Callable[[], None]:
        """Call ``callback`` with every notification of ``kind``; return a function that ends the subscription."""
        key = object()
        with self.lock:
            self._subscriptions[key] = (kind, callback)
            standing = [notification for notification in self._standing.values() if isinstance(notification, kind)]
        for notification in standing:
            self._call(callback, notification)

        def unsubscribe() -> None:
            with self.lock:
                self._subscriptions.pop(key, None)

        return unsubscribe

    def heard(self, kind: type[Notification]) -> bool:
        """Whether anybody would be told of a notification of ``kind``."""
        with self.lock:
            return any(issubclass(kind, wanted) for wanted, _ in self._subscriptions.values())

    def emit(self, notification: Notification) -> None:
        """Hand ``notification`` to every subscriber of its type."""
        with self.lock:
            callbacks = self._heard_by(notification)
        for callback in callbacks:
            self._call(callback, notification)

    def stand(self, notification: Notification, about: str = "") -> None:
        """Emit ``notification``, and tell it to whoever subscribes until it is settled, or replaced.

        Args:
            notification: what holds.
            about: tells it from others of its type.
        """
        with self.lock:
            self._standing[type(notification), about] = notification
            callbacks = self._heard_by(notification)
        for callback in callbacks:
            self._call(callback, notification)

    def settle(self, kind: type[Notification]) -> None:
        """Let go what holds of ``kind``: it does not any more."""
        self.renew(kind, dict)

    def renew(self, kind: type[Notification], look: Callable[[], Mapping[str, Notification] | None]) -> None:
        """Let go what does not hold any more of ``kind``, and emit what newly does.

        Args:
            kind: the type.
            look: returns all that holds, by what it is about; ``None``: it cannot tell, and everything stays. Of two
                threads that look at once, the one that began last is believed.
        """
        with self.lock:
            self._looks += 1
            began = self._looks
        holds = look()
        with self.lock:
            if holds is None or began < self._renewed.get(kind, 0):
                return
            self._renewed[kind] = began
            known = {about: told for (of, about), told in self._standing.items() if of is kind}
            for about in known.keys() - holds.keys():
                del self._standing[kind, about]
            self._standing.update({(kind, about): notification for about, notification in holds.items()})
            news = [notification for about, notification in holds.items() if known.get(about) != notification]
            told = [(callback, notification) for notification in news for callback in self._heard_by(notification)]
        for callback, notification in told:
            self._call(callback, notification)

    def _heard_by(self, notification: Notification) -> list[Callback]:
        return [callback for kind, callback in self._subscriptions.values() if isinstance(notification, kind)]

    def _call(self, callback: Callback, notification: Notification) -> None:
        run = partial(_run, "a subscriber", notification, partial(callback, notification))
        _run("the dispatch", notification, partial(self._dispatch, run))


class Subscriptions:
    """``rocket.events``. Thread-safe.

    Args:
        bus: what is subscribed to.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    @checked
    def subscribe(self, kind: type[N], callback: Callable[[N], object]) -> Callable[[], None]:
        """Call ``callback`` with every notification of ``kind``; return a function that ends the subscription.

        What was told before and still holds is told to it first. It takes no look at disk, network or keyring.
        """
        return self._bus.subscribe(kind, callback)


def _run(who: str, notification: Notification, call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - an app's code may raise anything; it must not stop the SDK
        logger.error("%s of %s raised %s", who, type(notification).__name__, type(error).__name__)
