"""Attack: what was issued for one thing is used for another.

A code, a session, a token, a kept answer: each is good for the order, the very row of the device, the key and the
purpose that it was issued for, and ends with them.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from support.dpop_client import ACR_EMAIL, Peer, problem_code
from support.operations import operations, send
from support.server_rows import all_rows
from support.victims import ACR_OWNER, REQUESTS, Victim

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A4", "C1")

CLOCK = FakeClock()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def order(sandbox: Sandbox) -> Iterator[Callable[[], Victim]]:
    CLOCK.advance(3601)  # what is counted for an address begins again
    with ExitStack() as stack:

        def new() -> Victim:
            made = Victim(sandbox, CLOCK.time)
            stack.callback(made.close)
            return made

        yield new
        sandbox.faults.clear()


def unbind(order: Victim, device: Peer) -> None:
    answer = order.kim.call("DELETE", f"/v1/devices/{device.device_id}", token=order.stepped)
    assert answer.status_code == 204, answer.text


def bind_again(order: Victim, device: Peer) -> Peer:
    """Bind the same id and key once more; the former connection keeps its former tokens."""
    return order.peer(device).bind(order.order)


# ---------------------------------------------------------------- one order's code, another order's token


@pytest.mark.parametrize("moment", ["while it is asked for", "before the code is entered", "before it is redeemed"])
def test_attack_a_code_for_my_order_steps_up_on_no_other(
    sandbox: Sandbox, order: Callable[[], Victim], moment: str
) -> None:
    """The device leaves my order, and its id and key are bound to the victim's by the number alone."""
    mine, victim = order(), order()
    eve = mine.bound()

    def move() -> None:
        sandbox.faults.between_transactions = None
        unbind(mine, eve)
        bind_again(victim, eve)

    if moment == "while it is asked for":
        sandbox.faults.between_transactions = move
    session = eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()["auth_session"]
    if moment == "before the code is entered":
        move()
    granted = eve.challenge(auth_session=session, verification_code=mine.code()).json()
    if moment == "before it is redeemed":
        move()
    redeemed = eve.redeem(granted.get("authorization_code", "none"))

    assert redeemed.json()["error"] == "invalid_grant"
    held = [row for row in all_rows(victim.file)["access_tokens"] if row["order_number"] == victim.order]
    assert [row["acr"] for row in held if row["jkt"] == eve.jkt] == ["urn:rocketvpn:acr:device"]


def test_attack_a_device_on_two_orders_steps_up_on_the_one_whose_address_got_the_code(
    order: Callable[[], Victim],
) -> None:
    mine, victim = order(), order()
    eve = mine.bound()
    bind_again(victim, eve)
    before = len(mine.sandbox.mail)

    session = eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()["auth_session"]
    (message,) = list(mine.sandbox.mail)[before:]
    granted = eve.challenge(auth_session=session, verification_code=message.code).json()
    token = eve.redeem(granted["authorization_code"]).json()["access_token"]

    (held,) = (
        field for field in eve.call("GET", "/v1/data", token=token).json()["fields"] if field["id"] == "contact_email"
    )
    assert held["value"] == message.to


def test_attack_requests_are_their_devices_own(order: Callable[[], Victim]) -> None:
    """Another device of the order, after a code, neither reads, answers nor ends them."""
    made = order().fill()
    stepped = made.step_up(made.lou)
    tables = ("rights_requests", "guardian_requests", "guardian_confirmations")
    before = {table: all_rows(made.file)[table] for table in tables}

    for operation in operations():
        if "{request_id}" in operation.path and not operation.path.startswith("/v1/owner/"):
            (answer,) = send(made.lou, operation, made.names, stepped)
            # What has ended and what never was are answered alike when it is withdrawn.
            ended = 204 if operation.path == "/v1/guardian-requests/{request_id}" else 404
            assert answer.status_code == ended, (operation, answer.text)
    assert {table: all_rows(made.file)[table] for table in tables} == before


# ---------------------------------------------------------------- bound again: another row


def refused(answer: httpx.Response) -> bool:
    return answer.status_code in (400, 401, 403, 404)


@pytest.fixture
def former(order: Callable[[], Victim]) -> tuple[Victim, Peer, dict[str, str], Peer]:
    """An order, its device that was unbound, what was issued for that, and the device that was bound again."""
    made = order()
    eve = made.bound()
    had = made.grants(eve)
    had["stepped"] = made.step_up(eve)
    policy = made.sandbox.policy
    asked = {"contact": "mum@example.org", "about": "agreement", "language": "en"}
    asked |= {"policy_version": policy.version, "policy_sha256": policy.sha256}
    had["guardian"] = eve.call("POST", "/v1/guardian-requests", json_body=asked).json()["request_id"]
    had["guardian_code"] = made.sandbox.mail.last_code("mum@example.org")
    had["request"] = eve.ask_deletion("logs").json()["request_id"]
    had["key"] = str(uuid.uuid4())
    tunnel = {"public_key": b64encode(b"k" * 32).decode()}
    assert eve.call("POST", "/v1/tunnels", json_body=tunnel, key=had["key"]).status_code == 201
    unbind(made, eve)
    return made, eve, had, bind_again(made, eve)


def test_attack_nothing_of_a_device_is_good_once_it_is_bound_again(
    former: tuple[Victim, Peer, dict[str, str], Peer],
) -> None:
    """The same order, id and key; but it was taken off in between, and what it had is gone."""
    _, eve, had, again = former

    for token in (eve.access_token, had["stepped"]):
        assert eve.call("GET", "/v1/order", token=token).status_code in (401, 403)
    assert eve.refresh(had["refresh_token"]).json()["error"] == "invalid_grant"
    answered = eve.challenge(auth_session=had["auth_session"], verification_code=had["verification_code"])
    assert answered.json()["error"] == "invalid_session"
    assert eve.redeem(had["code"]).json()["error"] == "invalid_grant"
    confirm = f"/v1/guardian-requests/{had['guardian']}/confirm"
    body = {"code": had["guardian_code"]}
    assert problem_code(again.call("POST", confirm, json_body=body)) == "guardian-request-not-found"
    assert problem_code(again.call("GET", f"{REQUESTS}/{had['request']}")) == "not-found"
    assert again.call("GET", REQUESTS).json()["requests"] == []


def test_attack_a_kept_answer_is_not_given_to_the_device_that_was_bound_again(
    former: tuple[Victim, Peer, dict[str, str], Peer],
) -> None:
    order, _, had, again = former
    other = {"public_key": b64encode(b"n" * 32).decode()}

    assert again.call("POST", "/v1/tunnels", json_body=other, key=had["key"]).status_code == 201

    kept = [row["public_key"] for row in all_rows(order.file)["tunnels"] if row["device_id"] == again.device_id]
    assert kept == [other["public_key"]]


def test_attack_a_kept_answer_of_one_order_is_not_given_to_the_same_device_of_another(
    order: Callable[[], Victim],
) -> None:
    mine, other = order(), order()
    eve, key = mine.bound(), str(uuid.uuid4())
    twin = bind_again(other, eve)
    body = {"exercise": "deletion", "scope": "logs"}

    first = eve.call("POST", REQUESTS, json_body=body, key=key).json()
    second = twin.call("POST", REQUESTS, json_body=body, key=key).json()

    assert first["request_id"] != second["request_id"]
    assert [found["request_id"] for found in twin.call("GET", REQUESTS).json()["requests"]] == [second["request_id"]]


def test_a_correction_by_the_same_device_of_another_order_forgets_no_kept_answer(order: Callable[[], Victim]) -> None:
    mine, other = order(), order()
    eve, key = mine.bound(), str(uuid.uuid4())
    etag = eve.call("GET", "/v1/data").headers["ETag"]
    first = eve.patch({"language": "en"}, etag, key=key)

    assert bind_again(other, eve).patch({"language": "de"}).status_code == 200

    assert eve.patch({"language": "en"}, etag, key=key).content == first.content, "the kept answer, not a conflict"


def test_attack_a_second_code_to_bind_ends_when_the_device_is_unbound(order: Callable[[], Victim]) -> None:
    made = order()
    eve = made.peer()
    spare = eve.ask_to_bind(made.order).json()["authorization_code"]
    eve.bind(made.order)
    unbind(made, eve)

    assert eve.redeem(spare).json()["error"] == "invalid_grant"


# ---------------------------------------------------------------- a device that is put out


@pytest.mark.parametrize("moment", ["before the code is entered", "before it is redeemed"])
def test_attack_a_code_to_put_a_device_out_puts_no_later_one_out(order: Callable[[], Victim], moment: str) -> None:
    made = order()
    old, new = made.bound(), made.peer()
    session = new.ask_to_bind(made.order, replace=made.kim.called(old, made.stepped)).json()["auth_session"]

    def change() -> None:
        unbind(made, old)
        bind_again(made, old)

    if moment == "before the code is entered":
        change()
    granted = new.challenge(auth_session=session, verification_code=made.code()).json()
    if moment == "before it is redeemed":
        change()
    redeemed = new.redeem(granted.get("authorization_code", "none"))

    assert redeemed.json()["error"] == "invalid_grant"
    placed = {row["id"] for row in all_rows(made.file)["devices"] if row["order_number"] == made.order}
    assert old.device_id in placed
    assert new.device_id not in placed


def test_attack_a_delayed_deletion_erases_no_device_that_was_bound_later(order: Callable[[], Victim]) -> None:
    made = order()
    eve = made.bound()
    made.sandbox.faults.delay_deletions = True
    assert eve.ask_deletion("device").json()["status"] == "open"
    unbind(made, eve)
    again = bind_again(made, eve)

    made.sandbox.faults.release_deletions()

    assert again.call("GET", "/v1/order").status_code == 200


def test_attack_a_receipt_is_read_by_the_client_that_had_the_token(order: Callable[[], Victim]) -> None:
    made = order()
    eve = made.bound()
    assert eve.ask_deletion("device").status_code == 201
    fields = {"grant_type": "refresh_token", "refresh_token": eve.refresh_token or ""}

    other = eve.form("/v1/token", **fields, client_id="org.example.other")

    assert other.json()["error"] == "invalid_grant"
    assert eve.refresh().status_code == 200


# ---------------------------------------------------------------- a number that is given out again


def test_attack_nothing_of_an_erased_order_is_good_for_another_of_its_number(order: Callable[[], Victim]) -> None:
    made = order()
    had = made.grants(made.kim)
    owner, token = made.owns()
    made.erase()
    made.sandbox.order(made.order, limit=5, email=made.address)
    bind_again(made, made.kim)

    for peer, old in ((made.kim, made.kim.access_token), (made.kim, made.stepped), (owner, token)):
        assert peer.call("GET", "/v1/owner/data" if old == token else "/v1/data", token=old).status_code in (401, 403)
    answered = made.kim.challenge(auth_session=had["auth_session"], verification_code=had["verification_code"])
    assert answered.json()["error"] == "invalid_session"
    assert made.kim.redeem(had["code"]).json()["error"] == "invalid_grant"
    assert made.kim.refresh(had["refresh_token"]).json()["error"] == "invalid_grant"
    asked = made.owner.call("GET", "/v1/owner/data", token=made.owner_token)
    assert problem_code(asked) == "insufficient-scope", "good for the receipt alone"


# ---------------------------------------------------------------- an address that is no longer the owner's


def test_attack_a_code_to_a_former_address_is_good_for_nothing(order: Callable[[], Victim]) -> None:
    """Who has nothing but the former mailbox has no say any more: not by a session, a code or a token from it."""
    made = order()
    eve = made.peer()
    sessions = [eve.challenge(order_number=made.order, acr_values=ACR_OWNER).json()["auth_session"] for _ in "ab"]
    codes = [message.code for message in made.sandbox.mail if message.to == made.address][-2:]
    granted = eve.challenge(auth_session=sessions[0], verification_code=codes[0]).json()
    owner, token = made.owns()
    stranger = made.peer()
    session = stranger.ask_to_bind(made.order, replace=made.kim.called(made.lou, made.stepped)).json()["auth_session"]
    to_replace = made.code()

    assert made.kim.patch({"contact_email": "new@example.org"}, token=made.stepped).status_code == 200
    made.kim.confirm_address(lambda: made.sandbox.mail.last_code("new@example.org"))

    assert refused(eve.challenge(auth_session=sessions[1], verification_code=codes[1]))
    assert eve.redeem(granted["authorization_code"]).json()["error"] == "invalid_grant"
    assert problem_code(owner.call("GET", "/v1/owner/data", token=token)) == "invalid-token"
    assert refused(stranger.challenge(auth_session=session, verification_code=to_replace))
    assert made.kim.call("GET", "/v1/order", token=made.stepped).status_code == 200, "who moved it goes on"
