"""Orders: the three that a new sandbox begins with, and those that tests add."""

from __future__ import annotations

import secrets
from datetime import date, timedelta

from sqlalchemy import Connection, insert, select

from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import tables

YEAR = timedelta(days=365)


def add_order(
    db: Connection,
    policy: Policy,
    number: str,
    *,
    limit: int,
    expires: date,
    email: str | None,
    today: date,
) -> None:
    """Add a paid order."""
    contact = None if email is None else today
    db.execute(
        insert(tables.orders).values(
            number=number,
            device_limit=limit,
            paid_until=expires,
            created_on=today,
            contact_email=email,
            contact_since=contact,
        )
    )
    kept = policy.fields["payment_record"].retention.server
    invoice = f"INV-{secrets.token_hex(6).upper()}"
    db.execute(
        insert(tables.payments).values(
            invoice=invoice,
            order_number=number,
            record=f"Invoice {invoice}: one year of Rocket VPN, paid on {today.isoformat()}",
            paid_on=today,
            hold_until=today + timedelta(seconds=kept.seconds if kept else 0),
        )
    )


def seed(db: Connection, policy: Policy, today: date) -> None:
    """Add the first orders, once: an order that was erased does not come back at the next start."""
    if db.execute(select(tables.meta.c.value).where(tables.meta.c.name == "seeded")).first() is not None:
        return
    add_order(db, policy, "RV-2026-0001", limit=3, expires=today + YEAR, email="kim@example.org", today=today)
    add_order(db, policy, "RV-2026-0002", limit=1, expires=today + YEAR, email="lou@example.org", today=today)
    expired = today - timedelta(days=1)
    add_order(db, policy, "RV-2026-0003", limit=3, expires=expired, email="max@example.org", today=expired - YEAR)
    db.execute(insert(tables.meta).values(name="seeded", value=today.isoformat()))
