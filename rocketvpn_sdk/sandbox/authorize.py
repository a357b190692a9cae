"""The authorization challenge endpoint (draft-ietf-oauth-first-party-apps-04): bind, answer a challenge, step up."""

from __future__ import annotations

import re

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import addresses
from rocketvpn_sdk.sandbox.accounts import (
    Subject,
    device_by_key,
    devices_of,
    find_order,
    find_subject,
    was_removed,
)
from rocketvpn_sdk.sandbox.binding import BindingRequest, put_out, whom_to_ask
from rocketvpn_sdk.sandbox.budgets import (
    asker,
    count_sent,
    open_budget,
)
from rocketvpn_sdk.sandbox.challenges import CodeRequest, challenge, oauth_rate_limited
from rocketvpn_sdk.sandbox.code_answers import answer_code
from rocketvpn_sdk.sandbox.http_messages import (
    ServerRequest,
    ServerResponse,
    oauth_refused,
)
from rocketvpn_sdk.sandbox.idempotency import key_if_any, once
from rocketvpn_sdk.sandbox.oauth import Form, client_of, needed, proven_key, read_form
from rocketvpn_sdk.sandbox.services import Services

_SOMEWHERE = "the order's e-mail address"
_LONGEST_HANDLE = 64
_A_DAY = 24 * 3600


def authorize(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/authorize-challenge``."""
    jkt = proven_key(services, request)
    form = read_form(request)
    code_request = CodeRequest(
        form=form, client_id=client_of(form), jkt=jkt, address=request.address, key=key_if_any(request, jkt)
    )
    if needed(form, "response_type") != "code":
        raise oauth_refused("unsupported_response_type")
    if services.faults.redirect_to_web:
        raise oauth_refused("redirect_to_web")
    return once(services, code_request.key, lambda db: _answer(db, services, code_request))


def _answer(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    if "auth_session" in code_request.form:
        return answer_code(db, services, code_request)
    if wire.ACR_OWNER in code_request.form.get("acr_values", "").split():
        return _own(db, services, code_request)
    if "order_number" in code_request.form:
        return _bind(db, services, code_request)
    if wire.ACR_ADDRESS in code_request.form.get("acr_values", "").split():
        return _confirm_address(db, services, code_request)
    if "acr_values" in code_request.form:
        return _step_up(db, services, code_request)
    raise oauth_refused("invalid_request", "order_number, auth_session or acr_values is needed")


def _bind(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    number = code_request.form["order_number"]
    if not _matches(services, "order_number", number):
        raise oauth_refused("order-not-found")
    replaces = code_request.form.get("replace") or None
    if len(replaces or "") > _LONGEST_HANDLE:
        raise oauth_refused("device-not-found", "the order has no device to replace by that id")
    binding = BindingRequest(
        order_number=number, device_id=_device_id(services, code_request.form), jkt=code_request.jkt, replaces=replaces
    )
    order, devices = find_order(db, number), devices_of(db, number)
    code = code_request.code_row(services, kind="bind", order=order, device_id=binding.device_id)
    code = msgspec.structs.replace(code, replaces=replaces, replaces_row=put_out(devices, binding))
    if _looks_for_orders(services, code_request) and asker(db, number, code_request.jkt) == "unknown":
        # Whether there is such an order is for its owner to know, who may share this address with the one who asks.
        return challenge(
            db, services, code_request, code, number, order.contact_email if order else None, hint=_SOMEWHERE
        )
    if order is None:
        services.attempts.failed(f"unknown/{code_request.address}", services.now(), services.settings.unknown_window)
    contact = whom_to_ask(order, devices, binding, services.today())
    if contact is None:
        return code_request.grant(db, services, code)
    return challenge(db, services, code_request, code, number, contact)


def _looks_for_orders(services: Services, code_request: CodeRequest) -> bool:
    """Whether so many orders that do not exist were asked for from this address that somebody tries every number."""
    return (
        services.attempts.wait(f"unknown/{code_request.address}", services.now(), services.settings.unknown_orders) > 0
    )


def _step_up(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    """RFC 9470: the bound device's key asks for a higher ``acr``."""
    form, jkt = code_request.form, code_request.jkt
    if wire.ACR_EMAIL_CODE not in form["acr_values"].split():
        raise oauth_refused("invalid_request", "acr_values names nothing that this server can do")
    device_id = _device_id(services, form)
    max_age = _max_age(services, form)
    subject = _subject(db, services, jkt, device_id)
    order = subject.order
    if not order.contact_email:
        raise oauth_refused("redirect_to_web", "the order has no contact address")
    wanted = code_request.code_row(services, kind="step_up", order=order, device=subject.device, max_age=max_age)
    return challenge(db, services, code_request, wanted, order.number, order.contact_email)


def _confirm_address(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    """Send a code to the address that this device wants the order to have; given back, the address counts."""
    device_id = _device_id(services, code_request.form)
    subject = _subject(db, services, code_request.jkt, device_id)
    order, pending = subject.order, addresses.to_confirm(db, services, subject)
    if pending is None:
        raise oauth_refused("address-not-pending", "no address that this device asked for waits for its code")
    mails = open_budget(
        db, services, order.number, "new_address", asker(db, order.number, code_request.jkt), window=_A_DAY
    )
    if mails.sent >= services.settings.address_mails:
        raise oauth_rate_limited(mails.expires_at - services.now())
    count_sent(db, mails)
    wanted = code_request.code_row(services, kind="address", order=order, device=subject.device)
    wanted = msgspec.structs.replace(wanted, replaces=pending.row_id)  # the code is for this address alone
    return challenge(db, services, code_request, wanted, order.number, pending.address)


def _own(db: Connection, services: Services, code_request: CodeRequest) -> ServerResponse:
    """Ask for the order's owner: whoever reads the order's e-mail; the key may be any.

    The answer is the same for an order that does not exist, has no address, or has one: nobody learns which by asking.
    """
    number = needed(code_request.form, "order_number")
    order = find_order(db, number) if _matches(services, "order_number", number) else None
    wanted = code_request.code_row(services, kind="owner", order=order)
    contact = order.contact_email if order else None
    return challenge(db, services, code_request, wanted, number, contact, hint=_SOMEWHERE)


def _device_id(services: Services, form: Form) -> str:
    device_id = needed(form, "device_id")
    if not _matches(services, "device_id", device_id):
        raise oauth_refused("invalid_request", "device_id is not what the policy declares")
    return device_id


def _matches(services: Services, field: str, value: str) -> bool:
    return re.fullmatch(services.policy.fields[field].type.pattern, value) is not None


def _subject(db: Connection, services: Services, jkt: str, device_id: str) -> Subject:
    device = device_by_key(db, jkt, device_id)
    subject = find_subject(db, device.order_number, device.row_id) if device else None
    if subject is None:
        removed = was_removed(db, jkt, services.now())
        raise oauth_refused("device-revoked" if removed else "invalid_grant", "no device with this id has this key")
    return subject


def _max_age(services: Services, form: Form) -> int:
    text = form.get("max_age", str(services.settings.step_up_lifetime))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise oauth_refused("invalid_request", "max_age is not a number of seconds")
    return min(int(text), services.settings.step_up_lifetime)
