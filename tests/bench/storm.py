"""STORM: 100,000 devices come back after an outage of an hour. Simulated, seeded: no network, no waiting.

The devices' rules are the SDK's own code: the pauses, the budget, the background's due times. The peer is what many
clients do: a fixed pause between tries, and the same again every minute.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import log10
from pathlib import Path

from bench.measure import Row
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport.retries import Budget, full_jitter
from rocketvpn_sdk.vault.due import next_due

OUTAGE = 3600.0
NOTICED = 60.0
"""Within so many seconds every device has met the outage: the worst case, say an update that all of them made."""
PER_DEVICE = 200
"""Devices for each request that the server can answer in a second."""
HORIZON = 4 * 3600
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "retries.svg"


class SimClock:
    """The simulation's time."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@dataclass
class Ours:
    """A device with the SDK: full jitter, a budget, and due times that grow."""

    clock: SimClock
    numbers: random.Random
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.budgets: dict[int, Budget] = {}

    def again(self, device: int, attempt: int, tried: int) -> tuple[float, bool]:
        """Return the pause after a try that failed, and whether the attempt goes on."""
        budget = self.budgets.get(device)
        if budget is None:
            budget = self.budgets[device] = Budget(
                self.clock, share=self.limits.retry_share, burst=self.limits.retry_burst
            )
        if tried == 1:
            budget.earn()
        if tried < self.limits.retry_attempts and budget.spend():
            return full_jitter(tried, self.numbers.uniform), True
        now = self.clock.now
        return max(60.0, next_due(attempt, now, uniform=self.numbers.uniform) - now), False


@dataclass
class Fixed:
    """A device with three tries a second apart, once a minute."""

    def again(self, device: int, attempt: int, tried: int) -> tuple[float, bool]:
        """Return the pause after a try that failed, and whether the attempt goes on."""
        return (1.0, True) if tried < 3 else (58.0, False)


@dataclass
class Load:
    """What the server saw."""

    requests: list[int]
    delivered: list[float]
    """When, for each device, sorted."""

    def peak(self, start: float) -> int:
        """Return the most in any second from ``start`` on."""
        return max(self.requests[int(start) :])

    def mean(self, start: float, end: float) -> float:
        """Return how many there were in a second."""
        return sum(self.requests[int(start) : int(end)]) / (end - start)

    def until(self, share: float) -> float:
        """Return the minutes after the outage until ``share`` of the devices are through."""
        return (self.delivered[int(share * len(self.delivered)) - 1] - OUTAGE) / 60


def simulate(device_rules: Ours | Fixed, clock: SimClock, devices: int, capacity: int, seed: int) -> Load:
    """Let every device try until it is through, or the horizon."""
    numbers = random.Random(seed)
    seconds: list[list[tuple[float, int, int, int]]] = [[] for _ in range(HORIZON)]
    for device in range(devices):
        at = numbers.uniform(0.0, NOTICED)
        seconds[int(at)].append((at, device, 1, 1))
    load = Load([0] * HORIZON, [])
    for second in range(HORIZON):
        answered = 0
        for at, device, attempt, tried in seconds[second]:  # a pause of less than a second adds to this very list
            clock.now = at
            load.requests[second] += 1
            if at >= OUTAGE and answered < capacity:
                answered += 1
                load.delivered.append(at)
                continue
            pause, same = device_rules.again(device, attempt, tried)
            if at + pause < HORIZON:
                following = (at + pause, device, attempt if same else attempt + 1, tried + 1 if same else 1)
                seconds[int(at + pause)].append(following)
        seconds[second] = []
    load.delivered.sort()
    return load


def storm(devices: int, *, draw: bool) -> Iterator[Row]:
    """Compare both; ``draw`` renews the picture in the documentation."""
    capacity = devices // PER_DEVICE
    clock = SimClock()
    ours = simulate(Ours(clock, random.Random(2)), clock, devices, capacity, 1)
    theirs = simulate(Fixed(), clock, devices, capacity, 1)
    if draw:
        PICTURE.write_text(picture(ours, theirs, capacity), "utf-8")
    assert len(ours.delivered) == len(theirs.delivered) == devices, "every device gets through in the end"
    peer = "every minute, 3 fixed tries"
    can = f"requests a second, peak after it (the server can {capacity})"
    figures: tuple[tuple[str, str, Callable[[Load], float], float | None], ...] = (
        ("requests a second, mean of the outage's second half", "/s", lambda load: load.mean(OUTAGE / 2, OUTAGE), 0.1),
        (can, "/s", lambda load: load.peak(OUTAGE), 0.1),
        ("requests for each device, all in all", "", lambda load: sum(load.requests) / devices, 0.2),
        ("half of the devices are through, after", "min", lambda load: load.until(0.5), None),
        ("99 % of the devices are through, after", "min", lambda load: load.until(0.99), None),
    )
    for what, unit, figure, limit in figures:
        goal = "" if limit is None else f"≤ {limit}×"
        yield Row("STORM", f"{devices:,} devices: {what}", unit, figure(ours), peer, figure(theirs), goal, limit)


# ---------------------------------------------------------------- the picture

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 760, 360, 60, 44, 34
_MINUTES = 160
_MOST = 5
"""The vertical axis goes up to ten to the power of this."""


def picture(ours: Load, theirs: Load, capacity: int) -> str:
    """Return the load over time as an SVG: each point the peak of ten seconds, on a logarithmic scale."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_grid(),
        _line(_x(60), _y(1), _x(60), _y(10**_MOST), "#555555", dash="2 3"),
        _text(_x(60) + 4, _TOP + 12, "the server is back"),
        _line(_x(0), _y(capacity), _x(_MINUTES), _y(capacity), "#b00020", dash="6 4"),
        _text(_x(_MINUTES), _y(capacity) - 5, f"it can answer {capacity} a second", anchor="end", colour="#b00020"),
        _curve(theirs, "#8a8a8a"),
        _curve(ours, "#0b5fa5"),
        _text(_x(12), _TOP - 12, "every minute, three fixed tries", colour="#6a6a6a"),
        _text(_x(70), _TOP - 12, "this SDK", colour="#0b5fa5"),
        _text(_x(_MINUTES / 2), _HEIGHT - 8, "minutes since the outage began", anchor="middle"),
        _text(2, _TOP - 12, "requests/s"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid() -> Iterator[str]:
    for power in range(_MOST + 1):
        yield _line(_LEFT, _y(10**power), _x(_MINUTES), _y(10**power), "#e4e4e4")
        yield _text(_LEFT - 6, _y(10**power) + 4, f"{10**power:,}", anchor="end")
    for minute in range(0, _MINUTES + 1, 20):
        yield _text(_x(minute), _HEIGHT - _BOTTOM + 16, str(minute), anchor="middle")


def _curve(load: Load, colour: str) -> str:
    peaks = [(start, max(load.requests[start : start + 10])) for start in range(0, _MINUTES * 60, 10)]
    points = " ".join(f"{_x(start / 60):.1f},{_y(max(most, 1)):.1f}" for start, most in peaks)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _x(minute: float) -> float:
    return _LEFT + minute / _MINUTES * (_WIDTH - _LEFT - 16)


def _y(requests: float) -> float:
    return _HEIGHT - _BOTTOM - log10(requests) / _MOST * (_HEIGHT - _BOTTOM - _TOP)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "none") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-dasharray="{dash}"/>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#333333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
