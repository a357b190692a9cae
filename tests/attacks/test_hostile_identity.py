"""A server that plays with who is calling, with versions and with its own words; each attack through public calls.

As in ``test_hostile_servers``: real TLS, a good certificate, a real sandbox behind it; afterwards all is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from support.calls import PATIENT
from support.hostile_calls import Victim, victim_of
from support.hostile_server import Answer, Asked, Behaviour, Hostile, hostile_server
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli.words import day, moment
from rocketvpn_sdk.errors import (
    DeviceLimitReached,
    RateLimited,
    ReceiptInvalid,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerTimeout,
)

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("no_pauses")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_server(tmp_path_factory.mktemp("hostile") / "server") as hostile:
        yield hostile


@pytest.fixture(autouse=True)
def _good_between(hostile: Hostile) -> Iterator[None]:
    hostile.be_good()
    yield
    hostile.be_good()


@pytest.fixture(scope="module")
def victim(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """One device for all attacks: none may leave a trace that the next one meets."""
    # Without the operator's signed files: so the keys of receipts come over TLS, where the attacker can get at them.
    with victim_of(hostile, tmp_path_factory.mktemp("victim") / "vault", trusted_root=None) as victim:
        yield victim


def says(status: int, body: Any, *headers: tuple[str, str], media: str = "application/json") -> Behaviour:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    # It says that the line is cut after it: else a try that follows at once may still take that line, and be cut off.
    headers = ("Content-Type", media), ("Connection", "close"), *headers
    written = Answer(status, list(headers), content).written()
    return lambda asked, answer: [written]


def problem(status: int, code: str, *headers: tuple[str, str], **more: Any) -> Behaviour:
    body = {"type": f"https://x/problems/{code}", "title": "t", "status": status, **more}
    return says(status, body, *headers, media="application/problem+json")


def tampered(change: Callable[[Answer], None]) -> Behaviour:
    """Let the real server answer, then change what it said."""

    def behave(asked: Asked, answer: Callable[[], Answer]) -> Iterable[bytes]:
        got = answer()
        change(got)
        yield got.written()

    return behave


def with_header(name: str, *values: str) -> Behaviour:
    def change(got: Answer) -> None:
        got.without(name.lower()).headers.extend((name, value) for value in values)

    return tampered(change)


# ---------------------------------------------------------------- nonces, tokens, challenges

CHALLENGES: dict[str, str] = {
    "a nonce": 'DPoP error="use_dpop_nonce"',
    "a new token": 'DPoP error="invalid_token"',
    "a proof": 'DPoP error="invalid_dpop_proof"',
    "another scheme": 'Bearer error="invalid_token"',
    "nothing": "",
    "a password": 'Basic realm="sign in"',
    "words without end": "DPoP " + "a" * 60_000,
    "quotes without end": 'DPoP error="' + '\\"' * 30_000,
    "a thousand errors": "DPoP " + ", ".join(f'error="e{n}"' for n in range(1_000)),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_attack_demands_without_end(victim: Victim, name: str) -> None:
    """A 401 is answered with what it asks for, each thing once; then it is an error."""
    victim.hostile.behave("/v1/order", problem(401, "unauthorized", ("WWW-Authenticate", CHALLENGES[name])))
    assert type(victim.fails(victim.read)) is ServerError
    assert 1 <= len(victim.hostile.asked_for("/v1/order")) <= 3
    victim.whole()


def test_attack_demands_that_take_turns(victim: Victim) -> None:
    """Nonce, token, step-up, nonce and so on: bounded, and the user is asked for one code at most."""
    turns = ["use_dpop_nonce", "invalid_token", "use_dpop_nonce", "insufficient_user_authentication"] * 10
    sent: list[str] = []

    def behave(asked: Asked, answer: Callable[[], Answer]) -> Iterable[bytes]:
        sent.append(turns[len(sent)])
        challenge = ("WWW-Authenticate", f'DPoP error="{sent[-1]}"'), ("DPoP-Nonce", f"nonce-{len(sent)}")
        yield from problem(401, "unauthorized", *challenge)(asked, answer)

    victim.hostile.behave("/v1/order", behave)
    assert type(victim.fails(victim.read)) is ServerError
    assert len(sent) <= 6
    assert len(victim.world.asked) <= 1
    victim.whole()


@pytest.mark.parametrize("path", ["/v1/token", "/v1/authorize-challenge"])
def test_attack_nonces_without_end_at_the_oauth_endpoints(hostile: Hostile, tmp_path: Path, path: str) -> None:
    world = World(hostile.sandbox, tmp_path / "vault")
    order = hostile.sandbox.order()
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        hostile.behave(path, says(400, {"error": "use_dpop_nonce"}, ("DPoP-Nonce", "another")))
        with pytest.raises(ServerError, match="use_dpop_nonce"):
            rocket.device.bind(order)
        assert len(hostile.asked_for(path)) == 2
        assert rocket.device.binding is None
        hostile.be_good()
    with RocketVPN.open(world.config()) as rocket:
        assert rocket.device.bind(order)


NONCES = ["", " ", "\t", "x" * 50_000, "a b", "ünicode", 'quo"te', "{}", "x" * 513]


def test_attack_nonces_of_every_kind(victim: Victim) -> None:
    """None of them reaches a header it should not; a proof with a wrong one is simply refused, and then made anew."""
    for nonce in NONCES:
        victim.read()  # brings a good one
        victim.hostile.behave("/v1/order", with_header("DPoP-Nonce", nonce), times=1)
        victim.read()
        assert victim.read().state == "active", repr(nonce)
    victim.whole()


def test_attack_a_replayed_nonce(victim: Victim) -> None:
    """The server hands out the same old nonce again and again, and then demands a fresh one."""
    victim.read()
    victim.hostile.asked.clear()
    victim.hostile.behave("/v1", with_header("DPoP-Nonce", "AAAAAAAAAAAAAAAA"), keep=True)
    victim.read()
    for _ in range(2):
        assert type(victim.fails(victim.read)) is ServerError
    assert len(victim.hostile.asked_for("/v1/order")) == 5
    victim.whole()


TOKENS: dict[str, dict[str, Any] | bytes] = {
    "a bearer token": {"access_token": "a", "token_type": "Bearer", "expires_in": 900},
    "a bearer token, then DPoP": b'{"access_token":"a","expires_in":9,"token_type":"Bearer","token_type":"DPoP"}',
    "no token": {"access_token": "", "token_type": "DPoP", "expires_in": 900},
    "a token with a line break": {"access_token": "a\r\nX-Injected: 1", "token_type": "DPoP", "expires_in": 900},
    "a token with a space": {"access_token": "a b", "token_type": "DPoP", "expires_in": 900},
    "a token of letters beyond ASCII": {"access_token": "tökén", "token_type": "DPoP", "expires_in": 900},
    "a token of 100,000 characters": {"access_token": "a" * 100_000, "token_type": "DPoP", "expires_in": 900},
    "a token that is over": {"access_token": "a", "token_type": "DPoP", "expires_in": 0},
    "a token that was over before it began": {"access_token": "a", "token_type": "DPoP", "expires_in": -(10**18)},
    "a token for ever": {"access_token": "a", "token_type": "DPoP", "expires_in": 10**18},
    "a token for 400 digits of seconds": {"access_token": "a", "token_type": "DPoP", "expires_in": 10**400},
    "a token for a while": {"access_token": "a", "token_type": "DPoP", "expires_in": 1.5},
}


@pytest.mark.parametrize("name", TOKENS)
def test_attack_tokens_that_are_none(victim: Victim, name: str) -> None:
    victim.rocket._components.api.session.forget()
    victim.hostile.behave("/v1/token", says(200, TOKENS[name]))
    assert type(victim.fails(victim.read)) is ServerError
    assert not victim.hostile.asked_for("/v1/order"), "a token that cannot be used was sent"
    victim.whole()


def test_attack_a_token_for_another_key(victim: Victim, tmp_path: Path) -> None:
    """It is bound to the other key; with ours it is refused, fetched anew once, and never tried for ever."""
    other = World(victim.hostile.sandbox, tmp_path / "other")
    with RocketVPN.open(other.config()) as rocket:
        rocket.device.bind(victim.hostile.sandbox.order())
        stolen = rocket._components.api.session.token("order.read")
    victim.rocket._components.api.session.forget()
    token = {"access_token": stolen, "token_type": "DPoP", "expires_in": 900}
    victim.hostile.behave("/v1/token", says(200, token))
    assert type(victim.fails(victim.read)) is ServerError
    assert 2 <= len(victim.hostile.asked_for("/v1/order")) <= 3
    victim.whole()


# ---------------------------------------------------------------- times

WAITS = ["315360000", "9" * 400, "-1", "NaN", "inf", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "\u0663", "", ";;"]
WAITS += ["Mon, 01 Jan 0001 00:00:00 -0000", "Sun, 06 Nov 2026 00:00:00 +99999999", "(" * 2_000, "5, 5, 5"]


@pytest.mark.parametrize("status", [429, 503])
def test_attack_absurd_times_to_wait(victim: Victim, status: int) -> None:
    """No call waits past its own time, and no error asks to come back in a hundred years."""
    now = victim.rocket._components.config.clock.time()
    for wait in WAITS:
        written = wait.encode("utf-8").decode("latin-1")
        victim.hostile.behave("/v1/order", problem(status, "unavailable", ("Retry-After", written)))
        error = victim.fails(victim.read)
        assert type(error) in (RateLimited, ServerError, ServerTimeout), wait
        assert error.retry_at is None or error.retry_at <= now + 25 * 3600, wait
        victim.hostile.be_good()
    victim.whole()


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "NaN", "Thu, 01 Jan 1970 00:00:00 -0000"]
)
def test_attack_the_servers_clock_is_absurd(victim: Victim, date: str) -> None:
    """A server's clock alone ends nothing here: what is kept stays for as long as it was to stay."""
    before = victim.rocket._components.vault.now()
    victim.hostile.behave("/v1", with_header("Date", date), keep=True)
    victim.read()
    victim.rocket.rights.view()
    assert 0 <= victim.rocket._components.vault.now() - before < 3600
    victim.whole()


@pytest.mark.parametrize("at", ["2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_attack_times_that_no_clock_shows(victim: Victim, at: str) -> None:
    body = {"fields": [{"id": "language", "value": "de", "since": at, "until": at}]}
    victim.hostile.behave("/v1/data", says(200, body))
    report = victim.rocket.rights.view()
    assert report.server_answered is at.startswith(("0001", "9999")), "a time without a zone is none"
    for value in report.there:
        assert moment(value.since).startswith(("1-", "0001-", "9999-"))
        assert day(value.until) in (at[:10], "0001-01-01", "9999-12-31")
    victim.whole()


# ---------------------------------------------------------------- versions

TAGS = ['"a", "b"', "*", 'W/"', '"a b"', '"\u00e9"', '""', "x", '"' + "x" * 4_000 + '"', '"a"\x0b']


def test_attack_versions_that_would_overwrite(victim: Victim) -> None:
    """A tag that would match anything, or more than one version, never goes back: nothing is corrected against it."""
    for tag in TAGS:
        victim.hostile.behave("/v1/data", with_header("ETag", tag), method="GET")
        error = victim.fails(lambda: victim.rocket.rights.correct({"contact_email": "new@example.org"}))
        assert type(error) is ServerError, tag
        assert not [asked for asked in victim.hostile.asked if asked.method == "PATCH"], tag
        victim.hostile.be_good()
    victim.whole()


# ---------------------------------------------------------------- the server's own words

NASTY = "\x1b[2J\x1b]0;owned\x07\r\nFAKE LOG LINE \u202e kim@example.org, 203.0.113.9, RV-2026-0001 " + "x" * 1_000


def check_words(error: RocketVPNError) -> None:
    text = str(error) + repr(error) + repr(error.params)
    assert "\x1b" not in str(error)
    assert "\r" not in str(error)
    assert "\n" not in str(error)
    assert "kim@example.org" not in text
    assert "203.0.113.9" not in text
    assert len(str(error)) < 10_000


def test_attack_a_problem_that_repeats_personal_values(victim: Victim) -> None:
    """What a server says about a request is scrubbed and cut before it can end in a log or a terminal."""
    items = [{"detail": NASTY, "pointer": "/" + NASTY}] * 300
    victim.hostile.behave("/v1/tunnels", problem(422, "validation-failed", detail=NASTY, errors=items))
    error = victim.fails(victim.write)
    assert type(error) is RequestRefused
    check_words(error)
    victim.whole()


@pytest.mark.parametrize("code", [NASTY[:100], "x" * 10_000, "../../etc", "", "%s%s{0}{x}", "Å"])
def test_attack_a_code_that_is_none(victim: Victim, code: str) -> None:
    for status in (400, 401, 403, 404, 409, 418, 422, 500, 599):
        victim.hostile.behave("/v1/tunnels", problem(status, code))
        error = victim.fails(victim.write)
        check_words(error)
        assert len(str(error)) < 300
        victim.hostile.be_good()
    victim.whole()


def test_attack_names_of_devices_that_steer_a_terminal(victim: Victim) -> None:
    devices = [{"id": "A" * 52, "name": NASTY, "bound_on": "2026-01-01"}] * 1_000
    victim.hostile.behave("/v1/order", problem(409, "device-limit-reached", devices=devices[:5]))
    error = victim.fails(victim.read)
    assert type(error) is DeviceLimitReached
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 2_000
    victim.whole()


# ---------------------------------------------------------------- receipts


def forged_receipts(victim: Victim, genuine: str) -> dict[str, str]:
    own = ECKey.generate_key("P-256")
    header, payload, signature = genuine.split(".")
    claims = json.loads(jws.extract_compact(genuine.encode()).payload)
    typ = {"alg": "ES256", "typ": "erasure-receipt+jwt"}
    other = claims | {"jti": "another"}
    return {
        "another key": jws.serialize_compact(typ, json.dumps(claims).encode(), own),
        "no signature": f"{header}.{payload}.",
        "another content": f"{header}.{jws.serialize_compact(typ, json.dumps(other).encode(), own).split('.')[1]}"
        f".{signature}",
        "no receipt": "a.b.c",
        "bytes that are no text": f"{header}._w.{signature}",
    }


def test_attack_receipts_that_prove_nothing(victim: Victim) -> None:
    """The deletion stays here as it is, and waits for a receipt that holds; nothing is taken for confirmed."""
    rocket, hostile = victim.rocket, victim.hostile
    genuine: list[str] = []
    receipts: dict[str, str] = {}

    def behave(asked: Asked, answer: Callable[[], Answer]) -> Iterable[bytes]:
        got = answer()
        if asked.path.endswith("/receipt"):
            genuine.append(got.body.decode())
            receipts.update(forged_receipts(victim, genuine[0]))
            got.body = receipts[name].encode()
        yield got.written()

    hostile.behave("/v1/data-rights-requests/", behave, keep=True)
    name = "another key"
    with pytest.raises(ReceiptInvalid):
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
    for name in receipts:
        with pytest.raises(ReceiptInvalid):
            victim.calm.rights.resume()
        assert rocket.status().waiting == 1, name
    hostile.be_good()
    assert [found.state for found in victim.calm.rights.resume()] == ["confirmed"]
    victim.whole()


@pytest.mark.parametrize("keys", [b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [{"kty": "EC"}]}', b"[]", b"5"])
def test_attack_keys_that_are_none(victim: Victim, keys: bytes) -> None:
    victim.hostile.behave("/v1/keys", says(200, keys, media="application/jwk-set+json"))
    try:
        outcome = victim.rocket.rights.delete(victim.rocket.rights.plan_delete("logs"))
    except ReceiptInvalid:
        pass
    else:
        assert outcome.server.state == "in_progress"
    assert victim.rocket.status().waiting == 1
    victim.hostile.be_good()
    assert [found.state for found in victim.calm.rights.resume()] == ["confirmed"]
    victim.whole()
