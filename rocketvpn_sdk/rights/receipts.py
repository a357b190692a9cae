"""Erasure receipts: a JWS by the operator. It is the operator's word, signed; what it proves is who said it."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import KeySet

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ReceiptInvalid
from rocketvpn_sdk.rights.outcome import Receipt
from rocketvpn_sdk.signed_files import TrustedFiles
from rocketvpn_sdk.signed_files.evidence import Evidence
from rocketvpn_sdk.transport import Api

RECEIPT_KEYS = "keys/receipts.json"
"""The signed file (TUF target) that holds the keys of receipts, a JWK set."""
SKEW = 300.0
"""Seconds by which clocks may differ."""

_TYPE = "erasure-receipt+jwt"
_ALGORITHM = "ES256"
_HEADER = frozenset({"alg", "kid", "typ"})
_LONGEST_TOKEN = 64 << 10
_LONGEST_KEYS = 64 << 10
_TOKEN = re.compile(r"[A-Za-z0-9_-]{2,512}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{86}")
"""A small header, a payload, and the 64 bytes of an ES256 signature (RFC 7518 §3.4)."""


class ReceiptKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of receipts, and why they are believed to be the operator's."""

    text: str
    """A JWK set (RFC 7517), as it was published."""
    evidence: Evidence | None = None
    """``None``: they came over TLS, and that is all."""


def fetch_keys(api: Api, files: TrustedFiles | None) -> ReceiptKeys:
    """Fetch the keys of receipts: from the operator's signed files, or over TLS where there are none.

    Raises:
        ReceiptInvalid: what is signed is no text.
        UpdateError: the signed files cannot be trusted, or fetched now.
        RocketVPNError: as for any call.
    """
    if files is None:
        found = api.call("server.keys", answer=dict[str, Any]).value
        return ReceiptKeys(text=msgspec.json.encode(found).decode())
    vouched = files.vouched(RECEIPT_KEYS)
    try:
        return ReceiptKeys(text=vouched.content.decode(), evidence=vouched.evidence)
    except UnicodeDecodeError:
        raise ReceiptInvalid(problem="its keys cannot be read") from None


def check_receipt(
    token: str,
    keys: str,
    *,
    issuer: str,
    request_id: str,
    device_id: str | None,
    scope: wire.Scope,
    requested_at: float,
    now: float,
    evidence: Evidence | None = None,
) -> Receipt:
    """Check a receipt, step by step, and return it.

    Args:
        token: the compact JWS (RFC 7515).
        keys: the issuer's JWK set (RFC 7517), already trusted.
        issuer: who must have signed it.
        request_id: which request it must be about.
        device_id: which device it must be about; ``None``: any of the issuer's.
        scope: which scope it must be about.
        requested_at: when it was asked for, in seconds since the epoch: it cannot be older.
        now: the time: it cannot be newer.
        evidence: what the keys were trusted for; kept with the receipt.

    Raises:
        ReceiptInvalid: a step failed; the sentence says which.
    """
    claims = verified(token, keys)
    checks = (
        (claims.iss == issuer, "it comes from someone else"),  # 5. issuer (RFC 7519 §4.1.1)
        (claims.jti == request_id, "it is about another request"),  # 6. the request, so that none is replayed
        (device_id in (None, claims.device_id), "it is about another device"),  # 7.
        (claims.scope == scope, "it is about another scope"),  # 8.
        (requested_at - SKEW <= claims.iat <= now + SKEW, "its date does not fit"),  # 9. RFC 7519 §4.1.6
    )
    for holds, problem in checks:
        if not holds:
            raise ReceiptInvalid(problem=problem)
    return Receipt(token=token, keys=keys, claims=claims, vouched_by="tuf" if evidence else "tls", evidence=evidence)


def verified(token: str, keys: str) -> wire.ReceiptClaims:
    """Check the signature of ``token`` by one of ``keys``, and return its claims; what they say is not checked here.

    Raises:
        ReceiptInvalid: a step failed.
    """
    _check_form(token)
    try:
        if len(keys) > _LONGEST_KEYS:
            raise ValueError
        known = KeySet.import_key_set(msgspec.json.decode(keys))
        # 2. one algorithm, never the header's choice (RFC 8725 §3.1); 3. a key of the issuer's set; the signature
        signed = jws.deserialize_compact(token, known, algorithms=[_ALGORITHM])
        header = signed.headers()
    except Exception:  # noqa: BLE001 - a library reads what a stranger wrote; no caller sees what it says of it
        raise ReceiptInvalid(problem="its signature does not hold") from None
    # 4. RFC 8725 §3.11: no other kind of JWT may pass for one; nor has it a header that would change its meaning
    if header.get("typ") != _TYPE or set(header) != _HEADER:
        raise ReceiptInvalid(problem="it is no erasure receipt")
    try:
        return msgspec.json.decode(signed.payload or b"", type=wire.ReceiptClaims)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ReceiptInvalid(problem="its content cannot be read") from None


def _check_form(token: str) -> None:
    """1. The one form that a compact JWS of these has: no padding, and no bits that decoding would drop."""
    fits = len(token) <= _LONGEST_TOKEN and _TOKEN.fullmatch(token) is not None
    if not fits or not all(_is_canonical(part) for part in token.split(".")):
        raise ReceiptInvalid(problem="it is not of the form that receipts have")


def _is_canonical(part: str) -> bool:
    if len(part) % 4 == 1:
        return False
    decoded = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return urlsafe_b64encode(decoded).rstrip(b"=").decode() == part
