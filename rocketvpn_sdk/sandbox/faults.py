"""Switches that make the sandbox misbehave as real servers do; thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with one request."""

    kind: str
    """``status``, ``garbage`` or ``lost``."""
    status: int = 200
    retry_after: str | None = None
    body: bytes = b""
    media_type: str = ""


class Faults:
    """The switches. Set them from any thread while the server runs; ``clear()`` puts all of them back."""

    def __init__(
        self,
        *,
        nonces: Callable[[], None],
        revoke: Callable[[str], None],
        begin: Callable[[], None],
        release: Callable[[], None],
    ) -> None:
        self._lock = threading.Lock()
        self._forget_nonces = nonces
        self._revoke = revoke
        self._begin = begin
        self._release = release
        self._queue: list[Fault] = []
        self._latency = 0.0
        self._redirect = False
        self._delay = False
        self._freeze = False
        self._stopping = threading.Event()

    # ------------------------------------------------------------ for the next requests

    def fail(self, times: int = 1, *, status: int = 503, retry_after: int | str | None = 1) -> None:
        """Answer the next requests with ``status`` instead of serving them; ``retry_after`` in either form, or none."""
        wait = None if retry_after is None else str(retry_after)
        self._plan(times, Fault(kind="status", status=status, retry_after=wait))

    def garbage(
        self, times: int = 1, *, body: bytes = b"<html>Sign in to use this Wi-Fi</html>", media_type: str = "text/html"
    ) -> None:
        """Answer the next requests with 200 and something that is no answer, as a captive portal does."""
        self._plan(times, Fault(kind="garbage", body=body, media_type=media_type))

    def lose_answers(self, times: int = 1) -> None:
        """Serve the next requests, and cut the connection instead of sending the answer."""
        self._plan(times, Fault(kind="lost"))

    def take(self) -> Fault | None:
        """Return what is to go wrong with this request, and count it."""
        with self._lock:
            return self._queue.pop(0) if self._queue else None

    def _plan(self, times: int, fault: Fault) -> None:
        with self._lock:
            self._queue.extend([fault] * times)

    # ------------------------------------------------------------ until switched off

    @property
    def latency(self) -> float:
        """Seconds that every request waits before it is served."""
        with self._lock:
            return self._latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        with self._lock:
            self._latency = seconds

    def pause(self) -> None:
        """Wait as long as ``latency`` says, or until the server stops."""
        seconds = self.latency
        if seconds > 0:
            self._stopping.wait(seconds)

    def stop(self) -> None:
        """Let whoever waits in ``pause`` go on: the server stops."""
        self._stopping.set()

    def start(self) -> None:
        """Let ``pause`` wait again."""
        self._stopping.clear()

    @property
    def redirect_to_web(self) -> bool:
        """Whether the authorization challenge sends users to the web (first-party apps §5.2.2)."""
        with self._lock:
            return self._redirect

    @redirect_to_web.setter
    def redirect_to_web(self, on: bool) -> None:
        with self._lock:
            self._redirect = on

    @property
    def delay_deletions(self) -> bool:
        """Whether deletions stay ``open`` until ``begin_deletions()`` or ``release_deletions()``."""
        with self._lock:
            return self._delay

    @delay_deletions.setter
    def delay_deletions(self, on: bool) -> None:
        with self._lock:
            self._delay = on

    @property
    def freeze_updates(self) -> bool:
        """Whether the signed files (TUF) are served as they are and never signed anew: they expire in time."""
        with self._lock:
            return self._freeze

    @freeze_updates.setter
    def freeze_updates(self, on: bool) -> None:
        with self._lock:
            self._freeze = on

    # ------------------------------------------------------------ at once

    def begin_deletions(self) -> None:
        """Make every deletion that was delayed ``in_progress``; it can no longer be called off."""
        self._begin()

    def release_deletions(self) -> None:
        """Carry out every deletion that was delayed, and delay no more."""
        self.delay_deletions = False
        self._release()

    def demand_nonce(self) -> None:
        """Make every nonce handed out so far invalid, so that each client must fetch a fresh one."""
        self._forget_nonces()

    def revoke_device(self, device_id: str) -> None:
        """Take a device off its order, as the operator or another device would.

        Raises:
            LookupError: no order has a device by that id.
        """
        self._revoke(device_id)

    def clear(self) -> None:
        """Switch everything off; delayed deletions stay delayed until they are released."""
        with self._lock:
            self._queue.clear()
            self._latency, self._redirect, self._delay, self._freeze = 0.0, False, False, False
