"""Erasure tickets (A3): made by a device, used by whoever holds the paper; kept here as fingerprints."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.accounts import Subject, one_of_order, tickets_of
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.erasure import ErasureScope, erase, signed
from rocketvpn_sdk.sandbox.http_messages import (
    HEX_SHA256,
    Refused,
    ServerRequest,
    ServerResponse,
    digest,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.rows import add, change, every, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import DeviceRow, TicketRow

PATH = "/v1/erasure-tickets"

_NOBODY = "0" * 64


def create(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/erasure-tickets``."""
    subject, wanted = caller.bound(), read_body(request, wire.NewErasureTicket)
    if not HEX_SHA256.fullmatch(wanted.ticket_id):
        raise invalid("is no SHA-256 in hexadecimal digits", "/ticket_id")
    if wanted.scope == "account":
        caller.require_code(services.settings.step_up_lifetime)  # A4: it must not be a way around the code
    _check_number(db, services, caller, subject)
    if one(db, TicketRow, ticket_id=wanted.ticket_id) is not None:
        raise invalid("is taken", "/ticket_id")
    row = TicketRow(
        ticket_id=wanted.ticket_id,
        order_number=subject.order.number,
        device_id=subject.device.id,
        device_row=subject.device.row_id,
        scope=wanted.scope,
        by_code=caller.verified,
        made_on=services.today(),
    )
    add(db, row)
    return json_response(_shown(row, subject.device), status=201, headers=(("Location", f"{PATH}/{row.ticket_id}"),))


def listing(_services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/erasure-tickets``: those that this device made; after an e-mailed code, all of the order."""
    subject = caller.bound()
    rows = [
        row
        for row in tickets_of(db, subject.order.number)
        if caller.verified or row.device_row == subject.device.row_id
    ]
    tickets = [_shown(row, subject.device) for row in rows]
    return json_response(wire.ErasureTicketList(tickets=tickets, code_needed=not caller.verified))


def revoke(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``DELETE /v1/erasure-tickets/{ticket_id}``: what this device made for itself; with a code, any."""
    subject, ticket_id = caller.bound(), request.params["ticket_id"]
    row = one(db, TicketRow, order_number=subject.order.number, ticket_id=ticket_id)
    if row is None or row.scope != "device" or row.device_row != subject.device.row_id:
        caller.require_code(services.settings.step_up_lifetime)  # before it is said whether there is such a ticket
    if row is None:
        raise Refused("ticket-not-found")
    remove(db, TicketRow, ticket_id=ticket_id)
    return ServerResponse(status=204, erased=True)


def redeem(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/erasures``: the code is all that is asked for.

    An unknown, a used and a revoked ticket are answered alike, and cost a try. A used one's receipt is given again for
    a day to whoever comes with the Idempotency-Key that it was used with: an answer may get lost. A good ticket is
    taken however many wrong ones came from its address before: nobody guesses one, and others may share the address.
    """
    given = read_body(request, wire.Erasure)
    ticket_id = hashlib.sha256(given.ticket.encode()).hexdigest()
    with services.database.begin() as db:
        row = one_of_order(db, TicketRow, ticket_id=ticket_id)
        known = hmac.compare_digest(row.ticket_id if row else _NOBODY, ticket_id)
        response = _redeemed(db, services, row, _replay_hash(request, ticket_id)) if row and known else None
    if response is None:
        services.attempts.check(request.address, services.now())
        services.attempts.failed(request.address, services.now())
        raise Refused("ticket-not-valid")
    services.mail.send_all(response.mails)
    return response


def _check_number(db: Connection, services: Services, caller: Caller, subject: Subject) -> None:
    """Count those after a code by order, and the others by device: no member takes another's, or the owner's."""
    of_order = every(db, TicketRow, order_number=subject.order.number)
    live = [row for row in of_order if (row.by_code if caller.verified else row.device_row == subject.device.row_id)]
    if len(live) >= services.settings.live_tickets:
        raise Refused("too-many-tickets")


def _redeemed(db: Connection, services: Services, row: TicketRow, replay_hash: str | None) -> ServerResponse | None:
    if row.expires_at is not None and row.expires_at <= services.now():
        return None
    if row.receipt is not None:
        same = replay_hash is not None and hmac.compare_digest(row.replay_hash or "", replay_hash)
        return ServerResponse(body=row.receipt.encode(), media_type=wire.JWT) if same else None
    # Else it would go with what it erases.
    change(db, row, order_number=None, device_id=None, device_row=None)
    reach = ErasureScope(number=row.order_number, device_row=row.device_row, scope=row.scope)
    erased = erase(db, services, reach, asking=None)
    # The ticket itself went as well, as any other of what was erased.
    erased = msgspec.structs.replace(erased, fields=sorted({*erased.fields, "erasure_ticket"}))
    receipt = signed(services, row.ticket_id, row.device_id or "", row.scope, erased)
    expires_at = services.now() + services.settings.replay_lifetime
    change(db, row, replay_hash=replay_hash, receipt=receipt, expires_at=expires_at)
    return ServerResponse(body=receipt.encode(), media_type=wire.JWT, erased=True, mails=tuple(erased.mails))


def _replay_hash(request: ServerRequest, ticket_id: str) -> str | None:
    keys = request.all("idempotency-key")
    return digest(f"{ticket_id}:{keys[0]}") if len(keys) == 1 else None


def _shown(row: TicketRow, device: DeviceRow) -> wire.ErasureTicket:
    return wire.ErasureTicket(
        ticket_id=row.ticket_id,
        scope=row.scope,  # type: ignore[arg-type]  # the column holds what NewErasureTicket took
        made_on=row.made_on,
        current=row.device_row == device.row_id,
    )
