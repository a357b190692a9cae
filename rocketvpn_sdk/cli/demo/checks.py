"""What the demo claims, each as a named value: it held, or it did not."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Check(msgspec.Struct, frozen=True):
    """One claim, tried out."""

    name: str
    held: bool
    detail: str
    """What was found, in a sentence."""


class Checks:
    """The checks of one run, in their order.

    Args:
        heard: called with each.
    """

    def __init__(self, heard: Callable[[Check], None] = lambda _: None) -> None:
        self._heard = heard
        self._done: list[Check] = []

    def add(self, name: str, held: object, detail: str) -> bool:
        """Write down whether ``name`` held, and return it."""
        check = Check(name, bool(held), detail)
        self._done.append(check)
        self._heard(check)
        return check.held

    @property
    def done(self) -> tuple[Check, ...]:
        """Every check so far."""
        return tuple(self._done)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Those that did not hold."""
        return tuple(check for check in self._done if not check.held)

    @property
    def held(self) -> bool:
        """Whether there were checks, and all of them held."""
        return bool(self._done) and not self.failed
