"""DPoP proofs, checked as RFC 9449 §4.3 numbers the checks, and the body claim that §11.7 invites."""

from __future__ import annotations

import hashlib
import hmac
import threading
from base64 import urlsafe_b64decode
from collections import OrderedDict
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from rocketvpn_sdk.sandbox.exchange import Call, b64url
from rocketvpn_sdk.sandbox.nonces import Nonces
from rocketvpn_sdk.sandbox.settings import Settings

ALGORITHM = "ES256"
_PUBLIC_MEMBERS = {"kty", "crv", "x", "y", "alg", "use", "kid", "key_ops"}


class ProofRefused(Exception):
    """The proof does not hold; the message says which check failed."""


class NonceNeeded(ProofRefused):
    """The proof holds, yet its nonce is missing or stale (§8, §9)."""


class _Header(msgspec.Struct, frozen=True):
    typ: str
    alg: str
    jwk: dict[str, Any]
    crit: Any = None


class _Claims(msgspec.Struct, frozen=True):
    jti: str
    htm: str
    htu: str
    iat: int
    ath: str | None = None
    nonce: str | None = None
    content_sha256: str | None = None


class Replays:
    """The proofs seen in the time window (§11.1); bounded and thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def record(self, jkt: str, jti: str, now: float) -> None:
        """Remember a proof.

        Raises:
            ProofRefused: it was seen before, or so many were seen that this cannot be told any more.
        """
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now:
                self._seen.popitem(last=False)
            if (jkt, jti) in self._seen:
                raise ProofRefused("the jti was used before")
            if len(self._seen) >= self._settings.replay_entries:
                raise ProofRefused("too many proofs at once")
            # A proof dated in the future stays valid for two windows.
            self._seen[jkt, jti] = now + 2 * self._settings.proof_window


class ProofChecker:
    """Checks the proof of a request to the server at ``base``."""

    def __init__(self, base: str, settings: Settings, nonces: Nonces) -> None:
        self._base = base
        self._settings = settings
        self._nonces = nonces
        self._replays = Replays(settings)

    def check(self, call: Call, now: float, *, token: str | None = None) -> str:
        """Check the proof of ``call`` and return its key's thumbprint (RFC 7638), the ``jkt``.

        ``token`` is the access token that came with it; that the token belongs to the key (step 12b) is for the caller
        to check, who knows the token.

        Raises:
            NonceNeeded: all is well but the nonce.
            ProofRefused: the proof does not hold.
        """
        proof = self._only_one(call)
        header, claims = _decode(proof)
        jkt = _verify(proof, header)
        self._compare(claims, call, now, token)
        # 10. "if the server provided a nonce value to the client, the nonce claim matches"
        if claims.nonce is None or not self._nonces.valid(claims.nonce, now):
            raise NonceNeeded("the nonce is missing or stale")
        # §11.1: "the same DPoP proof" is not taken twice within its time window.
        self._replays.record(jkt, claims.jti, now)
        return jkt

    def _only_one(self, call: Call) -> str:
        # 1. "there is not more than one DPoP HTTP request header field"
        headers = call.all("dpop")
        if len(headers) != 1:
            raise ProofRefused("exactly one DPoP header is needed")
        if len(headers[0]) > self._settings.proof_bytes:
            raise ProofRefused("the proof is too long")
        return headers[0]

    def _compare(self, claims: _Claims, call: Call, now: float, token: str | None) -> None:
        # 8. "the htm claim matches the HTTP method of the current request"
        if claims.htm != call.method:
            raise ProofRefused("htm is another method")
        # 9. "the htu claim matches the HTTP URI value …, ignoring any query and fragment parts". Ours is made from the
        # server's own address, never from the Host header, which the client chooses.
        if _without_query(claims.htu) != self._base + call.path:
            raise ProofRefused("htu is another URI")
        # 11. "the creation time of the JWT … is within an acceptable window"
        if abs(now - claims.iat) > self._settings.proof_window:
            raise ProofRefused("iat is too far from the server's clock")
        # 12a. "ensure that the value of the ath claim equals the hash of that access token"
        if token is not None and not _same(claims.ath, token.encode()):
            raise ProofRefused("ath is not the hash of the access token")
        # §11.7: DPoP does not cover the body; this API's own claim does, on every write.
        if call.writes and not _same(claims.content_sha256, call.body):
            raise ProofRefused("content_sha256 is not the hash of the body")


def _decode(proof: str) -> tuple[_Header, _Claims]:
    # 2. "the DPoP HTTP request header field value is a single and well-formed JWT"
    parts = proof.split(".")
    if len(parts) != 3 or not parts[2]:
        raise ProofRefused("not a signed JWT")
    try:
        header = msgspec.json.decode(_unpadded(parts[0]), type=_Header)
        # 3. "all required claims per Section 4.2 are contained in the JWT"
        claims = msgspec.json.decode(_unpadded(parts[1]), type=_Claims)
    except (ValueError, RecursionError):
        raise ProofRefused("not a well-formed proof with typ, alg, jwk, jti, htm, htu and iat") from None
    if not 8 <= len(claims.jti) <= 256:
        raise ProofRefused("jti must have 8 to 256 characters")
    return header, claims


def _verify(proof: str, header: _Header) -> str:
    # 4. "the typ JOSE Header Parameter has the value dpop+jwt"
    if header.typ != "dpop+jwt":
        raise ProofRefused("typ is not dpop+jwt")
    # 5. "the alg … indicates a registered asymmetric digital signature algorithm, is not none, is supported"
    if header.alg != ALGORITHM or header.crit is not None:
        raise ProofRefused(f"alg is not {ALGORITHM}, or crit is present")
    # 7. "the jwk JOSE Header Parameter does not contain a private key" (checked before the key is used)
    if not set(header.jwk) <= _PUBLIC_MEMBERS:
        raise ProofRefused("jwk has members that no public EC key has")
    if header.jwk.get("kty") != "EC" or header.jwk.get("crv") != "P-256":
        raise ProofRefused("jwk is not a P-256 key")
    # 6. "the JWT signature verifies with the public key contained in the jwk JOSE Header Parameter"
    try:
        key = ECKey.import_key({name: header.jwk[name] for name in ("kty", "crv", "x", "y")})
        jws.deserialize_compact(proof, key, algorithms=[ALGORITHM])
        return key.thumbprint()
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise ProofRefused("the signature does not verify with jwk") from None


def _without_query(uri: str) -> str:
    return uri.partition("#")[0].partition("?")[0]


def _unpadded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _same(claim: str | None, raw: bytes) -> bool:
    expected = b64url(hashlib.sha256(raw).digest())
    return claim is not None and hmac.compare_digest(claim.encode(), expected.encode())
