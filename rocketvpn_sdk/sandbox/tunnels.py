"""An example of an app's own operation: the VPN's tunnels."""

from __future__ import annotations

import binascii
import secrets
from base64 import b64decode
from ipaddress import IPv4Network

from sqlalchemy import Connection, func, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.accounts import Subject
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, json_response, read_body
from rocketvpn_sdk.sandbox.rows import add, every, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import TunnelRow

_POOL = IPv4Network("10.66.0.0/16")
_DNS = "10.66.0.1"
_DRAWN = 8
_KEEPALIVE = 25
_PORT = 51820


def tunnel(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/tunnels``: one tunnel per device, the newest."""
    subject = caller.bound()
    wanted = read_body(request, wire.TunnelRequest)
    regions = services.policy.fields["region"].type.values
    errors = (
        []
        if _is_wireguard_key(wanted.public_key)
        else [wire.ProblemItem(detail="must be 32 bytes in base64", pointer="/public_key")]
    )
    if wanted.region is not None and wanted.region not in regions:
        errors.append(wire.ProblemItem(detail="is none of the policy's regions", pointer="/region"))
    if errors:
        raise Refused("validation-failed", errors=tuple(errors))
    if subject.order.paid_until < services.today():
        raise Refused("order-expired")
    address = _register(db, services, subject, wanted.public_key)
    peer = wire.TunnelPeer(
        peer_public_key=services.tunnel_key,
        endpoint=f"{wanted.region or regions[0]}.vpn.rocketvpn.example:{_PORT}",
        address=address,
        dns=[_DNS],
        allowed_ips=["0.0.0.0/0", "::/0"],
        keepalive=_KEEPALIVE,
    )
    return json_response(peer, status=201)


def _register(db: Connection, services: Services, subject: Subject, public_key: str) -> str:
    device = subject.device
    kept = [row.address for row in every(db, TunnelRow, device_row=device.row_id) if row.public_key == public_key]
    remove(db, TunnelRow, device_row=device.row_id)
    row = TunnelRow(
        order_number=device.order_number,
        device_id=device.id,
        device_row=device.row_id,
        public_key=public_key,
        address=kept[0] if kept else _free_address(db),
        created_at=services.now(),
        expires_at=services.kept_until("tunnel_address"),
    )
    add(db, row)
    return row.address


def _free_address(db: Connection) -> str:
    """Return an address that no tunnel has; drawn by lot, so that two processes seldom draw the same.

    If they do, the second one's row is refused, and its transaction is done again.
    """
    hosts = _POOL.num_addresses - 2
    while True:
        drawn = {f"{_POOL[1 + secrets.randbelow(hosts)]}/32" for _ in range(_DRAWN)} - {f"{_DNS}/32"}
        taken = db.execute(select(TunnelRow.c.address).where(TunnelRow.c.address.in_(drawn))).scalars()
        if free := drawn.difference(taken):
            return free.pop()
        if db.execute(select(func.count()).select_from(TunnelRow.table)).scalar_one() >= hosts - 1:
            raise Refused("unavailable", "Every address is taken.")


def _is_wireguard_key(text: str) -> bool:
    try:
        return len(text) == 44 and len(b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False
