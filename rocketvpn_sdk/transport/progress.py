"""How far one try of a call got, and whether it is forgiven: sent once more at once, outside the budget of retries.

What was kept from an earlier call may be dead, and nobody says so: a connection that waited, or the addresses of a
name. A call that meets this is forgiven once, and only where the server cannot have acted on it twice:

- no byte of the request was sent, since no kept address could be connected to;
- the connection had been used before and the request's header section was not sent whole. No server can act on that;
- the connection had been used before and was closed before a byte of an answer came, and the call may be repeated:
  its method is safe, or it has an idempotency key (RFC 9110 §9.2.2, RFC 9112 §9.3.1).

A time-out is not forgiven once the request was sent: the server may still be at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx


class Progress:
    """How far one try got; the connections write it down (``socket_backend.py``)."""

    __slots__ = ("begun", "heard", "kept", "reused", "sent")

    def __init__(self) -> None:
        self.kept = False
        """Its connection was made to addresses that were kept from an earlier look-up."""
        self.begun = self.reused = False
        """It has a connection; that one had carried an earlier request."""
        self.sent = False
        """The request's header section was sent whole."""
        self.heard = False
        """A byte of an answer came."""

    @property
    def unsent(self) -> bool:
        """Whether it had a connection, and the server cannot act on what went over it."""
        return self.begun and not self.sent

    def met_a_dead_end(self, error: Exception) -> bool:
        """Whether ``error``, of httpx, was that of a connection or of addresses kept from an earlier call."""
        if not self.begun:
            return self.kept and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        closed = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
        return self.reused and not self.heard and (closed or not self.sent)


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def current() -> Progress:
    """Return that of the try in progress; one that nobody looks at where there is none."""
    return _current.get() or Progress()


@contextmanager
def watched() -> Iterator[Progress]:
    """Yield the progress of the one try that is made inside."""
    progress = Progress()
    token = _current.set(progress)
    try:
        yield progress
    finally:
        _current.reset(token)
