from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    BrowserRequired,
    Conflict,
    DeviceLimitReached,
    DeviceRevoked,
    OrderExpired,
    OrderNotFound,
    RateLimited,
    RequestRefused,
    ServerError,
)
from rocketvpn_sdk.transport import answers
from rocketvpn_sdk.transport.connections import HttpReply

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
ORDER = {"state": "active", "paid_until": "2027-01-01", "devices_used": 1, "devices_allowed": 3}


def reply(
    body: bytes | dict[str, Any] = b"", *, status: int = 200, media: str = wire.JSON, **headers: str
) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status, {"content-type": media, **named}, content)


def problem(status: int, code: str, **more: Any) -> HttpReply:
    headers = more.pop("headers", {})
    body = {"type": f"https://s/problems/{code}", "title": "t", "status": status, **more}
    return reply(body, status=status, media=wire.PROBLEM_JSON, **headers)


def refused(answer: HttpReply) -> Any:
    return answers.refusal("order.read", answer, now=NOW, max_depth=16)


def decode(answer: HttpReply) -> wire.Order:
    return answers.decode("order.read", answer, wire.Order, max_depth=16)


def test_a_good_answer_is_typed() -> None:
    assert decode(reply(ORDER, media="application/json; charset=utf-8")).state == "active"


@pytest.mark.parametrize(
    "answer",
    [
        reply(b""),
        reply(b"{"),
        reply(b"null"),
        reply(b"[]"),
        reply(b"\xff\xfe"),
        reply(b"<html>planted</html>"),
        reply(ORDER, media="text/html"),
        reply(ORDER, media=""),
        reply(ORDER, media="x" * 3000),
        reply({**ORDER, "state": "planted"}),
        reply({**ORDER, "devices_used": "planted"}),
        reply({**ORDER, "paid_until": "planted"}),
        reply({"state": "active"}),
        reply({**ORDER, "extra": json.loads("[" * 20 + "]" * 20)}),
        reply(b"[" * 100_000),
    ],
)
def test_garbage_from_server_is_a_server_error_and_not_repeated(answer: HttpReply) -> None:
    with pytest.raises(ServerError) as caught:
        decode(answer)
    assert caught.value.params["operation"] == "order.read"
    assert caught.value.params["status"] == 200
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "planted" not in repr(caught.value)
    assert len(str(caught.value)) < 300


def test_unknown_members_are_ignored() -> None:
    assert decode(reply({**ORDER, "new": {"in": "later versions"}})).devices_used == 1


def test_text_is_taken_as_jwt_alone() -> None:
    assert answers.decode_text("rights.receipt", reply(b" a.b.c\n", media=wire.JWT)) == "a.b.c"
    for wrong in (reply(b"a.b.c"), reply("ä".encode(), media=wire.JWT)):
        with pytest.raises(ServerError):
            answers.decode_text("rights.receipt", wrong)


# ---------------------------------------------------------------- depth

_json = st.recursive(
    st.one_of(st.none(), st.text(alphabet='[]{}"\\ab', max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=25,
)


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max((depth_of(part) for part in inner), default=0)


@given(_json, st.integers(0, 5))
def test_the_depth_of_any_json_is_measured_right(value: Any, most: int) -> None:
    answer = reply(json.dumps(value).encode())
    if depth_of(value) <= most:
        answers.check_depth("x", answer, most)
    else:
        with pytest.raises(ServerError):
            answers.check_depth("x", answer, most)


@given(st.binary(max_size=300))
def test_any_bytes_are_measured_without_an_error_of_another_kind(body: bytes) -> None:
    with contextlib.suppress(ServerError):
        answers.check_depth("x", reply(body), 2)


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 300_000 + b"[{" * 30, b'"' * 600_000, b"\\" * 600_000 + b"[" * 3])
def test_measuring_stays_linear(body: bytes) -> None:
    answers.check_depth("x", reply(b"[" * 3 + body), 600_000)
    with contextlib.suppress(ServerError):
        answers.check_depth("x", reply(body), 1)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "order-not-found"), OrderNotFound),
        (problem(403, "order-expired"), OrderExpired),
        (problem(403, "device-revoked"), DeviceRevoked),
        (problem(409, "device-limit-reached"), DeviceLimitReached),
        (problem(412, "precondition-failed"), Conflict),
        (problem(429, "rate-limited"), RateLimited),
        (reply(b"slow down", status=429, media="text/plain"), RateLimited),
        (problem(422, "validation-failed"), RequestRefused),
        (reply(b"<html>", status=404, media="text/html"), RequestRefused),
        (problem(401, "unauthorized"), ServerError),
        (problem(500, "server-error"), ServerError),
        (reply(b"oops", status=503, media="text/plain"), ServerError),
        (reply(b"", status=302, media=""), ServerError),
        (reply(b"", status=101, media=""), ServerError),
        (reply(b"", status=200, media=""), ServerError),
    ],
)
def test_each_refusal_has_its_error(answer: HttpReply, kind: type[Exception]) -> None:
    error = refused(answer)
    assert type(error) is kind
    assert str(error)


def test_a_device_limit_carries_the_list() -> None:
    device = {"id": "A" * 52, "name": "Lilac Fox", "bound_on": "2026-11-01"}
    error = refused(problem(409, "device-limit-reached", devices=[device]))
    assert [found.name for found in error.devices] == ["Lilac Fox"]
    assert "Lilac Fox" in str(error)


def test_items_say_what_was_wrong_and_are_bounded() -> None:
    items = [{"detail": f"no {number}", "pointer": f"/{number}"} for number in range(50)]
    error = refused(problem(422, "validation-failed", errors=items))
    assert error.params["reason"] == "validation-failed"
    assert len(error.items) == 20
    assert "no 0" in str(error)


def test_a_made_up_code_does_not_reach_the_error() -> None:
    assert refused(problem(418, "Planted Sentence!")).params["reason"] == "418"


def test_a_redirect_says_so() -> None:
    assert "redirect" in str(refused(reply(b"", status=307, media="", location="https://evil.example")))


def test_a_401_names_what_www_authenticate_says() -> None:
    answer = problem(401, "x", headers={"www_authenticate": 'DPoP algs="ES256", error="invalid_token"'})
    assert "this device's proof: invalid_token" in str(refused(answer))


@pytest.mark.parametrize(
    ("identity", "error", "kind"),
    [
        ("none", "insufficient_user_authentication", ServerError),
        ("none", "invalid_token", ServerError),
        ("key", "insufficient_user_authentication", ServerError),
        ("device", "insufficient_user_authentication", AuthenticationFailed),
        ("device", "invalid_token", ServerError),
        ("device", "invalid_dpop_proof", ServerError),
        ("device", "insufficient_scope", ServerError),
        ("device", "", ServerError),
        ("user", "invalid_token", AuthenticationFailed),
        ("user", "insufficient_user_authentication", AuthenticationFailed),
        ("user", "invalid_dpop_proof", ServerError),
        ("user", "use_dpop_nonce", ServerError),
    ],
)
@pytest.mark.parametrize("scheme", ["DPoP", "Bearer"])
def test_a_401_is_about_the_user_only_if_the_user_can_change_it(
    identity: Any, error: str, kind: type[Exception], scheme: str
) -> None:
    answer = problem(401, "unauthorized", headers={"www_authenticate": f'{scheme} error="{error}"'})
    found = answers.refusal("order.read", answer, now=NOW, max_depth=16, identity=identity)
    assert type(found) is (kind if scheme == "DPoP" else ServerError)
    if isinstance(found, ServerError):
        assert (found.cause, found.params["status"]) == ("server", 401)
        assert "nothing that the user does would change that" in found.hint


@pytest.mark.parametrize("planted", ["kim@example.org", "a\x1b[2J", "Bearer eyJhbGciOi", "x" * 65, "Line one"])
def test_what_www_authenticate_says_does_not_reach_the_error_unless_it_is_a_code(planted: str) -> None:
    answer = problem(401, "x", headers={"www_authenticate": f'DPoP error="{planted}"'})
    assert "this device's proof: unknown" in str(refused(answer))
    assert planted not in str(refused(answer)) + refused(answer).hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("order-not-found", OrderNotFound),
        ("order_not_found", OrderNotFound),
        ("order-expired", OrderExpired),
        ("device-revoked", DeviceRevoked),
        ("device-limit-reached", DeviceLimitReached),
        ("redirect_to_web", BrowserRequired),
        ("invalid_grant", AuthenticationFailed),
        ("invalid_session", AuthenticationFailed),
        ("invalid_dpop_proof", ServerError),
        ("invalid_client", ServerError),
        ("unauthorized_client", ServerError),
        ("use_dpop_nonce", ServerError),
        ("device-not-found", RequestRefused),
        ("invalid_request", RequestRefused),
        ("Planted Sentence", RequestRefused),
    ],
)
def test_each_oauth_error_has_its_error(error: str, kind: type[Exception]) -> None:
    found = answers.oauth_refusal("token.issue", reply({"error": error}, status=400), now=NOW, max_depth=16)
    assert type(found) is kind
    assert "Planted" not in str(found)


@pytest.mark.parametrize(
    "answer",
    [reply({"error": "x"}, status=500), reply(b"<html>", status=400, media="text/html"), reply(b"{}", status=400)],
)
def test_what_is_no_oauth_error_is_judged_by_its_status(answer: HttpReply) -> None:
    assert answers.oauth_error("token.issue", answer, 16) is None
    assert isinstance(answers.oauth_refusal("token.issue", answer, now=NOW, max_depth=16), ServerError | RequestRefused)


# ---------------------------------------------------------------- Retry-After, Date, WWW-Authenticate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999999999999", answers.LONGEST_WAIT),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2038 08:00:00 GMT", answers.LONGEST_WAIT),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("1.5", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    assert answers.retry_after(reply(retry_after=text), NOW) == seconds


def test_a_date_to_wait_for_is_by_the_clock_that_wrote_it() -> None:
    """A device whose clock is wrong by a year waits neither for ever nor not at all."""
    asked = reply(retry_after="Fri, 15 Jan 2027 08:01:00 GMT", date="Fri, 15 Jan 2027 08:00:30 GMT")
    assert [answers.retry_after(asked, NOW + off) for off in (-3e7, 0.0, 3e7)] == [30.0] * 3


@pytest.mark.parametrize(
    ("status", "more", "seconds"),
    [
        (200, {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, NOW),
        (401, {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, NOW),
        (503, {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, NOW),
        (302, {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, None),  # nobody's answer
        (200, {"date": "Fri, 15 Jan 2027 08:00:00 GMT", "age": "0"}, None),  # kept on its way
        (200, {"date": "Fri, 15 Jan 2027 08:00:00 GMT, Fri, 15 Jan 2027 08:00:00 GMT"}, None),
        (200, {"date": "Fri, 15 Jan 2027 08:00:00 -0000"}, None),  # no zone: it would be read in this machine's
        (200, {"date": "Fri, 15 Jan 2027 08:00:00 +0100"}, None),
        (200, {"date": "Friday, 15-Jan-27 08:00:00 GMT"}, None),
        (200, {"date": "Fri, 15 Jan 9999 08:00:00 GMT"}, None),
        (200, {"date": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        (200, {"date": "Mon, 99 Foo 2026 00:00:00 GMT"}, None),
        (200, {}, None),
    ],
)
def test_what_a_server_says_of_its_clock(status: int, more: dict[str, str], seconds: float | None) -> None:
    assert answers.server_date(HttpReply(status, more, b"")) == seconds


@given(st.text(max_size=60))
def test_any_date_is_a_number_or_none(text: str) -> None:
    assert answers.http_date(text) is None or isinstance(answers.http_date(text), float)
    assert answers.retry_after(reply(retry_after=text), NOW) is None or text.strip()


def test_rate_limited_says_when_to_come_back() -> None:
    assert refused(problem(429, "rate-limited", headers={"retry_after": "30"})).retry_at == NOW + 30


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('DPoP error="use_dpop_nonce", algs="ES256"', {"error": "use_dpop_nonce", "algs": "ES256"}),
        ('dpop error="x", max_age=300', {"error": "x", "max_age": "300"}),
        ('Bearer realm="a", DPoP error="invalid_token"', {"error": "invalid_token"}),
        ('Bearer error="invalid_token"', {}),
        ("", {}),
        ("DPoP", {}),
    ],
)
def test_www_authenticate(header: str, expected: dict[str, str]) -> None:
    assert answers.challenge_parameters(reply(www_authenticate=header)) == expected


def test_the_ledger_gets_status_and_code() -> None:
    assert answers.describe("x", reply(ORDER), 16) == "200"
    assert answers.describe("x", problem(409, "in-progress"), 16) == "409 in-progress"
    assert answers.describe("x", problem(409, "Planted!"), 16) == "409"


def test_problems_are_decoded_or_ignored() -> None:
    assert msgspec.json.decode(problem(400, "x").body, type=wire.Problem).code == "x"
    assert refused(reply(b"{", status=400, media=wire.PROBLEM_JSON)).params["reason"] == "400"


@pytest.mark.parametrize(
    ("status", "media", "cause", "said"),
    [
        (200, "text/html", "captive_portal", "text/html"),
        (200, "application/xml", "server", "application/xml"),
        (199, "application/json", "server", "unexpected"),
        (299, "application/json", "server", "unexpected"),
        (300, "application/json", "captive_portal", "redirect"),
        (399, "application/json", "captive_portal", "redirect"),
        (511, "application/json", "captive_portal", "wants its user to sign in"),
    ],
)
def test_what_may_be_a_network_s_page_is_told_from_a_server_s_fault(
    status: int, media: str, cause: str, said: str
) -> None:
    answer = reply(b"{}", status=status, media=media)
    if status == 200:
        with pytest.raises(ServerError) as caught:
            decode(answer)
        error = caught.value
    else:
        error = refused(answer)
    assert isinstance(error, ServerError)
    assert error.params["cause"] == cause
    assert said in error.params["problem"]


@pytest.mark.parametrize(
    ("body", "depth"), [(b"[[],[]]", 2), (b'[{"a":[]},{"b":{}},[]]', 3), (b"[][][]", 1), (b"]]][[", 0)]
)
def test_the_depth_is_that_of_the_deepest_place(body: bytes, depth: int) -> None:
    answers.check_depth("o", reply(body), depth)
    if depth:
        with pytest.raises(ServerError, match=f"deeper than {depth - 1}"):
            answers.check_depth("o", reply(body), depth - 1)
