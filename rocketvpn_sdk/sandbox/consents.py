"""What devices agreed to (U3 to U7, S1), one row for each purpose and third party."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, json_reply
from rocketvpn_sdk.sandbox.guard import Caller, Subject
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.resources import read_body
from rocketvpn_sdk.sandbox.rows import ConsentRow
from rocketvpn_sdk.sandbox.store import every
from rocketvpn_sdk.sandbox.tuf_files import POLICY

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FARTHEST = datetime(9999, 1, 1, tzinfo=UTC)
_LARGEST_VERSION = 1 << 31


def put(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``PUT /v1/consents/{purpose}``: what holds on this device now."""
    subject, purpose = caller.bound(), call.params["purpose"]
    update = read_body(call, wire.ConsentUpdate)
    _check(parts, purpose, update)
    table, here = tables.consents, _where(subject, purpose, update.recipient or "")
    held = every(db, select(table).where(*here), ConsentRow)
    if update.state == "granted" and held and held[0].state != "granted" and held[0].at >= int(update.at.timestamp()):
        return json_reply(_answer(held[0]))  # a yes that comes late takes back no later no, nor one of the same second
    kept = parts.policy.fields["consent_record"].retention.server
    row = ConsentRow(
        order_number=subject.device.order_number,
        device_id=subject.device.id,
        purpose=purpose,
        recipient=update.recipient or "",
        record_id=update.record_id,
        state=update.state,
        policy_version=update.policy_version,
        policy_sha256=update.policy_sha256,
        at=int(update.at.timestamp()),
        expires_at=parts.now() + (int(kept.seconds) if kept else 0),
    )
    db.execute(delete(table).where(*here))
    db.execute(insert(table).values({name: getattr(row, name) for name in row.__struct_fields__}))
    return json_reply(_answer(row))


def read(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/consents/{purpose}``: for the purpose itself and each third party."""
    device, table = caller.bound().device, tables.consents.c
    query = (
        select(tables.consents)
        .where(
            table.order_number == device.order_number,
            table.device_id == device.id,
            table.purpose == call.params["purpose"],
            table.expires_at > parts.now(),
        )
        .order_by(table.recipient)
    )
    return json_reply(wire.HeldConsents(consents=[_answer(row) for row in every(db, query, ConsentRow)]))


def known_version(parts: Parts, version: int, sha256: str) -> Policy:
    """Return the policy that these name: the server's own, or one that was published since.

    Raises:
        Refused: there never was such a text here.
    """
    if (version, sha256) == (parts.policy.version, parts.policy.sha256):
        return parts.policy
    folder, file = POLICY.split("/")
    # A published file is named by its SHA-256, and that of a policy's canonical form is the policy's own.
    found = parts.repository.read("targets", folder, f"{sha256}.{file}") if _SHA256.fullmatch(sha256) else None
    policy = None if found is None else parse_policy(found.decode())
    if policy is None or policy.version != version:
        raise Refused("policy-version-unknown")
    return policy


def _check(parts: Parts, purpose: str, update: wire.ConsentUpdate) -> None:
    named = (purpose, *([update.recipient] if update.recipient is not None else []))
    wrong = [
        wire.ProblemItem(detail=detail, pointer=pointer)
        for good, detail, pointer in (
            (all(re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) for name in named), "is no id of a policy", "/recipient"),
            (_UUID.fullmatch(update.record_id), "is no UUID", "/record_id"),
            (_SHA256.fullmatch(update.policy_sha256), "is no SHA-256 in hexadecimal digits", "/policy_sha256"),
            (0 < update.policy_version < _LARGEST_VERSION, "is no version", "/policy_version"),
            (update.at.tzinfo is not None and update.at < _FARTHEST, "is no time with a zone", "/at"),
        )
        if not good
    ]
    if wrong:
        raise Refused("validation-failed", errors=tuple(wrong))
    # A no is taken about anything; a yes only about what this server knows to be asked.
    if update.state != "granted":
        return
    policy = known_version(parts, update.policy_version, update.policy_sha256)
    if not _declared(policy, purpose, update.recipient):
        item = wire.ProblemItem(detail="is nothing that the policy asks about")
        raise Refused("validation-failed", errors=(item,))


def _declared(policy: Policy, purpose: str, recipient: str | None) -> bool:
    reason = policy.purposes.get(purpose)
    if reason is None:
        return False
    if recipient is None:
        return reason.necessity == "consent"
    receiver = policy.recipients.get(recipient)
    return receiver is not None and receiver.kind == "third_party"


def _where(subject: Subject, purpose: str, recipient: str) -> tuple[ColumnElement[bool], ...]:
    table = tables.consents.c
    return (
        table.order_number == subject.device.order_number,
        table.device_id == subject.device.id,
        table.purpose == purpose,
        table.recipient == recipient,
    )


def _answer(row: ConsentRow) -> wire.HeldConsent:
    return wire.HeldConsent(
        purpose=row.purpose,
        record_id=row.record_id,
        state=row.state,  # type: ignore[arg-type]  # the column holds what ConsentUpdate took
        policy_version=row.policy_version,
        policy_sha256=row.policy_sha256,
        at=utc(row.at),
        recipient=row.recipient or None,
    )
