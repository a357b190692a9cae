"""One thread that flushes a little after something was recorded, and sleeps for as long as nothing is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress


class Flusher:
    """Calls ``flush`` at most ``interval`` seconds after ``arm``, or at once after ``hurry``; idle, it never wakes up.

    The thread is a daemon and starts with the first ``arm``.
    """

    def __init__(self, flush: Callable[[], None], interval: float) -> None:
        self._flush = flush
        self._interval = interval
        self.armed = False
        """Whether a flush is coming; a plain flag, since it is asked for with every record."""
        self.hurried = False
        """Whether it is coming at once."""
        self._wanted = threading.Event()
        self._at_once = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._rounds = threading.Condition()
        self._begun = self._ended = 0
        self.failed = 0
        """Flushes that ended in an error that was not foreseen."""

    def arm(self) -> None:
        """Ask for a flush."""
        self.armed = True
        self._wanted.set()
        if self._thread is None:
            self._start()

    def hurry(self) -> None:
        """Ask for a flush at once."""
        self.hurried = True
        self._at_once.set()
        self.arm()

    def wait(self, timeout: float) -> bool:
        """Ask for a flush at once and wait for it, ``timeout`` seconds at most; return whether it came."""
        if self._thread is threading.current_thread():
            return False
        with self._rounds:
            next_round = self._begun + 1
            self.hurry()
            return self._rounds.wait_for(lambda: self._ended >= next_round, timeout)

    def stop(self, timeout: float) -> None:
        """End the thread; waits for a flush that is running, at most ``timeout`` seconds."""
        self._stopped = True
        if self._thread is None or not self._thread.is_alive():
            return  # in a forked child, a thread that is not there may hold the events' locks for ever
        self._at_once.set()
        self._wanted.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._run, name="rocketvpn-flush", daemon=True)
                with suppress(RuntimeError):  # the interpreter is ending; what is at exit flushes
                    thread.start()
                    self._thread = thread

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._at_once.wait(self._interval)
            if self._stopped:
                return
            self._wanted.clear()
            self._at_once.clear()
            self.armed = self.hurried = False  # before the flush: what is recorded meanwhile asks for the next one
            with self._rounds:
                self._begun += 1
            try:
                self._flush()
            except Exception:  # noqa: BLE001 - nobody to tell here, and without this thread nothing would be sealed
                self.failed += 1
                self.arm()
            with self._rounds:
                self._ended = self._begun
                self._rounds.notify_all()
