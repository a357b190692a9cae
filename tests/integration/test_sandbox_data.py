"""Seeing and correcting what the server holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.dpop_client import Peer, problem_code

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def peer(sandbox: Sandbox) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        yield peer.bind(sandbox.order(email="kim@example.org"))


def fields(peer: Peer, token: str | None = None) -> dict[str, dict[str, Any]]:
    return {field["id"]: field for field in peer.call("GET", "/v1/data", token=token).json()["fields"]}


@pytest.mark.clause("A1")
def test_everything_held_is_shown(sandbox: Sandbox, peer: Peer) -> None:
    peer.call("POST", "/v1/tunnels", json_body={"public_key": "A" * 43 + "="})

    shown = fields(peer, peer.step_up(sandbox.mail.last_code))

    assert not [field for field in shown.values() if "code_needed" in field]
    assert set(shown) == {
        "order_number",
        "contact_email",
        "device_id",
        "device_public_key",
        "device_name",
        "bound_on",
        "session_token",
        "payment_record",
        "tunnel_public_key",
        "tunnel_address",
    }
    assert shown["device_id"]["value"] == peer.device_id
    assert shown["device_public_key"]["value"] == peer.jkt
    assert shown["tunnel_public_key"]["until"] > shown["tunnel_public_key"]["since"]
    assert all(set(field["recipients"]) <= set(sandbox.policy.recipients) for field in shown.values())


@pytest.mark.clause("A1")
def test_that_a_token_is_held_is_shown_but_not_the_token(peer: Peer) -> None:
    assert fields(peer)["session_token"]["value"] is None


@pytest.mark.clause("R2", "S3")
def test_what_a_law_holds_back_says_so(sandbox: Sandbox, peer: Peer) -> None:
    record = fields(peer, peer.step_up(sandbox.mail.last_code))["payment_record"]

    assert record["hold"]["basis"] == "law"
    assert record["until"].startswith(record["hold"]["until"])
    assert not record.get("correctable", False)


@pytest.mark.clause("A2", "C3")
def test_contact_and_language_can_be_corrected(sandbox: Sandbox, peer: Peer) -> None:
    token = peer.step_up(sandbox.mail.last_code)
    before = peer.call("GET", "/v1/data").headers["ETag"]

    answer = peer.patch({"contact_email": "new@example.net", "language": "de-AT"}, before, token=token)

    assert answer.status_code == 200
    assert answer.headers["ETag"] != before
    assert fields(peer, token)["language"]["value"] == "de-AT"
    assert answer.headers["ETag"] == peer.call("GET", "/v1/data").headers["ETag"]
    assert fields(peer, token)["contact_email"]["value"] != "new@example.net", "it counts once its code is given back"
    peer.confirm_address(sandbox.mail.last_code)
    assert fields(peer, token)["contact_email"]["value"] == "new@example.net"


@pytest.mark.clause("A4")
def test_attack_address_moved_without_its_owners_code(sandbox: Sandbox, peer: Peer) -> None:
    answer = peer.patch({"contact_email": "thief@example.net"})

    assert answer.status_code == 401
    assert 'error="insufficient_user_authentication"' in answer.headers["WWW-Authenticate"]
    token = peer.step_up(sandbox.mail.last_code)
    assert fields(peer, token)["contact_email"]["value"] != "thief@example.net"
    assert peer.patch({"language": "fr"}).status_code == 200  # no code goes there


@pytest.mark.sqlite_file
@pytest.mark.clause("A2", "A3")
def test_a_corrected_value_is_gone_from_the_database_file(sandbox: Sandbox, peer: Peer) -> None:
    token = peer.step_up(sandbox.mail.last_code)
    peer.patch({"contact_email": "first.address@example.org"}, token=token)
    peer.patch({"contact_email": "second.address@example.org"}, token=token)

    stored = sandbox.database_file.read_bytes()

    assert b"second.address@example.org" in stored
    assert b"first.address@example.org" not in stored


@pytest.mark.clause("A2")
def test_null_removes_an_optional_field(sandbox: Sandbox, peer: Peer) -> None:
    peer.patch({"language": "fr"})

    peer.patch({"contact_email": None, "language": None}, token=peer.step_up(sandbox.mail.last_code))

    assert not {"contact_email", "language"} & set(fields(peer))


@pytest.mark.clause("A2")
def test_a_correction_made_elsewhere_is_not_overwritten(peer: Peer) -> None:
    stale = peer.call("GET", "/v1/data").headers["ETag"]
    peer.patch({"language": "en"}, stale)

    answer = peer.patch({"language": "fr"}, stale)

    assert (answer.status_code, problem_code(answer)) == (412, "precondition-failed")
    assert fields(peer)["language"]["value"] == "en"


@pytest.mark.parametrize(("tag", "status"), [("*", 200), ('"other", {}', 200), ("W/{}", 412), ('"other"', 412)])
def test_if_match_compares_strongly(peer: Peer, tag: str, status: int) -> None:
    current = peer.call("GET", "/v1/data").headers["ETag"]

    assert peer.patch({"language": "en"}, tag.replace("{}", current)).status_code == status


@pytest.mark.clause("A2", "X1")
def test_the_policy_decides_what_can_be_corrected(tmp_path: Path) -> None:
    bundled = bundled_policy().document
    changed = {
        "contact_email": {"optional": False},
        "language": {"type": replace(bundled_policy().fields["language"].type, values=("de", "en"), pattern="")},
    }
    fields = tuple(replace(field, **changed.get(field.id, {})) for field in bundled.field)

    with (
        Sandbox(tmp_path / "server", policy=Policy(replace(bundled, field=fields))) as sandbox,
        Peer(sandbox.url, sandbox.ca_file) as peer,
    ):
        peer.bind("RV-2026-0001")
        assert peer.patch({"language": "en"}).status_code == 200
        assert peer.patch({"language": "fr"}).status_code == 422
        assert peer.patch({"contact_email": None}).json()["errors"][0]["detail"] == "is not optional"


def test_a_patch_of_nothing_changes_nothing(peer: Peer) -> None:
    before = peer.call("GET", "/v1/data")

    assert peer.patch({}).content == before.content


def test_a_patch_that_is_no_json_is_malformed(peer: Peer) -> None:
    headers = {"Content-Type": wire.MERGE_PATCH_JSON, "If-Match": "*", "Idempotency-Key": '"k"'}

    answer = peer.send("PATCH", "/v1/data", body=b"{", token=peer.access_token, headers=headers)

    assert problem_code(answer) == "malformed"


def test_without_if_match_nothing_is_changed(peer: Peer) -> None:
    headers = {"Content-Type": wire.MERGE_PATCH_JSON}

    answer = peer.call("PATCH", "/v1/data", json_body={"language": "en"}, headers=headers)

    assert (answer.status_code, problem_code(answer)) == (428, "precondition-required")


@pytest.mark.clause("A2")
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"order_number": "RV-1"}, "/order_number"),
        ({"device_name": "mine"}, "/device_name"),
        ({"payment_record": None}, "/payment_record"),
        ({"shoe~size/eu": 42}, "/shoe~0size~1eu"),
        ({"contact_email": "no address"}, "/contact_email"),
        ({"contact_email": "a@b@example.org"}, "/contact_email"),
        ({"contact_email": "a@example.org\nBcc: x@example.org"}, "/contact_email"),
        ({"contact_email": "a" * 65 + "@example.org"}, "/contact_email"),
        ({"contact_email": ""}, "/contact_email"),
        ({"contact_email": 1}, "/contact_email"),
        ({"language": "English, please"}, "/language"),
        ({"language": {"tag": "en"}}, "/language"),
    ],
)
def test_what_cannot_be_corrected_is_named(peer: Peer, changes: dict[str, Any], pointer: str) -> None:
    before = peer.call("GET", "/v1/data")

    answer = peer.patch({"language": "en"} | changes, before.headers["ETag"])

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")
    assert [item["pointer"] for item in answer.json()["errors"]] == [pointer]
    assert peer.call("GET", "/v1/data").json() == before.json()


def test_a_patch_that_is_no_object_is_refused(peer: Peer) -> None:
    etag = peer.call("GET", "/v1/data").headers["ETag"]
    headers = {"Content-Type": wire.MERGE_PATCH_JSON, "If-Match": etag}

    assert problem_code(peer.call("PATCH", "/v1/data", json_body=["x"], headers=headers)) == "validation-failed"


def test_plain_json_is_no_merge_patch(peer: Peer) -> None:
    answer = peer.call("PATCH", "/v1/data", json_body={}, headers={"If-Match": "*"})

    assert (answer.status_code, answer.headers["Accept-Patch"]) == (415, wire.MERGE_PATCH_JSON)


def test_a_repeated_correction_gives_its_answer_again(peer: Peer) -> None:
    etag = peer.call("GET", "/v1/data").headers["ETag"]

    answers = [peer.patch({"language": "en"}, etag, key="same") for _ in "ab"]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]
