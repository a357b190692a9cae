"""Ctrl-C: never lost, never a traceback, and always one way to end.

A run has three parts. Before its command begins, nothing was done: the process says so and ends at once. While the
command runs, Ctrl-C raises ``KeyboardInterrupt`` in the main thread; what cleans up after it is not interrupted again.
Once the answer was given, Ctrl-C changes nothing any more, unless the process does not end within some seconds.

A signal that reaches another thread than the main one, or the main one just before it waits for something, does not end
that wait: CPython makes a note of it, and ``readline`` goes on waiting for a line. So every signal's number is also
written to a pipe (``signal.set_wakeup_fd``), and a thread that reads it interrupts what the main thread waits for until
that has looked.

This module is imported first and has to be small: what it imports is part of every Python, and loaded already.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # `signal` loads `enum` first, for milliseconds without a handler
import _thread
import atexit
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

INTERRUPTED = 130
"""The exit code that shells give a command that was interrupted: 128 and the number of SIGINT."""
WORDS = "Interrupted."
_NOTHING = "Nothing was done yet."
_DOCUMENT = (
    f'{{"error": {{"code": "command-failed", "message": "{WORDS}", "remedy": "{_NOTHING}", "hint": "",'
    f' "retry_at": null, "exit_code": {INTERRUPTED}}}}}\n'
)
_NUDGE_SECONDS = 0.01
_LEAVE_SECONDS = 1.0
_SWALLOWED_SECONDS = 0.2
"""An interrupt that nothing handles so long after it was raised was lost: C code clears errors in look-ups."""
_NUDGE = getattr(_signal, "SIGURG", None)
"""A signal that nobody else uses; ``None``: Windows, where the console itself interrupts what waits for a line."""
_ENOUGH = b"\0"
"""No signal has this number."""
_STARTING, _RUNNING, _DONE = range(3)
_LOCK_METHODS = ("__enter__", "__exit__", "_acquire_restore", "_release_save")
_LOCK_FILES = ("threading.py", "contextlib.py")


class Interrupts:
    """What Ctrl-C does, from ``arm`` to the end of the process. Without ``arm``, it is left to Python.

    Args:
        patience: seconds that cleaning up may take before another Ctrl-C cuts it short.
    """

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._armed = False
        self._part = _STARTING
        self._wanted = False
        """Pressed, but not raised yet."""
        self._raised = False
        """Raised, and not seen to have arrived anywhere."""
        self._since = 0.0
        """When it was raised last, or the answer was given."""
        self._looks = 0
        self._pipe = -1
        self._watched = _thread.allocate_lock()
        """Closed while the thread that watches runs."""

    def arm(self) -> None:
        """Take SIGINT over; not where it is ignored, as in the background job of a script."""
        if _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler:
            return
        try:
            _signal.signal(_signal.SIGINT, self._pressed)
        except ValueError:
            return  # not the main thread: it is the app's that called us
        atexit.register(self._leave)  # the first to come is the last to be called
        self._armed = True

    @property
    def handler(self) -> Callable[[int, FrameType | None], None] | None:
        """What SIGINT calls; ``None`` if it was not taken over."""
        return self._pressed if self._armed else None

    def begin(self) -> None:
        """Say that the command begins: from here on something may be half done."""
        if not self._armed:
            return
        from rocketvpn_sdk import platforms  # not before the handler is there

        out, self._pipe = os.pipe()
        platforms.never_block(self._pipe)
        _signal.set_wakeup_fd(self._pipe, warn_on_full_buffer=False)
        if _NUDGE is not None:
            _signal.signal(_NUDGE, self._look)
        sys.unraisablehook = self._unraisable
        self._watched = _thread.allocate_lock()
        self._watched.acquire()
        _thread.start_new_thread(self._watch, (out, _thread.get_ident(), self._watched))
        self._part = _RUNNING

    def taken(self) -> None:
        """Say that the interrupt was meant for what it ended, and the command goes on."""
        self._raised = False

    def end(self) -> bool:
        """Say that the answer was given; return whether it was interrupted before, and nobody noticed."""
        self._part, self._since = _DONE, time.monotonic()
        unnoticed, self._wanted, self._raised = self._wanted or self._raised, False, False
        return unnoticed

    def _leave(self) -> None:
        """Ignore Ctrl-C from here on, and end our thread: one that runs while Python ends can bring it down."""
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        if self._pipe >= 0:
            os.write(self._pipe, _ENOUGH)
            self._watched.acquire(timeout=_LEAVE_SECONDS)

    # ------------------------------------------------------------ on the main thread

    def _pressed(self, _number: int, frame: FrameType | None) -> None:
        if self._part == _STARTING:
            _leave_at_once()
        if self._part == _DONE or behind(sys.exception()):
            if time.monotonic() - self._since > self._patience:
                os._exit(INTERRUPTED)  # whatever hangs: a killed process loses nothing that was done
            return
        self._wanted = True
        self._raise(frame)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        self._looks += 1
        if self._raised and time.monotonic() - self._since > _SWALLOWED_SECONDS:
            self._wanted = True
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if not self._wanted or self._part != _RUNNING:
            return
        if behind(sys.exception()):
            self._wanted = False  # it has arrived, and is being cleaned up after
        elif self._can_be_left(frame):
            self._wanted, self._raised, self._since = False, True, time.monotonic()
            raise KeyboardInterrupt

    def _can_be_left(self, frame: FrameType | None) -> bool:
        """Whether an exception raised in ``frame`` gets through, and leaves no lock behind that nobody opens again."""
        if frame is not None and _is_of_a_lock(frame.f_code):
            return False
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith("<frozen importlib") or code.co_name in ("__del__", "_unraisable"):
                return False
            frame = frame.f_back
        return True

    def _unraisable(self, caught: sys.UnraisableHookArgs) -> None:
        """Raise it again where it was raised in a finaliser, out of which no exception gets."""
        if caught.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(caught)
            return
        self._wanted = True
        os.write(self._pipe, bytes([_signal.SIGINT]))

    # ------------------------------------------------------------ on a thread of its own

    def _watch(self, pipe: int, main: int, watched: _thread.LockType) -> None:
        """After each press, interrupt what the main thread waits for until it has looked, and the interrupt arrived.

        It looks twice: Python looks at each signal in turn, and may have been past SIGINT at the first nudge.
        """
        while (number := os.read(pipe, 1)) != _ENOUGH:
            if number[0] == _NUDGE:
                continue
            looks = self._looks + 2
            while self._wanted or (_NUDGE is not None and (self._raised or self._looks < looks)):
                if _NUDGE is None:
                    _thread.interrupt_main()
                else:
                    _signal.pthread_kill(main, _NUDGE)
                time.sleep(_NUDGE_SECONDS)
        watched.release()


def behind(error: BaseException | None, before: BaseException | None = None) -> bool:
    """Whether ``error`` is an interrupt, or was raised while one was handled that came after ``before``."""
    while error is not None and error is not before and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None and error is not before


def _is_of_a_lock(code: CodeType) -> bool:
    return code.co_name in _LOCK_METHODS and code.co_filename.endswith(_LOCK_FILES)


def _leave_at_once() -> None:
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # a second press would say it a second time
    json = "--json" in sys.argv
    try:  # noqa: SIM105 - contextlib is not loaded yet
        os.write(1 if json else 2, (_DOCUMENT if json else f"\nError: {WORDS}\n{_NOTHING}\n").encode())
    except OSError:
        pass  # nobody is there to read it
    os._exit(INTERRUPTED)


interrupts = Interrupts()
