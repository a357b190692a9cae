"""Who is calling: the access token and the proof that its key is there (RFC 9449 §7, RFC 6750 §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec
from sqlalchemy import select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import find_device, find_order, was_removed
from rocketvpn_sdk.sandbox.exchange import Call, Refused, digest
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.proofs import ALGORITHM, NonceNeeded, ProofRefused
from rocketvpn_sdk.sandbox.rows import DeviceRow, OrderRow
from rocketvpn_sdk.sandbox.store import one

_AUTHORIZATION = re.compile(r"dpop +([A-Za-z0-9._~+/-]{1,200}=*)", re.IGNORECASE)


class TokenRow(msgspec.Struct, frozen=True):
    """A row of ``access_tokens``."""

    jkt: str
    order_number: str | None
    device_id: str | None
    acr: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A bound device and its order."""

    order: OrderRow
    device: DeviceRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key signed the request: a device's, or, with ``owned``, that of an order's owner.

    Both ``subject`` and ``owned`` are empty once the data is erased: then only receipts can be read.
    """

    jkt: str
    acr: str
    subject: Subject | None
    owned: OrderRow | None = None

    @property
    def identity(self) -> Literal["device", "user"]:
        """As what the caller calls, in the policy's words."""
        return "user" if self.acr == wire.ACR_OWNER else "device"

    @property
    def erased(self) -> bool:
        """Whether what the caller's token was about is gone."""
        return self.subject is None and self.owned is None

    def owner(self) -> OrderRow:
        """Return the order of an owner.

        Raises:
            Refused: it is erased, or this is a device.
        """
        if self.owned is None:
            raise insufficient_scope()
        return self.owned

    def bound(self) -> Subject:
        """Return the device and order.

        Raises:
            Refused: they are erased.
        """
        if self.subject is None:
            raise insufficient_scope()
        return self.subject

    def require_code(self, max_age: int) -> None:
        """Check that the user entered an e-mailed code lately.

        Raises:
            Refused: with what RFC 9470 §3 wants said. Tokens with this ``acr`` live no longer than ``max_age``.
        """
        if self.acr != wire.ACR_EMAIL_CODE:
            asked = f'acr_values="{wire.ACR_EMAIL_CODE}", max_age={max_age}'
            header = ("WWW-Authenticate", f'DPoP error="insufficient_user_authentication", {asked}')
            raise Refused("insufficient-user-authentication", headers=(header,))


def authenticate(parts: Parts, call: Call) -> Caller:
    """Return who calls.

    Raises:
        Refused: there is no token, the proof or the token does not hold, or the device was removed.
    """
    token = _token(call)
    try:
        jkt = parts.proofs.check(call, parts.clock.time(), token=token)
    except NonceNeeded as error:
        raise Refused("use-dpop-nonce", str(error), headers=_challenge("use_dpop_nonce")) from None
    except ProofRefused as error:
        raise Refused("invalid-dpop-proof", str(error), headers=_challenge("invalid_dpop_proof")) from None
    return _caller(parts, token, jkt)


def insufficient_scope() -> Refused:
    """Return the refusal of a token that is good for something else (RFC 6750 §3.1)."""
    return Refused("insufficient-scope", headers=_challenge("insufficient_scope"))


def _token(call: Call) -> str:
    headers = call.all("authorization")
    if not headers:
        # RFC 6750 §3.1: without any authentication information, no error code.
        raise Refused("unauthorized", headers=(("WWW-Authenticate", f'DPoP algs="{ALGORITHM}"'),))
    match = _AUTHORIZATION.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Refused("invalid-token", "exactly one DPoP token is needed", headers=_challenge("invalid_token"))
    return match[1]


def _caller(parts: Parts, token: str, jkt: str) -> Caller:
    now, table = parts.now(), tables.access_tokens
    with parts.store.begin() as db:
        row = one(db, select(table).where(table.c.token_hash == digest(token)), TokenRow)
        if row is None and was_removed(db, jkt, now):
            raise Refused("device-revoked")
        # RFC 9449 §4.3, 12b: "confirm that the public key to which the access token is bound matches" the proof's.
        if row is None or row.jkt != jkt or row.expires_at <= now:
            raise Refused("invalid-token", headers=_challenge("invalid_token"))
        order = find_order(db, row.order_number) if row.order_number else None
        if row.device_id is None:
            return Caller(jkt=jkt, acr=row.acr, subject=None, owned=order)
        device = find_device(db, order.number, row.device_id) if order else None
    if order is None or device is None or device.jkt != jkt:
        raise Refused("device-revoked")
    return Caller(jkt=jkt, acr=row.acr, subject=Subject(order=order, device=device))


def _challenge(error: str) -> tuple[tuple[str, str], ...]:
    return (("WWW-Authenticate", f'DPoP error="{error}", algs="{ALGORITHM}"'),)
