"""Switches that make the sandbox misbehave as real servers do; thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from rocketvpn_sdk.sandbox.accounts import find_order, remove_device
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.notices import removed
from rocketvpn_sdk.sandbox.rights import begin_delayed, release_delayed
from rocketvpn_sdk.sandbox.rows import every
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import DeviceRow


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with one request."""

    kind: str
    """``status``, ``garbage`` or ``lost``."""
    status: int = 200
    retry_after: str | None = None
    body: bytes = b""
    media_type: str = ""
    path: str | None = None
    """The requests that it strikes; ``None``: any."""


class Faults:
    """The switches. Set them from any thread while the server runs; ``clear()`` puts all of them back."""

    latency: float
    """Seconds that every request waits before it is served."""
    between_transactions: Callable[[], None] | None
    """What is called after each transaction of the server, on the thread of its request; ``None``: nothing.

    Tests let other requests in there: what a request looked up in one transaction need not hold in its next.
    """
    redirect_to_web: bool
    """Whether the authorization challenge sends users to the web (first-party apps §5.2.2)."""
    delay_deletions: bool
    """Whether deletions stay ``open`` until ``begin_deletions()`` or ``release_deletions()``."""
    freeze_updates: bool
    """Whether the signed files (TUF) are served as they are and never signed anew: they expire in time."""

    def __init__(self, running: Callable[[], Services]) -> None:
        self._running = running
        self._lock = threading.Lock()
        self._queue: list[Fault] = []
        self._stopping = threading.Event()
        self.clear()

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

    def lose_answers(self, times: int = 1, *, path: str | None = None) -> None:
        """Serve the next requests, or the next for ``path``, and cut the connection instead of sending the answer."""
        self._plan(times, Fault(kind="lost", path=path))

    def take(self, path: str) -> Fault | None:
        """Return what is to go wrong with this request for ``path``, and count it."""
        with self._lock:
            found = next((fault for fault in self._queue if fault.path in (None, path)), None)
            if found is not None:
                self._queue.remove(found)
            return found

    def _plan(self, times: int, fault: Fault) -> None:
        with self._lock:
            self._queue.extend([fault] * times)

    # ------------------------------------------------------------ for the server

    def pause(self) -> None:
        """Wait as long as ``latency`` says, or until the server stops."""
        if (seconds := self.latency) > 0:
            self._stopping.wait(seconds)

    def stop(self) -> None:
        """Let whoever waits in ``pause`` go on: the server stops."""
        self._stopping.set()

    def start(self) -> None:
        """Let ``pause`` wait again."""
        self._stopping.clear()

    def transaction_ended(self) -> None:
        """Call what was set as ``between_transactions``."""
        if callback := self.between_transactions:
            callback()

    # ------------------------------------------------------------ at once

    def begin_deletions(self) -> None:
        """Make every deletion that was delayed ``in_progress``; it can no longer be called off."""
        begin_delayed(self._running())

    def release_deletions(self) -> None:
        """Carry out every deletion that was delayed, and delay no more."""
        self.delay_deletions = False
        release_delayed(self._running())

    def demand_nonce(self) -> None:
        """Make every nonce handed out so far invalid, so that each client must fetch a fresh one."""
        self._running().nonces.forget()

    def revoke_device(self, device_id: str) -> None:
        """Take a device off its order, as the operator or another device would.

        Raises:
            LookupError: no order has a device by that id.
        """
        services = self._running()
        mails: list[Message] = []
        with services.database.begin() as db:
            found = every(db, DeviceRow, id=device_id)
            for device in found:
                order = find_order(db, device.order_number)  # which nobody else changes meanwhile
                remove_device(db, device, services.now() + services.settings.removed_key_lifetime)
                mails += removed(services, order, device) if order else ()
        services.mail.send_all(mails)
        if not found:
            raise LookupError("no order has a device by that id")

    def clear(self) -> None:
        """Switch everything off; delayed deletions stay delayed until they are released."""
        with self._lock:
            self._queue.clear()
        self.latency, self.redirect_to_web, self.delay_deletions, self.freeze_updates = 0.0, False, False, False
        self.between_transactions = None
