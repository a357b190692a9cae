"""An order's owner whose device is lost or was removed: sees and deletes with the e-mailed code, and can do no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dpop_client import Peer, problem_code
from support.world import World, bytes_of

from rocketvpn_sdk import RocketVPN, wire
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    AuthenticationRequired,
    BrowserRequired,
    DeviceRevoked,
    OperationUndeclared,
    RequestRefused,
    ServerError,
    ServerUnreachable,
    ValueRefused,
)
from rocketvpn_sdk.identity import BINDING, CREDENTIALS, Binding, Credentials
from rocketvpn_sdk.rights import HeldValue
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.usefixtures("no_pauses")

OWNER = wire.ACR_OWNER


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(limit=3)


@pytest.fixture
def rocket(world: World) -> Iterator[RocketVPN]:
    """Bound to nothing."""
    with RocketVPN.open(world.config()) as opened:
        yield opened


@pytest.fixture
def lost(world: World, order: str) -> Iterator[Peer]:
    """A device of the order that its owner cannot use any more."""
    with Peer(world.sandbox.url, world.sandbox.ca_file) as peer:
        yield peer.bind(order)


def values(held: tuple[HeldValue, ...], field: str) -> list[Any]:
    return [each.value for each in held if each.field == field]


# ---------------------------------------------------------------- seeing


@pytest.mark.clause("A1")
@pytest.mark.clause("A4")
def test_the_owner_of_a_lost_device_sees_everything(world: World, rocket: RocketVPN, order: str, lost: Peer) -> None:
    held = rocket.rights.as_owner(order).view()
    assert values(held, "order_number") == [order]
    assert values(held, "contact_email") == ["kim@example.org"]
    assert values(held, "device_id") == [lost.device_id]
    assert {each.place for each in held} == {"server"}
    assert not any(each.correctable for each in held)
    assert [challenge.hint for challenge in world.asked] == ["the order's e-mail address"]


@pytest.mark.clause("A1")
def test_a_revoked_device_keeps_its_owners_rights(world: World, order: str) -> None:
    with RocketVPN.open(world.config()) as rocket:
        binding = rocket.device.bind(order)
        world.sandbox.faults.revoke_device(binding.device_id)
        with pytest.raises(DeviceRevoked):
            rocket.device.order()
        owner = rocket.rights.as_owner(order)
        assert values(owner.view(), "order_number") == [order]
        assert values(owner.view(), "device_id") == [], "it is no device of the order any more"
        assert owner.delete().server.state == "confirmed"
        assert rocket.device.binding == binding, "what is here is deleted by delete(), not by this"


def test_nothing_of_it_is_kept_here(world: World, order: str, lost: Peer, rocket: RocketVPN) -> None:
    owner = rocket.rights.as_owner(order)
    owner.view()
    vault = rocket._components.vault
    assert vault.get(CREDENTIALS, Credentials) is None
    assert vault.get(BINDING, Binding) is None
    assert rocket.status().bound is False
    assert rocket.status().waiting == 0
    operations = {entry.operation for entry in rocket.rights.sent()}
    assert operations == {"server.metadata", "authorize.challenge", "token.issue", "owner.view"}
    token = owner._owner._token
    planted = [order, lost.device_id, "kim@example.org", token, world.sandbox.mail.last_code()]
    assert not [value for value in planted if value.encode() in bytes_of(world.folder)]
    assert not [value for value in planted if value in repr(owner) + repr(owner._owner) + repr(owner.view())]


# ---------------------------------------------------------------- deleting


@pytest.mark.clause("A3")
def test_the_owner_deletes_the_account_and_gets_a_receipt(
    world: World, rocket: RocketVPN, order: str, lost: Peer
) -> None:
    owner = rocket.rights.as_owner(order)
    outcome = owner.delete()
    assert outcome.here.done is False
    assert outcome.server.state == "confirmed"
    assert outcome.server.receipt is not None
    claims = outcome.server.receipt.claims
    assert (claims.scope, claims.device_id) == ("account", "")
    assert {"order_number", "contact_email", "device_id"} <= set(claims.erased)
    assert [held.field for held in claims.held_back] == ["payment_record"]
    rows = str(world.sandbox.rows())
    assert order not in rows
    assert problem_code(lost.call("GET", "/v1/order")) == "device-revoked"
    assert owner.delete().server == outcome.server, "asked again, it is the same request"


@pytest.mark.clause("A3")
def test_the_owner_deletes_one_device_and_leaves_the_rest(
    world: World, rocket: RocketVPN, order: str, lost: Peer
) -> None:
    with Peer(world.sandbox.url, world.sandbox.ca_file) as other:
        other.bind(order)
        owner = rocket.rights.as_owner(order)
        outcome = owner.delete("device", lost.device_id)
        assert outcome.server.state == "confirmed"
        assert outcome.server.receipt is not None
        assert outcome.server.receipt.claims.device_id == lost.device_id
        assert values(owner.view(), "device_id") == [other.device_id]
        assert other.call("GET", "/v1/order").status_code == 200
        assert problem_code(lost.call("GET", "/v1/order")) == "device-revoked"


@pytest.mark.parametrize(
    ("scope", "device"),
    [("logs", None), ("everything", None), ("device", None), ("account", "A" * 52), ("device", "no such thing")],
)
def test_a_deletion_that_makes_no_sense_is_not_sent(
    world: World, rocket: RocketVPN, order: str, scope: Any, device: str | None
) -> None:
    owner = rocket.rights.as_owner(order)
    before = len(world.sandbox.requests)
    with pytest.raises(ValueRefused):
        owner.delete(scope, device)
    assert len(world.sandbox.requests) == before


def test_a_device_of_another_order_is_not_found(world: World, rocket: RocketVPN, order: str, lost: Peer) -> None:
    with Peer(world.sandbox.url, world.sandbox.ca_file) as foreign:
        foreign.bind(world.sandbox.order())
        with pytest.raises(RequestRefused, match="device-not-found"):
            rocket.rights.as_owner(order).delete("device", foreign.device_id)
        assert foreign.call("GET", "/v1/order").status_code == 200


def test_a_deletion_that_takes_its_time_is_in_progress(world: World, rocket: RocketVPN, order: str, lost: Peer) -> None:
    owner = rocket.rights.as_owner(order)
    world.sandbox.faults.delay_deletions = True
    assert owner.delete().server.state == "in_progress"
    world.sandbox.faults.release_deletions()
    assert owner.delete().server.state == "confirmed", "asked again, it is the same request"


def test_without_a_network_it_says_so_and_can_be_tried_again(world: World, rocket: RocketVPN, order: str) -> None:
    owner = rocket.rights.as_owner(order)
    world.sandbox.faults.fail(3)
    with pytest.raises(ServerError):
        owner.delete()
    assert owner.delete().server.state == "confirmed"
    with (
        RocketVPN.open(world.neighbour(world.folder.with_name("two")).config(server="https://localhost:1")) as offline,
        pytest.raises(ServerUnreachable, match="try again"),
    ):
        offline.rights.as_owner(order)


def test_a_lost_answer_makes_no_second_request(world: World, rocket: RocketVPN, order: str) -> None:
    owner = rocket.rights.as_owner(order)
    world.sandbox.faults.lose_answers(1)
    assert owner.delete().server.state == "confirmed"
    mine = owner._owner.prover._key.thumbprint
    assert len([row for row in world.sandbox.rows()["rights_requests"] if row["jkt"] == mine]) == 1


# ---------------------------------------------------------------- proving it


def test_a_wrong_code_proves_nothing(world: World, order: str) -> None:
    tries = iter(["00000000", "not-it", "00000000"])
    with RocketVPN.open(world.config(authenticator=lambda _: next(tries))) as rocket:
        with pytest.raises(AuthenticationFailed) as caught:
            rocket.rights.as_owner(order)
        assert caught.value.cause == "wrong-code"
        assert "token.issue" not in {entry.operation for entry in rocket.rights.sent()}


@pytest.mark.parametrize("authenticator", [None, lambda _: None, lambda _: "  "], ids=["none", "cancelled", "empty"])
def test_with_nobody_to_ask_there_is_no_owner(world: World, order: str, authenticator: Any) -> None:
    with (
        RocketVPN.open(world.config(authenticator=authenticator)) as rocket,
        pytest.raises(AuthenticationRequired, match="the order's e-mail address"),
    ):
        rocket.rights.as_owner(order)


@pytest.mark.parametrize("number", ["", "rv", "not an order number", "RV+2026+0001", "RV-2026-0001=", 7])
def test_what_is_no_order_number_is_not_sent(world: World, rocket: RocketVPN, number: Any) -> None:
    before = len(world.sandbox.requests)
    with pytest.raises(ValueRefused):
        rocket.rights.as_owner(number)
    assert len(world.sandbox.requests) == before


def test_a_server_that_wants_a_browser(world: World, rocket: RocketVPN, order: str) -> None:
    world.sandbox.faults.redirect_to_web = True
    with pytest.raises(BrowserRequired):
        rocket.rights.as_owner(order)


@pytest.mark.clause("A4")
def test_attack_learning_which_orders_exist(world: World, order: str) -> None:
    """The answers to a known number, an unknown one and one without an address are the same; only one gets a code."""
    silent = world.sandbox.order(email=None)
    said = []
    for number in (order, "RV-NO-SUCH-ORDER", silent):
        with Peer(world.sandbox.url, world.sandbox.ca_file) as peer:
            mails = len(world.sandbox.mail)
            asked = peer.challenge(order_number=number, acr_values=OWNER)
            wrong = peer.challenge(auth_session=asked.json()["auth_session"], verification_code="not-it")
            body = asked.json()
            said.append((asked.status_code, body["error"], body["challenge"]["hint"], wrong.status_code, wrong.json()))
            assert len(world.sandbox.mail) - mails == (number == order)
    assert said[0] == said[1] == said[2]


@pytest.mark.clause("A4")
def test_attack_guessing_the_code(world: World, order: str) -> None:
    with Peer(world.sandbox.url, world.sandbox.ca_file) as peer:
        session = peer.challenge(order_number=order, acr_values=OWNER).json()["auth_session"]
        for left in (4, 3, 2, 1, 0):
            wrong = peer.challenge(auth_session=session, verification_code="not-it").json()
            assert (wrong["error"], wrong["attempts_left"]) == ("invalid_grant", left)
        right = peer.challenge(auth_session=session, verification_code=world.sandbox.mail.last_code())
        assert right.json()["error"] == "invalid_session"


# ---------------------------------------------------------------- and no more than that


@pytest.fixture
def owner_token(world: World, order: str) -> Iterator[tuple[Peer, str]]:
    """An owner's token, in the hands of somebody who would do more with it."""
    with Peer(world.sandbox.url, world.sandbox.ca_file) as peer:
        session = peer.challenge(order_number=order, acr_values=OWNER).json()["auth_session"]
        code = peer.challenge(auth_session=session, verification_code=world.sandbox.mail.last_code()).json()
        answer = peer.redeem(code["authorization_code"]).json()
        assert answer["acr"] == OWNER
        assert "refresh_token" not in answer
        yield peer, answer["access_token"]


@pytest.mark.clause("A4")
def test_attack_an_owners_token_binds_nothing_corrects_nothing_and_calls_nothing_else(
    world: World, order: str, lost: Peer, owner_token: tuple[Peer, str]
) -> None:
    peer, token = owner_token
    before = world.sandbox.rows()
    calls: list[Callable[[], Any]] = [
        lambda: peer.call("PATCH", "/v1/data", json_body={"language": "xx"}, token=token, headers={"If-Match": "*"}),
        lambda: peer.call("DELETE", f"/v1/devices/{lost.device_id}", token=token),
        lambda: peer.call("POST", "/v1/tunnels", json_body={"public_key": "A" * 43 + "="}, token=token),
        lambda: peer.call("POST", "/v1/data-rights-requests", json_body={"exercise": "deletion"}, token=token),
        lambda: peer.call("PUT", "/v1/consents/improvement", json_body={}, token=token),
        *(lambda path=path: peer.call("GET", path, token=token) for path in ("/v1/order", "/v1/devices", "/v1/data")),  # type: ignore[misc] # mypy knows no such default
    ]
    for call in calls:
        assert problem_code(call()) == "insufficient-scope"
    assert peer.refresh(token).json()["error"] == "invalid_grant"
    after = world.sandbox.rows()
    for table in ("orders", "devices", "tunnels", "consents", "rights_requests"):
        assert after[table] == before[table]


@pytest.mark.clause("A4")
def test_attack_a_devices_token_is_no_owners(world: World, lost: Peer) -> None:
    for token in (lost.access_token, lost.step_up(world.sandbox.mail.last_code)):
        assert problem_code(lost.call("GET", "/v1/owner/data", token=token)) == "insufficient-scope"
        body = {"exercise": "deletion", "scope": "account"}
        refused = lost.call("POST", "/v1/owner/data-rights-requests", json_body=body, token=token)
        assert problem_code(refused) == "insufficient-scope"


@pytest.mark.clause("A4")
def test_attack_an_owners_code_binds_no_device(world: World, order: str) -> None:
    """The code is good for what it was asked for; a device that is bound with it would have a refresh token."""
    with Peer(world.sandbox.url, world.sandbox.ca_file) as peer:
        asked = peer.challenge(order_number=order, device_id=peer.device_id, acr_values=OWNER).json()
        code = peer.challenge(auth_session=asked["auth_session"], verification_code=world.sandbox.mail.last_code())
        answer = peer.redeem(code.json()["authorization_code"]).json()
    assert "refresh_token" not in answer
    assert answer["acr"] == OWNER
    assert not [row for row in world.sandbox.rows()["devices"] if row["order_number"] == order]


@pytest.mark.clause("A4")
def test_attack_another_orders_owner_reads_no_receipt_of_this_one(world: World, rocket: RocketVPN, order: str) -> None:
    request = rocket.rights.as_owner(order).delete().server.request_id
    stranger = rocket.rights.as_owner(world.sandbox.order())
    for operation in ("owner.status", "owner.receipt"):
        with pytest.raises(RequestRefused, match="not-found"):
            rocket._components.api.call_as(stranger._owner, operation, answer=dict, path={"request_id": request or ""})


def test_the_sdk_itself_makes_no_other_call_in_an_owners_name(rocket: RocketVPN, order: str) -> None:
    owner = rocket.rights.as_owner(order)
    for operation in ("data.correct", "devices.unbind", "order.read", "no.such"):
        with pytest.raises(OperationUndeclared):
            rocket._components.api.call_as(owner._owner, operation, answer=dict)


def test_an_owners_minutes_end(world: World, order: str, tmp_path: Path) -> None:
    clock = FakeClock(time.time())
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        own = World(sandbox, tmp_path / "own")
        with RocketVPN.open(own.config(clock=clock)) as rocket:
            owner = rocket.rights.as_owner(sandbox.order("RV-OWN-1"))
            clock.advance(sandbox.settings.access_lifetime + 1)
            with pytest.raises(AuthenticationFailed, match="invalid_token"):
                owner.view()
            assert values(rocket.rights.as_owner("RV-OWN-1").view(), "order_number") == ["RV-OWN-1"]


@pytest.mark.parametrize("off", [-3 * 3600.0, 3 * 3600.0])
def test_a_wrong_clock_keeps_nobody_from_their_rights(world: World, order: str, off: float) -> None:
    with RocketVPN.open(world.config(clock=FakeClock(time.time() + off))) as rocket:
        assert rocket.rights.as_owner(order).delete().server.state == "confirmed"
        rocket.device.bind(world.sandbox.order())
        assert rocket.rights.delete(rocket.rights.plan_delete("device")).server.state == "confirmed"
