"""Who was told (S1 to S3), and what was asked for: against the real server, over TLS."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from support.policies import sharing_policy
from support.world import World

from rocketvpn_sdk import RocketVPN, wire
from rocketvpn_sdk.errors import RequestRefused, ServerUnreachable, ValueRefused, VaultLocked
from rocketvpn_sdk.rights.disclosures import describe
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

DAY = date(2026, 11, 3)


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World, order: str):
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
        yield rocket


@pytest.fixture
def offline(world: World, rocket: RocketVPN):
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        yield offline


# ---------------------------------------------------------------- disclosures


@pytest.mark.clause("S3")
def test_who_was_told_is_shown_with_its_basis_oldest_first(world: World, rocket: RocketVPN, order: str) -> None:
    assert rocket.rights.disclosures() == ()
    sandbox = world.sandbox
    sandbox.disclose(order, recipient="operator", basis="consent", categories=["account"], on=date(2026, 11, 4))
    sandbox.disclose(order, recipient="District court", basis="court", categories=["contact_email"], on=DAY)
    sandbox.disclose(sandbox.order(), recipient="operator", basis="law", categories=["log"])  # somebody else's
    court, operator = rocket.rights.disclosures()
    assert (court.recipient, court.basis, court.categories, court.day) == (
        "District court",
        "court",
        ("contact_email",),
        DAY,
    )
    assert (operator.kind, operator.undeclared) == ("operator", ())
    assert "District court" not in repr(court)


@pytest.mark.clause("S2")
def test_a_disclosure_names_the_safeguard_of_its_recipient() -> None:
    policy = sharing_policy()
    for recipient in policy.recipients.values():
        said = wire.DisclosureItem(
            recipient=recipient.id, kind=recipient.kind, basis="consent", categories=["log"], day=DAY
        )
        told = describe(policy, said)
        assert told.safeguard == recipient.safeguard["en"]
        assert told.sentence == recipient.sentence["en"]
        assert told.undeclared == ()
        assert (told.contract, told.country) == (recipient.contract, recipient.country)
        assert told.bound_by[0] == told.safeguard
    assert "2036-10-01" in " ".join(describe(policy, told_of("acme")).bound_by)
    assert "acme" not in repr(describe(policy, told_of("acme"))), "what is told of somebody does not show in a log"


def told_of(recipient: str) -> wire.DisclosureItem:
    return wire.DisclosureItem(recipient=recipient, kind="third_party", basis="consent", categories=["log"], day=DAY)


@pytest.mark.clause("S1", "S3")
@pytest.mark.parametrize(
    ("change", "undeclared"),
    [
        ({"recipient": "A data broker", "kind": "third_party"}, ("recipient",)),
        ({"basis": "because we could"}, ("basis",)),
        ({"categories": ["account", "dreams"]}, ("categories",)),
        ({"kind": "third_party"}, ("kind",)),
        (
            {"recipient": "?", "basis": "?", "categories": ["?"]},
            ("recipient", "basis", "categories"),
        ),
    ],
)
def test_what_the_policy_does_not_know_is_shown_as_it_is_and_marked(
    world: World, rocket: RocketVPN, order: str, change: dict[str, object], undeclared: tuple[str, ...]
) -> None:
    said = {"recipient": "operator", "kind": "operator", "basis": "law", "categories": ["account"], "on": DAY} | change
    world.sandbox.disclose(order, **said)
    (told,) = rocket.rights.disclosures()
    assert told.undeclared == undeclared
    shown = {"recipient": told.recipient, "kind": told.kind, "basis": told.basis, "categories": list(told.categories)}
    assert shown | {"on": told.day} == said
    assert (told.safeguard is None) is ("recipient" in undeclared)


def test_offline_nobody_can_say_who_was_told_and_nothing_was_kept(offline: RocketVPN) -> None:
    with pytest.raises(ServerUnreachable):
        offline.rights.disclosures()


def test_an_order_that_is_not_there_has_no_disclosures(world: World) -> None:
    with pytest.raises(LookupError):
        world.sandbox.disclose("RV-0000-0000", recipient="operator", basis="law", categories=[])


@pytest.mark.clause("A3", "R2", "S3")
def test_deleting_the_account_erases_who_was_told_and_the_receipt_names_them(
    world: World, rocket: RocketVPN, order: str
) -> None:
    sandbox = world.sandbox
    sandbox.disclose(order, recipient="acme", basis="consent", categories=["account"])
    sandbox.disclose(order, recipient="District court", basis="court", categories=["account"])
    there = {held.field: held.value for held in rocket.rights.view(with_code=True).there}
    assert there["disclosure_record"]
    receipt = rocket.rights.delete(rocket.rights.plan_delete("account")).server.receipt
    assert receipt is not None
    assert "disclosure_record" in receipt.claims.erased
    assert receipt.claims.recipients_told == ["acme"]  # a court is not told that its evidence was erased elsewhere
    assert not [row for row in sandbox.rows()["disclosures"] if row["order_number"] == order]


@pytest.mark.clause("R1")
def test_who_was_told_is_forgotten_when_its_time_has_passed(tmp_path) -> None:
    clock = FakeClock(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        sandbox.disclose("RV-2026-0001", recipient="operator", basis="law", categories=["account"])
        clock.advance(3 * 365 * 86400 + 1)
        with RocketVPN.open(World(sandbox, tmp_path / "vault").config(clock=clock)) as rocket:
            rocket.device.bind(sandbox.order())
            assert rocket.device.order().devices_used == 1
        assert sandbox.rows()["disclosures"] == []


# ---------------------------------------------------------------- requests


@pytest.mark.clause("A1", "A3")
def test_requests_at_the_server_are_listed_until_they_are_forgotten(world: World, rocket: RocketVPN) -> None:
    assert rocket.rights.requests().requests == ()
    for _ in range(2):
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
    listed = rocket.rights.requests()
    assert listed.server_answered
    assert listed.server_problem is None
    first, second = listed.requests
    assert (first.exercise, first.scope, first.status, first.waits_here) == ("deletion", "logs", "fulfilled", False)
    assert first.received_at <= second.received_at
    assert first.expires_at > first.received_at
    assert first.results_url.endswith(f"{first.id}/receipt")
    assert rocket.rights.request(first.id) == first


def test_another_devices_requests_are_not_shown(world: World, rocket: RocketVPN, order: str, tmp_path) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
        laptop.rights.delete(laptop.rights.plan_delete("logs"))
        (theirs,) = laptop.rights.requests().requests
    assert rocket.rights.requests().requests == ()
    for call in (rocket.rights.request, rocket.rights.cancel):
        with pytest.raises(ValueRefused, match="no such request"):
            call(theirs.id)


def test_what_waits_here_is_listed_beside_what_the_server_has(world: World, rocket: RocketVPN) -> None:
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("logs"))
        listed = offline.rights.requests()
        assert (listed.server_answered, listed.server_problem) == (False, "server-unreachable")
        (waiting,) = listed.requests
        assert (waiting.status, waiting.problem, waiting.waits_here) == ("waiting", "server-unreachable", True)
        assert waiting.received_at is None
        assert offline.rights.request(waiting.id) == waiting
    with RocketVPN.open(world.config()) as online:
        past, waiting_still = online.rights.requests().requests
        assert (past.status, waiting_still) == ("fulfilled", waiting)
        online.rights.resume()
        assert [each.status for each in online.rights.requests().requests] == ["fulfilled", "fulfilled"]


def test_a_request_that_both_sides_know_is_listed_once(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.delay_deletions = True
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    (request,) = rocket.rights.requests().requests
    assert (request.status, request.waits_here) == ("open", True)
    assert request.asked_at is not None
    assert request.expected_by > request.received_at
    world.sandbox.faults.begin_deletions()
    assert rocket.rights.request(request.id).status == "in_progress"


@pytest.mark.clause("A3")
def test_an_open_request_can_be_called_off(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.delay_deletions = True
    rocket.rights.delete(rocket.rights.plan_delete("device"))
    (request,) = rocket.rights.requests().requests
    done = rocket.rights.cancel(request.id)
    assert (done.status, done.waits_here) == ("revoked", False)
    assert rocket.status().waiting == 0
    world.sandbox.faults.release_deletions()
    assert rocket.rights.request(request.id).status == "revoked"
    assert rocket.device.order().devices_used == 1  # it is still on its order
    with pytest.raises(RequestRefused, match="request-closed"):
        rocket.rights.cancel(request.id)


def test_a_request_in_progress_is_not_called_off(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.delay_deletions = True
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    world.sandbox.faults.begin_deletions()
    (request,) = rocket.rights.requests().requests
    with pytest.raises(RequestRefused, match="request-begun"):
        rocket.rights.cancel(request.id)
    assert rocket.status().waiting == 1
    world.sandbox.faults.release_deletions()
    assert rocket.rights.resume()[0].state == "confirmed"


def test_what_waits_here_is_called_off_without_telling_the_server(offline: RocketVPN) -> None:
    offline.rights.delete(offline.rights.plan_delete("logs"))
    (waiting,) = offline.rights.requests().requests
    assert offline.rights.cancel(waiting.id).status == "revoked"
    assert offline.rights.requests().requests == ()
    assert "rights.cancel" not in {entry.operation for entry in offline.rights.sent()}


def test_of_several_that_wait_here_only_the_one_that_was_meant_is_called_off(offline: RocketVPN) -> None:
    for _ in range(3):
        offline.rights.delete(offline.rights.plan_delete("logs"))
    before = offline.rights.requests().requests
    meant = before[1]
    assert offline.rights.request(meant.id) == meant
    assert offline.rights.cancel(meant.id).id == meant.id
    assert [each.id for each in offline.rights.requests().requests] == [before[0].id, before[2].id]


def test_calling_off_at_a_server_that_cannot_be_reached_changes_nothing(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.delay_deletions = True
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    (request,) = rocket.rights.requests().requests
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        with pytest.raises(ServerUnreachable):
            offline.rights.cancel(request.id)
        (waiting,) = offline.rights.requests().requests
        assert (waiting.id, waiting.status) == (request.id, "waiting")


def test_unbound_or_locked_it_is_said(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        listed = rocket.rights.requests()
        assert (listed.requests, listed.server_problem) == ((), "not-bound")
    with RocketVPN.open(world.config(), unlock=False) as locked, pytest.raises(VaultLocked):
        locked.rights.requests()
