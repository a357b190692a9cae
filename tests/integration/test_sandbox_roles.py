"""What the sandbox holds of the roles of a device: mails, handles, kept answers, versions and ``max_age``."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest
from support.dpop_client import ACR_EMAIL, Peer

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A4")

CLOCK = FakeClock()
TICKETS = "/v1/erasure-tickets"
Bind = Callable[[str], Peer]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Callable[[], Peer]]:
    CLOCK.advance(3601)
    sandbox.mail.clear()
    peers: list[Peer] = []

    def new() -> Peer:
        peers.append(Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time))
        return peers[-1]

    yield new
    sandbox.faults.clear()
    for peer in peers:
        peer.close()


@pytest.fixture
def bind(connect: Callable[[], Peer]) -> Bind:
    return lambda order: connect().bind(order)


def texts(sandbox: Sandbox) -> list[str]:
    return [message.text for message in sandbox.mail if not message.code]


def name_of(sandbox: Sandbox, peer: Peer) -> str:
    return next(str(row["name"]) for row in sandbox.rows()["devices"] if row["id"] == peer.device_id)


def in_place_of(sandbox: Sandbox, new: Peer, order: str) -> Peer:
    """Bind ``new`` in the place of the one device of a full order."""
    (listed,) = new.ask_to_bind(order).json()["devices"]
    asked = new.ask_to_bind(order, replace=listed["id"]).json()
    granted = new.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code()).json()
    new.access_token = new.redeem(granted["authorization_code"]).json()["access_token"]
    return new


# ---------------------------------------------------------------- the owner is told


@pytest.mark.clause("C1")
def test_each_binding_is_told_to_the_orders_address(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order(email="kim@example.org")

    peers = [bind(order) for _ in range(2)]

    assert [message.to for message in sandbox.mail] == ["kim@example.org"] * 2
    for peer, text in zip(peers, texts(sandbox), strict=True):
        assert f": {name_of(sandbox, peer)}." in text
        assert sandbox.policy.contact in text
        secret = (order, peer.device_id, peer.jkt, peer.access_token, peer.refresh_token)
        assert not [value for value in secret if value and value in text]


def test_the_same_binding_again_is_no_news(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    peer = bind(order)

    peer.bind(order)

    assert len(texts(sandbox)) == 1


def test_without_an_address_nobody_is_told(sandbox: Sandbox, bind: Bind) -> None:
    bind(sandbox.order(email=None))

    assert not texts(sandbox)


def test_a_binding_that_was_not_granted_is_not_told(sandbox: Sandbox, connect: Callable[[], Peer], bind: Bind) -> None:
    order = sandbox.order(limit=1)
    late = connect()
    code = late.ask_to_bind(order).json()["authorization_code"]
    bind(order)
    sandbox.mail.clear()

    assert late.redeem(code).json()["error"] == "device-limit-reached"

    assert not texts(sandbox)


def test_a_device_that_is_put_out_is_told_with_the_one_in_its_place(
    sandbox: Sandbox, connect: Callable[[], Peer], bind: Bind
) -> None:
    order = sandbox.order(limit=1)
    old = name_of(sandbox, bind(order))

    new = in_place_of(sandbox, connect(), order)

    assert f": {name_of(sandbox, new)}. It took the place of {old}." in texts(sandbox)[-1]


def test_a_device_that_another_takes_off_is_told_and_one_that_goes_is_not(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    kim, lou, eve = bind(order), bind(order), bind(order)
    token, name = kim.step_up(sandbox.mail.last_code), name_of(sandbox, lou)
    sandbox.mail.clear()

    assert kim.call("DELETE", f"/v1/devices/{kim.called(lou, token)}", token=token).status_code == 204
    assert eve.call("DELETE", f"/v1/devices/{eve.device_id}").status_code == 204

    (text,) = texts(sandbox)
    assert f"taken off your Rocket VPN order on {utc(CLOCK.time()).date().isoformat()}: {name}." in text


def test_a_device_that_the_operator_removes_is_told(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind(sandbox.order())
    name = name_of(sandbox, peer)
    sandbox.mail.clear()

    sandbox.faults.revoke_device(peer.device_id)

    assert [name in text for text in texts(sandbox)] == [True]


# ---------------------------------------------------------------- handles


def test_a_handle_ends_with_the_binding(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    kim, lou = bind(order), bind(order)
    token = kim.step_up(sandbox.mail.last_code)
    handle = kim.called(lou, token)
    assert kim.call("DELETE", f"/v1/devices/{handle}", token=token).status_code == 204

    lou.bind(order)

    assert kim.call("DELETE", f"/v1/devices/{handle}", token=token).status_code == 404
    assert kim.called(lou, token) != handle


def test_attack_another_devices_id_puts_nobody_out(sandbox: Sandbox, connect: Callable[[], Peer], bind: Bind) -> None:
    order = sandbox.order(limit=1)
    kim = bind(order)

    assert connect().ask_to_bind(order, replace=kim.device_id).json()["error"] == "device-not-found"


# ---------------------------------------------------------------- kept answers and versions


def test_attack_a_kept_answer_after_a_code_is_not_given_without_one(sandbox: Sandbox, bind: Bind) -> None:
    peer, key = bind(sandbox.order()), "the same"
    token = peer.step_up(sandbox.mail.last_code)
    etag = peer.call("GET", "/v1/data").headers["ETag"]
    first = peer.patch({"language": "fr"}, etag, token=token, key=key)
    assert "kim@example.org" in first.text

    answer = peer.patch({"language": "fr"}, etag, key=key)

    assert answer.status_code == 401
    assert "kim@example.org" not in answer.text
    assert peer.patch({"language": "fr"}, etag, token=token, key=key).content == first.content


def test_what_a_member_saw_goes_stale_with_what_it_was_not_shown(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    kim, eve = bind(order), bind(order)
    seen = eve.call("GET", "/v1/data")
    token = kim.step_up(sandbox.mail.last_code)
    assert kim.patch({"contact_email": "new@example.org"}, token=token).status_code == 200

    assert eve.call("GET", "/v1/data").headers["ETag"] != seen.headers["ETag"]
    assert eve.patch({"language": "fr"}, seen.headers["ETag"]).status_code == 412


def test_a_member_corrects_the_language_that_it_gave(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    kim, eve = bind(order), bind(order)

    assert [eve.patch({"language": language}).status_code for language in ("fr", "en")] == [200, 200]
    assert kim.patch({"language": "de"}, "*").status_code == 401
    assert eve.patch({"language": None}).status_code == 200
    assert kim.patch({"language": "de"}).status_code == 200, "nothing is there any more"


# ---------------------------------------------------------------- max_age


def test_max_age_counts_from_when_the_code_was_entered(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind(sandbox.order())
    asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL, max_age="100").json()
    code = sandbox.mail.last_code()
    granted = peer.challenge(auth_session=asked["auth_session"], verification_code=code).json()
    CLOCK.advance(40)

    token = peer.redeem(granted["authorization_code"]).json()

    assert token["expires_in"] == 60
    CLOCK.advance(59)
    assert peer.call("GET", "/v1/devices", token=token["access_token"]).status_code == 200
    CLOCK.advance(1)
    assert peer.call("GET", "/v1/devices", token=token["access_token"]).status_code == 401


def test_a_code_that_is_redeemed_after_max_age_gives_nothing(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind(sandbox.order())
    asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL, max_age="30").json()
    code = sandbox.mail.last_code()
    granted = peer.challenge(auth_session=asked["auth_session"], verification_code=code).json()
    CLOCK.advance(30)

    assert peer.redeem(granted["authorization_code"]).json()["error"] == "invalid_grant"


# ---------------------------------------------------------------- tickets


@pytest.mark.clause("A3")
def test_attack_a_member_uses_up_nobody_elses_tickets(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    kim, eve = bind(order), bind(order)

    def make(peer: Peer, scope: str, token: str | None = None) -> int:
        wanted = {"ticket_id": secrets.token_hex(32), "scope": scope}
        return peer.call("POST", TICKETS, json_body=wanted, token=token).status_code

    most = sandbox.settings.live_tickets
    assert [make(eve, "device") for _ in range(most + 1)] == [201] * most + [409]
    assert make(kim, "device") == 201
    token = kim.step_up(sandbox.mail.last_code)
    assert [make(kim, "account", token) for _ in range(most + 1)] == [201] * most + [409]


@pytest.mark.clause("A3")
def test_attack_a_found_device_revokes_no_ticket_for_the_account(sandbox: Sandbox, bind: Bind) -> None:
    """Not even one that this very device made, when its owner had entered a code."""
    kim = bind(sandbox.order())
    token, wanted = kim.step_up(sandbox.mail.last_code), {"ticket_id": secrets.token_hex(32), "scope": "account"}
    assert kim.call("POST", TICKETS, json_body=wanted, token=token).status_code == 201

    assert kim.call("DELETE", f"{TICKETS}/{wanted['ticket_id']}").status_code == 401

    (listed,) = kim.call("GET", TICKETS).json()["tickets"]
    assert listed["ticket_id"] == wanted["ticket_id"]
