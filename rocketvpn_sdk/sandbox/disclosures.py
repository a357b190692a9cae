"""Whom the operator told about an order's owner, on which basis (S1, S3): kept as a record, and shown to the owner."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date

import msgspec
from sqlalchemy import Connection, insert, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.exchange import Call, Reply, json_reply
from rocketvpn_sdk.sandbox.guard import Caller
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.rows import DisclosureRow
from rocketvpn_sdk.sandbox.store import every

PATH = "/v1/disclosures"
FIELD = "disclosure_record"
CONSENT = "consent"


def read(_parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/disclosures``."""
    held = disclosures_of(db, caller.bound().order.number)
    return json_reply(wire.Disclosures(disclosures=[_answer(row) for row in held]))


def record(
    parts: Parts,
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
    known = parts.policy.recipients.get(recipient)
    kept = parts.policy.fields[FIELD].retention.server
    db.execute(
        insert(tables.disclosures).values(
            id=secrets.token_hex(16),
            order_number=number,
            recipient=recipient,
            kind=kind or (known.kind if known else "third_party"),
            basis=basis,
            categories=msgspec.json.encode(list(categories)).decode(),
            day=on,
            expires_at=parts.now() + (int(kept.seconds) if kept else 0),
        )
    )


def disclosures_of(db: Connection, number: str) -> list[DisclosureRow]:
    """Return what was disclosed about the owner of an order, the oldest first."""
    table = tables.disclosures
    query = select(table).where(table.c.order_number == number).order_by(table.c.day, table.c.id)
    return every(db, query, DisclosureRow)


def to_be_told(db: Connection, number: str) -> list[str]:
    """Return who received something by consent, and so is told when it is erased (GDPR, article 19)."""
    return sorted({row.recipient for row in disclosures_of(db, number) if row.basis == CONSENT})


def _answer(row: DisclosureRow) -> wire.Disclosure:
    categories = msgspec.json.decode(row.categories, type=list[str])
    return wire.Disclosure(recipient=row.recipient, kind=row.kind, basis=row.basis, categories=categories, day=row.day)
