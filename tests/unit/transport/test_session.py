from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from support.calls import METADATA, SERVER, Line, challenged, problem, token_answer

from rocketvpn_sdk import wire
from rocketvpn_sdk.entered import Challenge
from rocketvpn_sdk.errors import (
    AuthenticationCancelled,
    AuthenticationFailed,
    AuthenticationRequired,
    AuthenticatorFailed,
    BrowserRequired,
    DeviceRevoked,
    NotBound,
    RequestRefused,
    ServerError,
    ServerTimeout,
)
from rocketvpn_sdk.identity import CREDENTIALS
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import BindingRevoked, deadline

ORDER = {"state": "active", "paid_until": "2027-01-01", "devices_used": 1, "devices_allowed": 3}
CHALLENGE: dict[str, Any] = {
    "error": "insufficient_authorization",
    "auth_session": "session-1",
    "challenge": {"kind": "email_code", "hint": "k…@example.org", "expires_at": "2027-01-15T09:00:00Z"},
}
STEP_UP = {"acr_values": wire.ACR_EMAIL_CODE, "max_age": "300"}


def read_order(line: Line, **more: Any) -> wire.Order:
    return line.api.call("order.read", answer=wire.Order, **more).value


def good() -> httpx.Response:
    return httpx.Response(200, json=ORDER, headers={"DPoP-Nonce": "nonce-1"})


def form(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def nonce(line: Line, request: httpx.Request) -> Any:
    key = ECKey.import_key(line.key.public_jwk)
    return jwt.decode(request.headers["DPoP"], key, algorithms=["ES256"]).claims.get("nonce")


def oauth(error: str, status: int = 400, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"error": error, **more}, headers={"DPoP-Nonce": "nonce-9"})


# ---------------------------------------------------------------- tokens


def test_without_credentials_there_is_no_call() -> None:
    line = Line(bound=False)
    with pytest.raises(NotBound):
        read_order(line)
    assert not line.requests()
    line.api.close()


def test_one_token_serves_many_calls_until_its_margin(line: Line) -> None:
    line.router.get("/v1/order").mock(return_value=good())
    for _ in range(3):
        read_order(line)
    assert line.token.call_count == 1
    line.clock.now += 900 - 31
    read_order(line)
    assert line.token.call_count == 1
    line.clock.now += 2
    read_order(line)
    assert line.token.call_count == 2


def test_a_token_of_a_few_seconds_is_still_used(line: Line) -> None:
    line.token.respond(json=token_answer(expires_in=5))
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    read_order(line)
    assert line.token.call_count == 1


@pytest.mark.parametrize(
    "answer", [{"expires_in": 0}, {"expires_in": -5}, {"access_token": "a b"}, {"access_token": "a\nb"}]
)
def test_a_token_that_cannot_be_used_is_a_server_error(line: Line, answer: dict[str, Any]) -> None:
    line.token.respond(json=token_answer() | answer)
    with pytest.raises(ServerError, match="token"):
        read_order(line)


def test_a_bearer_token_is_not_taken(line: Line) -> None:
    line.token.respond(json=token_answer() | {"token_type": "Bearer"})
    with pytest.raises(ServerError):
        read_order(line)


def test_threads_share_one_refresh(line: Line) -> None:
    threads = 8
    together = threading.Barrier(threads)
    line.router.get("/v1/order").mock(return_value=good())

    def call() -> str:
        together.wait(60)
        return read_order(line).state

    with ThreadPoolExecutor(threads) as pool:
        states = [future.result(60) for future in [pool.submit(call) for _ in range(threads)]]
    assert states == ["active"] * threads
    assert line.token.call_count == 1


def test_waiting_for_another_threads_refresh_is_bounded() -> None:
    line = Line(limits=Limits(total_timeout=0.05))
    with line.api.session._refreshing, pytest.raises(ServerTimeout):
        read_order(line)
    line.api.close()


def test_waiting_for_another_threads_network_is_this_calls_time() -> None:
    """Else threads that need a token of a silent server wait one after the other, each its whole time."""
    line = Line(limits=Limits(total_timeout=0.05))
    session = line.api.session
    locks = (session._refreshing, session.grants._metadata.lock)
    for lock, ask in zip(locks, (lambda: session.token("order.read"), session.grants._metadata.endpoints), strict=True):
        with lock, deadline.within(0.05):
            with pytest.raises(ServerTimeout):
                ask()
            assert deadline.expired()
    line.api.close()


def test_a_refused_token_is_dropped_and_fetched_once(line: Line) -> None:
    line.token.mock(
        side_effect=[
            httpx.Response(200, json=token_answer("one")),
            httpx.Response(200, json=token_answer("two")),
        ]
    )
    route = line.router.get("/v1/order").mock(side_effect=[challenged("invalid_token"), good()])
    read_order(line)
    assert [call.request.headers["authorization"] for call in route.calls] == ["DPoP one", "DPoP two"]


def test_a_token_refused_twice_is_given_up(line: Line) -> None:
    route = line.router.get("/v1/order").mock(return_value=challenged("invalid_token"))
    with pytest.raises(ServerError, match="invalid_token"):
        read_order(line)
    assert route.call_count == 2


def test_another_processs_new_binding_is_found(line: Line) -> None:
    line.router.get("/v1/order").mock(side_effect=[good(), challenged("invalid_token"), good()])
    read_order(line)
    line.documents.put(CREDENTIALS, line.credentials("refresh-token-2"))
    line.token.mock(side_effect=[oauth("invalid_grant"), httpx.Response(200, json=token_answer("new"))])
    read_order(line)
    assert form(line.token.calls.last.request)["refresh_token"] == "refresh-token-2"


def test_a_dead_refresh_token_is_an_authentication_error(line: Line) -> None:
    line.token.mock(return_value=oauth("invalid_grant"))
    with pytest.raises(AuthenticationFailed, match="invalid_grant"):
        read_order(line)


def test_forgetting_and_unbinding_end_the_session(line: Line) -> None:
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    line.documents.drop(CREDENTIALS)
    line.api.session.forget()
    with pytest.raises(NotBound):
        read_order(line)


def test_a_refresh_that_ends_after_unbinding_leaves_no_token(line: Line) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        line.api.session.forget()
        return httpx.Response(200, json=token_answer())

    line.token.mock(side_effect=answer)
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    assert line.api.session._token is None


def test_a_token_that_another_thread_fetched_meanwhile_is_taken(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    session = line.api.session
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    fetched = session._token
    session.refused("access-token-1")
    waits, real = threading.Event(), session._waiting
    monkeypatch.setattr(session, "_waiting", lambda lock: waits.set() or real(lock))
    with ThreadPoolExecutor(1) as pool:
        with session._refreshing:
            waiting = pool.submit(read_order, line)
            assert waits.wait(60)
            session._token = fetched
        assert waiting.result(60).state == "active"
    assert line.token.call_count == 1


def test_a_401_that_says_nothing_is_given_up(line: Line) -> None:
    route = line.router.get("/v1/order").mock(return_value=problem(401, "unauthorized"))
    with pytest.raises(ServerError, match="unauthorized"):
        read_order(line)
    assert route.call_count == 1


def test_a_refusal_of_an_older_token_does_not_drop_the_newer(line: Line) -> None:
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    line.api.session.refused("an-older-token")
    read_order(line)
    assert line.token.call_count == 1


def test_a_stepped_up_token_that_is_refused_is_dropped() -> None:
    steps = Steps(lambda challenge: "123456")
    read_order(steps.line)
    steps.line.api.session.refused("elevated")
    assert steps.line.api.session.token("order.read") == "plain"
    steps.line.api.close()


# ---------------------------------------------------------------- nonces


def test_the_latest_nonce_goes_along(line: Line) -> None:
    line.token.mock(return_value=httpx.Response(200, json=token_answer(), headers={"DPoP-Nonce": "nonce-0"}))
    route = line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    read_order(line)
    assert [nonce(line, call.request) for call in route.calls] == ["nonce-0", "nonce-1"]


def test_a_demand_for_a_nonce_is_answered_once_at_a_resource(line: Line) -> None:
    route = line.router.get("/v1/order").mock(side_effect=[challenged("use_dpop_nonce"), good()])
    read_order(line)
    assert nonce(line, route.calls.last.request) == "nonce-2"
    route.mock(return_value=challenged("use_dpop_nonce"))
    with pytest.raises(ServerError, match="use_dpop_nonce"):
        read_order(line)
    assert route.call_count == 4


def test_a_demand_for_a_nonce_is_answered_once_at_the_token_endpoint(line: Line) -> None:
    line.router.get("/v1/order").mock(return_value=good())
    line.token.mock(side_effect=[oauth("use_dpop_nonce"), httpx.Response(200, json=token_answer())])
    read_order(line)
    assert nonce(line, line.token.calls.last.request) == "nonce-9"
    line.api.session.refused("access-token-1")
    line.token.mock(return_value=oauth("use_dpop_nonce"))
    with pytest.raises(ServerError, match="use_dpop_nonce"):
        read_order(line)
    assert line.token.call_count == 4


def test_a_nonce_that_is_no_header_value_is_not_taken(line: Line) -> None:
    for value in ("", "n" * 600, "ä", "a\x7f"):
        line.router.get("/v1/order").mock(
            return_value=httpx.Response(200, json=ORDER, headers=[(b"DPoP-Nonce", value.encode("latin-1"))])
        )
        read_order(line)
    assert line.api.session.nonce.value is None


def test_a_server_that_asks_without_end_is_given_up(line: Line) -> None:
    demands = [challenged(error) for error in ("use_dpop_nonce", "invalid_token") * 10]
    route = line.router.get("/v1/order").mock(side_effect=demands)
    with pytest.raises((AuthenticationFailed, ServerError)):
        read_order(line)
    assert route.call_count <= 6


# ---------------------------------------------------------------- metadata


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{SERVER}/"},
        {"token_endpoint": "https://evil.example/v1/token"},
        {"token_endpoint": f"{SERVER}.evil.example/v1/token"},
        {"token_endpoint": f"{SERVER}@evil.example/v1/token"},
        {"token_endpoint": f"{SERVER}:444/v1/token"},
        {"token_endpoint": f"{SERVER}//evil.example"},
        {"token_endpoint": f"{SERVER}/v1/../token"},
        {"token_endpoint": f"{SERVER}/v1/token?x=y"},
        {"token_endpoint": "/v1/token"},
        {"token_endpoint": SERVER},
        {"authorization_challenge_endpoint": "http://api.rocketvpn.example/v1/authorize-challenge"},
        {"dpop_signing_alg_values_supported": ["none"]},
    ],
)
@pytest.mark.clause("S1")
def test_metadata_that_points_elsewhere_is_not_believed(line: Line, changes: dict[str, Any]) -> None:
    line.metadata.respond(json=METADATA | changes)
    with pytest.raises(ServerError):
        read_order(line)
    assert {request.url.host for request in line.requests()} == {"api.rocketvpn.example"}
    assert not line.token.called


def test_metadata_is_asked_once_and_moves_the_endpoints(line: Line) -> None:
    line.metadata.respond(json=METADATA | {"token_endpoint": f"{SERVER}/oauth/token"})
    moved = line.router.post("/oauth/token").respond(json=token_answer())
    line.router.get("/v1/order").mock(return_value=good())
    read_order(line)
    line.api.session.refused("access-token-1")
    read_order(line)
    assert moved.call_count == 2
    assert line.metadata.call_count == 1


def test_metadata_that_is_refused_names_its_operation(line: Line) -> None:
    line.metadata.respond(404)
    with pytest.raises(RequestRefused, match=r"server\.metadata"):
        read_order(line)


# ---------------------------------------------------------------- step-up


class Steps:
    """A server that lets ``order.read`` pass with the stepped-up token alone."""

    def __init__(
        self,
        authenticator: Callable[[Challenge], str | None] | None,
        code_digits: int | None = None,
        **challenge: str,
    ) -> None:
        self.asked = CHALLENGE | {"challenge": {**CHALLENGE["challenge"], "code_digits": code_digits}}
        self.line = Line(authenticator=authenticator)
        self.demand = STEP_UP | challenge
        self.order = self.line.router.get("/v1/order").mock(side_effect=self._order)
        self.line.token.mock(side_effect=self._token)
        self.challenge = self.line.router.post("/v1/authorize-challenge").mock(side_effect=self._challenge)
        self.acr = wire.ACR_EMAIL_CODE

    def _order(self, request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "DPoP elevated":
            return good()
        return challenged("insufficient_user_authentication", **self.demand)

    def _token(self, request: httpx.Request) -> httpx.Response:
        if form(request)["grant_type"] == "authorization_code":
            return httpx.Response(200, json=token_answer("elevated", acr=self.acr))
        return httpx.Response(200, json=token_answer("plain"))

    def _challenge(self, request: httpx.Request) -> httpx.Response:
        sent = form(request)
        if "verification_code" not in sent:
            return httpx.Response(400, json=self.asked)
        if sent["verification_code"] == "123456" and sent["auth_session"] == "session-1":
            return httpx.Response(200, json={"authorization_code": "code-1"})
        return oauth("invalid_grant", attempts_left=4)


@pytest.mark.clause("A4")
def test_a_step_up_asks_the_user_once_for_as_long_as_the_server_said() -> None:
    asked: list[Challenge] = []

    def authenticator(challenge: Challenge) -> str:
        asked.append(challenge)
        return " 123456 "

    steps = Steps(authenticator)
    read_order(steps.line)
    assert asked[0].hint == "k…@example.org"
    assert form(steps.challenge.calls[0].request) == {
        "response_type": "code",
        "client_id": "org.example.vpn",
        "acr_values": wire.ACR_EMAIL_CODE,
        "max_age": "300",
        "device_id": "A" * 52,
    }
    before = steps.order.call_count
    read_order(steps.line)
    assert len(asked) == 1
    assert steps.order.call_count == before + 1  # known to need it: the stepped-up token at once
    steps.line.clock.now += 301
    read_order(steps.line)
    assert len(asked) == 2
    steps.line.api.close()


@pytest.mark.clause("A4")
def test_the_stepped_up_token_goes_only_where_it_was_asked_for() -> None:
    steps = Steps(lambda challenge: "123456")
    devices = steps.line.router.get("/v1/devices").respond(json={"devices": []})
    read_order(steps.line)
    steps.line.api.call("devices.list", answer=wire.DeviceList)
    assert devices.calls.last.request.headers["authorization"] == "DPoP plain"
    steps.line.api.close()


@pytest.mark.clause("A4")
@pytest.mark.parametrize("answer", [None, "", "  "])
def test_who_enters_no_code_has_cancelled(answer: str | None) -> None:
    steps = Steps(lambda _: answer)
    with pytest.raises(AuthenticationCancelled, match=r"k…@example\.org"):
        read_order(steps.line)
    assert [entry.outcome for entry in steps.line.sent("order.read")] == ["401 authentication-cancelled"]
    steps.line.api.close()


@pytest.mark.clause("A4")
def test_where_nobody_can_be_asked_authentication_is_required() -> None:
    steps = Steps(None)
    with pytest.raises(AuthenticationRequired, match=r"k…@example\.org") as caught:
        read_order(steps.line)
    assert not isinstance(caught.value, AuthenticationCancelled)
    assert [entry.outcome for entry in steps.line.sent("order.read")] == ["401 authentication-required"]
    steps.line.api.close()


@pytest.mark.clause("A4")
def test_an_authenticator_that_fails_is_no_answer_and_the_next_call_asks_again() -> None:
    failed = RuntimeError("the window was closed")
    answers: list[Any] = [failed, "123456"]

    def authenticator(challenge: Challenge) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    steps = Steps(authenticator)
    with pytest.raises(AuthenticationRequired) as caught:
        read_order(steps.line)
    assert caught.value.__cause__ is failed, "whose bug it is can be seen"
    assert "window" not in str(caught.value)
    assert [entry.outcome for entry in steps.line.sent("order.read")] == ["401 authenticator-failed"]
    assert read_order(steps.line).state == "active"
    steps.line.api.close()


@pytest.mark.clause("A4")
def test_background_work_never_asks_and_sends_no_mail() -> None:
    steps = Steps(lambda challenge: pytest.fail("the user was asked"))
    with pytest.raises(AuthenticationRequired):
        read_order(steps.line, interactive=False)
    assert not steps.challenge.called
    steps.line.api.close()


def test_a_wrong_code_may_be_corrected_and_the_same_one_not_repeated() -> None:
    answers = iter(["000000", "123456"])
    steps = Steps(lambda challenge: next(answers))
    read_order(steps.line)
    steps.line.api.close()
    stubborn = Steps(lambda challenge: "000000")
    with pytest.raises(AuthenticationFailed, match="no other one was given") as caught:
        read_order(stubborn.line)
    assert caught.value.cause == "wrong-code"
    assert stubborn.challenge.call_count == 2
    stubborn.line.api.close()


@pytest.mark.parametrize("answer", ["x" * 65, "kööd", "- - -", "12345", "1234567", "12345O", "½23456", "abcdef"])
def test_an_answer_that_is_no_code_is_not_sent_and_asked_for_again_a_bounded_number_of_times(answer: str) -> None:
    asked: list[str] = []

    def authenticator(challenge: Challenge) -> str:
        asked.append(challenge.problem)
        return answer

    steps = Steps(authenticator, code_digits=6)
    with pytest.raises(AuthenticationFailed, match="the server was not asked") as caught:
        read_order(steps.line)
    assert caught.value.cause == "malformed-code"
    assert steps.challenge.call_count == 1
    assert asked == ["", *["malformed"] * 4]
    steps.line.api.close()


@pytest.mark.parametrize("digits", [6, None, 0, -6, 10**9])
def test_a_code_that_cannot_be_right_costs_no_try(digits: int | None) -> None:
    asked: list[tuple[int, str, int | None]] = []
    typed = iter(["kööd", "999 999", " 123\u2013456\u200b "])

    def authenticator(challenge: Challenge) -> str:
        asked.append((challenge.attempt, challenge.problem, challenge.code_digits))
        return next(typed)

    steps = Steps(authenticator, code_digits=digits)
    read_order(steps.line)
    assert asked == [(1, "", digits), (2, "malformed", digits), (3, "wrong", digits)]
    sent = [form(call.request).get("verification_code") for call in steps.challenge.calls]
    assert sent == [None, "999999", "123456"]
    steps.line.api.close()


@pytest.mark.parametrize("answer", [123456, b"123456", ["123456"], 1.0, True])
def test_an_answer_that_is_no_text_is_an_error_of_ours(answer: Any) -> None:
    steps = Steps(lambda challenge: answer)
    with pytest.raises(AuthenticatorFailed, match="what it returned is no text"):
        read_order(steps.line)
    assert steps.challenge.call_count == 1
    steps.line.api.close()


def test_wrong_codes_are_asked_for_a_bounded_number_of_times() -> None:
    tried = iter(range(100))
    steps = Steps(lambda challenge: f"9{next(tried):05}")
    with pytest.raises(AuthenticationFailed, match="invalid_grant"):
        read_order(steps.line)
    assert next(tried) == 5
    steps.line.api.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (oauth("invalid_session"), AuthenticationFailed),
        (oauth("invalid_grant", attempts_left=0), AuthenticationFailed),
        (oauth("redirect_to_web"), BrowserRequired),
        (oauth("device-revoked"), DeviceRevoked),
        (httpx.Response(400, json=CHALLENGE), AuthenticationFailed),
        (httpx.Response(500), ServerError),
    ],
)
def test_what_a_server_may_say_to_a_code(answer: httpx.Response, kind: type[Exception]) -> None:
    steps = Steps(lambda challenge: "123456")
    steps.challenge.mock(side_effect=[httpx.Response(400, json=CHALLENGE), answer])
    with pytest.raises(kind):
        read_order(steps.line)
    steps.line.api.close()


def test_a_challenge_without_a_session_is_a_server_error() -> None:
    steps = Steps(lambda challenge: "123456")
    steps.challenge.mock(return_value=oauth("insufficient_authorization"))
    with pytest.raises(ServerError, match="without saying which"):
        read_order(steps.line)
    steps.line.api.close()


def test_a_code_turned_away_at_the_door_is_sent_again() -> None:
    steps = Steps(lambda challenge: "123456")
    again = httpx.Response(200, json={"authorization_code": "code-1"})
    steps.challenge.mock(side_effect=[httpx.Response(400, json=CHALLENGE), httpx.Response(429), again])
    read_order(steps.line)
    assert steps.challenge.call_count == 3
    steps.line.api.close()


def test_a_code_whose_answer_is_lost_is_sent_again_by_the_same_key() -> None:
    steps = Steps(lambda challenge: "123456")
    again = httpx.Response(200, json={"authorization_code": "code-1"})
    steps.challenge.mock(side_effect=[httpx.Response(400, json=CHALLENGE), httpx.ReadError("x"), again])
    read_order(steps.line)
    first, second, third = (call.request.headers["idempotency-key"] for call in steps.challenge.calls)
    assert second == third
    assert first != second
    steps.line.api.close()


@pytest.mark.clause("A4")
def test_a_token_of_less_than_was_asked_for_is_not_taken() -> None:
    steps = Steps(lambda challenge: "123456")
    steps.acr = wire.ACR_DEVICE
    with pytest.raises(AuthenticationFailed, match="insufficient_user_authentication"):
        read_order(steps.line)
    steps.line.api.close()


def test_a_server_never_satisfied_is_given_up() -> None:
    asked: list[Challenge] = []
    steps = Steps(lambda challenge: asked.append(challenge) or "123456")
    steps.order.mock(side_effect=lambda request: challenged("insufficient_user_authentication", **STEP_UP))
    with pytest.raises(AuthenticationFailed):
        read_order(steps.line)
    assert len(asked) == 1
    steps.line.api.close()


@pytest.mark.parametrize("demand", [{"max_age": "0"}, {"max_age": "soon"}, {"acr_values": ""}])
def test_odd_demands_get_a_sensible_answer(demand: dict[str, str]) -> None:
    steps = Steps(lambda challenge: "123456", **demand)
    read_order(steps.line)
    sent = form(steps.challenge.calls[0].request)
    assert sent["acr_values"] == wire.ACR_EMAIL_CODE
    assert sent["max_age"].isdecimal()
    steps.line.api.close()


def test_threads_share_one_step_up() -> None:
    threads = 4
    asked: list[Challenge] = []
    together = threading.Barrier(threads)
    steps = Steps(lambda challenge: asked.append(challenge) or "123456")

    def call() -> str:
        together.wait(60)
        return read_order(steps.line).state

    with ThreadPoolExecutor(threads) as pool:
        states = [future.result(60) for future in [pool.submit(call) for _ in range(threads)]]
    assert states == ["active"] * threads
    assert len(asked) == 1
    steps.line.api.close()


def test_the_users_time_is_not_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(deadline, "time", clock)
    left: list[float] = []

    def slow(challenge: Challenge) -> str:
        clock.advance(3_600.0)
        return "123456"

    steps = Steps(slow)
    steps.challenge.mock(
        side_effect=lambda request: (left.append(deadline.remaining(9.0)), steps._challenge(request))[1]
    )
    read_order(steps.line)
    assert left[-1] == pytest.approx(Limits().total_timeout)
    steps.line.api.close()


# ---------------------------------------------------------------- a revoked device


@pytest.mark.clause("U2")
def test_a_revoked_device_learns_it_once_and_keeps_its_data(line: Line) -> None:
    line.router.get("/v1/order").mock(return_value=problem(403, "device-revoked"))
    for _ in range(2):
        with pytest.raises(DeviceRevoked):
            read_order(line)
    assert [type(notice) for notice in line.heard] == [BindingRevoked]
    assert CREDENTIALS in line.documents.stored
    line.api.revocation.bound_again()
    with pytest.raises(DeviceRevoked):
        read_order(line)
    assert len(line.heard) == 2


def test_a_revocation_learnt_at_the_token_endpoint_counts_too(line: Line) -> None:
    line.token.mock(return_value=oauth("device-revoked"))
    with pytest.raises(DeviceRevoked):
        read_order(line)
    assert len(line.heard) == 1
