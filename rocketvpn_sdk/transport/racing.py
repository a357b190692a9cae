"""Several addresses of one host, raced (RFC 8305): one that stays silent costs a quarter of a second, and not the call.

A VPN app changes the routes of its device all day; then whole families of addresses answer nobody for a while.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest
from typing import Any

from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.names import Address

STAGGER = 0.25
"""Seconds before the next address is tried beside those that have not answered yet (RFC 8305 §5)."""


def in_order(addresses: Iterable[Address], first: Address | None) -> list[Address]:
    """Return ``addresses`` with their families taking turns (RFC 8305 §4), and the one that answered last in front."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = [address for address in chain.from_iterable(zip_longest(*families.values())) if address is not None]
    return sorted(turns, key=lambda address: address != first)


class Race:
    """Connects to the first of several addresses that answers.

    Args:
        addresses: in this order.
        begin: begins to connect to an address, without waiting.
        close: closes what ``begin`` returned; called for everything that does not win.
        seconds: how long each may take; all of them together have the call's deadline.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        begin: Callable[[Address], socket.socket],
        close: Callable[[socket.socket], None],
        seconds: float,
    ) -> None:
        self._todo = deque(addresses)
        self._begin, self._close, self._seconds = begin, close, seconds
        self._waiting: dict[socket.socket, tuple[Address, float]] = {}
        """With the time when each is given up."""
        self._next_at = 0.0
        self._failed: OSError = OSError("it has no address")

    def run(self) -> tuple[socket.socket, Address]:
        """Return the connection, and the address it goes to.

        Raises:
            TimeoutError: none answered in time.
            OSError: there is none, or the last one that answered refused.
        """
        try:
            with selectors.DefaultSelector() as selector:
                while self._todo or self._waiting:
                    if deadline.expired():
                        raise TimeoutError
                    self._try_next(selector)
                    for key, _ in selector.select(self._pause()):
                        won = self._answered(selector, key.fileobj)
                        if won is not None:
                            return won
                    self._give_up(selector)
        finally:
            for sock in self._waiting:
                self._close(sock)
        raise self._failed

    def _try_next(self, selector: selectors.BaseSelector) -> None:
        now = time.monotonic()
        if not self._todo or (self._waiting and now < self._next_at):
            return
        address = self._todo.popleft()
        try:
            sock = self._begin(address)
        except OSError as error:
            self._failed = error
            return
        self._waiting[sock] = address, now + self._seconds
        self._next_at = now + STAGGER
        selector.register(sock, selectors.EVENT_WRITE)

    def _pause(self) -> float:
        """Return how long nothing has to be done: then the next one begins, or one's time is over, or the call's."""
        if self._todo and not self._waiting:
            return 0.0
        now = time.monotonic()
        return max(0.0, min([now + STAGGER, *(ends for _, ends in self._waiting.values())]) - now)

    def _answered(self, selector: selectors.BaseSelector, sock: Any) -> tuple[socket.socket, Address] | None:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        address, _ = self._waiting.pop(sock)
        selector.unregister(sock)
        if not number:
            return sock, address
        self._close(sock)
        self._failed, self._next_at = OSError(number, os.strerror(number)), 0.0
        return None

    def _give_up(self, selector: selectors.BaseSelector) -> None:
        now = time.monotonic()
        for sock in [sock for sock, (_, ends) in self._waiting.items() if ends <= now]:
            del self._waiting[sock]
            selector.unregister(sock)
            self._close(sock)
            self._failed = TimeoutError()
