"""Proof of possession: DPoP, RFC 9449.

Built by hand from the key's own signature: a general JOSE library costs more per proof, and the header never changes.
``tests/unit/transport/test_proof.py`` verifies every proof with joserfc.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

import msgspec

from rocketvpn_sdk.identity import DeviceKey, base64url
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.wire import DEVICE_CLAIM

_encode = msgspec.json.Encoder().encode


class Prover(OneHolder):
    """Makes DPoP proofs with one key.

    Args:
        key: the device's key.
        now: where ``iat`` comes from, in seconds since the epoch.
    """

    __slots__ = ("_header", "_key", "_now", "_token_hash")

    def __init__(self, key: DeviceKey, now: Callable[[], float]) -> None:
        self._key = key
        self._now = now
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_jwk}
        self._header = base64url(_encode(header)).encode() + b"."
        self._token_hash = ("", "")

    def proof(
        self, method: str, url: str, *, body: bytes | None = None, token: str | None = None, nonce: str | None = None
    ) -> str:
        """Return a fresh proof for one request (RFC 9449 §4.2).

        Args:
            method: the HTTP method.
            url: the request's URL; its query and fragment are left out of ``htu``.
            body: what a write carries, ``b""`` where it carries nothing; ``None`` for a read.
            token: the access token that goes along.
            nonce: the server's latest.
        """
        claims: dict[str, str | int] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self._now()),
        }
        if token is not None:
            claims["ath"] = self._ath(token)
        if nonce is not None:
            claims["nonce"] = nonce
        if body is not None:  # §11.7: DPoP itself does not cover the body
            claims[DEVICE_CLAIM] = base64url(hashlib.sha256(body).digest())
        signed = self._header + base64url(_encode(claims)).encode()
        return f"{signed.decode()}.{base64url(self._key.sign(signed))}"

    def _ath(self, token: str) -> str:
        known, digest = self._token_hash
        if known != token:
            digest = base64url(hashlib.sha256(token.encode()).digest())
            self._token_hash = (token, digest)  # one assignment: threads see the old pair or the new
        return digest

    def __repr__(self) -> str:
        return f"Prover({self._key.thumbprint})"
