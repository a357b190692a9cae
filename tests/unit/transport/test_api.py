from __future__ import annotations

import json
import subprocess
import sys
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest
from support.calls import Line, TurnableClock, challenged

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import (
    EgressBlocked,
    OperationUndeclared,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ValueRefused,
)
from rocketvpn_sdk.identity import DeviceKey
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.policy.document import Operation
from rocketvpn_sdk.transport import OWN_OPERATIONS
from rocketvpn_sdk.transport.grants import Nonce
from rocketvpn_sdk.transport.owner import Owner
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.server_clock import ServerClock
from rocketvpn_sdk.transport.values import plain

PUBLIC_KEY = "A" * 43 + "="


def policy_with(**facts: Any) -> Policy:
    document = bundled_policy().document
    base: dict[str, Any] = {
        "id": "tunnel.close",
        "method": "DELETE",
        "path": "/v1/tunnels/{region}",
        "purpose": "service",
        "recipient": "operator",
        "identity": "device",
        "fields": ("region",),
        "sentence": {"en": "x"},
    }
    added = Operation(**(base | facts))
    return Policy(msgspec.structs.replace(document, operation=(*document.operation, added)))


def test_an_apps_own_operation_is_called_with_its_fields(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(201, json={"address": "10.0.0.2/32"})
    answer = line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY, "region": "de-fra"})
    assert answer == {"address": "10.0.0.2/32"}
    assert json.loads(route.calls.last.request.content) == {"public_key": PUBLIC_KEY, "region": "de-fra"}


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_version_without_the_operation_may_come_while_its_answer_is_on_the_way(line: Line, status: int) -> None:
    def answered(_: httpx.Request) -> httpx.Response:
        kept = tuple(each for each in line.policy.document.operation if each.id != "tunnel.register")
        line.policy = Policy(msgspec.structs.replace(line.policy.document, operation=kept))
        return httpx.Response(status)

    line.router.post("/v1/tunnels").mock(side_effect=answered)
    with pytest.raises((ServerError, RequestRefused, OperationUndeclared)):
        line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY})


def test_an_answer_without_a_body_is_none(line: Line) -> None:
    line.router.post("/v1/tunnels").respond(204)
    assert line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY}) is None


def test_fields_named_in_the_path_go_there() -> None:
    line = Line(policy=policy_with())
    route = line.router.delete("/v1/tunnels/de-fra").respond(204)
    assert line.api.invoke("tunnel.close", {"region": "de-fra"}) is None
    assert route.calls.last.request.content == b""
    line.api.close()


class Odd(str):
    """A text that says one thing of itself and is another."""

    __slots__ = ()

    def __str__(self) -> str:
        return "other"


@pytest.mark.clause("U7")
def test_what_is_no_plain_value_is_sent_as_one_and_raises_nothing_foreign(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(204)
    line.api.invoke("tunnel.register", MappingProxyType({Odd("public_key"): Odd(PUBLIC_KEY)}))
    assert json.loads(route.calls.last.request.content) == {"public_key": PUBLIC_KEY}


@pytest.mark.parametrize("value", [type("Real", (float,), {})(1.5), object(), MappingProxyType({"a": 1})])
def test_other_types_than_jsons_own_are_refused_by_the_guard_alone(line: Line, value: Any) -> None:
    with pytest.raises((EgressBlocked, ValueRefused)):
        line.api.invoke("tunnel.register", {"public_key": value})


def test_values_become_jsons_own_types() -> None:
    made = plain({Odd("a"): (type("Real", (float,), {})(1.5), MappingProxyType({}), HTTPStatus.OK, True, None)})
    assert made == {"a": [1.5, {}, 200, True, None]}
    assert [type(value) for value in (*made, *made["a"])] == [str, float, dict, int, bool, type(None)]


@pytest.mark.parametrize("operation", sorted(OWN_OPERATIONS))
def test_the_sdks_own_operations_are_not_open_to_the_app(line: Line, operation: str) -> None:
    with pytest.raises(OperationUndeclared, match="own"):
        line.api.invoke(operation, {})
    assert not line.requests()


def test_the_list_of_own_operations_is_the_policys_without_the_example() -> None:
    examples = {"tunnel.register"}
    own = set(bundled_policy().operations) - examples
    assert own == OWN_OPERATIONS, "what the bundled policy adds is in OWN_OPERATIONS, or one of the examples here"


@pytest.mark.clause("U7")
def test_an_undeclared_operation_is_refused(line: Line) -> None:
    with pytest.raises(OperationUndeclared, match="does not declare"):
        line.api.invoke("telemetry.upload", {"a": 1})
    assert not line.requests()


@pytest.mark.clause("U7")
def test_an_undeclared_field_is_blocked(line: Line) -> None:
    with pytest.raises(EgressBlocked):
        line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY, "hostname": "laptop"})
    assert not line.requests()


def test_a_value_that_does_not_fit_is_refused(line: Line) -> None:
    with pytest.raises(ValueRefused, match="region"):
        line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY, "region": "my street"})
    assert not line.requests()


def test_a_read_with_more_than_its_path_is_refused() -> None:
    line = Line(policy=policy_with(method="GET"))
    with pytest.raises(OperationUndeclared, match="GET"):
        line.api.invoke("tunnel.close", {"region": "de-fra", "protocol": "wireguard"})
    line.api.close()


def test_calls_in_a_users_name_are_not_made_this_way() -> None:
    line = Line(policy=policy_with(identity="user"))
    with pytest.raises(OperationUndeclared, match="user"):
        line.api.invoke("tunnel.close", {"region": "de-fra"})
    line.api.close()


def test_structs_and_mappings_make_the_same_body(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(201, json={})
    line.api.call("tunnel.register", body=wire.TunnelRequest(public_key=PUBLIC_KEY), answer=dict)
    line.api.call("tunnel.register", body={"public_key": PUBLIC_KEY}, answer=dict)
    assert len({call.request.content for call in route.calls}) == 1


def test_a_receipt_is_text(line: Line) -> None:
    url = "/v1/data-rights-requests/r-1/receipt"
    route = line.router.get(url).respond(content=b"a.b.c", headers={"Content-Type": "application/jwt"})
    assert line.api.call("rights.receipt", path={"request_id": "r-1"}, answer=str).value == "a.b.c"
    assert route.calls.last.request.headers["accept"].startswith("application/jwt,")
    line.router.get(url).respond(json={"a": 1})
    with pytest.raises(ServerError):
        line.api.call("rights.receipt", path={"request_id": "r-1"}, answer=str)


def test_keys_come_as_a_jwk_set(line: Line) -> None:
    line.router.get("/v1/keys").respond(content=b'{"keys":[]}', headers={"Content-Type": "application/jwk-set+json"})
    assert line.api.call("server.keys", answer=dict[str, Any]).value == {"keys": []}
    assert "authorization" not in line.requests()[-1].headers


@pytest.mark.parametrize(
    ("answer", "unsure"),
    [
        (httpx.Response(400), False),
        (httpx.Response(401), False),
        (httpx.Response(409), False),
        (httpx.Response(429), False),
        (httpx.Response(500), True),
        (httpx.Response(302), True),
        (httpx.Response(200, text="no JSON"), True),
    ],
)
def test_an_answer_says_whether_something_may_have_been_done(line: Line, answer: httpx.Response, unsure: bool) -> None:
    line.router.post("/v1/tunnels").mock(return_value=answer)
    with pytest.raises(RocketVPNError) as caught:
        line.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY})
    assert caught.value.unsure is unsure


@pytest.fixture
def owner() -> Owner:
    server_clock = ServerClock(TurnableClock())
    return Owner(Prover(DeviceKey.generate(), server_clock.now), "owner-token", Nonce(), server_clock)


REQUESTED = {"request_id": "r-1", "status": "done", "right": "deletion"}


def status_of(line: Line, owner: Owner, operation: str = "owner.status") -> Any:
    return line.api.call_as(owner, operation, answer=dict[str, Any], path={"request_id": "r-1"})


def test_an_owner_s_calls_carry_the_owner_s_token_and_no_device_s(line: Line, owner: Owner) -> None:
    route = line.router.get("/v1/owner/data-rights-requests/r-1").respond(json=REQUESTED)
    assert status_of(line, owner) == REQUESTED
    assert route.calls.last.request.headers["authorization"] == "DPoP owner-token"
    for operation in ("order.read", "tunnel.register", "rights.status"):
        with pytest.raises(OperationUndeclared):
            status_of(line, owner, operation)
    assert route.call_count == len(line.requests()) == 1


@pytest.mark.parametrize(
    ("demanded", "calls"),
    [
        (["use_dpop_nonce"], 2),
        (["use_dpop_nonce", "use_dpop_nonce"], 2),
        (["invalid_token"], 1),
        (["invalid_dpop_proof"], 1),
    ],
)
def test_an_owner_s_call_answers_a_demand_for_a_nonce_once_and_no_other(
    line: Line, owner: Owner, demanded: list[str], calls: int
) -> None:
    answers = [challenged(each) for each in demanded]
    route = line.router.get("/v1/owner/data-rights-requests/r-1")
    route.mock(side_effect=[*answers, httpx.Response(200, json=REQUESTED)])
    if calls > len(demanded):
        assert status_of(line, owner) == REQUESTED
    else:
        with pytest.raises(RocketVPNError):
            status_of(line, owner)
    assert route.call_count == calls


def test_what_the_room_shows_to_others(line: Line) -> None:
    assert line.api.server == "https://api.rocketvpn.example"
    assert line.api.permit.policy is line.policy


def test_importing_the_package_brings_neither_httpx_nor_this_room() -> None:
    code = "import sys, rocketvpn_sdk; print([m for m in ('httpx', 'rocketvpn_sdk.transport') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=".")
    assert done.stdout.strip() == "[]"
