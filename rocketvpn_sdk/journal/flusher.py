"""One thread that flushes a little after something was recorded, and sleeps for as long as nothing is."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Flusher:
    """Calls ``flush`` at most ``interval`` seconds after ``arm``; idle, it never wakes up.

    The thread is a daemon and starts with the first ``arm``.
    """

    def __init__(self, flush: Callable[[], None], interval: float) -> None:
        self._flush = flush
        self._interval = interval
        self.armed = False
        """Whether a flush is coming; a plain flag, since it is asked for with every record."""
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def arm(self) -> None:
        """Ask for a flush."""
        self.armed = True
        self._wanted.set()
        if self._thread is None:
            self._start()

    def stop(self, timeout: float) -> None:
        """End the thread; waits for a flush that is running, at most ``timeout`` seconds."""
        self._stopped.set()
        self._wanted.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="rocketvpn-flush", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._stopped.wait(self._interval):
                return
            self._wanted.clear()
            self.armed = False  # before the flush: what is recorded meanwhile asks for the next one
            self._flush()
