"""What other devices of the order asked for and this one may call off: learnt with every token, told once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Literal

from rocketvpn_sdk import wire
from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.files.forks import ForkSafe
from rocketvpn_sdk.masking import MaskedRepr


class OrderChangePending(MaskedRepr, Notification, frozen=True, kw_only=True):
    """Something was asked for that concerns the whole order; unless a device calls it off, it happens.

    Told once for each while the app runs. Show it to the user, with a way to call it off: ``rights.cancel(id)`` for
    ``account_deletion``, ``rights.correct({"contact_email": None})`` for ``first_address``.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("hint",)

    kind: Literal["account_deletion", "first_address"]
    id: str
    asked_at: datetime
    takes_effect_at: datetime
    hint: str = ""
    """Of an address: the address, masked by the server."""


class OrderChanges(ForkSafe):
    """The newest that the server said of them. Thread-safe.

    Args:
        events: where ``OrderChangePending`` goes.
    """

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self.newest: tuple[wire.OrderChange, ...] = ()
        self._told: frozenset[str] = frozenset()
        super().__init__()

    def learn(self, changes: Sequence[wire.OrderChange]) -> None:
        """Take what an answer said; nobody is told before ``tell``, since the call that learnt it may hold locks."""
        self.newest = tuple(changes)

    def tell(self) -> None:
        """Tell the app of what it was not told of yet, unless this device asked for it itself."""
        with self.lock:
            news = [change for change in self.newest if change.id not in self._told and not change.current]
            self._told |= {change.id for change in news}
        for change in news:
            self._events.emit(
                OrderChangePending(
                    kind=change.kind,
                    id=change.id,
                    asked_at=change.asked_at,
                    takes_effect_at=change.takes_effect_at,
                    hint=change.hint,
                )
            )
