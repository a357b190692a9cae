"""A clock that is set to make a notice's days, or a year, look over (X2, M1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from support.policies import NEWEST, TEXT, edited
from support.world import World

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import AgeSettled
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("X2")

MONTH = 31 * DAY


def wider(policy: Policy) -> Policy:
    """Return the next version, in which the region is kept for longer."""
    document = parse_policy(edited("field", "region", "P30D", "P90D", text=TEXT)).document
    changed = Policy(
        msgspec.structs.replace(document, version=NEWEST + 1, published=date(2020, 1, 1), effective=date(2020, 1, 1))
    )
    return changed.with_hosts("operator", policy.recipients["operator"].hosts)


def show(rocket: RocketVPN) -> None:
    """Announce a wider version, and show it."""
    rocket._components.versions.offer(wider(rocket.policy.current))
    notice = rocket.policy.notice()
    assert notice is not None
    rocket.policy.shown(notice)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(time.time() - MONTH)  # so that a server of now tells that a month went by


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        clock=clock,
    )


def test_attack_a_clock_set_forward_a_month_and_back(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        show(rocket)
        clock.turn(MONTH)
        rocket.sync()
        assert rocket.policy.current.version == NEWEST
        clock.turn(-MONTH)
        rocket.sync()
        assert rocket.policy.current.version == NEWEST


def test_attack_a_clock_set_forward_while_the_app_is_closed(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        show(rocket)
    clock.turn(MONTH)
    for _ in range(2):  # what was believed before the second opening was a step, too
        with RocketVPN.open(config) as rocket:
            rocket.sync()
            assert rocket.policy.current.version == NEWEST
    clock.turn(-MONTH)
    with RocketVPN.open(config) as rocket:
        rocket.sync()
        assert rocket.policy.current.version == NEWEST


def test_attack_a_clock_set_forward_a_day_each_morning(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        show(rocket)
    for _ in range(31):
        clock.turn(DAY)
        with RocketVPN.open(config) as rocket:
            assert rocket.policy.current.version == NEWEST


def test_attack_a_clock_years_ahead_until_it_is_believed(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        show(rocket)
        clock.turn(1000 * DAY)
        for _ in range(4):
            clock.advance(DAY)
            rocket.sync()
        assert rocket._components.vault.age().highest == clock.time()
        assert rocket.policy.current.version == NEWEST


@pytest.mark.clause("M1")
def test_attack_a_minor_who_sets_the_clock_forward_a_year(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(False)
        clock.turn(366 * DAY)
        with pytest.raises(AgeSettled):
            rocket.consent.declare_age(True)


def test_running_for_as_long_lets_it_bind(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        show(rocket)
        clock.advance(MONTH)
        rocket.sync()
        assert rocket.policy.current.version == NEWEST + 1


class TestWithAServer:
    """Its word, given over TLS that proved who it is, is what a step of the clock lacks."""

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Iterator[Sandbox]:
        with running_sandbox(tmp_path / "server") as running:
            yield running

    def test_its_word_lets_a_version_bind_whose_days_are_over(
        self, sandbox: Sandbox, tmp_path: Path, clock: FakeClock
    ) -> None:
        config = World(sandbox, tmp_path / "device").config(clock=clock)
        with RocketVPN.open(config) as rocket:
            show(rocket)
            clock.turn(MONTH)
            rocket.sync()
            assert rocket.policy.current.version == NEWEST
            rocket.device.bind(sandbox.order())
            rocket.device.order()
            rocket.sync()
            assert rocket.policy.current.version == NEWEST + 1

    def test_attack_a_clock_set_forward_although_the_server_says_otherwise(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        clock = FakeClock(time.time())
        config = World(sandbox, tmp_path / "device").config(clock=clock)
        with RocketVPN.open(config) as rocket:
            rocket.device.bind(sandbox.order())
            show(rocket)
            rocket.device.order()
            clock.turn(MONTH)
            rocket.sync()
            assert rocket.policy.current.version == NEWEST
