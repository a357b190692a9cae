"""While a deletion waits for the server the versions of the policy stay in force: an older one must not bind (X1)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest
from support.app_events import SessionConnected
from support.policies import NEWEST, TEXT, edited
from support.world import World

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.identity import CREDENTIALS
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.policy_versions.state import PolicyState
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport.sent import SENT_KEY
from rocketvpn_sdk.vault.vault import CLOCK

pytestmark = [pytest.mark.clause("A3"), pytest.mark.clause("X1"), pytest.mark.clause("X2")]

SHORTER = ("field", "region", "P30D", "P7D")
LONGER = ("field", "duration", "P30D", "P90D")


def version(world: World, number: int, *edits: tuple[str, str, str, str]) -> Policy:
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    document = msgspec.structs.replace(parse_policy(text).document, version=number)
    return Policy(document).with_hosts("operator", world.sandbox.policy.recipients["operator"].hosts)


@pytest.fixture
def config(world: World) -> Config:
    """A device on which a version binds and a newer one was shown; it cannot reach its server any more."""
    clock = FakeClock(time.time())
    with RocketVPN.open(world.config(clock=clock)) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.consent.declare_age(True)
        rocket.consent.grant(rocket.consent.notice("improvement"))
        rocket._components.versions.offer(version(world, NEWEST + 1, SHORTER))
        rocket._components.versions.offer(version(world, NEWEST + 2, SHORTER, LONGER))
        notice = rocket.policy.notice("en")
        assert notice is not None
        rocket.policy.shown(notice)
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
    return world.config(clock=clock, server="https://localhost:9")


@pytest.fixture
def rocket(config: Config) -> Iterator[RocketVPN]:
    with RocketVPN.open(config) as rocket:
        yield rocket


def facts(held: PolicyState) -> tuple[object, ...]:
    shown = [(one.version, one.sha256, one.at) for one in held.shown]
    return [policy.sha256 for policy in held.policies], held.binds_at(), shown, held.accepted


@pytest.mark.parametrize("scope", ["device", "account"])
def test_which_versions_hold_and_what_was_shown_stays_until_the_server_has_confirmed(
    config: Config, rocket: RocketVPN, scope: str
) -> None:
    before = facts(rocket._components.versions.in_force())
    assert [policy.version for policy in rocket._components.versions.in_force().policies] == [NEWEST + 1, NEWEST + 2]
    outcome = rocket.rights.delete(rocket.rights.plan_delete(scope))
    assert outcome.server.state == "waiting_for_connection"
    assert facts(rocket._components.versions.in_force()) == before
    rocket.close()
    with RocketVPN.open(config) as again:  # an app that ships version 1
        assert facts(again._components.versions.in_force()) == before
        assert again.status().waiting == 1


def test_nothing_that_names_a_person_stays_with_it(rocket: RocketVPN) -> None:
    rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert rocket.consent.receipts() == ()
    assert rocket.consent.state().adult is None
    assert rocket.consent.state().consents == {}
    assert rocket.device.binding is None
    held = rocket._components.versions.in_force()
    names = {"policy", CLOCK, CREDENTIALS, *(f"policy/{policy.sha256}" for policy in held.policies)}
    names |= set(rocket._components.queue.documents(rocket._components.queue.items()))
    names.add(SENT_KEY)  # a new one: the attempts to reach the server were written down
    with rocket._components.vault.read() as (transaction, keys):
        slots = {row[0] for row in transaction.db.execute("SELECT slot FROM documents")}
    assert slots == {keys.slot(name) for name in names}


def test_deleting_the_log_leaves_all_of_it(rocket: RocketVPN) -> None:
    before = facts(rocket._components.versions.in_force())
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    assert list(rocket.journal.read()) == []
    assert facts(rocket._components.versions.in_force()) == before
    assert rocket.consent.state().consents["improvement"].state == "granted"
