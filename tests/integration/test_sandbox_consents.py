"""The server's side of consents and guardians, asked by a client that shares no code with the SDK."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.codes import other_than
from support.contract import Contract
from support.dpop_client import Peer, problem_code
from support.policies import sharing_policy

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

RECORD = "6f1c9c1e-6f0b-4a8e-9d6a-8d1b6b1d2c3e"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "server", clock=clock, policy=sharing_policy()) as sandbox:
        yield sandbox


@pytest.fixture
def peer(sandbox: Sandbox, clock: FakeClock) -> Iterator[Peer]:
    """A bound peer that holds every request and answer against the contract."""
    contract = Contract()

    def judge(answer: httpx.Response) -> None:
        answer.read()
        contract.check_answer(answer)

    with Peer(sandbox.url, sandbox.ca_file, now=clock.time) as peer:
        peer.http.event_hooks = {"response": [judge]}
        peer.bind(sandbox.order(email=None))
        yield peer


def body(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    policy = sandbox.policy
    return {
        "record_id": RECORD,
        "state": "granted",
        "policy_version": policy.version,
        "policy_sha256": policy.sha256,
        "at": "2026-11-20T10:00:00Z",
    } | changes


def put(peer: Peer, sandbox: Sandbox, purpose: str = "improvement", **changes: Any) -> httpx.Response:
    key = changes.pop("key", None)
    return peer.call("PUT", f"/v1/consents/{purpose}", json_body=body(sandbox, **changes), key=key)


def states(peer: Peer, purpose: str = "improvement") -> list[tuple[str | None, str]]:
    answer = peer.call("GET", f"/v1/consents/{purpose}")
    assert answer.status_code == 200
    return [(part.get("recipient"), part["state"]) for part in answer.json()["consents"]]


# ---------------------------------------------------------------- consents


def test_what_was_put_is_read_back(peer: Peer, sandbox: Sandbox) -> None:
    assert states(peer) == []
    answer = put(peer, sandbox)
    assert answer.status_code == 200
    assert answer.json() == {"purpose": "improvement", **body(sandbox)}
    put(peer, sandbox, "surveys", recipient="acme")
    assert states(peer) == [(None, "granted")]
    assert states(peer, "surveys") == [("acme", "granted")]
    Contract().check_request(sandbox.requests[-3])


def test_putting_the_same_twice_is_once(peer: Peer, sandbox: Sandbox) -> None:
    key = str(uuid.uuid4())
    first, second = (put(peer, sandbox, key=key) for _ in range(2))
    assert first.json() == second.json()
    assert len(sandbox.rows()["consents"]) == 1
    again = put(peer, sandbox, state="withdrawn", key=key)
    assert problem_code(again) == "idempotency-key-reused"


def test_a_late_yes_takes_back_no_later_no(peer: Peer, sandbox: Sandbox) -> None:
    put(peer, sandbox, state="withdrawn", at="2026-11-20T11:00:00Z")
    assert put(peer, sandbox, at="2026-11-20T10:59:59Z").json()["state"] == "withdrawn"
    assert states(peer) == [(None, "withdrawn")]
    assert put(peer, sandbox, at="2026-11-20T11:00:00Z").json()["state"] == "withdrawn"  # who came first is not known
    assert put(peer, sandbox, at="2026-11-20T11:00:01Z").json()["state"] == "granted"


@pytest.mark.parametrize("state", ["withdrawn", "denied", "expired", "unset"])
def test_a_no_counts_whatever_the_clock_says(peer: Peer, sandbox: Sandbox, state: str) -> None:
    put(peer, sandbox, at="2026-11-20T10:00:00Z")
    put(peer, sandbox, state=state, at="2001-01-01T00:00:00Z")
    assert states(peer) == [(None, state)]


@pytest.mark.parametrize(
    ("purpose", "changes"),
    [
        ("service", {}),
        ("advertising", {}),
        ("improvement", {"recipient": "sister"}),
        ("improvement", {"recipient": "../x"}),
        ("improvement", {"record_id": "me"}),
        ("improvement", {"policy_sha256": "0"}),
        ("improvement", {"policy_version": 0}),
        ("improvement", {"state": "maybe"}),
        ("improvement", {"at": "2026-11-20T10:00:00"}),
        ("improvement", {"contact_email": "kim@example.org"}),
    ],
)
def test_a_yes_to_nothing_that_is_asked_is_refused(
    peer: Peer, sandbox: Sandbox, purpose: str, changes: dict[str, Any]
) -> None:
    answer = put(peer, sandbox, purpose, **changes)
    assert answer.status_code == 422
    assert problem_code(answer) == "validation-failed"
    assert sandbox.rows()["consents"] == []


@pytest.mark.parametrize("changes", [{"policy_version": 99}, {"policy_sha256": "0" * 64}])
def test_a_yes_to_a_text_that_was_never_published_is_refused_and_a_no_is_not(
    peer: Peer, sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    assert problem_code(put(peer, sandbox, **changes)) == "policy-version-unknown"
    assert put(peer, sandbox, state="withdrawn", **changes).status_code == 200


def test_consents_are_one_device_s(peer: Peer, sandbox: Sandbox, clock: FakeClock) -> None:
    put(peer, sandbox)
    with Peer(sandbox.url, sandbox.ca_file, now=clock.time) as other:
        other.bind(sandbox.order(email=None))
        assert states(other) == []


@pytest.mark.sqlite_file
def test_a_removed_device_s_consents_go_with_it(peer: Peer, sandbox: Sandbox) -> None:
    put(peer, sandbox)
    ask(peer, sandbox)
    assert peer.call("DELETE", f"/v1/devices/{peer.device_id}").status_code == 204
    rows = sandbox.rows()
    assert rows["consents"] == rows["guardian_requests"] == rows["guardian_confirmations"] == []
    assert RECORD.encode() not in sandbox.database_file.read_bytes()


@pytest.mark.clause("R1")
def test_consents_are_kept_for_three_years(peer: Peer, sandbox: Sandbox, clock: FakeClock) -> None:
    put(peer, sandbox)
    clock.advance(3 * 366 * 86_400)
    sandbox.order()
    with Peer(sandbox.url, sandbox.ca_file, now=clock.time) as anybody:
        anybody.http.get("/v1/keys")
    assert sandbox.rows()["consents"] == []


# ---------------------------------------------------------------- guardians


def ask(peer: Peer, sandbox: Sandbox, **changes: Any) -> httpx.Response:
    policy = sandbox.policy
    wanted = {
        "contact": "mum@family.example",
        "about": "agreement",
        "language": "en",
        "policy_version": policy.version,
        "policy_sha256": policy.sha256,
    }
    return peer.call("POST", "/v1/guardian-requests", json_body=wanted | changes)


def hand_in(peer: Peer, request_id: str, code: str, key: str | None = None) -> httpx.Response:
    return peer.call("POST", f"/v1/guardian-requests/{request_id}/confirm", json_body={"code": code}, key=key)


def test_the_right_code_confirms_once(peer: Peer, sandbox: Sandbox) -> None:
    asked = ask(peer, sandbox)
    assert asked.status_code == 201
    request_id = asked.json()["request_id"]
    assert asked.headers["Location"].endswith(request_id)
    done = hand_in(peer, request_id, sandbox.mail.last_code())
    assert done.status_code == 200
    assert done.json()["policy_sha256"] == sandbox.policy.sha256
    assert problem_code(hand_in(peer, request_id, sandbox.mail.last_code())) == "guardian-code-used"
    (row,) = sandbox.rows()["guardian_confirmations"]
    assert request_id not in row.values()
    held = {field["id"]: field["value"] for field in peer.call("GET", "/v1/data").json()["fields"]}
    assert held["guardian_confirmation"] == f"version {sandbox.policy.version}: agreed"


def test_wrong_tries_are_counted_though_their_answers_are_refusals(peer: Peer, sandbox: Sandbox) -> None:
    request_id = ask(peer, sandbox).json()["request_id"]
    key = str(uuid.uuid4())
    wrong = other_than(sandbox.mail.last_code())
    for left in ("4 tries are", "3 tries are", "2 tries are", "1 try is", "0 tries are"):
        answer = hand_in(peer, request_id, wrong, key)  # the same key: nothing is replayed
        assert problem_code(answer) == "guardian-code-wrong"
        assert answer.json()["errors"][0]["detail"] == f"{left} left"
    assert problem_code(hand_in(peer, request_id, sandbox.mail.last_code())) == "guardian-tries-spent"


def test_an_answer_about_age_leaves_nothing(peer: Peer, sandbox: Sandbox) -> None:
    request_id = ask(peer, sandbox, about="age").json()["request_id"]
    assert hand_in(peer, request_id, sandbox.mail.last_code()).json()["about"] == "age"
    assert sandbox.rows()["guardian_confirmations"] == []


def test_the_letter_is_in_its_language_and_about_a_published_text(peer: Peer, sandbox: Sandbox) -> None:
    assert problem_code(ask(peer, sandbox, policy_version=99)) == "policy-version-unknown"
    assert problem_code(ask(peer, sandbox, policy_sha256="0" * 64)) == "policy-version-unknown"
    assert problem_code(ask(peer, sandbox, language="not one")) == "validation-failed"
    assert problem_code(ask(peer, sandbox, contact="nobody")) == "validation-failed"
    assert not [message for message in sandbox.mail if message.code]
    ask(peer, sandbox, language="de")
    assert sandbox.policy.document.minors.guardian["en"] in sandbox.mail[-1].text


def test_the_address_is_in_no_row_and_the_id_in_no_table_of_its_own(peer: Peer, sandbox: Sandbox) -> None:
    request_id = ask(peer, sandbox).json()["request_id"]
    assert "family.example" not in str(sandbox.rows())
    assert request_id not in str(sandbox.rows()["guardian_requests"])


def test_taking_it_back_is_fine_twice(peer: Peer, sandbox: Sandbox) -> None:
    request_id = ask(peer, sandbox).json()["request_id"]
    hand_in(peer, request_id, sandbox.mail.last_code())
    for _ in range(2):
        assert peer.call("DELETE", f"/v1/guardian-requests/{request_id}").status_code == 204
    assert sandbox.rows()["guardian_confirmations"] == []
    assert problem_code(hand_in(peer, request_id, sandbox.mail.last_code())) == "guardian-request-not-found"


def test_another_device_can_neither_confirm_nor_take_back(peer: Peer, sandbox: Sandbox, clock: FakeClock) -> None:
    request_id = ask(peer, sandbox).json()["request_id"]
    with Peer(sandbox.url, sandbox.ca_file, now=clock.time) as other:
        other.bind(sandbox.order(email=None))
        answer = hand_in(other, request_id, sandbox.mail.last_code())
        assert problem_code(answer) == "guardian-request-not-found"
        other.call("DELETE", f"/v1/guardian-requests/{request_id}")
    assert hand_in(peer, request_id, sandbox.mail.last_code()).status_code == 200


def test_an_expired_code_says_so_for_a_month(peer: Peer, sandbox: Sandbox, clock: FakeClock) -> None:
    request_id = ask(peer, sandbox).json()["request_id"]
    code = sandbox.mail.last_code()
    clock.advance(sandbox.settings.guardian_lifetime)
    peer.access_token = peer.refresh().json()["access_token"]
    assert problem_code(hand_in(peer, request_id, code)) == "guardian-code-expired"
    clock.advance(sandbox.settings.guardian_memory + 61)
    peer.access_token = peer.refresh().json()["access_token"]
    assert problem_code(hand_in(peer, request_id, code)) == "guardian-request-not-found"
