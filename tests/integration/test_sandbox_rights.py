"""Deletion: what goes, what a law keeps, the receipt, and what a token is good for afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from support.dpop_client import ACR_EMAIL, Peer, problem_code

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import Refused
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("A3")

REQUESTS = "/v1/data-rights-requests"
Bind = Callable[[str], Peer]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=clock) as running:
        yield running


@pytest.fixture
def bind(sandbox: Sandbox, clock: FakeClock) -> Iterator[Bind]:
    peers: list[Peer] = []

    def new(order: str) -> Peer:
        peers.append(Peer(sandbox.url, sandbox.ca_file, now=clock.time))
        return peers[-1].bind(order)

    yield new
    for peer in peers:
        peer.close()


def receipt_of(sandbox: Sandbox, peer: Peer, request_id: str) -> dict[str, object]:
    """Fetch a receipt and check it with the published key alone."""
    answer = peer.call("GET", f"{REQUESTS}/{request_id}/receipt")
    assert answer.headers["Content-Type"] == "application/jwt"
    keys = KeySet.import_key_set(peer.http.get("/v1/keys").json())
    token = jws.deserialize_compact(answer.text, keys, algorithms=["ES256"])
    assert token.headers()["typ"] == "erasure-receipt+jwt"
    claims: dict[str, object] = json.loads(token.payload)
    assert claims["iss"] == sandbox.url
    assert claims["jti"] == request_id
    return claims


@pytest.mark.clause("A4")
def test_an_account_is_not_deleted_without_the_code(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")

    answer = peer.ask_deletion("account")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'DPoP error="insufficient_user_authentication", acr_values="{ACR_EMAIL}", max_age=300'
    )
    assert problem_code(answer) == "insufficient-user-authentication"
    assert peer.call("GET", "/v1/order").status_code == 200


@pytest.mark.clause("R2", "S3")
def test_an_account_is_deleted_but_for_what_a_law_keeps(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")
    peer.patch({"language": "en"})
    peer.call("POST", "/v1/tunnels", json_body={"public_key": "A" * 43 + "="})

    answer = peer.ask_deletion("account", token=peer.step_up(sandbox.mail.last_code))

    assert (answer.status_code, answer.json()["status"]) == (201, "fulfilled")
    assert answer.headers["Location"] == f"{REQUESTS}/{answer.json()['request_id']}"
    peer.access_token = peer.refresh().json()["access_token"]
    receipt = receipt_of(sandbox, peer, answer.json()["request_id"])
    assert receipt["erased"] == [
        "bound_on",
        "contact_email",
        "device_id",
        "device_name",
        "device_public_key",
        "language",
        "order_number",
        "session_token",
        "tunnel_address",
        "tunnel_public_key",
    ]
    assert receipt["held_back"] == [
        {"field": "payment_record", "basis": "law", "until": receipt["held_back"][0]["until"]}
    ]  # type: ignore[index] # plain JSON
    rows = sandbox.rows()
    assert "RV-2026-0001" not in {row["number"] for row in rows["orders"]}
    assert [row["order_number"] for row in rows["payments"]].count(None) == 1
    assert rows["devices"] == rows["tunnels"] == rows["refresh_tokens"] == []


@pytest.mark.sqlite_file
def test_no_byte_of_an_erased_account_stays_in_the_database_file(sandbox: Sandbox, bind: Bind) -> None:
    peers = [bind("RV-2026-0001") for _ in range(3)]
    erased = ["RV-2026-0001", "kim@example.org", "someone.else@example.net"]
    for number, peer in enumerate(peers):
        key = "ABC"[number] * 43 + "="
        peer.call("POST", "/v1/tunnels", json_body={"public_key": key})
        erased += [key, peer.jkt, peer.device_id]
    token = peers[0].step_up(sandbox.mail.last_code)
    peers[0].patch({"contact_email": "someone.else@example.net"}, token=token)
    names = [device["name"] for device in peers[0].call("GET", "/v1/devices", token=token).json()["devices"]]
    before = sandbox.database_file.read_bytes()
    missing = [text for text in [*erased[:1], *erased[2:], *names] if text.encode() not in before]

    peers[0].ask_deletion("account", token=peers[0].step_up(sandbox.mail.last_code))

    assert missing == []
    everything = b"".join(path.read_bytes() for path in sandbox.folder.rglob("*") if path.is_file())
    left = [text for text in [*erased, *names] if text.encode() in everything]
    assert left == [peers[0].jkt]  # the key that can still read the receipt; the device's id is in the receipt itself
    assert (
        not (sandbox.folder / "sandbox.db-journal").exists() or not (sandbox.folder / "sandbox.db-journal").read_bytes()
    )


def test_deleting_a_device_leaves_the_order_and_the_others(sandbox: Sandbox, bind: Bind) -> None:
    peer, other = bind("RV-2026-0001"), bind("RV-2026-0001")

    answer = peer.ask_deletion("device")

    assert answer.json()["status"] == "fulfilled"
    assert [row["id"] for row in sandbox.rows()["devices"]] == [other.device_id]
    assert other.call("GET", "/v1/order").json()["devices_used"] == 1
    peer.access_token = peer.refresh().json()["access_token"]
    receipt = receipt_of(sandbox, peer, answer.json()["request_id"])
    assert receipt["device_id"] == peer.device_id
    assert receipt["scope"] == "device"
    assert "order_number" not in receipt["erased"]  # type: ignore[operator] # plain JSON
    assert "held_back" not in receipt


def test_of_logs_the_server_has_none_to_delete(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")

    answer = peer.ask_deletion("logs")

    assert answer.json()["status"] == "fulfilled"
    assert receipt_of(sandbox, peer, answer.json()["request_id"])["erased"] == []
    assert peer.call("GET", "/v1/order").status_code == 200


@pytest.mark.clause("A4")
def test_after_the_erasure_a_token_reads_receipts_and_nothing_else(sandbox: Sandbox, bind: Bind) -> None:
    peer, stranger = bind("RV-2026-0001"), bind("RV-2026-0002")
    request_id = peer.ask_deletion("device").json()["request_id"]
    other_id = stranger.ask_deletion("logs").json()["request_id"]
    assert problem_code(peer.call("GET", "/v1/order")) == "invalid-token"

    tokens = peer.refresh().json()
    peer.access_token = tokens["access_token"]

    assert "refresh_token" not in tokens
    assert peer.call("GET", f"{REQUESTS}/{request_id}").json()["status"] == "fulfilled"
    assert problem_code(peer.call("GET", f"{REQUESTS}/{other_id}")) == "not-found"
    assert problem_code(peer.call("GET", f"{REQUESTS}/{other_id}/receipt")) == "not-found"
    for path in ("/v1/order", "/v1/devices", "/v1/data"):
        answer = peer.call("GET", path)
        assert (answer.status_code, problem_code(answer)) == (403, "insufficient-scope")
    for method, path in (("POST", "/v1/tunnels"), ("POST", REQUESTS), ("DELETE", f"{REQUESTS}/{request_id}")):
        assert problem_code(peer.call(method, path, json_body={})) == "insufficient-scope"


def test_the_answer_to_an_erasure_that_got_lost_can_be_fetched_again(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")
    sandbox.faults.lose_answers()
    with pytest.raises(httpx.RemoteProtocolError):
        peer.ask_deletion("device", key="erase")
    assert problem_code(peer.ask_deletion("device", key="erase")) == "invalid-token"
    peer.access_token = peer.refresh().json()["access_token"]

    again = peer.ask_deletion("device", key="erase")

    assert (again.status_code, again.json()["status"]) == (201, "fulfilled")
    assert receipt_of(sandbox, peer, again.json()["request_id"])["scope"] == "device"
    assert len(sandbox.rows()["rights_requests"]) == 1


def test_the_other_devices_of_an_erased_account_learn_that_they_are_out(sandbox: Sandbox, bind: Bind) -> None:
    peer, other = bind("RV-2026-0001"), bind("RV-2026-0001")

    peer.ask_deletion("account", token=peer.step_up(sandbox.mail.last_code))

    assert problem_code(other.call("GET", "/v1/order")) == "device-revoked"
    assert other.refresh().json()["error"] == "device-revoked"
    assert other.ask_to_bind("RV-2026-0001").json()["error"] == "order-not-found"


def test_an_order_without_a_contact_is_deleted_without_a_code_after_a_week(
    sandbox: Sandbox, bind: Bind, clock: FakeClock
) -> None:
    peer = bind(sandbox.order(email=None))
    asked = peer.ask_deletion("account").json()
    assert (asked["status"], asked["waits_until"]) == ("open", asked["expected_by"])

    clock.advance(7 * DAY)
    peer.fresh_nonce()
    peer.access_token = peer.refresh().json()["access_token"]
    assert peer.call("GET", f"{REQUESTS}/{asked['request_id']}").json()["status"] == "fulfilled"
    assert receipt_of(sandbox, peer, asked["request_id"])["scope"] == "account"


def test_an_erased_order_does_not_come_back_with_the_next_start(
    sandbox: Sandbox, bind: Bind, tmp_path: Path, clock: FakeClock
) -> None:
    peer = bind("RV-2026-0001")
    peer.ask_deletion("account", token=peer.step_up(sandbox.mail.last_code))
    sandbox.__exit__(None, None, None)

    with Sandbox(tmp_path / "server", clock=clock) as again:
        assert {row["number"] for row in again.rows()["orders"]} == {"RV-2026-0002", "RV-2026-0003"}


def test_a_delayed_deletion_can_be_watched_and_then_happens(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")
    sandbox.faults.delay_deletions = True
    request = peer.ask_deletion("device").json()
    path = f"{REQUESTS}/{request['request_id']}"

    assert request["status"] == "open"
    assert request["expected_by"] > request["received_at"]
    assert problem_code(peer.call("GET", f"{path}/receipt")) == "not-found"
    sandbox.faults.release_deletions()
    assert problem_code(peer.call("GET", path)) == "invalid-token"
    peer.access_token = peer.refresh().json()["access_token"]
    assert peer.call("GET", path).json()["status"] == "fulfilled"
    assert receipt_of(sandbox, peer, request["request_id"])["device_id"] == peer.device_id


def test_a_delayed_deletion_can_be_called_off(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")
    sandbox.faults.delay_deletions = True
    path = f"{REQUESTS}/{peer.ask_deletion('device').json()['request_id']}"

    assert peer.call("DELETE", path).json()["status"] == "revoked"
    sandbox.faults.release_deletions()
    assert peer.call("GET", path).json()["status"] == "revoked"
    assert problem_code(peer.call("DELETE", path)) == "request-closed"
    assert peer.call("GET", "/v1/order").status_code == 200


def test_an_accounts_erasure_answers_what_its_other_devices_asked(sandbox: Sandbox, bind: Bind) -> None:
    peer, other = bind("RV-2026-0001"), bind("RV-2026-0001")
    sandbox.faults.delay_deletions = True
    other.ask_deletion("device")
    sandbox.faults.delay_deletions = False

    peer.ask_deletion("account", token=peer.step_up(sandbox.mail.last_code))

    assert {row["status"] for row in sandbox.rows()["rights_requests"]} == {"fulfilled"}
    assert {row["order_number"] for row in sandbox.rows()["rights_requests"]} == {None}


def test_what_was_delayed_for_several_devices_is_released_once(sandbox: Sandbox, bind: Bind) -> None:
    order = sandbox.order()
    peer, other = bind(order), bind(order)
    sandbox.faults.delay_deletions = True
    peer.ask_deletion("account", token=peer.step_up(sandbox.mail.last_code))
    other.ask_deletion("device")

    sandbox.faults.release_deletions()

    assert [row["status"] for row in sandbox.rows()["rights_requests"]] == ["fulfilled"] * 2
    assert sandbox.rows()["devices"] == []


def test_logs_can_be_deleted_for_one_purpose(bind: Bind) -> None:
    body = {"exercise": "deletion", "scope": "logs", "purpose": "improvement"}

    assert bind("RV-2026-0001").call("POST", REQUESTS, json_body=body).json()["status"] == "fulfilled"


def test_who_has_no_device_any_more_is_not_bound() -> None:
    with pytest.raises(Refused, match="insufficient-scope"):
        Caller(jkt="key", acr=ACR_EMAIL, subject=None).bound()


@pytest.mark.clause("A1")
def test_asking_for_access_points_at_the_data(sandbox: Sandbox, bind: Bind) -> None:
    peer = bind("RV-2026-0001")

    answer = peer.call("POST", REQUESTS, json_body={"exercise": "access", "scope": "account"}).json()

    assert answer["status"] == "fulfilled"
    assert answer["results_url"] == sandbox.url + "/v1/data"
    assert problem_code(peer.call("GET", f"{REQUESTS}/{answer['request_id']}/receipt")) == "not-found"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"exercise": "deletion", "scope": "everything"}, "/scope"),
        ({"exercise": "revenge", "scope": "logs"}, "/exercise"),
        ({"exercise": "deletion", "scope": "logs", "purpose": "fun"}, "/purpose"),
        ({"exercise": "deletion", "scope": "device", "purpose": "improvement"}, "/purpose"),
        ({"exercise": "deletion", "scope": "logs", "why": "because"}, "/why"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(bind: Bind, body: dict[str, str], pointer: str) -> None:
    answer = bind("RV-2026-0001").call("POST", REQUESTS, json_body=body)

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.sqlite_file
@pytest.mark.clause("R1")
def test_a_request_is_forgotten_when_its_time_has_passed(sandbox: Sandbox, bind: Bind, clock: FakeClock) -> None:
    peer = bind("RV-2026-0001")
    peer.ask_deletion("device")
    clock.advance(3 * 365 * 86400 + 1)

    assert peer.refresh().json()["error"] == "invalid_grant"
    assert sandbox.rows()["rights_requests"] == []
    assert peer.jkt.encode() not in sandbox.database_file.read_bytes()
