"""The three standard streams: closed, full, broken, or of an encoding that lacks a character.

Imported early: only what every Python has loaded already.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class OutputLost(Exception):
    """The standard output cannot be written to. No ``OSError``, which would be taken for one of the command's own."""

    def __init__(self, error: OSError) -> None:
        gone = isinstance(error, BrokenPipeError)
        self.reason = "nobody reads it any more" if gone else error.strerror or type(error).__name__
        super().__init__(self.reason)


def prepare() -> bool:
    """Put the null device in the place of closed streams; return whether there is a standard output.

    A file that is opened later would otherwise get the number of a closed stream, and what is printed would end in it.
    """
    there = sys.stdout is not None
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - pathlib is not loaded yet
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    return there


def forgive_encodings() -> None:
    """Show what the encoding of a stream lacks as "?". What is read stays strict."""
    from io import TextIOWrapper

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def flush_output() -> None:
    """Write what is left in the buffer of the standard output.

    Raises:
        OutputLost: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputLost(error) from None


def settle() -> None:
    """Write what is left in the buffers, or drop it: Python would end the process with an exit code of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)


def drop(stream: TextIO) -> None:
    """Let what is left in the buffer of ``stream``, and all that follows, go nowhere."""
    try:
        number = stream.fileno()
    except OSError:  # not a file: anyone who runs us in their own process took it over
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # no more files can be opened: a closed one makes room, and the next gets its number
        os.close(number)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere == number:
            return
    os.dup2(nowhere, number)
    os.close(nowhere)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8", errors="replace")  # noqa: PTH123 - as above
