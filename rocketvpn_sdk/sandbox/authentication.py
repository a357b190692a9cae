"""Who is calling: the access token and the proof that its key is there (RFC 9449 §7, RFC 6750 §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.accounts import Subject, find_order, find_subject, one_of_order, was_removed
from rocketvpn_sdk.sandbox.http_messages import About, Refused, ServerRequest, digest
from rocketvpn_sdk.sandbox.proofs import ALGORITHM, NonceNeeded, Proof, ProofRefused, take
from rocketvpn_sdk.sandbox.rows import one, typed
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AccessTokenRow, DeviceRow, OrderRow, RightsRequestRow

_AUTHORIZATION = re.compile(r"dpop +([A-Za-z0-9._~+/-]{1,200}=*)", re.IGNORECASE)


_OF_DEVICE = (
    select(*AccessTokenRow.c, *OrderRow.c, *DeviceRow.c)
    .select_from(AccessTokenRow.table)
    .join(OrderRow.table, AccessTokenRow.c.order_number == OrderRow.c.number)
    .join(DeviceRow.table, AccessTokenRow.c.device_row == DeviceRow.c.row_id)
    .where(AccessTokenRow.c.token_hash == bindparam("token_hash"))
    # The order's row first, as everywhere. A row that another transaction deleted meanwhile is not found.
    .with_for_update(of=[OrderRow.table, DeviceRow.table, AccessTokenRow.table])
)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A token, and the proof beside it."""

    token: str
    proof: Proof

    @property
    def jkt(self) -> str:
        """The key that the proof was made with."""
        return self.proof.jkt


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key signed the request: a device's, or, with ``owned``, that of an order's owner.

    Both ``subject`` and ``owned`` are empty once the data is erased: then only receipts can be read.
    """

    jkt: str
    acr: str
    subject: Subject | None
    owned: OrderRow | None = None
    former: str = ""
    """Whose row it was, if it is erased."""

    @property
    def row_id(self) -> str:
        """The row of the device, or of the owner's order, that the token was issued for; no later one has it."""
        if self.subject is not None:
            return self.subject.device.row_id
        return self.former if self.owned is None else self.owned.row_id

    @property
    def about(self) -> About:
        """What is deleted together with what the caller's token was issued for."""
        if self.subject is None:
            return About(order_number=self.owned.number if self.owned else None)
        return self.subject.device.about

    @property
    def identity(self) -> Literal["device", "user"]:
        """As what the caller calls, in the policy's words."""
        return "user" if self.acr == wire.ACR_OWNER else "device"

    @property
    def verified(self) -> bool:
        """Whether the user entered an e-mailed code lately: the device's role is ``verified``, and not ``member``.

        Tokens that say so live no longer than the ``max_age`` that was asked for.
        """
        return self.acr == wire.ACR_EMAIL_CODE

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
            Refused: with what RFC 9470 §3 wants said.
        """
        if not self.verified:
            asked = f'acr_values="{wire.ACR_EMAIL_CODE}", max_age={max_age}'
            header = ("WWW-Authenticate", f'DPoP error="insufficient_user_authentication", {asked}')
            raise Refused("insufficient-user-authentication", headers=(header,))


def presented(services: Services, request: ServerRequest) -> PresentedToken:
    """Return the token of ``request`` and the proof; ``take_proof`` must follow, and who it is, ``identify`` says.

    Raises:
        Refused: there is no token, or the proof does not hold.
    """
    token = _token(request)
    try:
        return PresentedToken(token, services.proofs.check(request, services.clock.time(), token=token))
    except NonceNeeded as error:
        raise Refused("use-dpop-nonce", str(error), headers=_challenge("use_dpop_nonce")) from None
    except ProofRefused as error:
        raise _invalid_proof(error) from None


def take_proof(db: Connection, services: Services, sent: PresentedToken) -> None:
    """Let the proof count, once.

    Raises:
        Refused: it was seen before, by any process.
    """
    try:
        take(db, services.settings, sent.proof, services.now())
    except ProofRefused as error:
        raise _invalid_proof(error) from None


def identify(db: Connection, services: Services, sent: PresentedToken) -> Caller:
    """Return the caller. Nobody else can change what the token stands for before the transaction ends.

    Each transaction that acts for a caller asks this first: what an earlier one found may have ended since.

    Raises:
        Refused: the token does not hold, or the device was removed.
    """
    token_hash = digest(sent.token)
    row, subject = find_token(db, token_hash)
    if row is None:
        row = one_of_order(db, AccessTokenRow, token_hash=token_hash)
    if row is None and was_removed(db, sent.jkt, services.now()):
        raise Refused("device-revoked")
    # RFC 9449 §4.3, 12b: "confirm that the public key to which the access token is bound matches" the proof's.
    if row is None or row.jkt != sent.jkt or row.expires_at <= services.now():
        raise Refused("invalid-token", headers=_challenge("invalid_token"))
    return _caller(db, row, subject)


def insufficient_scope() -> Refused:
    """Return the refusal of a token that does not allow this request (RFC 6750 §3.1)."""
    return Refused("insufficient-scope", headers=_challenge("insufficient_scope"))


def _token(request: ServerRequest) -> str:
    headers = request.all("authorization")
    if not headers:
        # RFC 6750 §3.1: without any authentication information, no error code.
        raise Refused("unauthorized", headers=(("WWW-Authenticate", f'DPoP algs="{ALGORITHM}"'),))
    match = _AUTHORIZATION.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Refused("invalid-token", "exactly one DPoP token is needed", headers=_challenge("invalid_token"))
    return match[1]


def find_token(db: Connection, token_hash: str) -> tuple[AccessTokenRow | None, Subject | None]:
    """Return a device's token and its device; nobody else can change them before the transaction ends.

    Nothing, if there is none, or if it is the token of an owner or of someone whose data is erased.
    """
    found = db.execute(_OF_DEVICE, {"token_hash": token_hash}).first()
    if found is None:
        return None, None
    token, order = len(AccessTokenRow.c), len(OrderRow.c)
    of_device = typed(DeviceRow, found[token + order :])
    subject = Subject(order=typed(OrderRow, found[token : token + order]), device=of_device)
    return typed(AccessTokenRow, found[:token]), subject


def _caller(db: Connection, row: AccessTokenRow, subject: Subject | None) -> Caller:
    if row.request_id is not None:
        request = one(db, RightsRequestRow, id=row.request_id, jkt=row.jkt)
        return Caller(jkt=row.jkt, acr=row.acr, subject=None, former=request.asked_by if request else "")
    if row.device_row is None:
        order = find_order(db, row.order_number)
        if order is None or row.acr != wire.ACR_OWNER:
            raise Refused("invalid-token", headers=_challenge("invalid_token"))
        return Caller(jkt=row.jkt, acr=row.acr, subject=None, owned=order)
    subject = subject or find_subject(db, row.order_number, row.device_row)
    if subject is None or subject.device.jkt != row.jkt or row.acr == wire.ACR_OWNER:
        raise Refused("device-revoked")
    return Caller(jkt=row.jkt, acr=row.acr, subject=subject)


def _invalid_proof(error: ProofRefused) -> Refused:
    return Refused("invalid-dpop-proof", str(error), headers=_challenge("invalid_dpop_proof"))


def _challenge(error: str) -> tuple[tuple[str, str], ...]:
    return (("WWW-Authenticate", f'DPoP error="{error}", algs="{ALGORITHM}"'),)
