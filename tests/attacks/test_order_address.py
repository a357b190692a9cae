"""Attack: who knows the number alone takes the order over, deletes it, or gets past the mailbox.

The server's clock stands still until a test turns it; every request goes over TLS, by a client that is not the SDK.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.dpop_client import ACR_ADDRESS, ACR_EMAIL, Peer, problem_code
from support.server_rows import all_rows, rows_about

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A4", "A3")

CLOCK = FakeClock()
DAY = 24 * 3600
WEEK = 7 * DAY
REQUESTS = "/v1/data-rights-requests"
RECOVERY = "/v1/recovery-codes"
Bind = Callable[..., Peer]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def bind(sandbox: Sandbox) -> Iterator[Bind]:
    """Bind a new device to an order."""
    CLOCK.advance(DAY)  # what is counted for an address begins again
    with ExitStack() as stack:

        def new(order: str) -> Peer:
            peer = stack.enter_context(Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time))
            peer.fresh_nonce()
            return peer.bind(order)

        yield new
        sandbox.faults.clear()
        sandbox.faults.between_transactions = None


def new_address() -> str:
    return f"{secrets.token_hex(6)}@example.org"


def later(seconds: float, *peers: Peer) -> None:
    """Let time pass, and give ``peers`` fresh tokens."""
    CLOCK.advance(seconds)
    for peer in peers:
        peer.fresh_nonce()
        answer = peer.refresh().json()
        peer.access_token = answer.get("access_token", peer.access_token)


def field(peer: Peer, name: str, **more: Any) -> dict[str, Any] | None:
    fields = peer.call("GET", "/v1/data", **more).json()["fields"]
    return next((each for each in fields if each["id"] == name), None)


def address(sandbox: Sandbox, order: str) -> str | None:
    (row,) = [row for row in all_rows(sandbox.database_file)["orders"] if row["number"] == order]
    return row["contact_email"]


def changes(peer: Peer) -> list[dict[str, Any]]:
    return list(peer.call("GET", "/v1/order").json().get("changes", []))


def confirm(sandbox: Sandbox, peer: Peer, to: str) -> None:
    peer.confirm_address(lambda: sandbox.mail.last_code(to))


def set_first(sandbox: Sandbox, peer: Peer, to: str) -> None:
    assert peer.patch({"contact_email": to}).status_code == 200
    confirm(sandbox, peer, to)


def letters(sandbox: Sandbox, to: str) -> list[str]:
    """Return what an address was told about itself and the recovery code, beside which devices were bound."""
    told = [message.text for message in sandbox.mail if message.to == to and not message.code]
    return [text for text in told if not text.startswith("A device was bound")]


# ---------------------------------------------------------------- deletion by a stranger with only the number


def test_attack_deletion_by_a_stranger_with_only_the_number(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)

    asked = eve.ask_deletion("account")
    assert asked.status_code == 201
    assert asked.json()["status"] == "open"
    assert not rows_about(sandbox.database_file, {eve.jkt}).get("devices"), "the device that asked goes at once"

    assert kim.call("GET", "/v1/order").json()["devices_used"] == 1
    (told,) = kim.refresh().json()["order_changes"]  # with every token, without asking
    assert (told["kind"], told["id"]) == ("account_deletion", asked.json()["request_id"])
    assert changes(kim) == [told]
    (listed,) = kim.call("GET", REQUESTS).json()["requests"]
    assert (listed["asked_by"], listed["status"], listed["waits_until"]) == (
        "another_device",
        "open",
        told["takes_effect_at"],
    )

    later(WEEK - 1, kim)
    assert kim.call("DELETE", f"{REQUESTS}/{told['id']}").json()["status"] == "revoked"
    later(2, kim)
    assert kim.call("GET", "/v1/order").status_code == 200
    assert changes(kim) == []


def test_attack_a_ticket_for_the_account_is_no_way_around_the_week(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    eve = bind(order)
    made = {"ticket_id": secrets.token_hex(32), "scope": "account"}
    assert problem_code(eve.call("POST", "/v1/erasure-tickets", json_body=made)) == "insufficient-user-authentication"
    asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()
    assert asked["error"] == "redirect_to_web"


@pytest.mark.parametrize("who", ["a device that was there", "a device that is bound later", "the device that asked"])
def test_attack_a_deletion_cancelled_by_every_device(sandbox: Sandbox, bind: Bind, who: str) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    request = eve.ask_deletion("account").json()["request_id"]
    later(WEEK / 2, kim, eve)
    by = {"a device that was there": kim, "the device that asked": eve}.get(who) or bind(order)

    assert by.call("DELETE", f"{REQUESTS}/{request}").json()["status"] == "revoked"
    later(WEEK, kim)
    assert kim.call("GET", "/v1/order").json()["devices_used"] >= 1
    (seen,) = kim.call("GET", REQUESTS).json()["requests"]
    assert seen["status"] == "revoked", "the others learn that it was called off"
    assert "waits_until" not in seen


def test_attack_a_deletion_asked_for_by_two_devices_is_cancelled_whole(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve, mallory = bind(order), bind(order), bind(order)
    for stranger in (eve, mallory):
        request = stranger.ask_deletion("account").json()["request_id"]
        later(60, kim)
    assert len(changes(kim)) == 2
    kim.call("DELETE", f"{REQUESTS}/{request}")
    assert changes(kim) == []
    later(2 * WEEK, kim)
    assert kim.call("GET", "/v1/order").status_code == 200


def test_attack_a_deletion_cancelled_twice(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    path = f"{REQUESTS}/{eve.ask_deletion('account').json()['request_id']}"
    assert kim.call("DELETE", path, key="once").status_code == 200
    assert kim.call("DELETE", path, key="once").json()["status"] == "revoked"  # the answer that got lost
    assert problem_code(kim.call("DELETE", path)) == "request-closed"


def test_attack_a_deletion_cancelled_after_it_was_carried_out(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    path = f"{REQUESTS}/{eve.ask_deletion('account').json()['request_id']}"
    identifiers = {order, kim.device_id, kim.jkt}
    CLOCK.advance(WEEK)
    kim.fresh_nonce()  # the first request after the week

    assert problem_code(kim.call("DELETE", path)) == "device-revoked"
    later(0, eve)
    assert problem_code(eve.call("DELETE", path)) == "request-closed"
    assert not rows_about(sandbox.database_file, identifiers), "nothing of the order is left, or written again"
    receipt = eve.call("GET", f"{path}/receipt")
    claims = json.loads(base64.urlsafe_b64decode(receipt.text.split(".")[1] + "=="))
    assert (claims["scope"], claims["device_id"]) == ("account", eve.device_id)
    assert {"order_number", "device_id", "session_token", "bound_on"} <= set(claims["erased"])


def test_attack_a_deletion_cancelled_in_the_second_in_which_it_is_due(sandbox: Sandbox, bind: Bind) -> None:
    """Carried out by the comparison itself, not by a sweep that comes once a minute."""
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    path = f"{REQUESTS}/{eve.ask_deletion('account').json()['request_id']}"
    later(WEEK - 1, kim)
    assert kim.call("GET", "/v1/order").status_code == 200
    CLOCK.advance(1)
    assert problem_code(kim.call("DELETE", path)) == "device-revoked"


def test_attack_a_deletion_called_off_while_it_is_carried_out(sandbox: Sandbox, bind: Bind) -> None:
    """Between two transactions of the cancelling request the week ends: one of the two happens, not half of both."""
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    request = eve.ask_deletion("account").json()["request_id"]
    later(WEEK - 1, kim)

    def end_the_week() -> None:
        sandbox.faults.between_transactions = None
        CLOCK.advance(1)
        other = Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time)
        other.fresh_nonce()
        other.close()

    sandbox.faults.between_transactions = end_the_week
    answer = kim.call("DELETE", f"{REQUESTS}/{request}")
    rows = all_rows(sandbox.database_file)
    (row,) = [row for row in rows["rights_requests"] if row["id"] == request]
    there = order in {row["number"] for row in rows["orders"]}
    assert (answer.status_code == 200, row["status"], there) in {(True, "revoked", True), (False, "fulfilled", False)}


@pytest.mark.parametrize("what", ["see", "cancel", "receipt"])
def test_attack_a_deletion_cancelled_by_another_orders_device(sandbox: Sandbox, bind: Bind, what: str) -> None:
    kim, eve, mallory = bind(order := sandbox.order(email=None)), bind(order), bind(sandbox.order(email=None))
    path = f"{REQUESTS}/{eve.ask_deletion('account').json()['request_id']}"
    method, path = {"see": ("GET", path), "cancel": ("DELETE", path), "receipt": ("GET", f"{path}/receipt")}[what]
    assert problem_code(mallory.call(method, path)) == "not-found"
    assert changes(mallory) == []
    assert len(changes(kim)) == 1


def test_attack_another_devices_receipt_of_the_whole_deletion(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    path = f"{REQUESTS}/{eve.ask_deletion('account').json()['request_id']}"
    assert problem_code(kim.call("GET", f"{path}/receipt")) == "not-found"


def test_both_devices_that_asked_get_a_receipt_of_what_was_theirs(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, lou = bind(order), bind(order)
    paths = {peer.jkt: f"{REQUESTS}/{peer.ask_deletion('account').json()['request_id']}" for peer in (kim, lou)}
    later(WEEK, kim, lou)
    for peer in (kim, lou):
        receipt = peer.call("GET", f"{paths[peer.jkt]}/receipt")
        claims = json.loads(base64.urlsafe_b64decode(receipt.text.split(".")[1] + "=="))
        assert claims["device_id"] == peer.device_id
        assert "device_id" in claims["erased"]


# ---------------------------------------------------------------- take over by the first address


def test_attack_take_over_by_the_first_address(sandbox: Sandbox, bind: Bind) -> None:
    """The stranger's own mailbox gets the code, and gives the stranger nothing for a week."""
    order, to = sandbox.order(email=None), new_address()
    kim, eve = bind(order), bind(order)
    set_first(sandbox, eve, to)

    assert address(sandbox, order) is None
    assert eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()["error"] == "redirect_to_web"
    (told,) = changes(kim)
    assert (told["kind"], told["hint"], told.get("current")) == ("first_address", f"{to[0]}…@example.org", None)
    held = field(kim, "contact_email")
    assert held is not None
    assert held["value"] is None
    assert held["pending"] == {"value": f"{to[0]}…@example.org", "state": "waiting", "until": told["takes_effect_at"]}

    later(WEEK - 1, kim)
    assert kim.patch({"contact_email": None}).status_code == 200
    later(WEEK, kim, eve)
    assert address(sandbox, order) is None
    assert (changes(kim), field(kim, "contact_email")) == ([], None)


def test_the_first_address_counts_in_the_second_in_which_its_week_ends(sandbox: Sandbox, bind: Bind) -> None:
    order, to = sandbox.order(email=None), new_address()
    kim = bind(order)
    set_first(sandbox, kim, to)
    later(WEEK - 1, kim)
    assert kim.challenge(device_id=kim.device_id, acr_values=ACR_EMAIL).json()["error"] == "redirect_to_web"
    CLOCK.advance(1)
    stepped = kim.step_up(lambda: sandbox.mail.last_code(to))
    assert field(kim, "contact_email", token=stepped)["value"] == to  # type: ignore[index] # it is there
    assert len(letters(sandbox, to)) == 1, "the address is told that it counts"


def test_attack_the_first_address_without_its_code(sandbox: Sandbox, bind: Bind) -> None:
    order, to = sandbox.order(email=None), new_address()
    eve = bind(order)
    eve.patch({"contact_email": to})
    asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()
    wrong = "0" if sandbox.mail.last_code(to) != "000000" else "1"
    answers = [eve.challenge(auth_session=asked["auth_session"], verification_code=wrong * 6) for _ in range(5)]
    assert [answer.json()["attempts_left"] for answer in answers] == [4, 3, 2, 1, 0]
    late = eve.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code(to))
    assert late.json()["error"] == "invalid_session"
    later(DAY, eve)
    assert field(eve, "contact_email") is None, "it is forgotten after a day"
    later(2 * WEEK, eve)
    assert address(sandbox, order) is None


def test_attack_an_address_whose_day_is_over_between_two_sweeps(sandbox: Sandbox, bind: Bind) -> None:
    """What the next sweep would delete counts no more, by the comparison itself."""
    order, to = sandbox.order(email=None), new_address()
    eve = bind(order)
    eve.patch({"contact_email": to})
    later(DAY - 1, eve)
    asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()
    CLOCK.advance(1)
    assert eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()["error"] == "address-not-pending"
    eve.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code(to))
    assert changes(eve) == []
    later(2 * WEEK, eve)
    assert address(sandbox, order) is None


def test_attack_a_long_code_from_the_strangers_own_mailbox_for_somebody_elses(tmp_path: Path) -> None:
    """A long code is good for all who ask for the same thing; another address is not the same thing."""
    server, own, other = Sandbox(tmp_path / "server", clock=CLOCK), new_address(), new_address()
    server.settings = ServerSettings(short_mails=0)
    with server, Peer(server.url, server.ca_file, now=CLOCK.time) as eve:
        eve.bind(order := server.order(email=None))
        eve.patch({"contact_email": own})
        eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS)
        code = server.mail.last_code(own)
        assert len(code) == server.settings.long_digits
        eve.patch({"contact_email": other})
        asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()
        refused = eve.challenge(auth_session=asked["auth_session"], verification_code=code)
        assert refused.json()["error"] == "invalid_grant"
        eve.confirm_address(lambda: server.mail.last_code(other))
        assert [change["kind"] for change in changes(eve)] == ["first_address"]
        assert address(server, order) is None


def test_attack_the_code_of_an_address_that_was_replaced(sandbox: Sandbox, bind: Bind) -> None:
    """The stranger's own mailbox gets a code, and the address is changed to somebody else's before it is given back."""
    order, own, other = sandbox.order(email=None), new_address(), new_address()
    eve = bind(order)
    eve.patch({"contact_email": own})
    asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()
    eve.patch({"contact_email": other})
    eve.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code(own))
    assert changes(eve) == []
    assert field(eve, "contact_email")["pending"]["state"] == "code_needed"  # type: ignore[index] # it is there


def test_attack_another_device_confirms_the_address(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    kim.patch({"contact_email": new_address()})
    assert eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS).json()["error"] == "address-not-pending"


def test_attack_the_first_address_of_a_device_that_left(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    kim, eve = bind(order), bind(order)
    set_first(sandbox, eve, new_address())
    assert eve.call("DELETE", f"/v1/devices/{eve.device_id}").status_code == 204
    assert changes(kim) == []
    later(2 * WEEK, kim)
    assert address(sandbox, order) is None


def test_attack_mails_to_strangers_by_new_addresses(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email=None)
    eve = bind(order)
    sandbox.mail.clear()
    for _ in range(20):
        eve.patch({"contact_email": new_address()})
        answer = eve.challenge(device_id=eve.device_id, acr_values=ACR_ADDRESS)
        later(601, eve)  # so that no limit of ten minutes is what holds
    assert (answer.status_code, answer.json()["error"]) == (429, "rate-limited")
    assert len(sandbox.mail) == sandbox.settings.address_mails


# ---------------------------------------------------------------- changing the address


def test_a_new_address_counts_after_its_code_and_the_former_one_is_told(sandbox: Sandbox, bind: Bind) -> None:
    old, new = new_address(), new_address()
    order = sandbox.order(email=old)
    kim = bind(order)
    assert problem_code(kim.patch({"contact_email": new})) == "insufficient-user-authentication"
    stepped = kim.step_up(lambda: sandbox.mail.last_code(old))
    assert kim.patch({"contact_email": new}, token=stepped).status_code == 200
    assert address(sandbox, order) == old, "until the code is given back the former one counts"
    held = field(kim, "contact_email", token=stepped)
    assert held is not None
    assert (held["value"], held["pending"]["value"], held["pending"]["state"]) == (old, new, "code_needed")
    confirm(sandbox, kim, new)
    assert address(sandbox, order) == new
    (told,) = letters(sandbox, old)
    assert new not in told
    assert f"{new[0]}…@example.org" in told
    assert "pending" not in field(kim, "contact_email", token=stepped)  # type: ignore[operator] # it is there


def test_attack_a_member_calls_off_the_owners_change(sandbox: Sandbox, bind: Bind) -> None:
    """With an address there is somebody to be asked: the number alone stops nothing."""
    old, new = new_address(), new_address()
    order = sandbox.order(email=old)
    kim, eve = bind(order), bind(order)
    kim.patch({"contact_email": new}, token=kim.step_up(lambda: sandbox.mail.last_code(old)))
    assert "pending" not in (field(eve, "contact_email") or {}), "nor does it see that there is one"
    for value in (None, old):
        assert problem_code(eve.patch({"contact_email": value})) == "insufficient-user-authentication"
    confirm(sandbox, kim, new)
    assert address(sandbox, order) == new


# ---------------------------------------------------------------- recovery codes


def print_code(sandbox: Sandbox, peer: Peer, to: str) -> str:
    code = base64.b32hexencode(secrets.token_bytes(20)).decode()
    fingerprint = hashlib.sha256(b"rocketvpn/recovery/1\0" + code.encode()).hexdigest()
    stepped = peer.step_up(lambda: sandbox.mail.last_code(to))
    made = peer.call("POST", RECOVERY, json_body={"fingerprint": fingerprint}, token=stepped)
    assert made.status_code == 201, made.text
    return code


def recover(peer: Peer, code: str) -> dict[str, Any]:
    asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL).json()
    return dict(peer.challenge(auth_session=asked["auth_session"], recovery_code=code).json())


def test_a_recovery_code_verifies_a_device_when_mail_cannot_be_read(sandbox: Sandbox, bind: Bind) -> None:
    lost, new = new_address(), new_address()
    order = sandbox.order(email=lost)
    kim = bind(order)
    code = print_code(sandbox, kim, lost)
    other = bind(order)
    token = other.redeem(recover(other, code)["authorization_code"]).json()["access_token"]
    assert other.patch({"contact_email": new}, token=token).status_code == 200
    confirm(sandbox, other, new)
    assert address(sandbox, order) == new
    assert ["made" in text or "used" in text for text in letters(sandbox, lost)[:2]] == [True, True]


def test_attack_a_recovery_code_without_an_e_mailed_code(sandbox: Sandbox, bind: Bind) -> None:
    eve = bind(sandbox.order(email=new_address()))
    answer = eve.call("POST", RECOVERY, json_body={"fingerprint": "0" * 64})
    assert problem_code(answer) == "insufficient-user-authentication"
    assert eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()["challenge"].get("recovery") is None


def test_attack_a_recovery_code_guessed(sandbox: Sandbox, bind: Bind) -> None:
    to = new_address()
    kim = bind(order := sandbox.order(email=to))
    code = print_code(sandbox, kim, to)
    eve = bind(order)
    asked = eve.challenge(device_id=eve.device_id, acr_values=ACR_EMAIL).json()
    for left in (4, 3, 2, 1, 0):
        guess = base64.b32hexencode(secrets.token_bytes(20)).decode()
        assert eve.challenge(auth_session=asked["auth_session"], recovery_code=guess).json()["attempts_left"] == left
    assert eve.challenge(auth_session=asked["auth_session"], recovery_code=code).json()["error"] == "invalid_session"
    for odd in ("", " ", code[:-1], code + "0", "é" * 32):
        assert recover(eve, odd)["error"] in ("invalid_grant", "invalid_request")
    assert "authorization_code" in recover(kim, code), "wrong ones take nothing from who has the right one"


def test_attack_a_recovery_code_replayed(sandbox: Sandbox, bind: Bind) -> None:
    to = new_address()
    kim = bind(order := sandbox.order(email=to))
    code = print_code(sandbox, kim, to)
    eve = bind(order)
    assert "authorization_code" in recover(kim, code)
    assert recover(kim, code)["error"] == "invalid_grant"
    assert recover(eve, code)["error"] == "invalid_grant"
    assert not [row for row in all_rows(sandbox.database_file)["recovery_codes"] if row["order_number"] == order]


def test_attack_a_recovery_code_of_another_order(sandbox: Sandbox, bind: Bind) -> None:
    mine, theirs = new_address(), new_address()
    eve = bind(sandbox.order(email=mine))
    code = print_code(sandbox, eve, mine)
    kim = bind(victim := sandbox.order(email=theirs))
    print_code(sandbox, kim, theirs)
    second = bind(victim)
    assert recover(second, code)["error"] == "invalid_grant"
    assert "authorization_code" in recover(eve, code), "and it is not spent by that"


def test_attack_a_recovery_code_that_was_replaced(sandbox: Sandbox, bind: Bind) -> None:
    to = new_address()
    kim = bind(sandbox.order(email=to))
    former, newer = print_code(sandbox, kim, to), print_code(sandbox, kim, to)
    assert recover(kim, former)["error"] == "invalid_grant"
    assert "authorization_code" in recover(kim, newer)


def test_attack_a_recovery_code_where_an_owner_or_a_replacement_is_asked(sandbox: Sandbox, bind: Bind) -> None:
    """It steps a bound device up, and nothing else: it opens no view to who has no device, and puts none out."""
    to = new_address()
    order = sandbox.order(email=to, limit=1)
    kim = bind(order)
    code = print_code(sandbox, kim, to)
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as eve:
        (full,) = eve.ask_to_bind(order).json()["devices"]
        for asked in (
            eve.challenge(order_number=order, acr_values="urn:rocketvpn:acr:owner").json(),
            eve.ask_to_bind(order, replace=full["id"]).json(),
        ):
            assert "recovery" not in asked["challenge"]
            session = asked["auth_session"]
            assert eve.challenge(auth_session=session, recovery_code=code).json()["error"] == "invalid_request"
            assert "attempts_left" in eve.challenge(auth_session=session, verification_code=code).json()
    assert "authorization_code" in recover(kim, code)


def test_attack_a_recovery_code_after_the_address_was_removed(sandbox: Sandbox, bind: Bind) -> None:
    to = new_address()
    kim = bind(order := sandbox.order(email=to))
    print_code(sandbox, kim, to)
    kim.patch({"contact_email": None}, token=kim.step_up(lambda: sandbox.mail.last_code(to)))
    assert not rows_about(sandbox.database_file, {order}).get("recovery_codes")
    assert letters(sandbox, to)[-1].startswith("This e-mail address was taken off")


def test_a_recovery_code_is_nowhere_at_the_server(sandbox: Sandbox, bind: Bind) -> None:
    to = new_address()
    kim = bind(sandbox.order(email=to))
    code = print_code(sandbox, kim, to)
    assert code.encode() not in sandbox.database_file.read_bytes()
    assert code not in " ".join(message.text for message in sandbox.mail)
    asked = kim.challenge(device_id=kim.device_id, acr_values=ACR_EMAIL).json()
    kim.challenge(auth_session=asked["auth_session"], recovery_code=code)
    assert code.encode() not in sandbox.database_file.read_bytes()
