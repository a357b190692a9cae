"""One deadline over a whole call: all its tries, token fetches and reads together.

A timeout per read alone lets a server hold a caller for ever by sending a byte now and then. The deadline of the call
in progress therefore caps every socket timeout (see ``tls.py``). It is kept per thread (a context variable), since
each call runs on one. It reads the machine's monotonic clock, as sockets do, and not the injected one. A call that was
cancelled has no time left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rocketvpn_sdk import cancelling

SHORTEST = 0.001
"""What a socket gets when the time is over: a timeout of zero would mean "do not block", with other errors."""


class _Deadline:
    __slots__ = ("end",)

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound everything inside to ``seconds``; inside another deadline, that one alone counts."""
    if _current.get() is not None:
        yield
        return
    token = _current.set(_Deadline(seconds))
    try:
        yield
    finally:
        _current.reset(token)


def begin_again(seconds: float) -> None:
    """Give the call in progress ``seconds`` from now on: it is a long one, and brought enough until now."""
    deadline = _current.get()
    if deadline is not None:
        deadline.end = time.monotonic() + seconds


@contextmanager
def paused() -> Iterator[None]:
    """Stop the clock: a person is being asked, who may take as long as it takes."""
    deadline = _current.get()
    started = time.monotonic()
    try:
        yield
    finally:
        if deadline is not None:
            deadline.end += time.monotonic() - started


def remaining(default: float) -> float:
    """Return the seconds left, at least ``SHORTEST``; ``default`` outside any deadline."""
    if cancelling.cancelled():
        return SHORTEST
    deadline = _current.get()
    return default if deadline is None else max(SHORTEST, deadline.end - time.monotonic())


def expired() -> bool:
    """Whether the call in progress has no time left, or was cancelled."""
    deadline = _current.get()
    return cancelling.cancelled() or (deadline is not None and time.monotonic() >= deadline.end)


def cap(timeout: float | None) -> float | None:
    """Return a socket's ``timeout``, cut to what the call has left."""
    if cancelling.cancelled():
        return SHORTEST
    deadline = _current.get()
    if deadline is None:
        return timeout
    left = max(SHORTEST, deadline.end - time.monotonic())
    return left if timeout is None else min(timeout, left)
