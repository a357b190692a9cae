"""The token endpoint (RFC 6749 §4.1.3, §6), its tokens bound to the device's key (RFC 9449 §5)."""

from __future__ import annotations

import secrets
from dataclasses import replace

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import notices, order_changes
from rocketvpn_sdk.sandbox.accounts import (
    add_device,
    devices_of,
    find_order,
    find_subject,
    one_of_order,
    remove_device,
    was_removed,
)
from rocketvpn_sdk.sandbox.binding import BindingRequest, put_out, replaced, whom_to_ask
from rocketvpn_sdk.sandbox.budgets import mark_proven
from rocketvpn_sdk.sandbox.erasure import former_token
from rocketvpn_sdk.sandbox.http_messages import (
    About,
    ServerRequest,
    ServerResponse,
    digest,
    json_response,
    oauth_refused,
)
from rocketvpn_sdk.sandbox.idempotency import IdempotencyKey, complete, key_if_any, once
from rocketvpn_sdk.sandbox.oauth import Form, client_of, needed, proven_key, read_form
from rocketvpn_sdk.sandbox.rows import add, every, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import AccessTokenRow, AuthCodeRow, DeviceRow, RefreshTokenRow, RightsRequestRow


def token(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/token``."""
    jkt = proven_key(services, request)
    form = read_form(request)
    client_id = client_of(form)
    grant = needed(form, "grant_type")
    if grant == "authorization_code":
        key = key_if_any(request, jkt)
        return once(services, key, lambda db: _from_code(db, services, form, client_id, jkt, key))
    if grant == "refresh_token":
        return services.database.transact(lambda db: _from_refresh_token(db, services, form, client_id, jkt))
    raise oauth_refused("unsupported_grant_type")


def _from_code(
    db: Connection, services: Services, form: Form, client_id: str, jkt: str, key: IdempotencyKey | None
) -> ServerResponse:
    code_hash = digest(needed(form, "code"))
    code = one_of_order(db, AuthCodeRow, code_hash=code_hash)
    # RFC 9449 §10: the code belongs to the key that asked for it; RFC 6749 §4.1.3: and to the client.
    if code is None or code.jkt != jkt or code.client_id != client_id or code.expires_at <= services.now():
        raise oauth_refused("invalid_grant", "the code is unknown, spent, expired or another key's")
    # RFC 6749 §4.1.2: "The client MUST NOT use the authorization code more than once."
    remove(db, AuthCodeRow, code_hash=code_hash)
    response = _BY_KIND[code.kind](db, services, code)
    if key:  # else a code would be spent without anybody having its tokens, and another one mailed
        complete(db, services, key, replace(response, replay_for=services.settings.code_lifetime))
    return response


def _stepped_up(db: Connection, services: Services, code: AuthCodeRow) -> ServerResponse:
    """Serve the device that the code was asked for: not the same key and id on another order, or bound again since."""
    subject = find_subject(db, code.order_number, code.device_row)
    if subject is None or subject.device.jkt != code.jkt:
        raise oauth_refused("device-revoked")
    # RFC 9470 §4: max_age counts from when the user entered the code, which was when this code was made.
    entered = code.expires_at - services.settings.code_lifetime
    lifetime = entered + code.max_age - services.now()
    if lifetime <= 0:
        raise oauth_refused("invalid_grant", "max_age is over")
    mark_proven(db, subject.device)
    return _answer(db, services, code.jkt, subject.device.about, acr=wire.ACR_EMAIL_CODE, lifetime=lifetime)


def _owned(db: Connection, services: Services, code: AuthCodeRow) -> ServerResponse:
    """Serve the order's owner: a token for seeing and deleting, and none to get another one with."""
    if find_order(db, code.order_number) is None:
        raise oauth_refused("invalid_grant", "the order is gone")
    return _answer(db, services, code.jkt, About(order_number=code.order_number), acr=wire.ACR_OWNER)


def _bound(db: Connection, services: Services, code: AuthCodeRow) -> ServerResponse:
    order, device_id = find_order(db, code.order_number), code.device_id
    if order is None or device_id is None:
        raise oauth_refused("invalid_grant", "the order is gone")
    binding = BindingRequest(order_number=order.number, device_id=device_id, jkt=code.jkt, replaces=code.replaces)
    devices = devices_of(db, order.number)
    # Asked again: the order's last place may have gone, or the device's key changed, since the code was given.
    asked = whom_to_ask(order, devices, binding, services.today())
    # And the code that was mailed puts out the very device that it was mailed for.
    if (asked and not code.verified) or put_out(devices, binding) != code.replaces_row:
        raise oauth_refused("invalid_grant", "the order's devices changed in the meantime")
    device = _place(db, services, binding, devices)
    if code.verified:
        mark_proven(db, device)
    gone = [each for each in devices if each.row_id == code.replaces_row]
    refresh_token = secrets.token_urlsafe(32)
    remove(db, RefreshTokenRow, device_row=device.row_id)
    row = RefreshTokenRow(
        token_hash=digest(refresh_token),
        jkt=device.jkt,
        client_id=code.client_id,
        order_number=device.order_number,
        device_id=device.id,
        device_row=device.row_id,
        issued_on=services.today(),
    )
    add(db, row)
    response = _answer(db, services, code.jkt, device.about, refresh_token=refresh_token)
    if device.row_id in {each.row_id for each in devices} and not gone:
        return response
    same_id = any(each.id == device.id for each in devices)  # the same machine with a new key: the old row is gone
    return replace(response, mails=notices.bound(services, order, device, gone), erased=bool(gone) or same_id)


def _confirmed(db: Connection, services: Services, code: AuthCodeRow) -> ServerResponse:
    """Serve a device that confirmed an address: a token as any other of its own."""
    subject = find_subject(db, code.order_number, code.device_row)
    if subject is None or subject.device.jkt != code.jkt:
        raise oauth_refused("device-revoked")
    return _answer(db, services, code.jkt, subject.device.about)


_BY_KIND = {"bind": _bound, "step_up": _stepped_up, "owner": _owned, "address": _confirmed}


def _place(db: Connection, services: Services, binding: BindingRequest, devices: list[DeviceRow]) -> DeviceRow:
    """Put the device in its place on the order, and whom it replaces out."""
    until = services.now() + services.settings.removed_key_lifetime
    known = next((device for device in devices if device.id == binding.device_id), None)
    gone = replaced(devices, binding)
    if gone is not None and gone is not known:
        remove_device(db, gone, until)
    if known is not None and known.jkt == binding.jkt:
        return known
    if known is not None:  # the same machine with a new key: the old key is out
        remove_device(db, known, until)
    return add_device(db, binding.order_number, binding.device_id, binding.jkt, services.today())


def _from_refresh_token(db: Connection, services: Services, form: Form, client_id: str, jkt: str) -> ServerResponse:
    token_hash = digest(needed(form, "refresh_token"))
    row = one_of_order(db, RefreshTokenRow, token_hash=token_hash)
    if row is None:
        return _after_the_end(db, services, former_token(client_id, token_hash), jkt)
    # RFC 9449 §5: a public client's refresh token is bound to its key; RFC 6749 §6: and to the client.
    if row.jkt != jkt or row.client_id != client_id:
        raise oauth_refused("invalid_grant", "the refresh token is another key's")
    subject = find_subject(db, row.order_number, row.device_row)
    if subject is None or subject.device.jkt != jkt:
        raise oauth_refused("device-revoked")
    return _answer(db, services, jkt, subject.device.about)


def _after_the_end(db: Connection, services: Services, former: str, jkt: str) -> ServerResponse:
    """Serve a device whose data is erased: its key and token still read its receipt, and nothing else."""
    found = every(db, RightsRequestRow, refresh_hash=former, jkt=jkt)
    request = next((row for row in found if row.expires_at > services.now()), None)
    if request is not None:
        return _answer(db, services, jkt, About(request_id=request.id))
    if was_removed(db, jkt, services.now()):
        raise oauth_refused("device-revoked")
    raise oauth_refused("invalid_grant", "the refresh token is unknown")


def _answer(
    db: Connection,
    services: Services,
    jkt: str,
    about: About,
    *,
    acr: str = wire.ACR_DEVICE,
    lifetime: int | None = None,
    refresh_token: str | None = None,
) -> ServerResponse:
    access_token = secrets.token_urlsafe(32)
    lifetime = services.settings.access_lifetime if lifetime is None else lifetime
    row = AccessTokenRow(
        token_hash=digest(access_token),
        jkt=jkt,
        acr=acr,
        expires_at=services.now() + lifetime,
        **msgspec.structs.asdict(about),
    )
    add(db, row)
    response = json_response(
        wire.TokenResponse(
            access_token=access_token,
            token_type="DPoP",  # noqa: S106 - a type, no secret
            expires_in=lifetime,
            refresh_token=refresh_token,
            acr=acr,
            order_changes=_changes(db, about, services.now()),
        )
    )
    return replace(response, about=about)


def _changes(db: Connection, about: About, now: int) -> list[wire.OrderChange]:
    """Return what waits for the order: a device learns it with each token, without asking."""
    subject = find_subject(db, about.order_number, about.device_row) if about.device_row else None
    return order_changes.changes(db, subject.order, subject.device, now) if subject else []
