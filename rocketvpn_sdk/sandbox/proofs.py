"""DPoP proofs, checked as RFC 9449 §4.3 numbers the checks, and the body claim that §11.7 invites."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from functools import cache
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import Connection, Executable, bindparam, func, select

from rocketvpn_sdk.sandbox.http_messages import ServerRequest, b64url, digest
from rocketvpn_sdk.sandbox.nonces import Nonces
from rocketvpn_sdk.sandbox.rows import insert_if_new, one
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.sandbox.tables import ProofRow
from rocketvpn_sdk.sandbox.uris import comparable

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
    iat: int | float  # a NumericDate (RFC 7519 §2); no boolean, no text, and JSON has no NaN
    ath: str | None = None
    nonce: str | None = None
    content_sha256: str | None = None


class Proof(msgspec.Struct, frozen=True):
    """A proof that holds; it counts once ``take`` has stored its row."""

    jkt: str
    """The thumbprint of its key (RFC 7638)."""
    row: ProofRow


def take(db: Connection, settings: ServerSettings, proof: Proof, now: int) -> None:
    """Write ``proof`` down, so that no process takes it again within its time window (RFC 9449 §11.1).

    Raises:
        ProofRefused: it was seen before, or there are as many of its key as may be.
    """
    limits = {"now": now, "most": settings.replay_entries}
    if db.execute(_unless_full(db.dialect.name), msgspec.structs.asdict(proof.row) | limits).rowcount == 1:
        return
    seen = one(db, ProofRow, proof_hash=proof.row.proof_hash)
    raise ProofRefused("too many proofs of this key at once" if seen is None else "the jti was used before")


@cache
def _unless_full(dialect: str) -> Executable:
    """Return the statement that writes a proof down if it is new, and fewer than ``most`` of its key are there."""
    key_hash, expires_at = ProofRow.c.key_hash, ProofRow.c.expires_at
    of_key = select(func.count()).where(key_hash == bindparam("key_hash"), expires_at > bindparam("now"))
    values = (bindparam(column.name, type_=column.type) for column in ProofRow.c)
    new = select(*values).where(of_key.scalar_subquery() < bindparam("most"))
    return insert_if_new(ProofRow, dialect).from_select(list(ProofRow.c), new)


class ProofChecker:
    """Checks the proof of a request to the server at ``base``."""

    def __init__(self, base: str, settings: ServerSettings, nonces: Nonces) -> None:
        self._base = base
        self._settings = settings
        self._nonces = nonces

    def check(self, request: ServerRequest, now: float, *, token: str | None = None) -> Proof:
        """Check the proof of ``request`` and return it, for ``take``: that it was not seen before is not checked here.

        ``token`` is the access token that came with it; that the token belongs to the key (step 12b) is for the caller
        to check, who knows the token.

        Raises:
            NonceNeeded: all is well but the nonce.
            ProofRefused: the proof does not hold.
        """
        proof = self._only_one(request)
        header, claims = _decode(proof)
        jkt = _verify(proof, header)
        self._compare(claims, request, now, token)
        # 10. "if the server provided a nonce value to the client, the nonce claim matches"
        if claims.nonce is None or not self._nonces.valid(claims.nonce, now):
            raise NonceNeeded("the nonce is missing or stale")
        # §11.1: a proof dated in the future stays valid for two windows.
        expires_at = int(now) + 2 * self._settings.proof_window
        # Hashes: what is left of a key must not tell whose it was once its device is erased.
        proof_hash, key_hash = digest(f"{jkt}\n{claims.jti}"), digest(f"proofs\n{jkt}")
        return Proof(jkt, ProofRow(proof_hash=proof_hash, key_hash=key_hash, expires_at=expires_at))

    def _only_one(self, request: ServerRequest) -> str:
        # 1. "there is not more than one DPoP HTTP request header field"
        headers = request.all("dpop")
        if len(headers) != 1:
            raise ProofRefused("exactly one DPoP header is needed")
        if len(headers[0]) > self._settings.proof_bytes:
            raise ProofRefused("the proof is too long")
        return headers[0]

    def _compare(self, claims: _Claims, request: ServerRequest, now: float, token: str | None) -> None:
        # 8. "the htm claim matches the HTTP method of the current request"
        if claims.htm != request.method:
            raise ProofRefused("htm is another method")
        # 9. "the htu claim matches the HTTP URI value …, ignoring any query and fragment parts"; both normalised, as it
        # says. Ours is made from the server's own address, never from the Host header, which the client chooses.
        expected = comparable(self._base + request.path)
        if expected is None or comparable(claims.htu) != expected:
            raise ProofRefused("htu is another URI")
        # 11. "the creation time of the JWT … is within an acceptable window"
        window = self._settings.proof_window
        if not now - window <= claims.iat <= now + window:
            raise ProofRefused("iat is too far from the server's clock")
        # 12a. "ensure that the value of the ath claim equals the hash of that access token"
        if token is not None and not _same(claims.ath, token.encode()):
            raise ProofRefused("ath is not the hash of the access token")
        # §11.7: DPoP does not cover the body; this API's own claim does, on every write.
        if request.writes and not _same(claims.content_sha256, request.body):
            raise ProofRefused("content_sha256 is not the hash of the body")


def _decode(proof: str) -> tuple[_Header, _Claims]:
    # 2. "the DPoP HTTP request header field value is a single and well-formed JWT"
    pieces = proof.split(".")
    if len(pieces) != 3 or not pieces[2]:
        raise ProofRefused("not a signed JWT")
    try:
        header = msgspec.json.decode(_unpadded(pieces[0]), type=_Header)
        # 3. "all required claims per Section 4.2 are contained in the JWT"
        claims = msgspec.json.decode(_unpadded(pieces[1]), type=_Claims)
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


def _unpadded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _same(claim: str | None, raw: bytes) -> bool:
    expected = b64url(hashlib.sha256(raw).digest())
    return claim is not None and hmac.compare_digest(claim.encode(), expected.encode())
