"""A user's weeks, made real: a vault with a log and a ledger, a sandbox that holds its part, and their report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rocketvpn_sdk import Report, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport.guard import ApprovedRequest
from support.app_events import Crashed, NetworkChanged, Polled, SessionConnected
from support.world import World, tunnel_key

EVENTS = [SessionConnected, NetworkChanged, Crashed, Polled]
EMAIL = "kim@example.org"
_CALLS = (
    "order.read",
    "devices.list",
    "tunnel.register",
    "tuf.metadata",
    "token.issue",
    "data.view",
    "tunnel.register",
)
LINE = "handshake with [2001:db8::7]:51820 took 812 ms"


@contextmanager
def lived_in(world: World, *, email: str = EMAIL, line: str = LINE, weeks: int = 3) -> Iterator[RocketVPN]:
    """Open the vault of somebody who has used the app for some weeks, agreed to something and took something back."""
    clock = FakeClock(time.time() - weeks * 7 * DAY)
    with RocketVPN.open(world.config(clock=clock, events=EVENTS)) as rocket:
        for day in range(weeks * 7):
            _a_day(rocket, day, line)
            clock.advance(DAY)
        rocket.device.bind(world.sandbox.order(email=email))
        rocket.call("tunnel.register", public_key=tunnel_key())
        rocket.consent.declare_age(adult=True)
        for purpose in ("improvement", "surveys"):
            rocket.consent.grant(rocket.consent.notice(purpose))
        clock.advance(60)
        rocket.consent.withdraw("surveys")
        rocket.journal.record(Crashed(failure="timeout"))
        yield rocket


def _a_day(rocket: RocketVPN, day: int, line: str) -> None:
    log = logging.LogRecord("app.tunnel", logging.INFO, __file__, 1, line, None, None)
    rocket.journal.handler().handle(log)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=day * 60))
    rocket.journal.record(NetworkChanged(local_address="192.168.7.23", remote_host="wifi.example", traffic=day << 20))
    rocket.journal.flush()
    operations, ledger = rocket.policy.current.operations, rocket._components.api.sent
    for operation in (operations[_CALLS[(day + number) % len(_CALLS)]] for number in range(day % 4)):
        # What those calls left in the ledger; the server of that day is not there any more.
        outcome = "not delivered: server-unreachable" if day % 9 == 8 else "200"
        ledger.finish(ledger.begin(ApprovedRequest(operation, operation.fields), b"{}"), outcome, 1)


def report(world: World, *, weeks: int = 3) -> Report:
    """Return such a user's report, with some of the newest entries of the log."""
    with lived_in(world, weeks=weeks) as rocket:
        return rocket.rights.view(samples=5)
