"""Corrections (A2): a JSON merge patch (RFC 7396) over the fields that the policy lets users correct."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Field, Policy
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import find_order
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply
from rocketvpn_sdk.sandbox.guard import Caller, Subject
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.view import encode, entity_tag, held_fields

DATA_PATH = "/v1/data"

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_COLUMNS = {"contact_email": "contact_since", "language": "language_since"}


def view(parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/data``."""
    return _data(parts, db, caller.bound())


def correct(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``PATCH /v1/data``."""
    subject = caller.bound()
    if call.media_type() != wire.MERGE_PATCH_JSON:
        raise Refused("unsupported-media-type", headers=(("Accept-Patch", wire.MERGE_PATCH_JSON),))  # RFC 5789 §2.2
    _check_precondition(call, dict(_data(parts, db, subject).headers)["ETag"])
    patch = _read(call.body)
    problems = [problem for name, value in patch.items() if (problem := _wrong(parts.policy, name, value))]
    if problems:
        raise Refused("validation-failed", errors=tuple(problems))
    if "contact_email" in patch and subject.order.contact_email:
        # A4: codes go to this address, so whoever moves it must show that the present one is theirs.
        caller.require_code(parts.settings.step_up_lifetime)
    _apply(db, parts, subject, patch)
    order = find_order(db, subject.order.number)
    return _data(parts, db, Subject(order=order or subject.order, device=subject.device), corrected=bool(patch))


def valid(rule: Field, value: object) -> bool:
    """Whether ``value`` is one that the policy's ``rule`` describes."""
    if not isinstance(value, str) or not value or len(value) > (rule.type.max or 254):
        return False
    if rule.type.kind == "email":
        return _EMAIL.fullmatch(value) is not None
    if rule.type.values and value not in rule.type.values:
        return False
    return not rule.type.pattern or re.fullmatch(rule.type.pattern, value) is not None


def _data(parts: Parts, db: Connection, subject: Subject, *, corrected: bool = False) -> Reply:
    body = encode(held_fields(db, parts.policy, subject.order, subject.device))
    return Reply(body=body, headers=(("ETag", entity_tag(body)),), erased=corrected)


def _check_precondition(call: Call, current: str) -> None:
    given = ",".join(call.all("if-match"))
    if not given:
        raise Refused("precondition-required")  # RFC 6585 §3
    # RFC 9110 §13.1.1: the strong comparison, so a weak tag (W/…) never matches.
    tags = [tag.strip() for tag in given.split(",")]
    if tags != ["*"] and current not in tags:
        raise Refused("precondition-failed", headers=(("ETag", current),))


def _read(body: bytes) -> dict[str, Any]:
    try:
        patch = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(patch, dict):
        item = wire.ProblemItem(detail="must be an object of fields to correct")
        raise Refused("validation-failed", errors=(item,))
    return patch


def _wrong(policy: Policy, name: str, value: Any) -> wire.ProblemItem | None:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")  # RFC 6901 §3
    rule = policy.fields.get(name)
    if rule is None or not rule.correctable or name not in _COLUMNS:
        return wire.ProblemItem(detail="there is no such field that could be corrected", pointer=pointer)
    if value is None:
        return None if rule.optional else wire.ProblemItem(detail="is not optional", pointer=pointer)
    return None if valid(rule, value) else wire.ProblemItem(detail=f"is no {name} as declared", pointer=pointer)


def _apply(db: Connection, parts: Parts, subject: Subject, patch: dict[str, Any]) -> None:
    if not patch:
        return
    values: dict[str, Any] = {}
    for name, value in patch.items():
        values |= {name: value, _COLUMNS[name]: None if value is None else parts.today()}
    db.execute(update(tables.orders).where(tables.orders.c.number == subject.order.number).values(values))
    # Earlier answers to corrections repeat what was just corrected: nobody needs them any more.
    keys = select(tables.devices.c.jkt).where(tables.devices.c.order_number == subject.order.number)
    stored = tables.idempotency.c
    db.execute(
        delete(tables.idempotency).where(stored.jkt.in_(keys), stored.path == DATA_PATH, stored.status.is_not(None))
    )
