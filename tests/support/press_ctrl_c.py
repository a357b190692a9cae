"""Run ``rocketvpn`` with Ctrl-C pressed at its N-th step: ``press_ctrl_c.py HOW N ARGUMENTS...``.

A step is a function of Python's that the main thread enters, from the first line of ``main`` to the end of the exit.

HOW is ``main`` or ``other`` for the thread that gets the signal; ``twice`` presses again some steps later; ``told``
waits until something is written into the named pipe N, and has another thread get it. ``count`` presses nothing: the
last line on standard error is how many steps there were before Ctrl-C was taken over (Python loads our first modules
then), before the command began, and in all. A process that is not ended by it says there whether it was pressed
``early`` or ``late``: before the answer was given, or after.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

AGAIN = 40
how, wanted = sys.argv[1:3]
steps = armed = begun = 0
ended = False
mark = b""
main_thread = _thread.get_ident()
told, tell = os.pipe()


def press() -> None:
    """Press when told, from a thread of its own: a signal sent by the counter would be taken inside of the counter."""
    global mark
    if how == "told":
        Path(wanted).read_text()
        signal.pthread_kill(_thread.get_ident(), signal.SIGINT)
    while os.read(told, 1):
        mark = mark or (b"late\n" if ended else b"early\n")
        signal.pthread_kill(_thread.get_ident() if how == "other" else main_thread, signal.SIGINT)


def count(frame: FrameType, event: str, argument: Any) -> None:
    global steps, armed, begun, ended
    steps += 1
    if steps in moments:
        os.write(tell, b"!")
    if frame.f_code.co_filename.endswith("interrupts.py"):
        armed = armed or (steps + 1 if frame.f_code.co_name == "arm" else 0)
        begun = begun or (steps if frame.f_code.co_name == "begin" else 0)
        ended = ended or frame.f_code.co_name == "end"


def tell_all() -> None:
    os.write(2, f"{armed} {begun} {steps}\n".encode() if how == "count" else mark)


if how == "told":
    os.open(os.ttyname(0), os.O_RDWR) if os.isatty(0) else None  # a passphrase is asked for there
    moments: list[int] = []
else:
    moments = [int(wanted), int(wanted) + AGAIN][: 2 if how == "twice" else 1] if how != "count" else []
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background has it ignored
sys.setswitchinterval(1e-6)  # the press comes at once
_thread.start_new_thread(press, ())
atexit.register(tell_all)
sys.argv = ["rocketvpn", *sys.argv[3:]]

from rocketvpn_sdk.cli import main  # noqa: E402 - it is timed

if how != "told":
    sys.settrace(count)
main()
