"""The authorization challenge endpoint (draft-ietf-oauth-first-party-apps-04): bind, answer a challenge, step up."""

from __future__ import annotations

import hmac
import re
import secrets

from sqlalchemy import Connection, delete, func, insert, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import device_by_key, devices_of, find_order, was_removed
from rocketvpn_sdk.sandbox.binding import Wish, whom_to_ask
from rocketvpn_sdk.sandbox.exchange import Call, OAuthRefused, Reply, digest, json_reply, oauth_refused
from rocketvpn_sdk.sandbox.mail import Message, masked
from rocketvpn_sdk.sandbox.oauth import Form, client_of, needed, proven_key, read_form
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.rows import CodeRow, SessionRow
from rocketvpn_sdk.sandbox.store import one

_SOMEWHERE = "the order's e-mail address"
_LONGEST_NUMBER = 40
_SHORT, _LONG = 6, 12
"""Digits of a code."""
_A_DAY = 24 * 3600
_SOMEBODY_GUESSES = (
    "Somebody entered wrong codes for your order, many times. None was right. New codes are longer for a day; if it was"
    " not you, there is nothing that you have to do."
)


def authorize(parts: Parts, call: Call) -> Reply:
    """Serve ``POST /v1/authorize-challenge``."""
    jkt = proven_key(parts, call)
    form = read_form(call)
    client_id = client_of(form)
    if needed(form, "response_type") != "code":
        raise oauth_refused("unsupported_response_type")
    if parts.faults.redirect_to_web:
        raise oauth_refused("redirect_to_web")
    if "auth_session" in form:
        return _go_on(parts, form, client_id, jkt, call.address)
    if wire.ACR_OWNER in form.get("acr_values", "").split():
        return _own(parts, form, client_id, jkt, call.address)
    if "order_number" in form:
        return _bind(parts, form, client_id, jkt, call.address)
    if "acr_values" in form:
        return _step_up(parts, form, client_id, jkt, call.address)
    raise oauth_refused("invalid_request", "order_number, auth_session or acr_values is needed")


def _bind(parts: Parts, form: Form, client_id: str, jkt: str, address: str) -> Reply:
    number = form["order_number"]
    if wait := parts.tries.wait(f"unknown/{address}", parts.now(), parts.settings.unknown_orders):
        raise _too_many(wait)
    if not _matches(parts, "order_number", number):
        raise oauth_refused("order-not-found")
    wish = Wish(order_number=number, device_id=_device_id(parts, form), jkt=jkt, replaces=form.get("replace") or None)
    with parts.store.begin() as db:
        order = find_order(db, number)
        if order is None:  # else orders could be found by asking for every number
            parts.tries.failed(f"unknown/{address}", parts.now(), parts.settings.unknown_window)
        contact = whom_to_ask(order, devices_of(db, number), wish, parts.today())
        code = _code_row(parts, wish, client_id, kind="bind", verified=False)
        if contact is None:
            return _grant(db, code)
    raise _challenge(parts, code, contact, address)


def _step_up(parts: Parts, form: Form, client_id: str, jkt: str, address: str) -> Reply:
    """RFC 9470: the bound device's key asks for a higher ``acr``."""
    if wire.ACR_EMAIL_CODE not in form["acr_values"].split():
        raise oauth_refused("invalid_request", "acr_values names nothing that this server can do")
    device_id = _device_id(parts, form)
    max_age = _max_age(parts, form)
    with parts.store.begin() as db:
        device = device_by_key(db, jkt, device_id)
        removed = was_removed(db, jkt, parts.now())
        order = find_order(db, device.order_number) if device else None
    if device is None or order is None:
        raise oauth_refused("device-revoked" if removed else "invalid_grant", "no device with this id has this key")
    if not order.contact_email:
        raise oauth_refused("redirect_to_web", "the order has no contact address")
    wish = Wish(order_number=device.order_number, device_id=device_id, jkt=jkt)
    wanted = _code_row(parts, wish, client_id, kind="step_up", verified=False, max_age=max_age)
    raise _challenge(parts, wanted, order.contact_email, address)


def _own(parts: Parts, form: Form, client_id: str, jkt: str, address: str) -> Reply:
    """Ask for the order's owner: whoever reads the order's e-mail; the key may be any.

    The answer is the same for an order that does not exist, has no address, or has one: nobody learns which by asking.
    """
    number = needed(form, "order_number")
    with parts.store.begin() as db:
        order = find_order(db, number) if _matches(parts, "order_number", number) else None
    wish = Wish(order_number=number[:_LONGEST_NUMBER], device_id="", jkt=jkt)
    wanted = _code_row(parts, wish, client_id, kind="owner", verified=False)
    raise _challenge(parts, wanted, order.contact_email if order else None, address, hint=_SOMEWHERE)


def _go_on(parts: Parts, form: Form, client_id: str, jkt: str, address: str) -> Reply:
    auth_session, answer = form["auth_session"], needed(form, "verification_code")
    with parts.store.begin() as db:
        session = _live_session(db, parts, auth_session, client_id, jkt)
        if session is None:
            raise oauth_refused("invalid_session")
        table = tables.auth_sessions
        if hmac.compare_digest(session.code_hash, _answer_hash(auth_session, answer)):
            db.execute(delete(table).where(table.c.id_hash == session.id_hash))
            wish = Wish(
                order_number=session.order_number, device_id=session.device_id, jkt=jkt, replaces=session.replaces
            )
            code = _code_row(parts, wish, client_id, kind=session.kind, verified=True, max_age=session.max_age)
            parts.tries.forgive(f"asked/{address}", parts.now())
            return _grant(db, code)
        db.execute(update(table).where(table.c.id_hash == session.id_hash).values(tries=session.tries + 1))
        if session.kind == "owner":
            _count_wrong(db, parts, session.order_number)
    left = parts.settings.code_tries - session.tries - 1
    raise OAuthRefused(wire.AuthorizationError(error="invalid_grant", attempts_left=left))


def _live_session(db: Connection, parts: Parts, auth_session: str, client_id: str, jkt: str) -> SessionRow | None:
    session = one(
        db, select(tables.auth_sessions).where(tables.auth_sessions.c.id_hash == digest(auth_session)), SessionRow
    )
    # First-party apps §5.3.1: the session is bound to the key that began it (RFC 9449 §10 does so for codes).
    if session is None or session.jkt != jkt or session.client_id != client_id:
        return None
    spent = session.expires_at <= parts.now() or session.tries >= parts.settings.code_tries
    return None if spent else session


def _count_wrong(db: Connection, parts: Parts, number: str) -> None:
    """Count an owner's wrong code. At the last that a day allows, codes of six digits end, and the owner is told."""
    if parts.tries.failed(f"owner/{number}", parts.now(), _A_DAY) != parts.settings.owner_tries:
        return
    table = tables.auth_sessions
    db.execute(delete(table).where(table.c.order_number == number, table.c.kind == "owner"))
    order = find_order(db, number)
    if order is not None and order.contact_email:
        parts.mail.send(Message(to=order.contact_email, code="", sent_at=parts.moment(), text=_SOMEBODY_GUESSES))


def _challenge(
    parts: Parts, wanted: CodeRow, contact: str | None, address: str, *, hint: str | None = None
) -> OAuthRefused:
    """Send a code to the order's contact, keep what it is for, and return the answer that says so.

    Where there is no contact nothing is sent, and no code is right.
    """
    now, settings = parts.now(), parts.settings
    guessed = wanted.kind == "owner" and parts.tries.wait(f"owner/{wanted.order_number}", now, settings.owner_tries)
    digits = _LONG if guessed else _SHORT
    auth_session, answer = secrets.token_urlsafe(32), f"{secrets.randbelow(10**digits):0{digits}d}"
    expires_at = now + settings.session_lifetime
    if wait := parts.tries.wait(f"asked/{address}", now, settings.address_challenges):
        raise _too_many(wait)
    with parts.store.begin() as db:
        if _has_too_many(db, parts, wanted):
            raise _too_many(settings.session_lifetime)
        values = {name: getattr(wanted, name) for name in _KEPT}
        right = answer if contact is not None else secrets.token_urlsafe(32)
        values |= {"id_hash": digest(auth_session), "code_hash": _answer_hash(auth_session, right)}
        db.execute(insert(tables.auth_sessions).values(**values, tries=0, expires_at=expires_at))
    parts.tries.failed(f"asked/{address}", now, settings.session_lifetime)  # until it is answered
    if contact is not None:
        parts.mail.send(Message(to=contact, code=answer, sent_at=parts.moment()))
    where = hint or masked(contact or "")
    challenge = wire.Challenge(kind="email_code", hint=where, expires_at=utc(expires_at), code_digits=digits)
    return OAuthRefused(
        wire.AuthorizationError(error="insufficient_authorization", auth_session=auth_session, challenge=challenge)
    )


def _has_too_many(db: Connection, parts: Parts, wanted: CodeRow) -> bool:
    """Whether this key, or all strangers' keys together, have as many live codes for the order as there may be."""
    table = tables.auth_sessions
    live = (table.c.order_number == wanted.order_number, table.c.expires_at > parts.now())
    count = select(func.count()).select_from(table)
    if db.execute(count.where(*live, table.c.jkt == wanted.jkt)).scalar_one() >= parts.settings.live_challenges:
        return True
    own = [device.jkt for device in devices_of(db, wanted.order_number)]
    strangers = db.execute(count.where(*live, table.c.jkt.not_in(own))).scalar_one()
    return wanted.jkt not in own and strangers >= parts.settings.order_challenges


def _too_many(wait: int) -> OAuthRefused:
    return OAuthRefused(wire.AuthorizationError(error="rate-limited"), status=429, retry_after=wait)


_KEPT = ("jkt", "client_id", "kind", "order_number", "device_id", "replaces", "max_age")


def _code_row(parts: Parts, wish: Wish, client_id: str, *, kind: str, verified: bool, max_age: int = 0) -> CodeRow:
    return CodeRow(
        code_hash="",
        jkt=wish.jkt,
        client_id=client_id,
        kind=kind,
        order_number=wish.order_number,
        device_id=wish.device_id,
        replaces=wish.replaces,
        verified=verified,
        max_age=max_age,
        expires_at=parts.now() + parts.settings.code_lifetime,
    )


def _grant(db: Connection, row: CodeRow) -> Reply:
    code = secrets.token_urlsafe(32)
    values = {name: getattr(row, name) for name in row.__struct_fields__} | {"code_hash": digest(code)}
    db.execute(insert(tables.auth_codes).values(values))
    return json_reply(wire.AuthorizationCode(authorization_code=code))


def _answer_hash(auth_session: str, answer: str) -> str:
    # Six digits alone could be guessed from their hash; the session's 256 random bits are not stored.
    return digest(f"{auth_session}:{answer.strip()}")


def _device_id(parts: Parts, form: Form) -> str:
    device_id = needed(form, "device_id")
    if not _matches(parts, "device_id", device_id):
        raise oauth_refused("invalid_request", "device_id is not what the policy declares")
    return device_id


def _matches(parts: Parts, field: str, value: str) -> bool:
    return re.fullmatch(parts.policy.fields[field].type.pattern, value) is not None


def _max_age(parts: Parts, form: Form) -> int:
    text = form.get("max_age", str(parts.settings.step_up_lifetime))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise oauth_refused("invalid_request", "max_age is not a number of seconds")
    return min(int(text), parts.settings.step_up_lifetime)
