"""Attacks on DPoP proofs, each named after what it tries (RFC 9449 §4.3, §11)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey
from support.dpop_client import Peer, b64url, problem_code, public, sign, sign_by_hand

from rocketvpn_sdk.sandbox import Front, Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("A4", "U2", "T1")

CLOCK = FakeClock()
BODY = b'{"public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}'
WRITE = {"Content-Type": "application/json", "Idempotency-Key": '"one"'}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server"), clock=CLOCK) as running:
        yield running


@pytest.fixture
def peer(sandbox: Sandbox) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file, now=CLOCK.time) as peer:
        peer.bind(sandbox.order())
        peer.fresh_nonce()
        yield peer


def read_claims(peer: Peer, **changes: Any) -> dict[str, Any]:
    claims = peer.claims("GET", "/v1/order", token=peer.access_token) | changes
    return {name: value for name, value in claims.items() if value is not None}


def write_claims(peer: Peer, **changes: Any) -> dict[str, Any]:
    claims = peer.claims("POST", "/v1/tunnels", BODY, token=peer.access_token) | changes
    return {name: value for name, value in claims.items() if value is not None}


def read(peer: Peer, proof: str | None = None) -> httpx.Response:
    return peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)


def unsigned(peer: Peer) -> str:
    header = {"typ": "dpop+jwt", "alg": "none", "jwk": public(peer.key)}
    return f"{b64url(json.dumps(header).encode())}.{b64url(json.dumps(read_claims(peer)).encode())}."


def symmetric(peer: Peer) -> str:
    """Sign with HMAC and the public key's bytes as the secret: the classic confusion of algorithms."""
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": public(peer.key)}
    secret = OctKey.import_key(json.dumps(public(peer.key)).encode())
    return jws.serialize_compact(header, json.dumps(read_claims(peer)), secret, algorithms=["HS256"])


def someone_elses_public_key(peer: Peer) -> str:
    other = ECKey.generate_key("P-256")
    return sign(other, read_claims(peer), {"jwk": public(peer.key)})


def tampered(peer: Peer) -> str:
    head, _, signature = sign(peer.key, read_claims(peer)).split(".")
    return f"{head}.{b64url(json.dumps(read_claims(peer)).encode())}.{signature}"


def crit(peer: Peer) -> str:
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(peer.key), "crit": ["b64"], "b64": True}
    return sign_by_hand(peer.key, read_claims(peer), header)


READS: dict[str, Callable[[Peer], str]] = {
    "another method": lambda p: sign(p.key, read_claims(p, htm="POST")),
    "method in lower case": lambda p: sign(p.key, read_claims(p, htm="get")),
    "another path": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/devices")),
    "another host": lambda p: sign(p.key, read_claims(p, htu="https://evil.example/v1/order")),
    "another scheme": lambda p: sign(p.key, read_claims(p, htu=p.url.replace("https", "http") + "/v1/order")),
    "htu that is no URI": lambda p: sign(p.key, read_claims(p, htu="https://[")),
    "iat too old": lambda p: sign(p.key, read_claims(p, iat=int(CLOCK.time()) - 61)),
    "iat in the future": lambda p: sign(p.key, read_claims(p, iat=int(CLOCK.time()) + 61)),
    "iat half a second too old": lambda p: sign(p.key, read_claims(p, iat=CLOCK.time() - 60.5)),
    "iat half a second too far ahead": lambda p: sign(p.key, read_claims(p, iat=CLOCK.time() + 60.5)),
    "iat true": lambda p: sign(p.key, read_claims(p, iat=True)),
    "iat NaN": lambda p: sign(p.key, read_claims(p, iat=float("nan"))),
    "iat infinite": lambda p: sign(p.key, read_claims(p, iat=float("inf"))),
    "iat of four hundred digits": lambda p: sign(p.key, read_claims(p, iat=10**400)),
    "iat a list": lambda p: sign(p.key, read_claims(p, iat=[int(CLOCK.time())])),
    "htu with a path that goes elsewhere": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/order/../devices")),
    "htu with an encoded slash": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1%2Forder")),
    "htu with a slash more": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/order/")),
    "htu with a path in capitals": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/Order")),
    "htu without a port": lambda p: sign(p.key, read_claims(p, htu="https://localhost/v1/order")),
    "htu with a user": lambda p: sign(p.key, read_claims(p, htu=p.url.replace("//", "//kim@") + "/v1/order")),
    "htu without a scheme": lambda p: sign(p.key, read_claims(p, htu=p.url.partition(":")[2] + "/v1/order")),
    "htu with a line break": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/or\nder")),
    "htu with another alphabet": lambda p: sign(p.key, read_claims(p, htu=p.url + "/v1/ordеr")),
    "htu with a port that is none": lambda p: sign(p.key, read_claims(p, htu="https://localhost:x/v1/order")),
    "iat missing": lambda p: sign(p.key, read_claims(p, iat=None)),
    "iat that is text": lambda p: sign(p.key, read_claims(p, iat=str(int(CLOCK.time())))),
    "jti missing": lambda p: sign(p.key, read_claims(p, jti=None)),
    "jti too short to be unique": lambda p: sign(p.key, read_claims(p, jti="1")),
    "ath missing": lambda p: sign(p.key, read_claims(p, ath=None)),
    "ath of another token": lambda p: sign(p.key, read_claims(p, ath=b64url(hashlib.sha256(b"other").digest()))),
    "typ of another JWT": lambda p: sign(p.key, read_claims(p), {"typ": "JWT"}),
    "alg none": unsigned,
    "alg HS256 with the public key": symmetric,
    "private key in jwk": lambda p: sign(p.key, read_claims(p), {"jwk": p.key.as_dict(private=True)}),
    "symmetric key in jwk": lambda p: sign(p.key, read_claims(p), {"jwk": {"kty": "oct", "k": "AAAA"}}),
    "jwk missing": lambda p: sign_by_hand(p.key, read_claims(p), {"typ": "dpop+jwt", "alg": "ES256"}),
    "jwk on another curve": lambda p: sign(p.key, read_claims(p), {"jwk": public(ECKey.generate_key("P-384"))}),
    "crit that nobody knows": crit,
    "jwk of someone else": someone_elses_public_key,
    "claims exchanged after signing": tampered,
    "not a JWT": lambda p: "DPoP",
    "not base64": lambda p: "a.%.c",
    "no signature": lambda p: sign(p.key, read_claims(p)).rpartition(".")[0] + ".",
    "deeply nested": lambda p: f"{b64url(b'[' * 4000)}.e30.AAAA",
    "too long": lambda p: sign(p.key, read_claims(p, padding="x" * 9000)),
}


@pytest.mark.parametrize("attack", READS)
def test_a_forged_proof_is_refused(peer: Peer, attack: str) -> None:
    answer = peer.send("GET", "/v1/order", token=peer.access_token, proof=READS[attack](peer))

    assert answer.status_code == 401
    assert problem_code(answer) == "invalid-dpop-proof"
    assert answer.headers["WWW-Authenticate"] == 'DPoP error="invalid_dpop_proof", algs="ES256"'
    assert answer.headers["DPoP-Nonce"]


WRITES: dict[str, Callable[[Peer], str]] = {
    "content_sha256 missing": lambda p: sign(p.key, write_claims(p, content_sha256=None)),
    "content_sha256 of another body": lambda p: sign(
        p.key, write_claims(p, content_sha256=b64url(hashlib.sha256(b"{}").digest()))
    ),
    "content_sha256 in hexadecimal": lambda p: sign(
        p.key, write_claims(p, content_sha256=hashlib.sha256(BODY).hexdigest())
    ),
    "content_sha256 of an empty body": lambda p: sign(
        p.key, write_claims(p, content_sha256=b64url(hashlib.sha256(b"").digest()))
    ),
}


@pytest.mark.parametrize("attack", WRITES)
def test_a_write_with_another_body_is_refused(peer: Peer, attack: str) -> None:
    answer = peer.send(
        "POST", "/v1/tunnels", body=BODY, token=peer.access_token, proof=WRITES[attack](peer), headers=WRITE
    )

    assert problem_code(answer) == "invalid-dpop-proof"


def test_a_body_altered_on_the_way_is_refused(peer: Peer) -> None:
    proof = sign(peer.key, write_claims(peer))
    altered = BODY.replace(b"AAAA", b"BBBB", 1)

    answer = peer.send("POST", "/v1/tunnels", body=altered, token=peer.access_token, proof=proof, headers=WRITE)

    assert problem_code(answer) == "invalid-dpop-proof"


def test_an_empty_body_needs_its_hash_as_well(peer: Peer) -> None:
    path = f"/v1/devices/{peer.device_id}"
    claims = peer.claims("DELETE", path, token=peer.access_token)
    del claims["content_sha256"]

    answer = peer.send("DELETE", path, token=peer.access_token, proof=sign(peer.key, claims), headers=WRITE)

    assert problem_code(answer) == "invalid-dpop-proof"


def test_a_replayed_proof_is_refused(peer: Peer) -> None:
    proof = sign(peer.key, read_claims(peer))

    first = peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)
    again = peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)

    assert first.status_code == 200
    assert problem_code(again) == "invalid-dpop-proof"


def test_a_replayed_proof_is_refused_until_its_time_has_passed(peer: Peer) -> None:
    proof = sign(peer.key, read_claims(peer, iat=int(CLOCK.time()) + 59))
    assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200

    CLOCK.advance(118)

    assert problem_code(peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)) == "invalid-dpop-proof"


@pytest.mark.parametrize("skew", [-60, 0, 60])
def test_a_clock_that_is_a_minute_off_is_fine(peer: Peer, skew: int) -> None:
    proof = sign(peer.key, read_claims(peer, iat=int(CLOCK.time()) + skew))

    assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200


def test_query_and_fragment_of_htu_are_ignored(peer: Peer) -> None:
    proof = sign(peer.key, read_claims(peer, htu=peer.url + "/v1/order?a=b#c"))

    assert peer.send("GET", "/v1/order?x=y", token=peer.access_token, proof=proof).status_code == 200


@pytest.mark.parametrize("nonce", [None, "", "AAAA", "é", "x" * 43])
def test_without_a_nonce_of_the_server_a_fresh_one_is_asked_for(peer: Peer, nonce: str | None) -> None:
    proof = sign(peer.key, read_claims(peer, nonce=nonce))

    answer = peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('DPoP error="use_dpop_nonce"')
    assert problem_code(answer) == "use-dpop-nonce"
    assert peer.send("GET", "/v1/order", token=peer.access_token).status_code == 200


def test_a_nonce_ages(peer: Peer) -> None:
    CLOCK.advance(301)
    CLOCK.advance(60)

    answer = peer.send("GET", "/v1/order", token=peer.access_token)

    assert problem_code(answer) == "use-dpop-nonce"


def test_a_nonce_of_the_server_made_for_later_is_not_taken(peer: Peer, sandbox: Sandbox) -> None:
    CLOCK.advance(600)
    later = peer.fresh_nonce()
    CLOCK.turn(-600)

    proof = sign(peer.key, read_claims(peer, nonce=later))

    assert problem_code(peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)) == "use-dpop-nonce"


def test_a_fault_demands_a_fresh_nonce(peer: Peer, sandbox: Sandbox) -> None:
    sandbox.faults.demand_nonce()

    assert problem_code(peer.send("GET", "/v1/order", token=peer.access_token)) == "use-dpop-nonce"
    assert peer.send("GET", "/v1/order", token=peer.access_token).status_code == 200


def test_a_stolen_token_is_nothing_without_its_key(peer: Peer) -> None:
    peer.key = ECKey.generate_key("P-256")

    answer = peer.send("GET", "/v1/order", token=peer.access_token)

    assert answer.status_code == 401
    assert problem_code(answer) == "invalid-token"
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_stolen_refresh_token_is_nothing_without_its_key(peer: Peer) -> None:
    peer.key = ECKey.generate_key("P-256")

    assert peer.refresh().json()["error"] == "invalid_grant"


def test_a_proof_for_the_token_endpoint_opens_no_resource(peer: Peer) -> None:
    proof = sign(peer.key, peer.claims("POST", "/v1/token", BODY))

    answer = peer.send("POST", "/v1/tunnels", body=BODY, token=peer.access_token, proof=proof, headers=WRITE)

    assert problem_code(answer) == "invalid-dpop-proof"


def test_a_token_ends(peer: Peer) -> None:
    CLOCK.advance(901)

    assert problem_code(peer.call("GET", "/v1/order")) == "invalid-token"
    assert peer.refresh().status_code == 200


@pytest.mark.parametrize("value", ["Bearer {}", "DPoP", "DPoP {} x", "DPoP {},{}", "Basic e30="])
def test_another_authorization_is_refused(peer: Peer, value: str) -> None:
    headers = {"Authorization": value.replace("{}", peer.access_token or "")}

    answer = peer.send("GET", "/v1/order", proof=sign(peer.key, read_claims(peer)), headers=headers)

    assert problem_code(answer) == "invalid-token"


def test_without_a_token_the_answer_says_how_to_come_back(peer: Peer) -> None:
    answer = peer.send("GET", "/v1/order")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'DPoP algs="ES256"'
    assert problem_code(answer) == "unauthorized"


@pytest.mark.parametrize("name", ["DPoP", "Authorization"])
def test_a_header_sent_twice_is_refused(peer: Peer, name: str) -> None:
    proof = sign(peer.key, read_claims(peer))
    headers = [("DPoP", proof), ("Authorization", f"DPoP {peer.access_token}")]
    headers.append((name, dict(headers)[name]))

    answer = peer.http.request("GET", "/v1/order", headers=httpx.Headers(headers))

    assert answer.status_code == 401


def test_a_flood_of_proofs_pushes_none_out_and_touches_no_other_key(tmp_path: Path) -> None:
    """Beyond a key's bound its new proofs are refused, the first and the last that were taken stay known."""
    server = Sandbox(tmp_path / "server", clock=CLOCK)
    server.settings = ServerSettings(replay_entries=4)
    with (
        server,
        Peer(server.url, server.ca_file, now=CLOCK.time) as peer,
        Peer(server.url, server.ca_file, now=CLOCK.time) as other,
    ):
        peer.bind(server.order())  # in three proofs, of which one had no nonce and so is not counted
        proofs = [sign(peer.key, read_claims(peer)) for _ in range(3)]

        def detail(proof: str) -> str:
            return str(peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).json().get("detail"))

        assert [detail(proof) for proof in proofs] == ["None", "None", "too many proofs of this key at once"]
        assert [detail(proof) for proof in proofs[:2]] == ["the jti was used before"] * 2
        other.bind(server.order())
        CLOCK.advance(120)
        assert detail(proofs[0]) == "iat is too far from the server's clock"
        CLOCK.advance(1)
        peer.fresh_nonce()
        assert detail(sign(peer.key, read_claims(peer))) == "None"


@pytest.mark.parametrize(
    "written",
    [
        lambda url: url.replace("https", "HTTPS"),
        lambda url: url.replace("localhost", "LocalHost"),
        lambda url: url.replace("order", "%6Frder"),
        lambda url: url.replace("order", "%6frder"),
        lambda url: url.replace("localhost", "%6cocalhost"),
        lambda url: url.replace("/order", "/./order"),
        lambda url: url.replace("/order", "/devices/../order"),
        lambda url: url + "?x=%2F#y",
    ],
    ids=["scheme", "host", "escape", "escape-lower", "host-escape", "dot", "dots", "query"],
)
def test_htu_is_compared_in_its_normal_form(peer: Peer, written: Callable[[str], str]) -> None:
    """RFC 9449 §4.3 by way of RFC 3986 §6.2.2 and §6.2.3."""
    proof = sign(peer.key, read_claims(peer, htu=written(peer.url + "/v1/order")))

    assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200


@pytest.mark.parametrize(
    "htu", ["https://localhost/v1/order", "https://localhost:443/v1/order", "https://LOCALHOST:/v1/order"]
)
def test_the_port_that_https_has_anyway_may_be_left_out(tmp_path: Path, htu: str) -> None:
    server = Sandbox(tmp_path / "server", clock=CLOCK, front=Front(public_url="https://localhost:443"))
    with server, Peer(server.local_url, server.ca_file, now=CLOCK.time) as peer:
        peer.url = "https://localhost"
        peer.bind(server.order())
        proof = sign(peer.key, read_claims(peer, htu=htu))

        assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200


def test_a_path_that_is_written_otherwise_than_in_htu_is_the_same(peer: Peer) -> None:
    proof = sign(peer.key, read_claims(peer))

    assert peer.send("GET", "/v1/%6Frder", token=peer.access_token, proof=proof).status_code == 200


@pytest.mark.parametrize("offset", [0.5, -0.25, -60, 60.0])
def test_iat_may_have_fractions_of_a_second(peer: Peer, offset: float) -> None:
    """RFC 7519 §2: "Non-integer values can be represented"."""
    proof = sign(peer.key, read_claims(peer, iat=CLOCK.time() + offset))

    assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200


def test_the_oauth_endpoints_answer_in_their_own_words(peer: Peer) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"grant_type=refresh_token"

    bare = peer.http.post("/v1/token", content=body, headers=form)
    peer.nonce = None
    no_nonce = peer.send("POST", "/v1/token", body=body, headers=form)
    unbound = peer.claims("POST", "/v1/token", body)
    del unbound["content_sha256"]
    no_hash = peer.send("POST", "/v1/token", body=body, headers=form, proof=sign(peer.key, unbound))

    assert [answer.status_code for answer in (bare, no_nonce, no_hash)] == [400] * 3
    assert bare.json()["error"] == "invalid_dpop_proof"
    assert no_nonce.json()["error"] == "use_dpop_nonce"
    assert no_nonce.headers["DPoP-Nonce"]
    assert no_hash.json()["error"] == "invalid_dpop_proof"
    assert {answer.headers["Cache-Control"] for answer in (bare, no_nonce, no_hash)} == {"no-store"}


@pytest.mark.sqlite_file
def test_no_proof_or_token_is_stored(peer: Peer, sandbox: Sandbox, tmp_path: Path) -> None:
    peer.call("GET", "/v1/order")

    stored = sandbox.database_file.read_bytes()

    assert (peer.access_token or "?").encode() not in stored
    assert (peer.refresh_token or "?").encode() not in stored
