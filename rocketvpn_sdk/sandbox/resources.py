"""The order, its devices and the example of an app's own operation: a tunnel."""

from __future__ import annotations

import binascii
from base64 import b64decode
from ipaddress import IPv4Network
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import count_devices, devices_of, find_device, listed, remove_device
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, json_reply
from rocketvpn_sdk.sandbox.guard import Caller, Subject
from rocketvpn_sdk.sandbox.parts import Parts

_POOL = IPv4Network("10.66.0.0/16")
_DNS = "10.66.0.1"
_KEEPALIVE = 25
_PORT = 51820

Body = TypeVar("Body", bound=msgspec.Struct)


def order(parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/order``."""
    facts = caller.bound().order
    return json_reply(
        wire.Order(
            state="active" if facts.paid_until >= parts.today() else "expired",
            paid_until=facts.paid_until,
            devices_used=count_devices(db, facts.number),
            devices_allowed=facts.device_limit,
        )
    )


def devices(_parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/devices``."""
    mine = caller.bound().device
    rows = devices_of(db, mine.order_number)
    return json_reply(wire.DeviceList(devices=[listed(row, current=row.id == mine.id) for row in rows]))


def unbind(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``DELETE /v1/devices/{device_id}``: any device of the order may be taken off it, this one too."""
    device = find_device(db, caller.bound().order.number, call.params["device_id"])
    if device is None:
        raise Refused("device-not-found")
    remove_device(db, device, parts.now() + parts.settings.removed_key_lifetime)
    return Reply(status=204, erased=True)


def tunnel(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/tunnels``: one tunnel per device, the newest."""
    subject = caller.bound()
    request = read_body(call, wire.TunnelRequest)
    regions = parts.policy.fields["region"].type.values
    errors = [] if _is_wireguard_key(request.public_key) else [_item("public_key", "must be 32 bytes in base64")]
    if request.region is not None and request.region not in regions:
        errors.append(_item("region", "is none of the policy's regions"))
    if errors:
        raise Refused("validation-failed", errors=tuple(errors))
    if subject.order.paid_until < parts.today():
        raise Refused("order-expired")
    address = _register(db, parts, subject, request.public_key)
    peer = wire.TunnelPeer(
        peer_public_key=parts.tunnel_key,
        endpoint=f"{request.region or regions[0]}.vpn.rocketvpn.example:{_PORT}",
        address=address,
        dns=[_DNS],
        allowed_ips=["0.0.0.0/0", "::/0"],
        keepalive=_KEEPALIVE,
    )
    return json_reply(peer, status=201)


def read_body(call: Call, kind: type[Body]) -> Body:
    """Return the JSON body as ``kind``; members that it does not declare are refused, for they might be personal.

    Raises:
        Refused: another media type, no JSON, or not what is declared.
    """
    if call.media_type() != wire.JSON:
        raise Refused("unsupported-media-type", headers=(("Accept", wire.JSON),))
    try:
        raw = msgspec.json.decode(call.body)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if isinstance(raw, dict):
        unknown = sorted(set(raw) - set(kind.__struct_fields__))
        if unknown:
            raise Refused("validation-failed", errors=tuple(_item(name, "is not declared") for name in unknown))
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        pointer = where.rstrip("`").replace(".", "/")
        raise Refused("validation-failed", errors=(wire.ProblemItem(detail=message, pointer=pointer),)) from None


def _register(db: Connection, parts: Parts, subject: Subject, public_key: str) -> str:
    table, device = tables.tunnels, subject.device
    mine = (table.c.order_number == device.order_number, table.c.device_id == device.id)
    kept = db.execute(select(table.c.address).where(*mine, table.c.public_key == public_key)).scalar()
    db.execute(delete(table).where(*mine))
    taken = set(db.execute(select(table.c.address)).scalars())
    address = kept or next(free for host in _POOL.hosts() if (free := f"{host}/32") not in taken | {f"{_DNS}/32"})
    retention = parts.policy.fields["tunnel_address"].retention.server
    lifetime = int(retention.seconds) if retention else 0
    db.execute(
        insert(table).values(
            order_number=device.order_number,
            device_id=device.id,
            public_key=public_key,
            address=address,
            created_at=parts.now(),
            expires_at=parts.now() + lifetime,
        )
    )
    return str(address)


def _is_wireguard_key(text: str) -> bool:
    try:
        return len(text) == 44 and len(b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _item(name: str, detail: str) -> wire.ProblemItem:
    return wire.ProblemItem(detail=detail, pointer="/" + name.replace("~", "~0").replace("/", "~1"))
