"""When something that can wait is tried again: by the wall clock, ever later, and never all devices at once. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

from rocketvpn_sdk.clock import DAY

FIRST, LONGEST = 60.0, DAY
"""Seconds after the first failure, and at most; each next one is twice as long."""
SPREAD = 0.2
"""A part by which each of them is longer or shorter, at random."""

Uniform = Callable[[float, float], float]


def spread(seconds: float, uniform: Uniform = random.uniform) -> float:
    """Return ``seconds``, up to a fifth longer or shorter."""
    return seconds * uniform(1 - SPREAD, 1 + SPREAD)


def next_due(attempts: int, now: float, asked: float | None = None, uniform: Uniform = random.uniform) -> float:
    """Return when to try again.

    Args:
        attempts: how many there were.
        now: the wall clock, in seconds since the epoch.
        asked: the moment that the server named as the earliest; others were told the same, so it is spread as well.
        uniform: random numbers.
    """
    ours = now + spread(min(LONGEST, FIRST * 2.0 ** min(max(attempts, 1) - 1, 20)), uniform)
    if asked is None or asked <= now:
        return ours
    return max(ours, now + min(asked - now, LONGEST) * uniform(1.0, 1 + SPREAD))


def is_due(at: float, now: float) -> bool:
    """Whether ``at`` has come. What is further off than anything here plans was planned by a clock that was wrong."""
    return at <= now or at - now > LONGEST * (1 + SPREAD)
