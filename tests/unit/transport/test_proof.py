from __future__ import annotations

import base64
import hashlib

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from support.calls import TurnableClock

from rocketvpn_sdk.identity import DeviceKey
from rocketvpn_sdk.transport import Prover

URL = "https://api.rocketvpn.example/v1/data"


def sha256(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def key() -> DeviceKey:
    return DeviceKey.generate()


@pytest.fixture
def prover(key: DeviceKey) -> Prover:
    return Prover(key, TurnableClock(1_800_000_000.9).time)


def read(proof: str, key: DeviceKey) -> jwt.Token:
    return jwt.decode(proof, ECKey.import_key(key.public_jwk), algorithms=["ES256"])


@pytest.mark.clause("U2")
def test_a_proof_is_what_rfc_9449_asks_for(prover: Prover, key: DeviceKey) -> None:
    token = read(prover.proof("PATCH", URL, body=b"{}", token="at", nonce="n"), key)
    assert token.header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_jwk}
    claims = dict(token.claims)
    assert len(claims.pop("jti")) >= 20
    assert claims == {
        "htm": "PATCH",
        "htu": URL,
        "iat": 1_800_000_000,
        "ath": sha256(b"at"),
        "nonce": "n",
        "content_sha256": sha256(b"{}"),
    }


def test_a_read_without_token_or_nonce_claims_neither(prover: Prover, key: DeviceKey) -> None:
    claims = read(prover.proof("GET", URL), key).claims
    assert set(claims) == {"jti", "htm", "htu", "iat"}


def test_a_write_without_a_body_claims_the_hash_of_nothing(prover: Prover, key: DeviceKey) -> None:
    assert read(prover.proof("DELETE", URL, body=b""), key).claims["content_sha256"] == sha256(b"")


@pytest.mark.parametrize("tail", ["?a=b", "#frag", "?a=b#frag", "#frag?a"])
def test_htu_has_neither_query_nor_fragment(prover: Prover, key: DeviceKey, tail: str) -> None:
    assert read(prover.proof("GET", URL + tail), key).claims["htu"] == URL


def test_every_proof_is_another(prover: Prover, key: DeviceKey) -> None:
    assert len({read(prover.proof("GET", URL), key).claims["jti"] for _ in range(50)}) == 50


def test_ath_follows_the_token(prover: Prover, key: DeviceKey) -> None:
    for value in ("one", "one", "two", "one"):
        assert read(prover.proof("GET", URL, token=value), key).claims["ath"] == sha256(value.encode())


def test_no_private_member_is_in_the_header(prover: Prover, key: DeviceKey) -> None:
    assert set(read(prover.proof("GET", URL), key).header["jwk"]) == {"kty", "crv", "x", "y"}


@pytest.mark.clause("T1")
def test_a_prover_shows_the_public_thumbprint_alone(prover: Prover, key: DeviceKey) -> None:
    assert repr(prover) == f"Prover({key.thumbprint})"
