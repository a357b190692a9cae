"""Challenges: a code is mailed for what somebody asks, and the session that waits for it is stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import recovery
from rocketvpn_sdk.sandbox.budgets import asker, count_sent, long_code, open_budget, too_many
from rocketvpn_sdk.sandbox.http_messages import About, OAuthRefused, ServerResponse, digest, json_response
from rocketvpn_sdk.sandbox.idempotency import IdempotencyKey, complete
from rocketvpn_sdk.sandbox.mail import masked
from rocketvpn_sdk.sandbox.oauth import Form, refusal
from rocketvpn_sdk.sandbox.rows import add, every
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AuthCodeRow, AuthSessionRow, CodeBudgetRow, DeviceRow, OrderRow

SUBJECT = ("order_number", "device_id", "device_row", "replaces", "replaces_row")
"""What a code is for, and nothing else."""
_KEPT = ("jkt", "client_id", "kind", "max_age", *SUBJECT)
_SENT_ALREADY = "{}, in an e-mail of the last minutes"
_OFTEN = (
    "Somebody asked for many codes for your order. Only this long one is good now, and another one comes in ten minutes"
    " if codes are still asked for. If it was not you, there is nothing that you have to do."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """A request for an authorization code."""

    form: Form
    client_id: str
    jkt: str
    address: str
    key: IdempotencyKey | None

    def code_row(
        self,
        services: Services,
        *,
        kind: str,
        order: OrderRow | None = None,
        device: DeviceRow | None = None,
        device_id: str | None = None,
        verified: bool = False,
        max_age: int = 0,
    ) -> AuthCodeRow:
        """Return what a code is for; ``device_id``: that of a device that is not bound yet."""
        return AuthCodeRow(
            code_hash="",
            jkt=self.jkt,
            client_id=self.client_id,
            kind=kind,
            order_number=order.number if order else None,
            device_id=device.id if device else device_id,
            device_row=device.row_id if device else None,
            verified=verified,
            max_age=max_age,
            expires_at=services.now() + services.settings.code_lifetime,
        )

    def grant(self, db: Connection, services: Services, row: AuthCodeRow) -> ServerResponse:
        """Store the authorization code that ``row`` describes, and return the answer with it."""
        code = secrets.token_urlsafe(32)
        add(db, msgspec.structs.replace(row, code_hash=digest(code)))
        response = json_response(wire.AuthorizationCode(authorization_code=code))
        self.keep(db, services, response, row)
        return response

    def keep(
        self, db: Connection, services: Services, response: ServerResponse, grant: AuthCodeRow | AuthSessionRow
    ) -> None:
        """Keep ``response`` for who repeats the request: no second code is mailed, and no try counted twice."""
        # Without its row, a device is not bound yet: then the answer is about the order.
        device_id = grant.device_id if grant.device_row else None
        about = About(order_number=grant.order_number, device_id=device_id, device_row=grant.device_row)
        if self.key:
            complete(
                db, services, self.key, replace(response, about=about, replay_for=services.settings.session_lifetime)
            )


def challenge(
    db: Connection,
    services: Services,
    code_request: CodeRequest,
    wanted: AuthCodeRow,
    number: str,
    contact: str | None,
    *,
    hint: str | None = None,
) -> ServerResponse:
    """Keep what the code is for, and return the answer that says so, with the e-mail to the order's contact.

    Where there is no contact nothing is sent, and no code is right.
    """
    who = asker(db, number, code_request.jkt)
    # A long code is good for all sessions of its budget: each new address has one of its own, or a code that was
    # mailed to one would be good for another.
    purpose = f"address/{wanted.replaces}" if wanted.kind == "address" else wanted.kind
    budget = open_budget(db, services, number, purpose, who, window=services.settings.budget_window)
    if wait := _waits(db, services, code_request, budget):
        raise oauth_rate_limited(wait)
    long = too_many(services, budget) or (who == "unknown" and _asks_often(services, code_request))
    code = _long(db, services, budget) if long else _short(db, services, budget)
    auth_session = secrets.token_urlsafe(32)
    response = _challenge_response(db, wanted, code, auth_session, hint or masked(contact or ""))
    right = code.answer if contact is not None else secrets.token_urlsafe(32)
    _store_session(db, wanted, budget, code, auth_session, answer_hash(auth_session, right))
    code_request.keep(db, services, response, wanted)
    # It counts until it is answered.
    services.attempts.failed(f"asked/{code_request.address}", services.now(), services.settings.session_lifetime)
    if contact is None or code.text is None:
        return response
    return replace(response, mails=(services.message(contact, code.text, code.answer),))


def _challenge_response(
    db: Connection, wanted: AuthCodeRow, code: _MailedCode, auth_session: str, where: str
) -> ServerResponse:
    challenge = wire.CodeChallenge(
        kind="email_code",
        hint=where if code.text is not None else _SENT_ALREADY.format(where),
        expires_at=utc(code.expires_at),
        code_digits=len(code.answer),
        recovery=wanted.kind == "step_up" and recovery.is_there(db, wanted.order_number),
    )
    error = "insufficient_authorization"
    return refusal(OAuthRefused(wire.AuthorizationError(error=error, auth_session=auth_session, challenge=challenge)))


def _store_session(
    db: Connection, wanted: AuthCodeRow, budget: CodeBudgetRow, code: _MailedCode, auth_session: str, code_hash: str
) -> None:
    session = AuthSessionRow(
        **{name: getattr(wanted, name) for name in _KEPT},
        id_hash=digest(auth_session),
        code_hash=code_hash,
        budget=budget.name,
        long=code.long,
        tries=0,
        expires_at=code.expires_at,
    )
    add(db, session)


def oauth_rate_limited(wait: int) -> OAuthRefused:
    """Return the refusal of a client that has to wait for ``wait`` seconds."""
    return OAuthRefused(wire.AuthorizationError(error="rate-limited"), status=429, retry_after=wait)


class _MailedCode(msgspec.Struct, frozen=True):
    """A code for an e-mail."""

    answer: str
    expires_at: int
    long: bool
    text: str | None
    """What the e-mail says besides; ``None``: it has been sent already."""


def _waits(db: Connection, services: Services, code_request: CodeRequest, budget: CodeBudgetRow) -> int:
    """Return for how many seconds this key has as many sessions as it may have; other keys are not affected."""
    mine = every(db, AuthSessionRow, budget=budget.name, jkt=code_request.jkt)
    ends = sorted(session.expires_at for session in mine if session.expires_at > services.now())
    return ends[0] - services.now() if len(ends) >= services.settings.live_challenges else 0


def _asks_often(services: Services, code_request: CodeRequest) -> bool:
    """Whether codes for many orders were asked for from this address, and nobody answered."""
    return (
        services.attempts.wait(f"asked/{code_request.address}", services.now(), services.settings.address_challenges)
        > 0
    )


def _short(db: Connection, services: Services, budget: CodeBudgetRow) -> _MailedCode:
    count_sent(db, budget)
    digits = services.settings.short_digits
    answer = f"{secrets.randbelow(10**digits):0{digits}d}"
    return _MailedCode(answer, services.now() + services.settings.session_lifetime, False, "")


def _long(db: Connection, services: Services, budget: CodeBudgetRow) -> _MailedCode:
    found = long_code(db, services, budget)
    return _MailedCode(found.code, found.expires_at, True, _OFTEN if found.due else None)


def answer_hash(auth_session: str, answer: str) -> str:
    """Return what is stored of a session's right answer."""
    # Eight digits alone could be guessed from their hash; the session's 256 random bits are not stored.
    return digest(f"{auth_session}:{answer.strip()}")
