"""An order's owner, without a device of it: sees and deletes (A1, A3), and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import rights
from rocketvpn_sdk.sandbox.accounts import find_device
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.held_data import encode, held_of_order
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, invalid, read_body
from rocketvpn_sdk.sandbox.services import Services

DATA_PATH = "/v1/owner/data"
RIGHTS_PATH = "/v1/owner/data-rights-requests"


def view(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/owner/data``."""
    return ServerResponse(body=encode(held_of_order(db, services.policy, caller.owner(), services.now())))


def create(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/owner/data-rights-requests``."""
    order = caller.owner()
    wanted = read_body(request, wire.NewOwnerRequest)
    if (wanted.scope == "device") != (wanted.device_id is not None):
        raise invalid("names the device where the scope is one, and only there", "/device_id")
    device = None if wanted.device_id is None else find_device(db, order.number, wanted.device_id)
    if wanted.device_id is not None and device is None:
        raise Refused("device-not-found")
    about = device.about if device else caller.about
    return rights.file_request(db, services, caller, wanted.exercise, wanted.scope, about, path=RIGHTS_PATH)
