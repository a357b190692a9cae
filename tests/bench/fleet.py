"""How many requests the SDK sends for one item that waits through an outage: counted at the sandbox."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.maintenance.worker import Background
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

IDLE = 3600.0
"""Seconds for which the device was quiet before: its token and its nonce are over."""


@dataclass(frozen=True)
class Counted:
    """What one device sent."""

    failed: tuple[tuple[float, str], ...]
    """In the outage: when, in seconds since it began, and what."""
    delivered: tuple[str, ...]
    """After it, until the item was delivered."""
    checked: tuple[str, ...]
    """What a check of the policy sends that finds nothing new."""


def count(folder: Path, outage: float, *, idle: float = IDLE, restarted: bool = False) -> Counted:
    """Let a device decide something in an outage, and its worker work until the server has it.

    Args:
        folder: for the server and the vault.
        outage: in seconds.
        idle: seconds for which the device was quiet before.
        restarted: the app was started anew in the outage.
    """
    clock = FakeClock()
    asleep = patch.object(Background, "start", lambda self: None)  # its thread is this one, so that time can be turned
    with asleep, running_sandbox(folder / "server", clock=clock) as sandbox:
        config = World(sandbox, folder / "vault").config(clock=clock, background=True)
        with RocketVPN.open(config) as rocket:
            rocket.device.bind(sandbox.order())
            rocket.policy.check()
            rocket.consent.declare_age(True)
            before = len(sandbox.requests)
            rocket.policy.check()
            checked = _names(sandbox, before)
            notice = rocket.consent.notice("improvement")
            clock.advance(idle)
            sandbox.faults.fail(900, status=503, retry_after=None)
            mark, begun = len(sandbox.requests), clock.time()
            rocket.consent.grant(notice)
            failed = [(0.0, name) for name in _names(sandbox, mark)]
            if not restarted:
                return _through(rocket, sandbox, clock, begun + outage, begun, failed, checked)
        with RocketVPN.open(config) as rocket:
            return _through(rocket, sandbox, clock, begun + outage, begun, failed, checked)


def _through(
    rocket: RocketVPN,
    sandbox: Sandbox,
    clock: FakeClock,
    over: float,
    begun: float,
    failed: list[tuple[float, str]],
    checked: tuple[str, ...],
) -> Counted:
    worker, mark = rocket._maintenance.background, len(sandbox.requests)
    assert worker is not None
    delivered: tuple[str, ...] = ()

    def nap(event: threading.Event, seconds: float) -> None:
        nonlocal mark, delivered
        names, mark = _names(sandbox, mark), len(sandbox.requests)
        if clock.time() < over:
            failed.extend((clock.time() - begun, name) for name in names)
        else:
            delivered += names
        if not rocket.queue.items():
            worker.end()
        clock.advance(seconds)
        if clock.time() >= over:
            sandbox.faults.clear()

    worker._wait = nap
    worker.work()
    return Counted(tuple(failed), delivered, checked)


def _names(sandbox: Sandbox, start: int) -> tuple[str, ...]:
    return tuple(f"{each.method} {each.path}" for each in sandbox.requests[start:])
