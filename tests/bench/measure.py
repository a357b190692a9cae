"""Timing: peers alternate in one process, several rounds, medians."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the result: what was measured, our figure, the peer's, and the goal for their ratio."""

    bench: str
    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    goal: str = ""
    limit: float | None = None
    """The goal as a number: the ratio (or, without a peer, our figure) must not be above it."""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs; smaller is better."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; ``None`` where there is none."""
        figure = self.ours if self.theirs is None else self.ratio
        return None if self.limit is None or figure is None else figure <= self.limit


def alternate(rounds: int, **works: Callable[[], float]) -> dict[str, float]:
    """Run each of ``works`` in turn, ``rounds`` times; return the median of what each returned."""
    figures: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            figures[name].append(work())
    return {name: statistics.median(values) for name, values in figures.items()}


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds, of all threads, that ``work`` takes."""
    gc.collect()  # or whoever comes next looks through what all before it left
    before = time.process_time()
    work()
    return time.process_time() - before


def wall(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    gc.collect()  # as above
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
