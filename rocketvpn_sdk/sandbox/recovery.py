"""Recovery codes: printed by a device whose user entered an e-mailed code, for the day when the mailbox is lost (A4).

The device makes the code: 128 random bits. The server learns their SHA-256 and nothing else until it is used. A slow
hash would protect a password; at 10^21 tries a second, which is what all Bitcoin miners together do, half of 2^128
codes take more than five thousand million years.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import (
    HEX_SHA256,
    ServerRequest,
    ServerResponse,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.rows import add, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import RecoveryCodeRow

PATH = "/v1/recovery-codes"

_PRINTED = (
    "A recovery code was made for your Rocket VPN order on the device {name}. With it, whoever has the paper and a"
    " device of the order can do what codes from this mailbox allow. An earlier one is worth nothing any more. If it"
    " was not you: take that device off the order, and make a new recovery code."
)
_USED = (
    "Your Rocket VPN order's recovery code was used on the device {name}, in place of a code from this mailbox. It is"
    " worth nothing any more. If it was not you: take that device off the order, and make a new one."
)


def create(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/recovery-codes``: the order has one at most, the newest."""
    subject, wanted = caller.bound(), read_body(request, wire.NewRecoveryCode)
    if not HEX_SHA256.fullmatch(wanted.fingerprint):
        raise invalid("is no SHA-256 in hexadecimal digits", "/fingerprint")
    caller.require_code(services.settings.step_up_lifetime)
    order, made_on = subject.order, services.today()
    remove(db, RecoveryCodeRow, order_number=order.number)
    add(db, RecoveryCodeRow(order_number=order.number, code_hash=wanted.fingerprint, made_on=made_on))
    response = json_response(wire.RecoveryCodeMade(made_on=made_on), status=201)
    text = _PRINTED.format(name=subject.device.name)
    return replace(response, mails=(services.message(order.contact_email, text),) if order.contact_email else ())


def is_there(db: Connection, number: str | None) -> bool:
    """Whether the order has a recovery code."""
    return one(db, RecoveryCodeRow, order_number=number) is not None


def spend(db: Connection, number: str | None, given: str) -> bool:
    """Return whether ``given`` is the order's recovery code; if it is, it is worth nothing from now on."""
    kept = one(db, RecoveryCodeRow, order_number=number)
    if kept is None or not hmac.compare_digest(kept.code_hash, fingerprint(given)):
        return False
    return remove(db, RecoveryCodeRow, order_number=number, code_hash=kept.code_hash) == 1


def used(services: Services, address: str, device: str) -> Message:
    """Return the letter to the owner that says that the code was used."""
    return services.message(address, _USED.format(name=device))


def fingerprint(code: str) -> str:
    """Return what is kept of a code: SHA-256, in hexadecimal digits."""
    return hashlib.sha256(wire.RECOVERY_LABEL + code.strip().encode()).hexdigest()
