"""The order and its devices."""

from __future__ import annotations

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.sandbox import notices, order_changes
from rocketvpn_sdk.sandbox.accounts import devices_of, find_device, is_called, listed, remove_device
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, json_response
from rocketvpn_sdk.sandbox.services import Services


def order(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/order``."""
    subject = caller.bound()
    facts = subject.order
    return json_response(
        wire.Order(
            state="active" if facts.paid_until >= services.today() else "expired",
            paid_until=facts.paid_until,
            devices_used=len(devices_of(db, facts.number)),
            devices_allowed=facts.device_limit,
            deletion_waits_days=0 if facts.contact_email else services.settings.order_wait // int(DAY),
            changes=order_changes.changes(db, facts, subject.device, services.now()),
        )
    )


def devices(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/devices``: other devices are shown after an e-mailed code."""
    caller.require_code(services.settings.step_up_lifetime)
    mine = caller.bound().device
    rows = devices_of(db, mine.order_number)
    return json_response(wire.DeviceList(devices=[listed(row, current=row.id == mine.id) for row in rows]))


def unbind(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``DELETE /v1/devices/{device_id}``: this device itself; after an e-mailed code, any of the order."""
    subject, wanted = caller.bound(), request.params["device_id"]
    own = is_called(subject.device, wanted)
    if not own:
        caller.require_code(services.settings.step_up_lifetime)  # before it is said whether there is such a device
    device = subject.device if own else find_device(db, subject.order.number, wanted)
    if device is None:
        raise Refused("device-not-found")
    remove_device(db, device, services.now() + services.settings.removed_key_lifetime)
    mails = () if own else notices.removed(services, subject.order, device)
    return ServerResponse(status=204, erased=True, mails=mails)
