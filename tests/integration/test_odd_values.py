"""Values that no database can hold, or that mean nothing: refused alike, whatever the database is, and never a 500."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from support.dpop_client import Peer, problem_code

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock

pytestmark = pytest.mark.clause("A1", "A2", "T1")

CLOCK = FakeClock(datetime(2035, 2, 1, tzinfo=UTC).timestamp())
"""What is kept for three years and more ends after 2038."""
NUL = "\x00"


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.component("postgresql"))]
)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with ExitStack() as stack:
        folder, url = tmp_path_factory.mktemp("server"), None
        if request.param == "postgresql":
            from support.postgresql import Cluster

            url = stack.enter_context(Cluster()).database("odd")
        yield stack.enter_context(
            Sandbox(folder / "server", clock=CLOCK, database_url=url or f"sqlite:///{folder}/own.db")
        )


@pytest.fixture
def peer(sandbox: Sandbox) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as peer:
        peer.bind(sandbox.order())
        yield peer


def consent(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    policy = sandbox.policy
    version = {"policy_version": policy.version, "policy_sha256": policy.sha256}
    at = "2026-11-28T10:00:00Z"
    return {"record_id": str(uuid.uuid4()), "state": "withdrawn", "at": at, **version} | changes


PATHS = [
    ("DELETE", "/v1/devices/" + "A" * 300),
    ("DELETE", "/v1/devices/%00"),
    ("DELETE", "/v1/devices/a%0Ab"),
    ("GET", "/v1/data-rights-requests/%00"),
    ("GET", "/v1/data-rights-requests/" + "a" * 300),
    ("GET", "/v1/data-rights-requests/%00/receipt"),
    ("DELETE", "/v1/data-rights-requests/%00"),
    ("GET", "/v1/consents/%00"),
    ("DELETE", "/v1/erasure-tickets/%00"),
    ("DELETE", "/v1/guardian-requests/%00"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_path_that_no_id_can_be_in_is_refused(peer: Peer, method: str, path: str) -> None:
    answer = peer.call(method, path)

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")


@pytest.mark.parametrize(
    "at", ["1890-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2101-01-01T00:00:00Z", "9998-01-01T00:00:00Z"]
)
def test_an_absurd_date_is_refused(sandbox: Sandbox, peer: Peer, at: str) -> None:
    answer = peer.call("PUT", "/v1/consents/diagnostics", json_body=consent(sandbox, at=at))

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")
    assert answer.json()["errors"][0]["pointer"] == "/at"


def test_a_consent_of_a_device_whose_clock_is_ahead_is_taken(sandbox: Sandbox, peer: Peer) -> None:
    at = "2040-01-01T00:00:00Z"

    answer = peer.call("PUT", "/v1/consents/diagnostics", json_body=consent(sandbox, at=at))

    assert answer.status_code == 200
    assert answer.json()["at"] == at


def test_times_after_2038_are_kept(sandbox: Sandbox, peer: Peer) -> None:
    order = sandbox.order()
    sandbox.disclose(order, recipient="A court", basis="court", categories=["account"])
    asked = peer.ask_deletion("device")

    assert asked.status_code == 201
    ends = [row["expires_at"] for table in ("disclosures", "rights_requests") for row in sandbox.rows()[table]]
    assert min(ends) > 2**31


BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/tunnels", {"public_key": NUL}),
    ("POST", "/v1/tunnels", {"public_key": "a" * 43 + "=", "region": NUL}),
    ("POST", "/v1/erasure-tickets", {"ticket_id": NUL * 64, "scope": "device"}),
    ("POST", "/v1/data-rights-requests", {"exercise": "access", "scope": "account", "purpose": NUL}),
    ("PUT", "/v1/consents/diagnostics", {"recipient": NUL}),
    ("PUT", "/v1/consents/diagnostics", {"recipient": "a" * 65}),
    ("PUT", "/v1/consents/diagnostics", {"record_id": NUL}),
    ("PUT", "/v1/consents/diagnostics", {"policy_version": 2**31}),
    ("PUT", "/v1/consents/diagnostics", {"policy_version": -(2**63)}),
]


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
def test_a_body_that_no_database_can_hold_is_refused(
    sandbox: Sandbox, peer: Peer, method: str, path: str, body: dict[str, Any]
) -> None:
    if "/consents/" in path:
        body = consent(sandbox, **body)

    answer = peer.call(method, path, json_body=body)

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")


@pytest.mark.parametrize("language", [NUL, "de" + NUL, "deu-12345678-12345678-12345678-x", "de-" + "a" * 300])
def test_a_language_that_does_not_fit_is_refused(peer: Peer, language: str) -> None:
    answer = peer.patch({"language": language})

    assert (answer.status_code, problem_code(answer)) == (422, "validation-failed")


@pytest.mark.parametrize("value", [NUL, "a" * 300, "\u0007"])
@pytest.mark.parametrize("name", ["order_number", "device_id", "replace", "client_id", "auth_session", "acr_values"])
def test_a_form_with_what_no_database_can_hold_is_refused(sandbox: Sandbox, peer: Peer, name: str, value: str) -> None:
    form = {"order_number": sandbox.order(), "device_id": peer.device_id, "verification_code": "1"} | {name: value}

    answer = peer.challenge(**form)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


def test_a_known_device_may_not_name_anything_as_what_it_replaces(sandbox: Sandbox) -> None:
    order = sandbox.order()
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as peer:
        peer.bind(order)

        answer = peer.ask_to_bind(order, replace="A" * 65)

        assert answer.status_code == 400


def test_an_erasure_with_a_nul_is_refused(peer: Peer) -> None:
    answer = peer.http.post("/v1/erasures", json={"ticket": NUL})

    assert answer.status_code in (404, 422)
