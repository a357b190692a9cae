"""STORM: 100,000 devices come back after outages of four lengths. Simulated, seeded: no network, no waiting.

The devices' rules are the SDK's own code: its pauses, its worker's shortest nap. How many requests one delivery takes
was measured from the SDK against the sandbox (``bench.fleet``; tests/integration/test_fleet.py measures it anew). The
peer is the textbook's: capped exponential back-off with full jitter, one try each time. It sends as many requests for
a delivery as the SDK does, keeps its token and nonce as well, and has no daily check of the policy; the SDK's counts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import log10
from pathlib import Path

from bench.measure import Row
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.maintenance.worker import CHECK_AGAIN, SHORTEST, put_off_until
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.transport.delivery import GETS_ON
from rocketvpn_sdk.transport.session import MARGIN
from rocketvpn_sdk.vault.due import asked_for, next_due

OUTAGES = {"2 minutes": 120.0, "10 minutes": 600.0, "1 hour": 3600.0, "4 hours": 4 * 3600.0}
NOTICED = 60.0
"""Within so many seconds every device has met the outage: the worst case, say an update that all of them made."""
PER_DEVICE = 200
"""Devices for each request that the server can answer in a second."""
HORIZON = 16 * 3600
ROUND_TRIP = 0.02
"""Seconds between one request of a delivery and the next."""
FAILED = 1
"""Requests of a try that met the outage. Measured."""
NONCE, TOKEN, WRITE = 1, 1, 1
"""Requests of a delivery: one more where the nonce is stale, one where the token is over, and the item. Measured."""
CHECK = 2
"""Requests of a daily check of the policy that finds nothing new. Measured."""
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "retries.svg"

Uniform = Callable[[float, float], float]
Rules = Callable[[float, int, int, Uniform], float]
"""Returns the pause after a try that failed, given now, the device, and how many tries failed."""


class Ours:
    """A device with the SDK: each has a phase of its own, and the worker never wakes sooner than its shortest nap."""

    def __init__(self) -> None:
        self._phases: dict[int, float] = {}

    def __call__(self, now: float, device: int, failed: int, uniform: Uniform) -> float:
        """Return the pause."""
        phase = self._phases.get(device)
        if phase is None:
            phase = self._phases[device] = uniform(0.0, 1.0)
        return max(SHORTEST, next_due(failed, now, uniform=uniform, phase=phase) - now)


def textbook(now: float, device: int, failed: int, uniform: Uniform) -> float:
    """Return the peer's pause: anything up to a minute, then two, and so on up to an hour; a second at least."""
    return max(1.0, uniform(0.0, min(3600.0, 60.0 * 2.0 ** (failed - 1))))


@dataclass
class Load:
    """What the server saw."""

    outage: float
    requests: list[int]
    delivered: list[float] = field(default_factory=list)
    """When, for each device, sorted."""

    def peak(self) -> float:
        """Return the most in any second from the end of the outage on."""
        return max(self.requests[int(self.outage) :])

    def during(self) -> float:
        """Return how many there were in a second, in the outage's second half."""
        return sum(self.requests[int(self.outage / 2) : int(self.outage)]) / (self.outage / 2)

    def each(self) -> float:
        """Return how many there were for each device."""
        return sum(self.requests) / len(self.delivered)

    def until(self, share: float) -> float:
        """Return the minutes after the outage until ``share`` of the devices are through."""
        return (self.delivered[int(share * len(self.delivered)) - 1] - self.outage) / 60


@dataclass(slots=True)
class _Device:
    number: int
    checks: bool
    """It is this device's daily check of the policy, and not its item."""
    failed: int = 0
    token_until: float = 0.0
    nonce_until: float = 0.0
    left: int = CHECK
    answered: bool = False
    got_on: int = 0

    def served(self, now: float, life: ServerSettings) -> bool:
        """Take one answer; return whether that was the last one it needs. A token or nonce got once is kept."""
        if self.checks:
            self.left -= 1
            return self.left == 0
        if now >= self.nonce_until:
            self.nonce_until = now + life.nonce_lifetime
        elif now >= self.token_until:
            self.token_until = now + life.access_lifetime - MARGIN
            self.nonce_until = now + life.nonce_lifetime
        else:
            return True
        return False

    def pause(self, rules: Rules, now: float, uniform: Uniform, busy: float) -> float:
        """Return the pause after a try that failed; ``busy`` is what a server that is there asks for."""
        if self.answered and isinstance(rules, Ours) and self.got_on < GETS_ON:
            self.failed, self.got_on = 0, self.got_on + 1
        self.answered, self.failed = False, self.failed + 1
        if self.checks:
            return put_off_until(self.failed, now, CHECK_AGAIN, uniform, uniform(0.0, 1.0)) - now
        pause = rules(now, self.number, self.failed, uniform)
        return max(pause, asked_for(busy, uniform)) if busy else pause


def _start(numbers: random.Random, outage: float, devices: int, checking: bool) -> list[list[tuple[float, _Device]]]:
    seconds: list[list[tuple[float, _Device]]] = [[] for _ in range(HORIZON)]
    for number in range(devices):
        at = numbers.uniform(0.0, NOTICED)
        seconds[int(at)].append((at, _Device(number, checks=False)))
        at = numbers.uniform(0.0, DAY)
        if checking and at < outage:
            seconds[int(at)].append((at, _Device(devices + number, checks=True)))
    return seconds


def simulate(
    rules: Rules, outage: float, devices: int, seed: int = 1, *, checking: bool = False, busy: float = 0.0
) -> Load:
    """Let every device try until it is through, or the horizon.

    Args:
        rules: the pauses.
        outage: in seconds.
        devices: how many.
        seed: of all random numbers.
        checking: they check the policy once a day as well.
        busy: the seconds of a ``Retry-After`` in what a server that is up and overloaded answers; 0: it sends none.
    """
    numbers = random.Random(seed)
    uniform, life, capacity = numbers.uniform, ServerSettings(), devices // PER_DEVICE
    seconds = _start(numbers, outage, devices, checking)
    load = Load(outage, [0] * HORIZON)
    for second, arriving in enumerate(seconds):
        answered = 0
        for at, device in arriving:  # what comes within the same second is added to this very list
            load.requests[second] += FAILED
            up = at >= outage
            if up and answered < capacity:
                answered += 1
                device.answered = True
                if device.served(at, life):
                    if not device.checks:
                        load.delivered.append(at)
                    continue
                following = at + ROUND_TRIP
            else:
                following = at + device.pause(rules, at, uniform, busy if up else 0.0)
            if following < HORIZON:
                seconds[int(following)].append((following, device))
        seconds[second] = []
    load.delivered.sort()
    return load


def storm(devices: int, *, draw: bool) -> Iterator[Row]:
    """Compare both; ``draw`` renews the picture in the documentation."""
    peer = "capped back-off, full jitter"
    for length, outage in OUTAGES.items():
        ours = simulate(Ours(), outage, devices, checking=True)
        theirs = simulate(textbook, outage, devices)
        if draw and outage == 3600.0:
            PICTURE.write_text(picture(ours, theirs, devices // PER_DEVICE), "utf-8")
        assert len(ours.delivered) == len(theirs.delivered) == devices, "every device gets through in the end"
        figures: tuple[tuple[str, str, Callable[[Load], float], float | None], ...] = (
            (f"peak after it (the server can {devices // PER_DEVICE})", "/s", Load.peak, 1.0),
            ("requests for each device, all in all", "", Load.each, 1.0),
            ("half of the devices are through, after", "min", lambda load: load.until(0.5), 1.0),
            ("99 % of the devices are through, after", "min", lambda load: load.until(0.99), None),
        )
        for what, unit, figure, limit in figures:
            goal = "" if limit is None else f"≤ {limit:.0f}×"
            name = f"{devices:,} devices, {length}: {what}"
            yield Row("STORM", name, unit, figure(ours), peer, figure(theirs), goal, limit)


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
        _text(_x(12), _TOP - 12, "capped back-off, full jitter", colour="#6a6a6a"),
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
