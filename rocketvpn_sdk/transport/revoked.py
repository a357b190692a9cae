"""Tells the app that the server no longer accepts this device: once for each binding."""

from __future__ import annotations

from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.files.forks import ForkSafe


class BindingRevoked(Notification, frozen=True, kw_only=True):
    """The server no longer accepts this device; told once for each binding, and to who subscribes later."""


class Revocation(ForkSafe):
    """Whether the app was told. Thread-safe.

    Args:
        events: where ``BindingRevoked`` goes.
    """

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._told = False
        super().__init__()

    def tell(self) -> None:
        """Tell the app, unless it was told of this binding."""
        with self.lock:
            told, self._told = self._told, True
        if not told:
            self._events.renew(BindingRevoked, self._standing)

    def _standing(self) -> dict[str, BindingRevoked]:
        return {"": BindingRevoked()} if self._told else {}

    def bound_again(self) -> None:
        """Take note that the device was bound again: a later revocation is news."""
        with self.lock:
            self._told = False
        self._events.settle(BindingRevoked)
