"""Corrections (A2): a JSON merge patch (RFC 7396) over the fields that the policy lets users correct."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Field, Policy
from rocketvpn_sdk.sandbox import addresses
from rocketvpn_sdk.sandbox.accounts import Subject, find_order
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.held_data import encode, held_data
from rocketvpn_sdk.sandbox.http_messages import Refused, ServerRequest, ServerResponse, invalid, pointer_to
from rocketvpn_sdk.sandbox.mail import Message, is_mail_address
from rocketvpn_sdk.sandbox.rows import change
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import IdempotencyRow

DATA_PATH = "/v1/data"

_FORGET_ANSWERS = delete(IdempotencyRow.table).where(
    IdempotencyRow.c.order_number == bindparam("number"),
    IdempotencyRow.c.path == DATA_PATH,
    IdempotencyRow.c.status.is_not(None),
)
_COLUMNS = {"contact_email": "contact_since", "language": "language_since"}


def view(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/data``."""
    return _data(services, db, caller, caller.bound())


def correct(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``PATCH /v1/data``."""
    subject = caller.bound()
    if request.media_type() != wire.MERGE_PATCH_JSON:
        raise Refused("unsupported-media-type", headers=(("Accept-Patch", wire.MERGE_PATCH_JSON),))  # RFC 5789 §2.2
    held = held_data(db, services.policy, subject.order, subject.device, services.now())
    _check_precondition(request, held.entity_tag)
    patch = _read(request.body)
    problems = [problem for name, value in patch.items() if (problem := _wrong(services.policy, name, value))]
    if problems:
        raise Refused("validation-failed", errors=tuple(problems))
    if any(_needs_code(subject, name) for name in patch):
        caller.require_code(services.settings.step_up_lifetime)
    mails: tuple[Message, ...] = ()
    if "contact_email" in patch:  # not yet: a code goes there first
        proven = bool(subject.order.contact_email)
        mails = addresses.propose(db, services, subject, patch["contact_email"], by_code=proven)
    replaced = _apply(db, services, subject, patch)
    order = find_order(db, subject.order.number)
    corrected = Subject(order=order or subject.order, device=subject.device)
    return replace(_data(services, db, caller, corrected, corrected=replaced or "contact_email" in patch), mails=mails)


def valid(rule: Field, value: object) -> bool:
    """Whether ``value`` is one that the policy's ``rule`` describes."""
    if not isinstance(value, str) or not value or len(value) > (rule.type.max or 254):
        return False
    if rule.type.kind == "email":
        return is_mail_address(value)
    if rule.type.values and value not in rule.type.values:
        return False
    return not rule.type.pattern or re.fullmatch(rule.type.pattern, value) is not None


def _needs_code(subject: Subject, name: str) -> bool:
    """Whether a member may not correct a field: it gives what was not there, and corrects what it gave itself."""
    order = subject.order
    if name == "contact_email":
        # A4: codes go to this address, so whoever moves it must show that the present one is theirs.
        return order.contact_email is not None
    return order.language is not None and order.language_by != subject.device.row_id


def _data(
    services: Services, db: Connection, caller: Caller, subject: Subject, *, corrected: bool = False
) -> ServerResponse:
    held = held_data(db, services.policy, subject.order, subject.device, services.now())
    shown = held.fields if caller.verified else held.shown_to_member
    return ServerResponse(body=encode(shown), headers=(("ETag", held.entity_tag),), erased=corrected)


def _check_precondition(request: ServerRequest, current: str) -> None:
    given = ",".join(request.all("if-match"))
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
        raise invalid("must be an object of fields to correct")
    return patch


def _wrong(policy: Policy, name: str, value: Any) -> wire.ProblemItem | None:
    pointer, rule = pointer_to(name), policy.fields.get(name)
    if rule is None or not rule.correctable or name not in _COLUMNS:
        return wire.ProblemItem(detail="there is no such field that could be corrected", pointer=pointer)
    if value is None:
        return None if rule.optional else wire.ProblemItem(detail="is not optional", pointer=pointer)
    return None if valid(rule, value) else wire.ProblemItem(detail=f"is no {name} as declared", pointer=pointer)


def _apply(db: Connection, services: Services, subject: Subject, patch: dict[str, Any]) -> bool:
    """Store ``patch``; return whether something was there before that the database must not keep."""
    values: dict[str, Any] = {}
    for name in patch.keys() - {"contact_email"}:
        values |= {name: patch[name], _COLUMNS[name]: None if patch[name] is None else services.today()}
    if "language" in patch:
        values["language_by"] = None if patch["language"] is None else subject.device.row_id
    if values:
        change(db, subject.order, **values)
    # Earlier answers to corrections repeat what was just corrected: nobody needs them any more.
    repeated = db.execute(_FORGET_ANSWERS, {"number": subject.order.number}).rowcount if patch else 0
    return repeated > 0 or any(getattr(subject.order, name) is not None for name in patch)
