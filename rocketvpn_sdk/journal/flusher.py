"""One thread that flushes a little after something was recorded, and sleeps for as long as nothing is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

_ARM, _HURRY = "arm", "hurry"
_Word = str | SimpleQueue[None]
"""What the thread is told; somebody's own queue says where to answer once a flush that began later is over."""


class Flusher:
    """Calls ``flush`` at most ``interval`` seconds after ``arm``, or at once after ``hurry``; idle, it never wakes up.

    The thread is a daemon and starts with the first ``arm``. Asking waits for no lock: a signal handler may ask, having
    interrupted the same call. ``SimpleQueue.put`` is made for that.
    """

    def __init__(self, flush: Callable[[], None], interval: float) -> None:
        self._flush = flush
        self._interval = interval
        self.armed = False
        """Whether a flush is coming; a plain flag, since it is asked for with every record."""
        self.hurried = False
        """Whether it is coming at once."""
        self._words: SimpleQueue[_Word] = SimpleQueue()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.failed = 0
        """Flushes that ended in an error that was not foreseen."""

    def arm(self) -> None:
        """Ask for a flush."""
        self.armed = True
        self._say(_ARM)

    def hurry(self) -> None:
        """Ask for a flush at once."""
        self.armed = self.hurried = True
        self._say(_HURRY)

    def wait(self, timeout: float) -> bool:
        """Ask for a flush at once and wait for it, ``timeout`` seconds at most; return whether it came."""
        if self._thread is threading.current_thread():
            return False
        answer: SimpleQueue[None] = SimpleQueue()
        self.armed = self.hurried = True
        self._say(answer)
        with suppress(Empty):
            answer.get(timeout=timeout)
            return True
        return False

    def stop(self, timeout: float) -> bool:
        """End the thread; waits for a flush that is running, at most ``timeout`` seconds; return whether it ended."""
        self._stopped = True
        if self._thread is None or not self._thread.is_alive():
            return True  # it never began, or this is a forked child, which has no such thread
        self._words.put(_HURRY)
        if self._thread is threading.current_thread():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _say(self, word: _Word) -> None:
        self._words.put(word)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread starts it, or this one does and was interrupted
        try:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._run, name="rocketvpn-flush", daemon=True)
                with suppress(RuntimeError):  # the interpreter is ending; what is at exit flushes
                    thread.start()
                    self._thread = thread
        finally:
            self._starting.release()

    def _run(self) -> None:
        while True:
            words = self._heard()
            if self._stopped:
                return
            with suppress(Empty):
                while True:
                    words.append(self._words.get_nowait())
            self.armed = self.hurried = False  # before the flush: what is recorded meanwhile asks for the next one
            try:
                self._flush()
            except Exception:  # noqa: BLE001 - nobody to tell here, and without this thread nothing would be sealed
                self.failed += 1
                self.arm()
            for word in words:
                if isinstance(word, SimpleQueue):
                    word.put(None)

    def _heard(self) -> list[_Word]:
        """Wait until a flush is due; return what was said by then."""
        words = [self._words.get()]
        due = time.monotonic() + self._interval
        with suppress(Empty):
            while words[-1] == _ARM:
                words.append(self._words.get(timeout=max(due - time.monotonic(), 0.0)))
        return words
