"""Answers to challenges: a code from an e-mail, or the order's recovery code, is given back."""

from __future__ import annotations

import hmac
from dataclasses import replace

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import addresses, recovery
from rocketvpn_sdk.sandbox.accounts import find_order, find_subject, one_of_order
from rocketvpn_sdk.sandbox.budgets import code_was_right, code_was_wrong, long_code
from rocketvpn_sdk.sandbox.challenges import SUBJECT, CodeRequest, answer_hash
from rocketvpn_sdk.sandbox.http_messages import OAuthRefused, ServerResponse, digest, oauth_refused
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.oauth import needed, refusal
from rocketvpn_sdk.sandbox.rows import change, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AuthSessionRow

_SOMEBODY_GUESSES = (
    "Somebody entered wrong codes for your order, many times. None was right. Codes are longer for a day, as this one"
    " is. If it was not you, there is nothing that you have to do."
)


def answer_code(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    """Grant what the session was begun for, if the answer is right; otherwise count the try."""
    auth_session = code_request.form["auth_session"]
    if "recovery_code" not in code_request.form:
        needed(code_request.form, "verification_code")
    session = _live_session(db, services, auth_session, code_request)
    if session is None:
        raise oauth_refused("invalid_session")
    if not _is_right(db, code_request, session):
        return _wrong(db, services, code_request, session)
    remove(db, AuthSessionRow, id_hash=session.id_hash)
    letter = _letter(db, services, code_request, session)
    code = code_request.code_row(services, kind=session.kind, verified=True, max_age=session.max_age)
    # The code is good for what the session was begun for, and for nothing else.
    code = msgspec.structs.replace(code, **{name: getattr(session, name) for name in SUBJECT})
    services.attempts.forgive(f"asked/{code_request.address}", services.now())
    if "recovery_code" not in code_request.form:
        code_was_right(db, session.budget, long=session.long)
    replaced = session.kind == "address" and letter is not None  # the order's address before
    return replace(code_request.grant(db, services, code), mails=(letter,) if letter else (), erased=replaced)


def _wrong(db: Connection, services: Services, code_request: CodeRequest, session: AuthSessionRow) -> ServerResponse:
    """Count the try, say how many are left, and tell the owner if this was one too many.

    This is an answer, since an exception would undo the count.
    """
    change(db, session, tries=session.tries + 1)
    # A code for a new address says nothing about the order's mailbox, and a long one for it must not go there.
    counts = not session.long and session.kind != "address"
    warning = _count_wrong(db, services, session) if counts else None
    left = services.settings.code_tries - session.tries - 1
    response = refusal(OAuthRefused(wire.AuthorizationError(error="invalid_grant", attempts_left=left)))
    code_request.keep(db, services, response, session)
    return replace(response, mails=(warning,) if warning else ())


def _is_right(db: Connection, code_request: CodeRequest, session: AuthSessionRow) -> bool:
    """Whether the answer is the code that was mailed or, for a bound device that steps up, the order's recovery code.

    A recovery code is spent by that.
    """
    if session.kind == "step_up" and "recovery_code" in code_request.form:
        return recovery.spend(db, session.order_number, code_request.form["recovery_code"])
    answer = needed(code_request.form, "verification_code")
    return hmac.compare_digest(session.code_hash, answer_hash(code_request.form["auth_session"], answer))


def _letter(db: Connection, services: Services, code_request: CodeRequest, session: AuthSessionRow) -> Message | None:
    """Do what a right answer does besides the grant; return whom to tell about it."""
    if session.kind == "address":
        return addresses.confirmed(db, services, session)
    subject = find_subject(db, session.order_number, session.device_row)
    if "recovery_code" in code_request.form and session.kind == "step_up" and subject and subject.order.contact_email:
        return recovery.used(services, subject.order.contact_email, subject.device.name)
    return None


def _live_session(
    db: Connection, services: Services, auth_session: str, code_request: CodeRequest
) -> AuthSessionRow | None:
    session = one_of_order(db, AuthSessionRow, id_hash=digest(auth_session))
    # First-party apps §5.3.1: the session is bound to the key that began it (RFC 9449 §10 does so for codes).
    if session is None or session.jkt != code_request.jkt or session.client_id != code_request.client_id:
        return None
    spent = session.expires_at <= services.now() or session.tries >= services.settings.code_tries
    return None if spent else session


def _count_wrong(db: Connection, services: Services, session: AuthSessionRow) -> Message | None:
    """Count a wrong code; after the last of a day, return what tells the owner, with a code that nobody guesses."""
    budget = code_was_wrong(db, services, session.budget)
    order = find_order(db, session.order_number) if budget else None
    if budget is None or order is None or not order.contact_email:
        return None
    code = long_code(db, services, budget).code
    return services.message(order.contact_email, _SOMEBODY_GUESSES, code)
