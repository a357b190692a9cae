"""Erasure tickets (A3): made by a device, used by whoever holds the paper; kept here as fingerprints."""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.erasure import close_others, erase, signed
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, digest, json_reply
from rocketvpn_sdk.sandbox.guard import Caller
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.resources import read_body
from rocketvpn_sdk.sandbox.rows import DeviceRow, TicketRow
from rocketvpn_sdk.sandbox.store import every, one

PATH = "/v1/erasure-tickets"

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_NOBODY = "0" * 64


def create(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/erasure-tickets``."""
    subject, wanted = caller.bound(), read_body(call, wire.NewErasureTicket)
    if not _FINGERPRINT.fullmatch(wanted.ticket_id):
        item = wire.ProblemItem(detail="is no SHA-256 in hexadecimal digits", pointer="/ticket_id")
        raise Refused("validation-failed", errors=(item,))
    if wanted.scope == "account" and subject.order.contact_email:
        caller.require_code(parts.settings.step_up_lifetime)  # A4: it must not be a way around the code
    table = tables.tickets
    live = select(func.count()).select_from(table).where(table.c.order_number == subject.order.number)
    if db.execute(live).scalar_one() >= parts.settings.live_tickets:
        raise Refused("too-many-tickets")
    if one(db, select(table).where(table.c.ticket_id == wanted.ticket_id), TicketRow) is not None:
        item = wire.ProblemItem(detail="is taken", pointer="/ticket_id")
        raise Refused("validation-failed", errors=(item,))
    row = TicketRow(
        ticket_id=wanted.ticket_id,
        order_number=subject.order.number,
        device_id=subject.device.id,
        scope=wanted.scope,
        by_code=caller.acr == wire.ACR_EMAIL_CODE,
        made_on=parts.today(),
        replay_hash=None,
        receipt=None,
        expires_at=None,
    )
    db.execute(insert(table).values({name: getattr(row, name) for name in row.__struct_fields__}))
    return json_reply(_shown(row, subject.device), status=201, headers=(("Location", f"{PATH}/{row.ticket_id}"),))


def listing(_parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/erasure-tickets``."""
    subject, table = caller.bound(), tables.tickets
    query = select(table).where(table.c.order_number == subject.order.number)
    rows = every(db, query.order_by(table.c.made_on, table.c.ticket_id), TicketRow)
    return json_reply(wire.ErasureTicketList(tickets=[_shown(row, subject.device) for row in rows]))


def revoke(_parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``DELETE /v1/erasure-tickets/{ticket_id}``: any device of the order may revoke any of its tickets."""
    table = tables.tickets
    mine = (table.c.order_number == caller.bound().order.number, table.c.ticket_id == call.params["ticket_id"])
    if db.execute(delete(table).where(*mine)).rowcount == 0:
        raise Refused("ticket-not-found")
    return Reply(status=204, erased=True)


def redeem(parts: Parts, call: Call) -> Reply:
    """Serve ``POST /v1/erasures``: the code is all that is asked for.

    An unknown, a used and a revoked ticket are answered alike, and cost a try. A used one's receipt is given again for
    a day to whoever comes with the Idempotency-Key that it was used with: an answer may get lost.
    """
    parts.tries.check(call.address, parts.now())
    given = read_body(call, wire.Erasure)
    ticket_id = hashlib.sha256(given.ticket.encode()).hexdigest()
    table = tables.tickets
    with parts.store.begin() as db:
        row = one(db, select(table).where(table.c.ticket_id == ticket_id), TicketRow)
        known = hmac.compare_digest(row.ticket_id if row else _NOBODY, ticket_id)
        receipt = _receipt(db, parts, row, _replay_hash(call, ticket_id)) if row and known else None
    if receipt is None:
        parts.tries.failed(call.address, parts.now())
        raise Refused("ticket-not-valid")
    parts.store.scrub()
    return Reply(body=receipt.encode(), media_type=wire.JWT)


def _receipt(db: Connection, parts: Parts, row: TicketRow, replay_hash: str | None) -> str | None:
    if row.receipt is not None:
        same = replay_hash is not None and hmac.compare_digest(row.replay_hash or "", replay_hash)
        return row.receipt if same else None
    table, number, device_id = tables.tickets, row.order_number or "", row.device_id or ""
    this = table.c.ticket_id == row.ticket_id
    db.execute(update(table).where(this).values(order_number=None, device_id=None))  # else it would go with the order
    erased = erase(db, parts, number, device_id, row.scope, asking=None)
    if row.scope == "account":
        close_others(db, parts, number)
    # The ticket itself went as well, as any other of what was erased.
    erased = msgspec.structs.replace(erased, fields=sorted({*erased.fields, "erasure_ticket"}))
    receipt = signed(parts, row.ticket_id, device_id, row.scope, erased)
    expires_at = parts.now() + parts.settings.replay_lifetime
    db.execute(update(table).where(this).values(replay_hash=replay_hash, receipt=receipt, expires_at=expires_at))
    return receipt


def _replay_hash(call: Call, ticket_id: str) -> str | None:
    keys = call.all("idempotency-key")
    return digest(f"{ticket_id}:{keys[0]}") if len(keys) == 1 else None


def _shown(row: TicketRow, device: DeviceRow) -> wire.ErasureTicket:
    return wire.ErasureTicket(
        ticket_id=row.ticket_id,
        scope=row.scope,  # type: ignore[arg-type]  # the column holds what NewErasureTicket took
        made_on=row.made_on,
        current=row.device_id == device.id,
    )
