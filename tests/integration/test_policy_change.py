"""A wider policy is published while an app runs: announced, shown, and binding only afterwards; all over real TLS."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from support.app_events import SessionConnected
from support.policies import NEWEST, TEXT, edited, with_new_field
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ConfigurationError, PolicyOutdated, RocketVPNError, UpdateRefused
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.policy_versions import PolicyNotice
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock

pytestmark = [pytest.mark.clause("X1"), pytest.mark.clause("X2"), pytest.mark.clause("X3")]

EXACT = ("field", "duration", 'transform = "bucket(', 'transform = "keep"  # "bucket(')
LONGER = ("field", "region", "P30D", "P90D")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2027, 1, 15, tzinfo=UTC).timestamp())


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=clock) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path) -> World:
    return World(sandbox, tmp_path / "device")


@pytest.fixture
def rocket(world: World, clock: FakeClock) -> Iterator[RocketVPN]:
    with RocketVPN.open(world.config(clock=clock)) as rocket:
        yield rocket


def version(sandbox: Sandbox, number: int, *edits: tuple[str, str, str, str]) -> Policy:
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    document = msgspec.structs.replace(parse_policy(text).document, version=number, effective=date(2027, 2, 1))
    return Policy(document).with_hosts("operator", sandbox.policy.recipients["operator"].hosts)


def recorded(rocket: RocketVPN) -> int:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    *_, last = rocket.journal.read()
    return last.fields["duration"]


def test_a_wider_policy_is_announced_and_binds_only_when_shown_and_due(
    sandbox: Sandbox, rocket: RocketVPN, clock: FakeClock
) -> None:
    heard: list[PolicyNotice] = []
    rocket.events.subscribe(PolicyNotice, heard.append)
    assert rocket.policy.check() is None
    assert recorded(rocket) == 60
    sandbox.publish(version(sandbox, NEWEST + 1, EXACT, LONGER))
    notice = rocket.policy.check()
    assert notice is not None
    assert [one.version for one in heard] == [NEWEST + 1]
    assert notice.reduces_rights
    assert notice.binds_on is None
    assert len(notice.takes) == 2
    assert recorded(rocket) == 60  # the old protection holds
    shown = rocket.policy.shown(notice)
    assert shown.binds_on == datetime(2027, 2, 14, tzinfo=UTC)  # 30 days, later than the policy's own date
    clock.advance(29 * DAY)
    rocket.sync()
    assert recorded(rocket) == 60
    clock.advance(1.5 * DAY)
    rocket.sync()
    assert rocket.policy.current.version == NEWEST + 1
    assert recorded(rocket) == 77  # and now the new one
    assert len(heard) == 1
    assert rocket.policy.check() is None


def test_a_narrower_policy_holds_at_once(sandbox: Sandbox, rocket: RocketVPN) -> None:
    sandbox.publish(version(sandbox, NEWEST + 1, ("field", "region", "P30D", "P7D")))
    notice = rocket.policy.check()
    assert notice is not None
    assert not notice.reduces_rights
    assert notice.gives
    assert (rocket.policy.current.version, rocket.policy.pending) == (NEWEST + 1, None)


def test_an_older_policy_signed_anew_is_refused_and_the_known_one_stays(sandbox: Sandbox, rocket: RocketVPN) -> None:
    sandbox.publish(version(sandbox, NEWEST + 2, ("field", "region", "P30D", "P7D")))
    rocket.policy.check()
    sandbox.publish(version(sandbox, NEWEST + 1))
    with pytest.raises(PolicyOutdated):
        rocket.policy.check()
    assert rocket.policy.current.version == NEWEST + 2


def test_without_a_server_the_known_policy_stays(world: World, rocket: RocketVPN, clock: FakeClock) -> None:
    rocket.policy.check()
    world.sandbox.faults.freeze_updates = True
    clock.advance(40 * DAY)
    with pytest.raises(UpdateRefused):
        rocket.policy.check()
    assert rocket.policy.current.version == NEWEST
    with RocketVPN.open(world.config(clock=clock, server="https://localhost:9")) as other:
        with pytest.raises(RocketVPNError):
            other.policy.check()
        assert other.policy.current.version == NEWEST


def test_an_app_without_a_trusted_root_is_told_so(world: World, clock: FakeClock) -> None:
    with RocketVPN.open(world.config(clock=clock, trusted_root=None)) as rocket:
        with pytest.raises(ConfigurationError, match="trusted_root"):
            rocket.policy.check()
        assert rocket.policy.explain("region").sentences


def test_deleting_everything_removes_the_signed_files_too(sandbox: Sandbox, world: World, rocket: RocketVPN) -> None:
    rocket.device.bind(sandbox.order())
    rocket.policy.check()
    assert (world.folder / "updates").is_dir()
    rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert not world.folder.exists()


def test_a_reset_removes_the_signed_files_too(world: World, clock: FakeClock) -> None:
    config = world.config(clock=clock)
    with RocketVPN.open(config) as rocket:
        rocket.policy.check()
    RocketVPN.reset(config)
    assert not world.folder.exists()


@pytest.mark.clause("A1")
def test_while_a_longer_version_is_announced_the_report_quotes_the_one_that_applies(
    sandbox: Sandbox, rocket: RocketVPN
) -> None:
    longer = ("field", "sent_record", 'device = "P90D"', 'device = "P180D"')
    shorter = ("field", "clock_mark", "sentence.en = ", 'sentence.en = "CHANGED" # ')
    rocket.device.bind("RV-2026-0001")
    sandbox.publish(version(sandbox, NEWEST + 1, longer, shorter))
    rocket.policy.check()
    report = rocket.rights.view()
    assert report.policy.pending is not None
    assert {held.field: held.kept for held in report.here}["sent_record"] == "P90D"
    assert "CHANGED" not in report.to_json()
    assert "CHANGED" not in str(rocket.rights.plan_delete("account"))


@pytest.mark.clause("A1")
def test_a_field_that_only_the_announced_version_has_is_described_by_it() -> None:
    from rocketvpn_sdk.rights.plan import allowed_there
    from rocketvpn_sdk.rights.report.describing import Describer

    shorter = parse_policy(edited("field", "sent_record", 'device = "P90D"', 'device = "P30D"', text=with_new_field()))
    say = Describer((parse_policy(TEXT), shorter), "en")
    assert say.held("bound_place", "device", value=1).category == "places"
    assert say.held("sent_record", "device", value=1).kept == "P30D"  # what both allow
    assert "places" in {term.id for term in say.terms(lambda policy: policy.document.category)}
    assert "bound_place" in {goes.field for goes in allowed_there(say.policies, "account")}
