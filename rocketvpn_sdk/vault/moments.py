"""When something was recorded or ended, so that every process of this machine agrees on what came first."""

from __future__ import annotations

import math
from collections.abc import Callable

from rocketvpn_sdk import platforms
from rocketvpn_sdk.clock import LARGEST_BELIEVED_STEP, Clock

Ended = Callable[[str], float]
"""Up to which moment what was recorded for a purpose was ended; less than any moment where nothing was."""


def everything(_: str) -> float:
    """Say that all of it was."""
    return math.inf


class Moments:
    """The monotonic clock, which all processes of a machine share, and the run of the machine that it counts.

    No wall clock has a say: processes may see it differ, and users turn it.

    Args:
        clock: the clocks of this machine.
    """

    def __init__(self, clock: Clock) -> None:
        self._wall = clock.time
        self.boot = platforms.boot_id()
        """Names the machine's run since it was started; empty where the system does not tell."""
        self.now = clock.monotonic
        """Return the present moment, in seconds since an arbitrary point of that run."""
        self.all_ended = -math.inf
        """Up to which moment all that this process has in memory was ended, as the vault it was for was deleted."""

    def waited(self, now: float, moment: float) -> float:
        """Return how many seconds ago something was made, at ``now`` by the wall clock: while a vault was locked, say.

        By the wall clock, since the other one stands still while the machine sleeps; a step too large to be believed
        does not count.
        """
        by_wall, ran = self._wall() - now, self.now() - moment
        return by_wall if ran <= by_wall <= ran + LARGEST_BELIEVED_STEP else max(ran, 0.0)
