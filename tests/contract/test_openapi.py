"""docs/openapi.yaml, the routes of the sandbox and the types of the wire say the same."""

from __future__ import annotations

import hashlib
import inspect
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from openapi_core.exceptions import OpenAPIError
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.contract import Contract, load
from support.dpop_client import Peer

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.problems import PROBLEMS
from rocketvpn_sdk.sandbox.routes import ROUTES

DOCUMENT = load()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
STRUCTS = {
    name: kind
    for name, kind in inspect.getmembers(wire, inspect.isclass)
    if issubclass(kind, wire.Wire) and kind is not wire.Wire
}
ONLY_IN_THE_FILE = {"AuthorizationChallengeRequest", "TokenRequest", "Corrections", "KeySet", "Report", "Attribute"}
"""Forms, a patch, and a standard's own format, which have no type in wire."""


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


# ---------------------------------------------------------------- the file itself


def test_the_file_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_in_the_file_and_the_other_way_round() -> None:
    assert set(operations()) == {(endpoint.method, endpoint.path) for endpoint in ROUTES}


def test_operations_are_the_policys() -> None:
    named = {operation["operationId"]: key for key, operation in operations().items()}
    declared = {
        name: (operation.method, operation.path)
        for name, operation in bundled_policy().operations.items()
        if name in named
    }

    assert set(named) - set(declared) <= {"server.problem"}  # the SDK does not call it
    assert {name: named[name] for name in declared} == declared


def test_writes_to_resources_need_an_idempotency_key() -> None:
    for (method, path), operation in operations().items():
        parameters = [parameter.get("$ref", "") for parameter in operation.get("parameters", [])]
        is_resource_write = method != "GET" and operation.get("security") is None
        assert ("#/components/parameters/IdempotencyKey" in parameters) is is_resource_write, (method, path)


def test_the_doors_without_a_token_are_those_that_must_be() -> None:
    open_doors = {path for (_, path), operation in operations().items() if operation.get("security") == []}
    proof_only = {
        path for (_, path), operation in operations().items() if operation.get("security") == [{"dpopProof": []}]
    }

    assert open_doors == {
        wire.METADATA_PATH,
        "/problems/{code}",
        "/v1/keys",
        "/v1/erasures",
        "/v1/logs",
        "/v1/logs/erasures",
        "/v1/surveys/{survey_id}/responses",
        "/v1/offers/{offer_id}",
        "/tuf/metadata/{file}",
        "/tuf/targets/{folder}/{file}",
        "/releases/{platform}/{app_version}/{file}",
    }
    assert proof_only == {"/v1/authorize-challenge", "/v1/token"}


def test_every_problem_is_named_in_the_file() -> None:
    text = " ".join(str(response["description"]) for response in DOCUMENT["components"]["responses"].values())

    assert {code for code in PROBLEMS if f"`{code}`" not in text} == set()


# ---------------------------------------------------------------- the types


def test_every_type_of_the_wire_has_a_schema_and_the_other_way_round() -> None:
    assert set(SCHEMAS) - ONLY_IN_THE_FILE == set(STRUCTS)


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_type_and_schema_agree(name: str) -> None:
    typed = msgspec.json.schema_components([STRUCTS[name]], ref_template="#/components/schemas/{name}")[1][name]
    written = SCHEMAS[name]

    assert set(written["properties"]) == set(typed["properties"])
    assert set(written.get("required", [])) == set(typed["required"])
    for member, schema in typed["properties"].items():
        assert shape(written["properties"][member]) == shape(schema), member


def shape(schema: dict[str, Any]) -> Any:
    """Return what a schema says about types, in one form, without the finer bounds that only the file has."""
    if "$ref" in schema:
        return schema["$ref"]
    if "anyOf" in schema:
        return frozenset().union(*(_as_set(shape(part)) for part in schema["anyOf"]))
    if "enum" in schema:
        return ("enum", tuple(sorted(schema["enum"])))
    kinds = schema.get("type", "any")
    names = {kinds} if isinstance(kinds, str) else set(kinds)
    formatted = {("string", "date") if name == "string" and schema.get("format") == "date" else name for name in names}
    if "array" in names:
        return ("array", shape(schema["items"]))
    return formatted.pop() if len(formatted) == 1 else frozenset(formatted)


def _as_set(value: Any) -> frozenset[Any]:
    return value if isinstance(value, frozenset) else frozenset({value})


@pytest.mark.parametrize(("member", "schema"), SCHEMAS["Corrections"]["properties"].items())
def test_corrections_are_those_of_the_policy(member: str, schema: dict[str, Any]) -> None:
    rule = bundled_policy().fields[member]

    assert set(SCHEMAS["Corrections"]["properties"]) == set(bundled_policy().correctable)
    assert schema.get("pattern", "").strip("^$") == rule.type.pattern


@pytest.mark.parametrize("field", ["order_number", "device_id"])
def test_patterns_are_those_of_the_policy(field: str) -> None:
    pattern = SCHEMAS["AuthorizationChallengeRequest"]["properties"][field]["pattern"]

    assert pattern.strip("^$") == bundled_policy().fields[field].type.pattern


# ---------------------------------------------------------------- the server


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def statuses() -> set[int]:
    """What the server answered so far."""
    return set()


@pytest.fixture
def peer(sandbox: Sandbox, statuses: set[int]) -> Iterator[Peer]:
    """A peer that holds every answer against the contract."""
    contract = Contract()

    def judge(answer: httpx.Response) -> None:
        answer.read()
        contract.check_answer(answer)
        statuses.add(answer.status_code)

    with Peer(sandbox.url, sandbox.ca_file) as peer:
        peer.http.event_hooks = {"response": [judge]}
        yield peer


def test_a_life_with_the_server_keeps_to_the_contract(sandbox: Sandbox, peer: Peer) -> None:
    contract = Contract()
    for path in (wire.METADATA_PATH, "/v1/keys", "/problems/not-found", "/tuf/metadata/timestamp.json"):
        assert peer.http.get(path).status_code == 200
    for target in (sandbox.tuf_folder / "targets").glob("*/*"):
        assert peer.http.get(f"/tuf/targets/{target.parent.name}/{target.name}").content == target.read_bytes()
    peer.bind("RV-2026-0001")
    peer.bind("RV-2026-0001")
    for path in ("/v1/order", "/v1/data", "/v1/erasure-tickets"):
        assert peer.call("GET", path).status_code == 200
    assert peer.call("GET", "/v1/devices").status_code == 401
    stepped = peer.step_up(sandbox.mail.last_code)
    for path in ("/v1/devices", "/v1/data"):
        assert peer.call("GET", path, token=stepped).status_code == 200
    assert peer.call("POST", "/v1/tunnels", json_body={"public_key": "A" * 43 + "=", "region": "de-fra"}).is_success
    assert peer.patch({"language": "en"}).is_success
    sandbox.disclose("RV-2026-0001", recipient="A court", basis="court", categories=["account"])
    assert peer.call("GET", "/v1/disclosures", token=stepped).json()["disclosures"]
    sandbox.faults.delay_deletions = True
    open_request = peer.ask_deletion("logs").headers["Location"]
    sandbox.faults.delay_deletions = False
    assert peer.call("DELETE", open_request).is_success
    assert peer.call("GET", "/v1/data-rights-requests").json()["requests"]
    tickets = [secrets.token_hex(20).upper().replace("B", "Z") for _ in range(2)]
    prints = [hashlib.sha256(ticket.encode()).hexdigest() for ticket in tickets]
    for ticket_id in prints:
        wanted = {"ticket_id": ticket_id, "scope": "account"}
        assert peer.call("POST", "/v1/erasure-tickets", json_body=wanted, token=stepped).status_code == 201
    assert peer.call("DELETE", f"/v1/erasure-tickets/{prints[0]}", token=stepped).status_code == 204
    assert len(peer.call("GET", "/v1/erasure-tickets").json()["tickets"]) == 1
    for ticket, status in ((tickets[0], 404), ("0" * 40, 404)):
        assert peer.http.post("/v1/erasures", json={"ticket": ticket}).status_code == status
    request = peer.ask_deletion("account", token=stepped)
    peer.access_token = peer.refresh().json()["access_token"]
    path = request.headers["Location"]
    assert peer.call("GET", path).is_success
    assert peer.call("GET", path + "/receipt").is_success

    for received in sandbox.requests:
        contract.check_request(received)


def test_an_owners_life_keeps_to_the_contract(sandbox: Sandbox, peer: Peer) -> None:
    contract, before = Contract(), len(sandbox.requests)
    order = sandbox.order()
    peer.bind(order)
    asked = peer.challenge(order_number=order, acr_values=wire.ACR_OWNER).json()
    wrong = peer.challenge(auth_session=asked["auth_session"], verification_code="not-it")
    assert wrong.json()["attempts_left"] == 4
    granted = peer.challenge(auth_session=asked["auth_session"], verification_code=sandbox.mail.last_code()).json()
    token = peer.redeem(granted["authorization_code"]).json()["access_token"]
    path = "/v1/owner/data-rights-requests"
    assert peer.call("GET", "/v1/owner/data", token=token).is_success
    for scope, device_id in (("device", peer.device_id), ("account", None)):
        body = {"exercise": "deletion", "scope": scope} | ({"device_id": device_id} if device_id else {})
        request = peer.call("POST", path, json_body=body, token=token)
        assert request.headers["Location"] == f"{path}/{request.json()['request_id']}"
        assert peer.call("GET", request.headers["Location"], token=token).is_success
        assert peer.call("GET", request.headers["Location"] + "/receipt", token=token).is_success
    assert peer.call("GET", "/v1/owner/data", token=token).status_code == 403

    for received in sandbox.requests[before:]:
        contract.check_request(received)


def test_refusals_keep_to_the_contract(sandbox: Sandbox, peer: Peer, statuses: set[int]) -> None:
    peer.fresh_nonce()
    peer.ask_to_bind("RV-0000-0000")
    order = sandbox.order(limit=1)
    with Peer(sandbox.url, sandbox.ca_file) as other:
        other.bind(order)
    assert peer.ask_to_bind(order).json()["devices"]
    peer.bind(sandbox.order())
    for scope in ("account", "everything"):
        peer.ask_deletion(scope)
    peer.patch({"language": "en"}, '"stale"')
    peer.patch({"order_number": "mine"})
    peer.call("PATCH", "/v1/data", json_body={}, headers={"Content-Type": wire.MERGE_PATCH_JSON})
    peer.call("PATCH", "/v1/data", json_body={}, headers={"If-Match": "*"})
    peer.call("DELETE", "/v1/devices/nobody")
    peer.call("GET", "/v1/data-rights-requests/nothing")
    peer.send("POST", "/v1/tunnels", body=b"{", token=peer.access_token, headers={"Content-Type": "application/json"})
    peer.call("POST", "/v1/tunnels", json_body={"public_key": "short"})
    peer.send("GET", "/v1/order")
    sandbox.faults.fail()
    peer.http.get("/v1/keys")
    peer.http.get("/tuf/metadata/2.root.json")
    peer.http.get("/tuf/targets/policy/policy.json")
    sandbox.faults.revoke_device(peer.device_id)
    assert peer.call("GET", "/v1/order").status_code == 403

    assert statuses >= {400, 401, 403, 404, 412, 415, 422, 428, 503}


def test_the_judge_notices(sandbox: Sandbox, peer: Peer) -> None:
    sandbox.faults.garbage(body=b"{}", media_type="application/json")

    with pytest.raises(OpenAPIError):
        peer.http.get(wire.METADATA_PATH)
