from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from support.calls import ORDER, SERVER, Line, problem

from rocketvpn_sdk import wire
from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.errors import (
    ConfigurationError,
    EgressBlocked,
    OperationUndeclared,
    RateLimited,
    RequestRefused,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    ValueRefused,
    VaultFull,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import ConsentChoice, State, bundled_policy
from rocketvpn_sdk.transport.requests import parse_server

PUBLIC_KEY = "A" * 43 + "="
BODY = {"public_key": PUBLIC_KEY, "region": "de-fra"}
ORDER_ANSWER = {"state": "active", "paid_until": "2027-01-01", "devices_used": 1, "devices_allowed": 3}


def register(line: Line, **more: Any) -> Any:
    return line.api.call("tunnel.register", body=BODY, answer=dict, **more)


def read_order(line: Line) -> wire.Order:
    return line.api.call("order.read", answer=wire.Order).value


def claims(line: Line, request: httpx.Request) -> dict[str, Any]:
    key = ECKey.import_key(line.key.public_jwk)
    return dict(jwt.decode(request.headers["DPoP"], key, algorithms=["ES256"]).claims)


# ---------------------------------------------------------------- what goes


@pytest.mark.clause("C2")
def test_a_request_says_nothing_about_the_machine(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(201, json={})
    register(line)
    headers = route.calls.last.request.headers
    assert set(headers) == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
        "sec-gpc",
        "content-type",
        "content-length",
        "idempotency-key",
        "authorization",
        "dpop",
    }
    assert headers["user-agent"] == f"rocketvpn-sdk/{__version__}"
    assert headers["accept-encoding"] == "identity"
    assert headers["accept"] == "application/json, application/problem+json"
    assert json.loads(route.calls.last.request.content) == BODY


def test_a_read_has_neither_body_nor_key(line: Line) -> None:
    route = line.router.get("/v1/order").respond(json=ORDER_ANSWER)
    assert read_order(line).state == "active"
    headers = route.calls.last.request.headers
    assert not {"content-type", "content-length", "idempotency-key"} & set(headers)


@pytest.mark.clause("U2")
def test_token_and_proof_go_along(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(201, json={})
    register(line)
    request = route.calls.last.request
    assert request.headers["authorization"] == "DPoP access-token-1"
    proof = claims(line, request)
    assert (proof["htm"], proof["htu"]) == ("POST", f"{SERVER}/v1/tunnels")
    assert {"ath", "content_sha256"} <= set(proof)


def test_the_oauth_calls_are_forms_with_a_proof_and_a_body_hash(line: Line) -> None:
    line.router.get("/v1/order").respond(json=ORDER_ANSWER)
    read_order(line)
    request = line.token.calls.last.request
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["refresh-token-1"],
        "client_id": ["org.example.vpn"],
    }
    assert "content_sha256" in claims(line, request)
    assert "authorization" not in request.headers
    assert re.fullmatch(r'"[0-9a-f-]{36}"', request.headers["idempotency-key"])


def test_an_empty_delete_claims_the_hash_of_nothing(line: Line) -> None:
    route = line.router.delete(url__regex=r".*/v1/devices/A{52}$").respond(204)
    line.api.call("devices.unbind", path={"device_id": "A" * 52})
    assert claims(line, route.calls.last.request)["content_sha256"] == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.clause("U6")
def test_sec_gpc_goes_unless_cross_service_use_is_granted(line: Line) -> None:
    route = line.router.get("/v1/order").respond(json=ORDER_ANSWER)
    read_order(line)
    assert route.calls.last.request.headers["sec-gpc"] == "1"
    line.state = State(adult=True, consents={"cross_service": ConsentChoice("granted")})
    read_order(line)
    assert "sec-gpc" not in route.calls.last.request.headers
    line.state = State(adult=True, consents={"cross_service": ConsentChoice("withdrawn")})
    read_order(line)
    assert route.calls.last.request.headers["sec-gpc"] == "1"


@pytest.mark.clause("C2")
def test_cookies_are_neither_kept_nor_sent(line: Line) -> None:
    route = line.router.get("/v1/order").respond(json=ORDER_ANSWER, headers={"Set-Cookie": "id=planted; Path=/"})
    read_order(line)
    read_order(line)
    assert "cookie" not in route.calls.last.request.headers


def test_metadata_is_asked_without_any_identity(line: Line) -> None:
    line.router.get("/v1/order").respond(json=ORDER_ANSWER)
    read_order(line)
    assert not {"dpop", "authorization"} & set(line.metadata.calls.last.request.headers)


def test_the_callers_own_idempotency_key_is_taken(line: Line) -> None:
    route = line.router.post("/v1/tunnels").respond(201, json={})
    register(line, idempotency_key="7c1f3b4e-8a53-4c8e-9d0f-2b6a1e5d4c3b")
    assert route.calls.last.request.headers["idempotency-key"] == '"7c1f3b4e-8a53-4c8e-9d0f-2b6a1e5d4c3b"'


def test_if_match_and_merge_patch(line: Line) -> None:
    route = line.router.patch("/v1/data").respond(200, json={"fields": []}, headers={"ETag": '"2"'})
    answer = line.api.call(
        "data.correct",
        body={"contact_email": "kim@example.org", "language": None},
        media=wire.MERGE_PATCH_JSON,
        headers={"If-Match": '"1"'},
        answer=wire.ServerData,
    )
    request = route.calls.last.request
    assert request.headers["if-match"] == '"1"'
    assert request.headers["content-type"] == "application/merge-patch+json"
    assert json.loads(request.content) == {"contact_email": "kim@example.org", "language": None}
    assert answer.etag == '"2"'


# ---------------------------------------------------------------- what does not go


@pytest.mark.clause("U7")
def test_an_undeclared_operation_reaches_no_socket_and_no_ledger(line: Line) -> None:
    with pytest.raises(OperationUndeclared):
        line.api.call("telemetry.upload", body={"a": 1})
    assert not line.requests()
    assert not list(line.api.sent.entries())


@pytest.mark.clause("S1")
def test_a_host_that_belongs_to_nobody_reaches_no_socket() -> None:
    line = Line(policy=bundled_policy().with_hosts("operator", ("other.example",)))
    with pytest.raises(EgressBlocked):
        read_order(line)
    assert not line.requests()


def test_a_body_on_a_read_is_refused(line: Line) -> None:
    with pytest.raises(OperationUndeclared, match="GET"):
        line.api.call("order.read", body={"region": "de-fra"}, answer=dict)
    assert not line.requests()


def test_a_missing_path_parameter_is_refused(line: Line) -> None:
    with pytest.raises(ValueRefused, match="request_id"):
        line.api.call("rights.status", answer=dict)
    assert not line.requests()


@pytest.mark.clause("A1")
def test_what_cannot_be_recorded_does_not_go(line: Line) -> None:
    line.stream.refuse = VaultFull(folder="/x")
    with pytest.raises(VaultFull):
        read_order(line)
    assert not line.requests()


@pytest.mark.clause("A1")
def test_the_record_is_durable_before_the_request_goes(line: Line) -> None:
    seen: list[list[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append([record[2] for _, record in line.stream.committed if record[0] == "begun"])
        return httpx.Response(200, json=ORDER_ANSWER)

    line.router.get("/v1/order").mock(side_effect=answer)
    read_order(line)
    assert "order.read" in seen[0]


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.clause("T1")
def test_redirects_are_not_followed(line: Line, status: int) -> None:
    line.router.get("/v1/order").respond(status, headers={"Location": "https://evil.example/"})
    with pytest.raises(ServerError, match="redirect"):
        read_order(line)
    assert {request.url.host for request in line.requests()} == {"api.rocketvpn.example"}


def test_a_body_where_none_was_expected_is_a_server_error(line: Line) -> None:
    line.router.delete(url__regex=".*").respond(200, json={})
    with pytest.raises(ServerError, match="none was expected"):
        line.api.call("devices.unbind", path={"device_id": "A" * 52})


def test_status_date_and_etag_come_along(line: Line) -> None:
    headers = {"Date": "Fri, 15 Jan 2027 08:00:00 GMT", "ETag": '"7"'}
    line.router.post("/v1/tunnels").respond(201, json={"a": 1}, headers=headers)
    answer = register(line)
    assert (answer.status, answer.etag, answer.date, answer.value) == (201, '"7"', 1_800_000_000.0, {"a": 1})
    assert "'a'" not in repr(answer)


# ---------------------------------------------------------------- tries


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_by_itself_is_tried_again_with_the_same_key_and_a_fresh_proof(line: Line, status: int) -> None:
    route = line.router.post("/v1/tunnels").mock(
        side_effect=[httpx.Response(status), httpx.Response(status), httpx.Response(201, json={})]
    )
    register(line)
    requests = [call.request for call in route.calls]
    assert len(requests) == 3
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert len({claims(line, request)["jti"] for request in requests}) == 3
    (entry,) = line.sent("tunnel.register")
    assert (entry.tries, entry.outcome) == (3, "201")


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 412, 422, 500, 501])
def test_what_does_not_pass_is_not_tried_again(line: Line, status: int) -> None:
    route = line.router.post("/v1/tunnels").respond(status)
    with pytest.raises((RequestRefused, ServerError)):
        register(line)
    assert route.call_count == 1


def test_our_own_earlier_try_still_running_is_waited_for(line: Line) -> None:
    route = line.router.post("/v1/tunnels").mock(
        side_effect=[problem(409, "idempotency-in-progress"), httpx.Response(201, json={})]
    )
    register(line)
    assert route.call_count == 2


def test_our_own_earlier_try_that_runs_on_is_no_refusal(line: Line) -> None:
    """It may yet be done: whoever says that nothing was changed, or drops the request, would be wrong."""
    route = line.router.post("/v1/tunnels").mock(
        return_value=problem(409, "idempotency-in-progress", headers={"Retry-After": "1"})
    )
    with pytest.raises(ServerError, match="still being worked on") as caught:
        register(line)
    assert not isinstance(caught.value, RequestRefused)
    assert caught.value.retry_at == line.clock.time() + 1
    assert route.call_count == Limits().retry_attempts


def test_tries_are_bounded_and_rate_limited_says_when(line: Line) -> None:
    route = line.router.get("/v1/order").respond(429, headers={"Retry-After": "2"})
    with pytest.raises(RateLimited) as caught:
        read_order(line)
    assert route.call_count == 3
    assert caught.value.retry_at == line.clock.time() + 2


def test_a_wait_longer_than_the_call_may_take_is_not_begun(line: Line) -> None:
    route = line.router.get("/v1/order").respond(503, headers={"Retry-After": "3600"})
    with pytest.raises(ServerError) as caught:
        read_order(line)
    assert route.call_count == 1
    assert caught.value.retry_at == line.clock.time() + 3600


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (httpx.ConnectError("x"), ServerUnreachable, "not delivered: server-unreachable"),
        (httpx.ConnectTimeout("x"), ServerTimeout, "not delivered: server-timeout"),
        (httpx.ReadTimeout("x"), ServerTimeout, "no answer: server-timeout"),
        (httpx.ReadError("x"), ServerUnreachable, "no answer: server-unreachable"),
    ],
)
@pytest.mark.clause("A1")
def test_a_call_that_fails_is_tried_three_times_and_recorded(
    line: Line, error: Exception, kind: type[Exception], outcome: str
) -> None:
    route = line.router.get("/v1/order").mock(side_effect=error)
    with pytest.raises(kind):
        read_order(line)
    assert route.call_count == 3
    (entry,) = line.sent("order.read")
    assert (entry.outcome, entry.tries) == (outcome, 3)


@pytest.mark.clause("A1")
def test_an_answer_that_cannot_be_read_is_recorded_as_one(line: Line) -> None:
    line.router.get("/v1/order").mock(side_effect=httpx.RemoteProtocolError("illegal status line"))
    with pytest.raises(ServerError):
        read_order(line)
    assert [entry.outcome for entry in line.sent("order.read")] == ["unusable answer: server-error"]


@pytest.mark.clause("A1")
def test_refusals_are_recorded_with_their_code(line: Line) -> None:
    line.router.post("/v1/tunnels").mock(return_value=problem(422, "validation-failed"))
    with pytest.raises(RequestRefused):
        register(line)
    assert [entry.outcome for entry in line.sent("tunnel.register")] == ["422 validation-failed"]


def test_without_a_token_the_call_itself_was_not_delivered(line: Line) -> None:
    line.token.mock(side_effect=httpx.ConnectError("x"))
    with pytest.raises(ServerUnreachable):
        read_order(line)
    assert [entry.outcome for entry in line.sent("order.read")] == ["not delivered: server-unreachable"]


def test_an_interrupted_call_is_recorded_as_such(line: Line) -> None:
    def interrupt(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    line.router.get("/v1/order").mock(side_effect=interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_order(line)
    assert [entry.outcome for entry in line.sent("order.read")] == ["interrupted"]


# ---------------------------------------------------------------- the server's origin


@pytest.mark.parametrize(
    ("server", "origin"),
    [
        ("https://api.example", "https://api.example"),
        ("https://API.example/", "https://api.example"),
        ("https://api.example:443", "https://api.example"),
        ("https://localhost:8443/", "https://localhost:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_a_server_is_an_origin(server: str, origin: str) -> None:
    assert parse_server(server) == origin


@pytest.mark.parametrize(
    "server",
    [
        "",
        "api.example",
        "http://api.example",
        "ftp://api.example",
        "https://",
        "https://user@api.example",
        "https://user:pw@api.example",
        "https://api.example/path",
        "https://api.example?x",
        "https://api.example#x",
        "https://[::1",
        None,
        5,
    ],
)
@pytest.mark.clause("T1")
def test_anything_else_is_a_configuration_error(server: Any) -> None:
    with pytest.raises(ConfigurationError):
        parse_server(server)


# ---------------------------------------------------------------- secrets


@pytest.mark.clause("T1")
def test_secrets_show_in_no_log_and_no_repr(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    line.router.get("/v1/order").mock(side_effect=[httpx.Response(503), httpx.Response(200, json=ORDER_ANSWER)])
    line.router.post("/v1/tunnels").mock(side_effect=httpx.ConnectError("x"))
    read_order(line)
    with pytest.raises(ServerUnreachable) as caught:
        register(line)
    device = line.api.session.device()
    shown = caplog.text + repr([record.__dict__ for record in caplog.records])
    shown += f"{caught.value!r} {device!r} {line.api!r} {line.api.session!r} {line.api.session._token!r}"
    for secret in ("access-token-1", "refresh-token-1", PUBLIC_KEY, ORDER, str(line.key.to_bytes())):
        assert secret not in shown
