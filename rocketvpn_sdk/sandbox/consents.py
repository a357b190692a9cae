"""What devices agreed to (U3 to U7, S1), one row for each purpose and third party."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.sandbox.accounts import Subject
from rocketvpn_sdk.sandbox.authentication import Caller
from rocketvpn_sdk.sandbox.http_messages import (
    HEX_SHA256,
    Refused,
    ServerRequest,
    ServerResponse,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.rows import add, every, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import ConsentRow
from rocketvpn_sdk.sandbox.tuf_repository import POLICY

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EARLIEST, _FARTHEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Clocks of devices may be wrong, but a time outside of this range is not the time of an answer."""
_LARGEST_VERSION = 1 << 31


def put(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``PUT /v1/consents/{purpose}``: what holds on this device now."""
    subject, purpose = caller.bound(), request.params["purpose"]
    update = read_body(request, wire.ConsentUpdate)
    _check(services, purpose, update)
    here = {"device_row": subject.device.row_id, "purpose": purpose, "recipient": update.recipient or ""}
    held = one(db, ConsentRow, **here)
    if update.state == "granted" and held and held.state != "granted" and held.at >= int(update.at.timestamp()):
        return json_response(
            _answer(held)
        )  # a yes that arrives late does not undo a later no, or a no of the same second
    if not held and not _known(services.policy, purpose, update.recipient):
        _check_number(db, services, subject)
    row = ConsentRow(
        order_number=subject.device.order_number,
        device_id=subject.device.id,
        **here,
        record_id=update.record_id,
        state=update.state,
        policy_version=update.policy_version,
        policy_sha256=update.policy_sha256,
        at=int(update.at.timestamp()),
        expires_at=services.kept_until("consent_record"),
    )
    remove(db, ConsentRow, **here)
    add(db, row)
    return json_response(_answer(row))


def read(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/consents/{purpose}``: for the purpose itself and each third party."""
    found = every(db, ConsentRow, device_row=caller.bound().device.row_id, purpose=request.params["purpose"])
    held = sorted((row for row in found if row.expires_at > services.now()), key=lambda row: row.recipient)
    return json_response(wire.HeldConsents(consents=[_answer(row) for row in held]))


def known_version(services: Services, version: int, sha256: str) -> Policy:
    """Return the policy that these name: the server's own, or one that was published since.

    Raises:
        Refused: there never was such a text here.
    """
    if (version, sha256) == (services.policy.version, services.policy.sha256):
        return services.policy
    folder, file = POLICY.split("/")
    # A published file is named by its SHA-256, and that of a policy's canonical form is the policy's own.
    found = services.repository.read("targets", folder, f"{sha256}.{file}") if HEX_SHA256.fullmatch(sha256) else None
    policy = None if found is None else parse_policy(found.decode())
    if policy is None or policy.version != version:
        raise Refused("policy-version-unknown")
    return policy


def _check(services: Services, purpose: str, update: wire.ConsentUpdate) -> None:
    named = (purpose, *([update.recipient] if update.recipient is not None else []))
    wrong = [
        wire.ProblemItem(detail=detail, pointer=pointer)
        for good, detail, pointer in (
            (all(re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) for name in named), "is no id of a policy", "/recipient"),
            (_UUID.fullmatch(update.record_id), "is no UUID", "/record_id"),
            (HEX_SHA256.fullmatch(update.policy_sha256), "is no SHA-256 in hexadecimal digits", "/policy_sha256"),
            (0 < update.policy_version < _LARGEST_VERSION, "is no version", "/policy_version"),
            (_is_time(update.at), "is no time with a zone, between 2000 and 2100", "/at"),
        )
        if not good
    ]
    if wrong:
        raise Refused("validation-failed", errors=tuple(wrong))
    # A no is taken about anything; a yes only about what this server knows to be asked.
    if update.state != "granted":
        return
    policy = known_version(services, update.policy_version, update.policy_sha256)
    if not _declared(policy, purpose, update.recipient):
        raise invalid("is nothing that the policy asks about")


def _is_time(at: datetime) -> bool:
    return at.tzinfo is not None and _EARLIEST <= at < _FARTHEST


def _check_number(db: Connection, services: Services, subject: Subject) -> None:
    """Bound what is kept about purposes that the policy does not know: an earlier version may have had some."""
    rows = every(db, ConsentRow, device_row=subject.device.row_id)
    unfounded = [row for row in rows if not _known(services.policy, row.purpose, row.recipient or None)]
    if len(unfounded) >= services.settings.unfounded_consents:
        raise invalid("the policy does not ask about this, nor about many other choices of this device")


def _known(policy: Policy, purpose: str, recipient: str | None) -> bool:
    return purpose in policy.purposes and (recipient is None or recipient in policy.recipients)


def _declared(policy: Policy, purpose: str, recipient: str | None) -> bool:
    reason = policy.purposes.get(purpose)
    if reason is None:
        return False
    if recipient is None:
        return reason.necessity == "consent"
    receiver = policy.recipients.get(recipient)
    return receiver is not None and receiver.kind == "third_party"


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
