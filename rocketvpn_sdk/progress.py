"""Telling the app how far a long call is.

Touches: nothing. Start with ``Steps``.
"""

from __future__ import annotations

from collections.abc import Callable

from rocketvpn_sdk.cancelling import check
from rocketvpn_sdk.errors import CallbackFailed

Progress = Callable[[int, int, str], object]
"""Called with how many of how many steps are done, and what the call is at. What it raises ends the call."""


class Steps:
    """Counts the steps of one call, and ends it between two if it was cancelled.

    Args:
        progress: told of each; ``None``: nobody is.
        total: how many there will be, as far as is known.
    """

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def reached(self, what: str, steps: int = 1) -> None:
        """Count ``steps`` more.

        Raises:
            CallbackFailed: ``progress`` raised something.
            CallCancelled: the call was cancelled.
        """
        self._done += steps
        self._total = max(self._total, self._done)  # a log that goes on meanwhile has more than was counted
        check()
        if self._progress is None:
            return
        try:
            self._progress(self._done, self._total, what)
        except Exception as error:
            raise CallbackFailed(name="progress", problem=type(error).__name__) from error
