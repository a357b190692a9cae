"""Erasure receipts: a JWS by the operator. It is the operator's word, signed; what it proves is who said it."""

from __future__ import annotations

from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ReceiptInvalid
from rocketvpn_sdk.rights.outcome import Receipt

_TYPE = "erasure-receipt+jwt"
_ALGORITHM = "ES256"
_SKEW = 300.0


def check_receipt(
    token: str,
    keys: dict[str, Any],
    *,
    issuer: str,
    request_id: str,
    device_id: str,
    scope: wire.Scope,
    requested_at: float,
    now: float,
) -> Receipt:
    """Check a receipt, step by step, and return it.

    Args:
        token: the compact JWS (RFC 7515).
        keys: the issuer's JWK set (RFC 7517).
        issuer: who must have signed it.
        request_id: which request it must be about.
        device_id: which device it must be about.
        scope: which scope it must be about.
        requested_at: when it was asked for, in seconds since the epoch: it cannot be older.
        now: the time: it cannot be newer.

    Raises:
        ReceiptInvalid: a step failed; the sentence says which.
    """
    claims = _verified(token, keys)
    checks = (
        (claims.iss == issuer, "it comes from someone else"),  # 4. issuer (RFC 7519 §4.1.1)
        (claims.jti == request_id, "it is about another request"),  # 5. the request, so that none is replayed
        (claims.device_id == device_id, "it is about another device"),  # 6.
        (claims.scope == scope, "it is about another scope"),  # 7.
        (requested_at - _SKEW <= claims.iat <= now + _SKEW, "its date does not fit"),  # 8. RFC 7519 §4.1.6
    )
    for holds, problem in checks:
        if not holds:
            raise ReceiptInvalid(problem=problem)
    return Receipt(token=token, keys=keys, claims=claims)


def _verified(token: str, keys: dict[str, Any]) -> wire.Receipt:
    try:
        known = KeySet.import_key_set(keys)  # type: ignore[arg-type] # checked by the import itself
        # 1. one algorithm, never the header's choice (RFC 8725 §3.1); 2. a key of the issuer's set; 3. the signature
        signed = jws.deserialize_compact(token, known, algorithms=[_ALGORITHM])
    except (JoseError, ValueError, TypeError, KeyError):
        raise ReceiptInvalid(problem="its signature does not hold") from None
    if signed.headers().get("typ") != _TYPE:  # RFC 8725 §3.11: no other kind of JWT may pass for one
        raise ReceiptInvalid(problem="it is no erasure receipt")
    try:
        return msgspec.json.decode(signed.payload, type=wire.Receipt)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: UTF-8
        raise ReceiptInvalid(problem="its content cannot be read") from None
