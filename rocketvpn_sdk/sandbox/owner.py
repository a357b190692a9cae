"""An order's owner, without a device of it: sees and deletes (A1, A3), and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import rights
from rocketvpn_sdk.sandbox.accounts import find_device
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply
from rocketvpn_sdk.sandbox.guard import Caller
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.resources import read_body
from rocketvpn_sdk.sandbox.view import encode, held_of_order

DATA_PATH = "/v1/owner/data"
RIGHTS_PATH = "/v1/owner/data-rights-requests"


def view(parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/owner/data``."""
    return Reply(body=encode(held_of_order(db, parts.policy, caller.owner())))


def create(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/owner/data-rights-requests``."""
    order = caller.owner()
    wanted = read_body(call, wire.NewOwnerRequest)
    if (wanted.scope == "device") != (wanted.device_id is not None):
        item = wire.ProblemItem(detail="names the device where the scope is one, and only there", pointer="/device_id")
        raise Refused("validation-failed", errors=(item,))
    if wanted.device_id is not None and find_device(db, order.number, wanted.device_id) is None:
        raise Refused("device-not-found")
    about = (order.number, wanted.device_id)
    return rights.take_in(db, parts, caller, wanted.exercise, wanted.scope, about, path=RIGHTS_PATH)
