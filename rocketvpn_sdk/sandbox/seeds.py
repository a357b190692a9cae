"""Orders: the three that a new sandbox begins with, and those that tests add."""

from __future__ import annotations

import secrets
from datetime import date, timedelta

from sqlalchemy import Connection

from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox.accounts import new_row_id
from rocketvpn_sdk.sandbox.rows import add, add_if_new
from rocketvpn_sdk.sandbox.tables import MetaRow, OrderRow, PaymentRow

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
    order = OrderRow(
        number=number,
        row_id=new_row_id(),
        device_limit=limit,
        paid_until=expires,
        created_on=today,
        contact_email=email,
        contact_since=None if email is None else today,
    )
    kept = policy.fields["payment_record"].retention.server
    invoice = f"INV-{secrets.token_hex(6).upper()}"
    payment = PaymentRow(
        invoice=invoice,
        order_number=number,
        record=f"Invoice {invoice}: one year of Rocket VPN, paid on {today.isoformat()}",
        paid_on=today,
        hold_until=today + timedelta(seconds=kept.seconds if kept else 0),
    )
    add(db, order)
    add(db, payment)


def seed(db: Connection, policy: Policy, today: date) -> None:
    """Add the first orders, once: an order that was erased does not come back at the next start."""
    if not add_if_new(db, MetaRow(name="seeded", value=today.isoformat())):
        return
    add_order(db, policy, "RV-2026-0001", limit=3, expires=today + YEAR, email="kim@example.org", today=today)
    add_order(db, policy, "RV-2026-0002", limit=1, expires=today + YEAR, email="lou@example.org", today=today)
    expired = today - timedelta(days=1)
    add_order(db, policy, "RV-2026-0003", limit=3, expires=expired, email="max@example.org", today=expired - YEAR)
