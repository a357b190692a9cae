"""Races the addresses of one host (RFC 8305): a silent address costs a quarter of a second, and not the call.

A VPN app changes the routes of its device all day; then whole families of addresses answer nobody for a while.
"""

from __future__ import annotations

import selectors
import ssl
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import chain, zip_longest
from typing import Generic, TypeVar

from rocketvpn_sdk.cancelling import look_again
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.resolver import Address

T = TypeVar("T")
Wait = tuple[int, int]
"""A descriptor, and the event of ``selectors`` to wait for."""
Attempt = Generator[Wait, None, T]
"""Connects to one address: yields each ``Wait`` and returns the connection. Closing the generator closes it."""

STAGGER = 0.25
"""Seconds before the next address is tried beside those that have not answered yet (RFC 8305 §5)."""
CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""The errors of ``ssl`` for a connection that ended without an answer."""


def in_order(addresses: Iterable[Address], first: Address | None) -> list[Address]:
    """Return ``addresses`` with their families taking turns (RFC 8305 §4), and the one that answered last in front."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = [address for address in chain.from_iterable(zip_longest(*families.values())) if address is not None]
    return sorted(turns, key=lambda address: address != first)


class _Runner(Generic[T]):
    __slots__ = ("address", "attempt", "ends", "steps", "waits_for")

    def __init__(self, address: Address, attempt: Attempt[T], ends: float) -> None:
        self.address, self.attempt, self.ends = address, attempt, ends
        self.waits_for = -1
        """The descriptor that the selector has for it."""
        self.steps = 0


class Race(Generic[T]):
    """Connects to the first of several addresses that answers.

    An address that is silent, refuses or cuts the connection loses. An address that answers with anything else than a
    good handshake ends the race with its error: it may be somebody who listens (decision 34).

    Args:
        addresses: in this order.
        begin: returns the attempt to connect to an address. Its first wait is for TCP.
        connect: the seconds that TCP may take, for each address.
        answer: the seconds that the answer may take after that. All of them together have the call's deadline.
        now: the time in seconds, monotonic.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        begin: Callable[[Address], Attempt[T]],
        *,
        connect: float,
        answer: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._todo = deque(addresses)
        self._begin, self._connect, self._answer, self._now = begin, connect, answer, now
        self._running: list[_Runner[T]] = []
        self._next_at = 0.0
        self._failed: OSError = OSError("it has no address")

    def run(self) -> tuple[T, Address]:
        """Return the connection, and the address it goes to.

        Raises:
            TimeoutError: no address answered in time.
            ssl.SSLError: one answered and is not who it has to be.
            OSError: there is no address, or the last one refused.
        """
        try:
            with selectors.DefaultSelector() as selector:
                while self._todo or self._running:
                    if deadline.expired():
                        raise TimeoutError
                    self._begin_next(selector)
                    for key, _ in selector.select(self._pause()):
                        selector.unregister(key.fd)
                        won = self._advance(selector, key.data)
                        if won is not None:
                            return won, key.data.address
                    self._give_up(selector)
        finally:
            for runner in self._running:
                runner.attempt.close()
        raise self._failed

    def _begin_next(self, selector: selectors.BaseSelector) -> None:
        now = self._now()
        if not self._todo or (self._running and now < self._next_at):
            return
        address = self._todo.popleft()
        runner = _Runner(address, self._begin(address), now + self._connect)
        self._running.append(runner)
        self._next_at = now + STAGGER
        self._advance(selector, runner)

    def _pause(self) -> float:
        """Return how long nothing has to be done: then the next one begins, or one's time is over, or the call's."""
        if self._todo and not self._running:
            return 0.0
        now = self._now()
        ends = min([STAGGER, *(runner.ends - now for runner in self._running)])
        return max(0.0, look_again(min(ends, self._next_at - now if self._todo else ends, deadline.remaining(ends))))

    def _advance(self, selector: selectors.BaseSelector, runner: _Runner[T]) -> T | None:
        """Let ``runner`` go on; return its connection if it is ready."""
        try:
            runner.waits_for, event = next(runner.attempt)
        except StopIteration as done:
            self._running.remove(runner)
            won: T = done.value
            return won
        except OSError as error:
            self._running.remove(runner)
            if isinstance(error, ssl.SSLError) and not isinstance(error, CUT):
                raise
            self._failed, self._next_at = error, 0.0
            return None
        selector.register(runner.waits_for, event, runner)
        runner.steps += 1
        if runner.steps == 2:  # TCP is there: this one is not silent so far, and has a time of its own for the rest
            now = self._now()
            runner.ends, self._next_at = now + self._answer, now + STAGGER
        return None

    def _give_up(self, selector: selectors.BaseSelector) -> None:
        now = self._now()
        for runner in [runner for runner in self._running if runner.ends <= now]:
            self._running.remove(runner)
            selector.unregister(runner.waits_for)
            runner.attempt.close()
            self._failed = TimeoutError()
