"""How much a run tries: little where somebody works, more at the gate (``CI=true``), all with ``ROCKETVPN_SOAK=1``."""

from __future__ import annotations

import os
import sys
from typing import TypeVar

SOAK = os.environ.get("ROCKETVPN_SOAK") == "1"
SMOKE = os.environ.get("ROCKETVPN_SMOKE") == "1"
"""The few tests that run on every Python (``make smoke``): there, too, as little as where somebody works."""
GATE = SOAK or (bool(os.environ.get("CI")) and not SMOKE)

T = TypeVar("T")


def form(here: T, gate: T, soak: T) -> T:
    """Return what this run takes of three."""
    return soak if SOAK else gate if GATE else here


def say(text: str) -> None:
    """Say what a long run measured (``pytest -s`` shows it)."""
    sys.stdout.write(f"\n{text}\n")
