"""A recipient whose contract the operator did not review in time gets nothing: not one connection (S2)."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from support.policies import TEXT
from support.reporting import agree, crash, reporting
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.maintenance import SafeguardExpired
from rocketvpn_sdk.oblivious import GatewayKey, encode_keys
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.sandbox import Sandbox, server_keys
from rocketvpn_sdk.sandbox.gateway import KEY_ID
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.wire import OBLIVIOUS_TARGET, ObliviousGateway

pytestmark = pytest.mark.clause("S2")


class Listener:
    """A relay's socket: it counts who comes, and says nothing."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.came = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                with closing(self.socket.accept()[0]):
                    self.came += 1


@pytest.fixture
def relay() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.socket.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock, relay: Listener) -> Iterator[Sandbox]:
    """A server whose policy has the relay's contract reviewed by tomorrow."""
    tomorrow = (utc(clock.time()) + timedelta(days=1)).date()
    text = TEXT.replace("review_by = 2029-11-30", f"review_by = {tomorrow}").replace("signed = 2026", "signed = 2020")
    with Sandbox(tmp_path / "sandbox", policy=parse_policy(text), clock=clock) as sandbox:
        keys = encode_keys([GatewayKey(KEY_ID, server_keys.gateway_key(sandbox.folder)).configuration])
        origin = f"https://localhost:{relay.socket.getsockname()[1]}"
        sandbox.publish_target(
            OBLIVIOUS_TARGET, msgspec.json.encode(ObliviousGateway(relay=origin, keys=b64encode(keys).decode()))
        )
        yield sandbox


@pytest.fixture
def rocket(sandbox: Sandbox, clock: FakeClock, tmp_path: Path) -> Iterator[RocketVPN]:
    """A user who agreed to everything and whose report waits to go."""
    with reporting(World(sandbox, tmp_path / "client"), clock=clock) as rocket:
        agree(rocket)
        crash(rocket, "dns")
        report = rocket.diagnostics.prepare()
        assert report is not None
        rocket.diagnostics.send(report)
        yield rocket


def test_attack_a_relay_without_a_reviewed_contract_goes_on_receiving(
    rocket: RocketVPN, relay: Listener, clock: FakeClock
) -> None:
    clock.advance(2 * DAY)
    crash(rocket, "timeout")
    with pytest.raises(EgressBlocked, match=r"\(S2\): Nothing goes to 'relay': its contract was to be reviewed by"):
        rocket.diagnostics.prepare()
    for _ in range(3):
        rocket.sync()
        clock.advance(DAY)
    assert relay.came == 0
    assert not [entry for entry in rocket.rights.sent() if entry.recipient == "relay"]


def test_before_that_day_it_is_asked(rocket: RocketVPN, relay: Listener) -> None:
    rocket.sync()
    assert relay.came  # what the test above counts does count


@pytest.mark.clause("A3")
def test_attack_a_withdrawal_is_no_way_round_a_blocked_relay(
    rocket: RocketVPN, relay: Listener, clock: FakeClock
) -> None:
    rocket.sync()  # it is tried, so the operator may have it
    came = relay.came
    clock.advance(2 * DAY)
    rocket.consent.withdraw("improvement")
    rocket.sync()
    assert relay.came == came
    (erasure,) = rocket.queue.items()
    assert (erasure.operation, erasure.state, erasure.problem) == ("diagnostics.erase", "waiting", "egress-blocked")
    crash(rocket, "dns")
    assert rocket.journal.stats().records == 0  # what this device held is gone all the same


def test_the_user_is_told_once_in_the_report_and_in_the_status(rocket: RocketVPN, clock: FakeClock) -> None:
    told: list[SafeguardExpired] = []
    rocket.events.subscribe(SafeguardExpired, told.append)
    rocket.sync()
    assert (told, rocket.status().blocked) == ([], ())
    clock.advance(2 * DAY)
    for _ in range(2):
        rocket.sync()
    later: list[SafeguardExpired] = []
    rocket.events.subscribe(SafeguardExpired, later.append)
    assert later == told, "to who subscribes later, too"
    notice = {each.recipient: each for each in told}["relay"]
    assert len(told) == len({each.recipient for each in told}), "once for each"
    assert f"by {notice.review_by}" in notice.sentence
    assert "You need not do anything" in notice.sentence
    assert set(rocket.status().blocked) == {each.recipient for each in told}
    report = rocket.rights.view()
    assert {each.recipient for each in report.safeguards if each.blocked} == {each.recipient for each in told}
    assert any("Nothing is sent to “A company of its own" in sentence for sentence in summary(report))
    (feature,) = [each for each in report.features if each.feature == "diagnostics"]
    assert (feature.works, feature.choices) == (False, ())
    assert "its contract was not reviewed in time" in report.to_html().lower()
