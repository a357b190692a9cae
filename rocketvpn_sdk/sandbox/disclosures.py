"""Whom the operator told about an order's owner, on which basis (S1, S3): kept as a record, and shown to the owner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import ServerRequest, ServerResponse, json_response
from rocketvpn_sdk.sandbox.rows import add, every
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import DisclosureRow

PATH = "/v1/disclosures"
FIELD = "disclosure_record"
CONSENT = "consent"


def read(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/disclosures``: they are about the order's owner."""
    caller.require_code(services.settings.step_up_lifetime)
    held = disclosures_of(db, caller.bound().order.number, services.now())
    return json_response(wire.DisclosureList(disclosures=[_answer(row) for row in held]))


def record(
    services: Services,
    db: Connection,
    number: str,
    *,
    recipient: str,
    kind: str | None,
    basis: str,
    categories: Sequence[str],
    on: date,
) -> None:
    """Write down that something about the owner of order ``number`` was disclosed."""
    known = services.policy.recipients.get(recipient)
    row = DisclosureRow(
        id=secrets.token_hex(16),
        order_number=number,
        recipient=recipient,
        kind=kind or (known.kind if known else "third_party"),
        basis=basis,
        categories=msgspec.json.encode(list(categories)).decode(),
        day=on,
        expires_at=services.kept_until(FIELD),
    )
    add(db, row)


def disclosures_of(db: Connection, number: str, now: int) -> list[DisclosureRow]:
    """Return what was disclosed about the owner of an order and is still kept, the oldest first."""
    held = (row for row in every(db, DisclosureRow, order_number=number) if row.expires_at > now)
    return sorted(held, key=lambda row: (row.day, row.id))


def to_be_told(db: Connection, number: str, now: int) -> list[str]:
    """Return who received something by consent, and so is told when it is erased (GDPR, article 19)."""
    return sorted({row.recipient for row in disclosures_of(db, number, now) if row.basis == CONSENT})


def _answer(row: DisclosureRow) -> wire.DisclosureItem:
    categories = msgspec.json.decode(row.categories, type=list[str])
    return wire.DisclosureItem(
        recipient=row.recipient, kind=row.kind, basis=row.basis, categories=categories, day=row.day
    )
