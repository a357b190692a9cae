"""Binding a device to an order, and the codes that protect it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from joserfc.jwk import ECKey
from support.codes import other_than
from support.dpop_client import ACR_EMAIL, Peer, new_device_id, problem_code

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("C1", "A4")

CLOCK = FakeClock()
Connect = Callable[[], Peer]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server"), clock=CLOCK) as running:
        yield running


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Connect]:
    peers: list[Peer] = []

    def new() -> Peer:
        peers.append(Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time))
        return peers[-1]

    yield new
    sandbox.faults.clear()
    for peer in peers:
        peer.close()


def test_a_device_is_bound_and_gets_tokens_of_its_own(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect()

    code = peer.ask_to_bind(sandbox.order())
    tokens = peer.redeem(code.json()["authorization_code"])

    assert tokens.headers["Cache-Control"] == "no-store"
    assert tokens.json()["token_type"] == "DPoP"
    assert 0 < tokens.json()["expires_in"] <= 900
    assert tokens.json()["refresh_token"] != tokens.json()["access_token"]


def test_only_the_declared_things_are_stored_about_a_device(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order())

    row = next(row for row in sandbox.rows()["devices"] if row["id"] == peer.device_id)

    assert set(row) == {"order_number", "id", "row_id", "jkt", "name", "bound_on"}


@pytest.mark.parametrize("number", ["RV-0000-0000", "'; DROP TABLE orders", "rv-2026-0001"])
def test_an_unknown_order_is_not_found(connect: Connect, number: str) -> None:
    answer = connect().ask_to_bind(number)

    assert answer.status_code == 400
    assert answer.json()["error"] == "order-not-found"


def test_an_order_that_has_run_out_is_refused(sandbox: Sandbox, connect: Connect) -> None:
    assert connect().ask_to_bind("RV-2026-0003").json()["error"] == "order-expired"


def listed(peer: Peer, order: str) -> str:
    """Return the handle of the one device of a full order."""
    (device,) = peer.ask_to_bind(order).json()["devices"]
    return str(device["id"])


def test_the_limit_comes_with_the_list_of_devices(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=2)
    bound = [connect().bind(order) for _ in range(2)]

    answer = connect().ask_to_bind(order).json()

    assert answer["error"] == "device-limit-reached"
    names = {row["name"] for row in sandbox.rows()["devices"] if row["order_number"] == order}
    assert {device["name"] for device in answer["devices"]} == names
    assert [set(device) for device in answer["devices"]] == [{"id", "name"}] * 2
    assert not {device["id"] for device in answer["devices"]} & {peer.device_id for peer in bound}


def test_the_same_device_and_key_again_is_no_new_device(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=1)
    peer = connect().bind(order)
    first = peer.refresh_token

    peer.bind(order)

    assert peer.call("GET", "/v1/order").json()["devices_used"] == 1
    assert peer.refresh(first).json()["error"] == "invalid_grant"


def test_the_last_place_goes_to_whoever_redeems_first(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=1)
    early, late = connect(), connect()
    codes = [peer.ask_to_bind(order).json()["authorization_code"] for peer in (early, late)]

    assert early.redeem(codes[0]).status_code == 200
    assert late.redeem(codes[1]).json()["error"] == "device-limit-reached"


def test_a_rush_for_the_last_places_fills_no_more_than_there_are(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=2)
    peers = [connect() for _ in range(6)]
    codes = [peer.ask_to_bind(order).json()["authorization_code"] for peer in peers]

    with ThreadPoolExecutor(len(peers)) as pool:
        answers = list(pool.map(lambda peer, code: peer.redeem(code).json().get("error", "bound"), peers, codes))

    assert sorted(answers) == ["bound"] * 2 + ["device-limit-reached"] * 4


def test_putting_a_device_out_needs_the_code(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=1, email="lou@example.org")
    old, new = connect().bind(order), connect()

    asked = new.ask_to_bind(order, replace=listed(new, order))

    assert asked.status_code == 400
    assert asked.json()["error"] == "insufficient_authorization"
    assert asked.json()["challenge"]["kind"] == "email_code"
    assert asked.json()["challenge"]["hint"] == "l…@example.org"
    assert asked.json()["challenge"]["expires_at"] == utc(CLOCK.time() + 600).isoformat().replace("+00:00", "Z")
    code = sandbox.mail.last_code("lou@example.org")
    granted = new.challenge(auth_session=asked.json()["auth_session"], verification_code=code)
    assert new.redeem(granted.json()["authorization_code"]).status_code == 200
    assert problem_code(old.call("GET", "/v1/order")) == "device-revoked"
    assert old.refresh().json()["error"] == "device-revoked"


def test_a_known_device_with_a_new_key_needs_the_code(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order()
    thief, victim = connect(), connect().bind(order)
    thief.device_id = victim.device_id

    told = thief.ask_to_bind(order).json()
    assert told["error"] == "device-exists"
    assert [device["id"] for device in told["devices"]] == [victim.device_id]
    asked = thief.ask_to_bind(order, replace=victim.device_id).json()

    assert asked["error"] == "insufficient_authorization"
    assert victim.call("GET", "/v1/order").status_code == 200
    code = thief.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code())
    thief.access_token = thief.redeem(code.json()["authorization_code"]).json()["access_token"]
    assert thief.call("GET", "/v1/order").json()["devices_used"] == 1
    assert problem_code(victim.call("GET", "/v1/order")) == "device-revoked"


def test_without_a_contact_nobody_can_be_put_out(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=1, email=None)
    victim, thief = connect().bind(order), connect()

    assert thief.ask_to_bind(order, replace=listed(thief, order)).json()["error"] == "redirect_to_web"
    assert victim.call("GET", "/v1/order").status_code == 200


def test_replacing_a_device_of_another_order_is_refused(sandbox: Sandbox, connect: Connect) -> None:
    other = connect().bind(sandbox.order())

    assert connect().ask_to_bind(sandbox.order(), replace=other.device_id).json()["error"] == "device-not-found"


def test_a_grant_is_checked_again_when_it_is_redeemed(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order()
    first, second = connect(), connect()
    second.device_id = first.device_id
    codes = [peer.ask_to_bind(order).json()["authorization_code"] for peer in (first, second)]

    redeemed = first.redeem(codes[0])
    assert second.redeem(codes[1]).json()["error"] == "device-exists"
    first.access_token = redeemed.json()["access_token"]
    assert first.call("GET", "/v1/order").status_code == 200


def test_without_a_contact_there_is_no_stepping_up(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order(email=None))

    answer = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL)

    assert answer.json()["error"] == "redirect_to_web"


@pytest.mark.sqlite_file
def test_a_token_whose_device_is_gone_is_good_for_nothing(sandbox: Sandbox, connect: Connect) -> None:
    """The database deletes it with the device; if one does not, it must not be taken."""
    peer = connect().bind(sandbox.order())
    asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL).json()
    code = peer.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code())
    with closing(sqlite3.connect(sandbox.database_file)) as db, db:  # which checks no foreign keys
        db.execute("DELETE FROM devices WHERE id = ?", (peer.device_id,))

    assert problem_code(peer.call("GET", "/v1/order")) == "device-revoked"
    assert peer.refresh().json()["error"] == "device-revoked"
    peer.bind(sandbox.order())  # the same id and key, elsewhere
    assert peer.redeem(code.json()["authorization_code"]).json()["error"] == "device-revoked"


def begun(sandbox: Sandbox, connect: Connect) -> tuple[Peer, str, str]:
    """Return a peer that was asked for a code, its session, and the right code."""
    order = sandbox.order(limit=1)
    connect().bind(order)
    new = connect()
    session = new.ask_to_bind(order, replace=listed(new, order)).json()["auth_session"]
    return new, session, sandbox.mail.last_code()


def test_wrong_codes_are_limited_to_five(sandbox: Sandbox, connect: Connect) -> None:
    peer, session, code = begun(sandbox, connect)
    wrong = other_than(code)

    answers = [peer.challenge(auth_session=session, verification_code=wrong).json() for _ in range(6)]
    right = peer.challenge(auth_session=session, verification_code=code)

    assert [answer["error"] for answer in answers] == ["invalid_grant"] * 5 + ["invalid_session"]
    assert [answer["attempts_left"] for answer in answers[:5]] == [4, 3, 2, 1, 0]
    assert right.json()["error"] == "invalid_session"


def test_wrong_codes_at_the_same_time_are_counted_one_by_one(sandbox: Sandbox, connect: Connect) -> None:
    peer, session, code = begun(sandbox, connect)
    twins = [connect() for _ in range(8)]
    for twin in twins:
        twin.key, twin.nonce = peer.key, peer.fresh_nonce()
    wrong = other_than(code)

    def guess(twin: Peer) -> str:
        return str(twin.challenge(auth_session=session, verification_code=wrong).json()["error"])

    with ThreadPoolExecutor(len(twins)) as pool:
        answers = sorted(pool.map(guess, twins))

    assert answers == ["invalid_grant"] * 5 + ["invalid_session"] * 3


def test_new_sessions_give_no_endless_guesses(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order(limit=1)
    connect().bind(order)
    thief = connect()

    handle = listed(thief, order)
    answers = [thief.ask_to_bind(order, replace=handle) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert answers[-1].json()["error"] == "rate-limited"
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_code_is_good_once_and_for_ten_minutes(sandbox: Sandbox, connect: Connect) -> None:
    peer, session, code = begun(sandbox, connect)
    assert peer.challenge(auth_session=session, verification_code=code).status_code == 200
    assert peer.challenge(auth_session=session, verification_code=code).json()["error"] == "invalid_session"

    late, session, code = begun(sandbox, connect)
    CLOCK.advance(601)
    assert late.challenge(auth_session=session, verification_code=code).json()["error"] == "invalid_session"


@pytest.mark.clause("R1")
def test_what_has_expired_is_deleted(sandbox: Sandbox, connect: Connect) -> None:
    begun(sandbox, connect)
    CLOCK.advance(1000)

    connect().fresh_nonce()

    rows = sandbox.rows()
    assert rows["auth_sessions"] == rows["auth_codes"] == rows["access_tokens"] == []


def test_a_session_belongs_to_the_key_that_began_it(sandbox: Sandbox, connect: Connect) -> None:
    peer, session, code = begun(sandbox, connect)
    peer.key = ECKey.generate_key("P-256")

    assert peer.challenge(auth_session=session, verification_code=code).json()["error"] == "invalid_session"


def test_an_authorization_code_is_good_once_for_its_key_and_client_and_a_minute(
    sandbox: Sandbox, connect: Connect
) -> None:
    peer, thief = connect(), connect()
    order = sandbox.order()
    code = peer.ask_to_bind(order).json()["authorization_code"]

    assert thief.redeem(code).json()["error"] == "invalid_grant"
    other_client = peer.form("/v1/token", grant_type="authorization_code", code=code, client_id="org.example.other")
    assert other_client.json()["error"] == "invalid_grant"
    assert peer.redeem(code).status_code == 200
    assert peer.redeem(code).json()["error"] == "invalid_grant"
    late = peer.ask_to_bind(order).json()["authorization_code"]
    CLOCK.advance(61)
    assert peer.redeem(late).json()["error"] == "invalid_grant"


def test_a_refresh_token_stays_and_belongs_to_its_client(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order())

    again = [peer.refresh() for _ in range(2)]
    other = peer.form(
        "/v1/token", grant_type="refresh_token", refresh_token=peer.refresh_token or "", client_id="org.example.other"
    )

    assert [answer.status_code for answer in again] == [200, 200]
    assert all("refresh_token" not in answer.json() for answer in again)
    assert other.json()["error"] == "invalid_grant"


def test_stepping_up_gives_a_short_token_and_no_refresh_token(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order())
    asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL, max_age="120").json()
    granted = peer.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code())

    tokens = peer.redeem(granted.json()["authorization_code"]).json()

    assert tokens["acr"] == ACR_EMAIL
    assert tokens["expires_in"] == 120
    assert "refresh_token" not in tokens
    CLOCK.advance(121)
    assert problem_code(peer.call("GET", "/v1/order", token=tokens["access_token"])) == "invalid-token"


def test_stepping_up_needs_the_bound_devices_key(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order())
    device_id, peer.key = peer.device_id, ECKey.generate_key("P-256")

    answer = peer.challenge(device_id=device_id, acr_values=ACR_EMAIL, max_age="300")

    assert answer.json()["error"] == "invalid_grant"


def test_stepping_up_after_removal_says_so(sandbox: Sandbox, connect: Connect) -> None:
    peer = connect().bind(sandbox.order())
    sandbox.faults.revoke_device(peer.device_id)

    assert peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL).json()["error"] == "device-revoked"
    assert problem_code(peer.call("GET", "/v1/order")) == "device-revoked"


def test_a_removed_device_can_come_back(sandbox: Sandbox, connect: Connect) -> None:
    order = sandbox.order()
    peer = connect().bind(order)
    sandbox.faults.revoke_device(peer.device_id)

    assert peer.bind(order).call("GET", "/v1/order").status_code == 200
    with pytest.raises(LookupError):
        sandbox.faults.revoke_device(new_device_id())


def test_the_operator_may_send_users_to_the_web(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.faults.redirect_to_web = True

    assert connect().ask_to_bind("RV-2026-0001").json()["error"] == "redirect_to_web"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"order_number": "RV-2026-0001"}, "invalid_request"),
        ({"order_number": "RV-2026-0001", "device_id": "mine"}, "invalid_request"),
        ({"order_number": "RV-2026-0001", "client_id": "two words"}, "invalid_client"),
        ({"order_number": "RV-2026-0001", "response_type": "token"}, "unsupported_response_type"),
        ({"acr_values": "urn:other", "device_id": "A" * 52}, "invalid_request"),
        ({"acr_values": ACR_EMAIL, "device_id": "A" * 52, "max_age": "soon"}, "invalid_request"),
        ({"acr_values": ACR_EMAIL, "device_id": "A" * 52, "max_age": "0"}, "invalid_request"),
        ({"auth_session": "unknown"}, "invalid_request"),
        ({"auth_session": "unknown", "verification_code": "00000000"}, "invalid_session"),
    ],
)
def test_a_malformed_challenge_is_refused(connect: Connect, fields: dict[str, str], error: str) -> None:
    form = {"response_type": "code"} | fields

    assert connect().form("/v1/authorize-challenge", **form).json()["error"] == error


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"client_id=a&client_id=b&grant_type=refresh_token", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b'{"grant_type":"refresh_token"}', "application/json"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(connect: Connect, body: bytes, media_type: str) -> None:
    peer = connect()
    peer.fresh_nonce()

    answer = peer.send("POST", "/v1/token", body=body, headers={"Content-Type": media_type})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_another_grant_type_is_refused(connect: Connect) -> None:
    assert connect().form("/v1/token", grant_type="password").json()["error"] == "unsupported_grant_type"
