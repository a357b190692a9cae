"""When something that can wait is tried again: by the wall clock, ever later, and never all devices at once. Pure.

A pause triples up to about half an hour, stays there for a day or so (an outage rarely lasts longer, and by then the
user has waited long enough), then doubles on up to a day. What keeps a fleet apart is the *phase*: each device, or each
request, has one of its own by which all of its pauses are longer, so that tries spread evenly over the logarithm of
time. The simulation in tests/bench/storm.py runs these very functions.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha256

from rocketvpn_sdk.clock import DAY

FIRST, PLATEAU, LONGEST = 90.0, 1450.0, DAY
"""Seconds, before the phase makes them up to twice as long: the first two pauses, most of a day's, the longest."""
GROWTH = 3.0
"""Each pause after the first two by the one before, up to the plateau."""
STEADY = 45
"""From so many tries on, a day or so after the first, pauses grow beyond the plateau."""
WIDE, SPREAD = 0.5, 0.2
"""A part by which a pause is longer or shorter, at random: one that still grows; one of a day."""
LATER = 0.5
"""A part by which what a server asks for is longer, at random; it is never shorter."""

Uniform = Callable[[float, float], float]


def jitter(seconds: float, uniform: Uniform = random.uniform) -> float:
    """Return ``seconds``, up to a fifth longer or shorter."""
    return seconds * uniform(1 - SPREAD, 1 + SPREAD)


def phase_of(name: str) -> float:
    """Return the phase, from 0 to 1, of what has this name: the same for every try, and after a restart."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") / 2.0**32


def pause_after(attempts: int, phase: float, uniform: Uniform = random.uniform) -> float:
    """Return how many seconds to wait after so many ``attempts``."""
    growing = min(PLATEAU, FIRST * GROWTH ** min(max(attempts - 2, 0), 20))
    on = 2.0 ** min(max(attempts - STEADY, 0), 20)
    pause = growing * on * 2.0**phase
    return jitter(LONGEST, uniform) if pause >= LONGEST / (1 + WIDE) else pause * uniform(1 - WIDE, 1 + WIDE)


def asked_for(seconds: float, uniform: Uniform = random.uniform) -> float:
    """Return how long to wait where a server asks for ``seconds``: spread upwards, since others were told the same."""
    return min(seconds * uniform(1.0, 1 + LATER), LONGEST * uniform(1.0, 1 + SPREAD))


def next_due(
    attempts: int,
    now: float,
    asked: float | None = None,
    uniform: Uniform = random.uniform,
    phase: float | None = None,
) -> float:
    """Return when to try again.

    Args:
        attempts: how many there were.
        now: the wall clock, in seconds since the epoch.
        asked: the moment that the server named as the earliest.
        uniform: random numbers.
        phase: from 0 to 1, the same for every try of one thing; ``None``: another one each time.
    """
    ours = now + pause_after(attempts, uniform(0.0, 1.0) if phase is None else phase, uniform)
    return ours if asked is None or asked <= now else max(ours, now + asked_for(min(asked - now, LONGEST), uniform))


def is_due(at: float, now: float) -> bool:
    """Whether ``at`` has come. What is further off than anything here plans was planned by a clock that was wrong."""
    return at <= now or at - now > LONGEST * (1 + SPREAD)
