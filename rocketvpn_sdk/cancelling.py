"""Ending a call from another thread: the call stops at its next step, and a wait for the network ends at once.

Touches: nothing. Start with ``CancelToken``.

A call knows its tokens by a context variable, since each call runs on one thread. Whatever waits asks here: what can
be woken registers how (``waking``), and what cannot (a lock) is tried again and again (``acquire``). A transaction of
the vault is never cut: its wait is bounded, and the call ends after it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from rocketvpn_sdk.errors import CallCancelled

_LOOK = 0.05
"""Seconds after which a wait that nothing can wake looks whether the call was cancelled."""


class CancelToken:
    """Cancels the calls that it was given to, from any thread or a signal handler; once, and for good.

    ::

        stop = CancelToken()
        button.clicked.connect(stop.cancel)
        rocket.rights.export(path, cancel=stop)  # in a worker; raises CallCancelled
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may cancel while its thread registers something here
        self._wakes: dict[object, Callable[[], None]] = {}
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """End the calls; returns at once, while they end on their own threads. Calling it again is fine."""
        with self._lock:
            self._cancelled = True
            for wake in list(self._wakes.values()):
                wake()

    @contextmanager
    def _waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """See ``waking``."""
        key = object()
        with self._lock:
            self._wakes[key] = wake
            if self._cancelled:
                wake()
        try:
            yield
        finally:
            with self._lock:  # when this is over, nobody calls ``wake`` any more
                del self._wakes[key]


_current: ContextVar[tuple[CancelToken, ...]] = ContextVar("cancel_tokens", default=())


@contextmanager
def cancelled_by(token: CancelToken | None) -> Iterator[None]:
    """Let ``token`` end what is called inside, and with it whatever tokens could do so already.

    Raises:
        CallCancelled: it is cancelled before anything was done.
    """
    if token is None:
        yield
        return
    before = _current.set((*_current.get(), token))
    try:
        check()
        yield
    finally:
        _current.reset(before)


def cancelled() -> bool:
    """Whether the call in progress was cancelled."""
    return any(token.cancelled for token in _current.get())


def check() -> None:
    """Go on.

    Raises:
        CallCancelled: the call in progress was cancelled.
    """
    if cancelled():
        raise CallCancelled


@contextmanager
def waking(wake: Callable[[], None]) -> Iterator[None]:
    """Have ``wake`` called, on another thread, if the call is cancelled inside; at once if it was already.

    ``wake`` takes no lock that is held where this is entered or left.
    """
    tokens = _current.get()
    if not tokens:
        yield
        return
    with ExitStack() as stack:
        for token in tokens:
            stack.enter_context(token._waking(wake))  # noqa: SLF001 - the token's other half
        yield


def acquire(lock: threading.Lock, seconds: float) -> bool:
    """Take ``lock``; return whether that was possible within ``seconds`` and before the call was cancelled."""
    if not _current.get():
        return lock.acquire(timeout=seconds)
    end = time.monotonic() + seconds
    while not cancelled():
        left = end - time.monotonic()
        if lock.acquire(timeout=max(0.0, min(left, _LOOK))):
            return True
        if left <= 0:
            return False
    return False


def look_again(seconds: float) -> float:
    """Return how long a wait of ``seconds`` may go on before it looks whether the call was cancelled."""
    return min(seconds, _LOOK) if _current.get() else seconds


def join(thread: threading.Thread, seconds: float) -> None:
    """Wait for the end of ``thread``, at most ``seconds``, and not after the call was cancelled."""
    end = time.monotonic() + seconds
    thread.join(look_again(seconds))
    while thread.is_alive() and not cancelled() and (left := end - time.monotonic()) > 0:
        thread.join(look_again(left))
