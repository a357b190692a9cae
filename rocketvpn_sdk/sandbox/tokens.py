"""The token endpoint (RFC 6749 §4.1.3, §6), its tokens bound to the device's key (RFC 9449 §5)."""

from __future__ import annotations

import secrets

import msgspec
from sqlalchemy import Connection, delete, insert, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import (
    add_device,
    device_by_key,
    devices_of,
    find_device,
    find_order,
    remove_device,
    was_removed,
)
from rocketvpn_sdk.sandbox.binding import Wish, whom_to_ask
from rocketvpn_sdk.sandbox.exchange import Call, Reply, digest, json_reply, oauth_refused
from rocketvpn_sdk.sandbox.oauth import Form, client_of, needed, proven_key, read_form
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.rows import CodeRow, DeviceRow, RightsRow
from rocketvpn_sdk.sandbox.store import one


class RefreshRow(msgspec.Struct, frozen=True):
    """A row of ``refresh_tokens``, as far as it is read."""

    jkt: str
    client_id: str
    order_number: str
    device_id: str


def token(parts: Parts, call: Call) -> Reply:
    """Serve ``POST /v1/token``."""
    jkt = proven_key(parts, call)
    form = read_form(call)
    client_id = client_of(form)
    grant = needed(form, "grant_type")
    if grant == "authorization_code":
        return _from_code(parts, form, client_id, jkt)
    if grant == "refresh_token":
        return _from_refresh_token(parts, form, client_id, jkt)
    raise oauth_refused("unsupported_grant_type")


def _from_code(parts: Parts, form: Form, client_id: str, jkt: str) -> Reply:
    table = tables.auth_codes
    code_hash = digest(needed(form, "code"))
    with parts.store.begin() as db:
        code = one(db, select(table).where(table.c.code_hash == code_hash), CodeRow)
        # RFC 9449 §10: the code belongs to the key that asked for it; RFC 6749 §4.1.3: and to the client.
        if code is None or code.jkt != jkt or code.client_id != client_id or code.expires_at <= parts.now():
            raise oauth_refused("invalid_grant", "the code is unknown, spent, expired or another key's")
        # RFC 6749 §4.1.2: "The client MUST NOT use the authorization code more than once."
        db.execute(delete(table).where(table.c.code_hash == code_hash))
        return _BY_KIND[code.kind](db, parts, code)


def _stepped_up(db: Connection, parts: Parts, code: CodeRow) -> Reply:
    device = device_by_key(db, code.jkt, code.device_id)
    if device is None:
        raise oauth_refused("device-revoked")
    return _answer(db, parts, code.jkt, device, acr=wire.ACR_EMAIL_CODE, lifetime=code.max_age)


def _owned(db: Connection, parts: Parts, code: CodeRow) -> Reply:
    """Serve the order's owner: a token for seeing and deleting, and none to get another one with."""
    if find_order(db, code.order_number) is None:
        raise oauth_refused("invalid_grant", "the order is gone")
    return _answer(db, parts, code.jkt, None, order_number=code.order_number, acr=wire.ACR_OWNER)


def _bound(db: Connection, parts: Parts, code: CodeRow) -> Reply:
    wish = Wish(order_number=code.order_number, device_id=code.device_id, jkt=code.jkt, replaces=code.replaces)
    devices = devices_of(db, code.order_number)
    # Asked again: the order's last place may have gone, or the device's key changed, since the code was given.
    if whom_to_ask(find_order(db, code.order_number), devices, wish, parts.today()) and not code.verified:
        raise oauth_refused("invalid_grant", "the order's devices changed in the meantime")
    device = _place(db, parts, wish, devices)
    refresh_token = secrets.token_urlsafe(32)
    table = tables.refresh_tokens
    mine = (table.c.order_number == device.order_number, table.c.device_id == device.id)
    db.execute(delete(table).where(*mine))
    db.execute(
        insert(table).values(
            token_hash=digest(refresh_token),
            jkt=device.jkt,
            client_id=code.client_id,
            order_number=device.order_number,
            device_id=device.id,
            issued_on=parts.today(),
        )
    )
    return _answer(db, parts, code.jkt, device, refresh_token=refresh_token)


_BY_KIND = {"bind": _bound, "step_up": _stepped_up, "owner": _owned}


def _place(db: Connection, parts: Parts, wish: Wish, devices: list[DeviceRow]) -> DeviceRow:
    """Put the device in its place on the order, and whom it replaces out."""
    until = parts.now() + parts.settings.removed_key_lifetime
    known = next((device for device in devices if device.id == wish.device_id), None)
    for device in devices:
        if device.id == wish.replaces and device is not known:
            remove_device(db, device, until)
    if known is not None and known.jkt == wish.jkt:
        return known
    if known is not None:  # the same machine with a new key: the old key is out
        remove_device(db, known, until)
    return add_device(db, wish.order_number, wish.device_id, wish.jkt, parts.today())


def _from_refresh_token(parts: Parts, form: Form, client_id: str, jkt: str) -> Reply:
    table = tables.refresh_tokens
    token_hash = digest(needed(form, "refresh_token"))
    with parts.store.begin() as db:
        row = one(db, select(table).where(table.c.token_hash == token_hash), RefreshRow)
        if row is None:
            return _after_the_end(db, parts, token_hash, jkt)
        # RFC 9449 §5: a public client's refresh token is bound to its key; RFC 6749 §6: and to the client.
        if row.jkt != jkt or row.client_id != client_id:
            raise oauth_refused("invalid_grant", "the refresh token is another key's")
        device = find_device(db, row.order_number, row.device_id)
        if device is None or device.jkt != jkt:
            raise oauth_refused("device-revoked")
        return _answer(db, parts, jkt, device)


def _after_the_end(db: Connection, parts: Parts, token_hash: str, jkt: str) -> Reply:
    """Serve a device whose data is erased: its key and token still read its receipt, and nothing else."""
    table = tables.rights_requests
    query = select(table).where(
        table.c.refresh_hash == token_hash, table.c.jkt == jkt, table.c.expires_at > parts.now()
    )
    if one(db, query, RightsRow) is not None:
        return _answer(db, parts, jkt, None)
    if was_removed(db, jkt, parts.now()):
        raise oauth_refused("device-revoked")
    raise oauth_refused("invalid_grant", "the refresh token is unknown")


def _answer(
    db: Connection,
    parts: Parts,
    jkt: str,
    device: DeviceRow | None,
    *,
    order_number: str | None = None,
    acr: str = wire.ACR_DEVICE,
    lifetime: int | None = None,
    refresh_token: str | None = None,
) -> Reply:
    access_token = secrets.token_urlsafe(32)
    lifetime = parts.settings.access_lifetime if lifetime is None else lifetime
    db.execute(
        insert(tables.access_tokens).values(
            token_hash=digest(access_token),
            jkt=jkt,
            order_number=device.order_number if device else order_number,
            device_id=device.id if device else None,
            acr=acr,
            expires_at=parts.now() + lifetime,
        )
    )
    return json_reply(
        wire.TokenResponse(
            access_token=access_token,
            token_type="DPoP",  # noqa: S106 - a type, no secret
            expires_in=lifetime,
            refresh_token=refresh_token,
            acr=acr,
        )
    )
