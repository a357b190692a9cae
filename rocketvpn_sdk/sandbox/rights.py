"""Data rights requests, in the words of the Data Rights Protocol 1.0 (not its transport)."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import RIGHTS_PATH
from rocketvpn_sdk.sandbox.correct import DATA_PATH
from rocketvpn_sdk.sandbox.erasure import fulfil
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply, json_reply
from rocketvpn_sdk.sandbox.guard import Caller
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.resources import read_body
from rocketvpn_sdk.sandbox.rows import RightsRow
from rocketvpn_sdk.sandbox.store import every, one

OPEN = ("open", "in_progress")


def create(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``POST /v1/data-rights-requests``."""
    subject = caller.bound()
    wanted = read_body(call, wire.NewRightsRequest)
    _check(parts, wanted)
    if wanted.exercise == "deletion" and wanted.scope == "account" and subject.order.contact_email:
        caller.require_code(parts.settings.step_up_lifetime)  # A4; without an address nobody could be asked
    about = (subject.order.number, subject.device.id)
    return take_in(db, parts, caller, wanted.exercise, wanted.scope, about, path=RIGHTS_PATH)


def take_in(
    db: Connection,
    parts: Parts,
    caller: Caller,
    exercise: str,
    scope: str,
    about: tuple[str, str | None],
    *,
    path: str,
) -> Reply:
    """Write a request down, carry it out unless a fault delays that, and answer; ``about``: order and device."""
    request = _insert(db, parts, caller, exercise, scope, about)
    delayed = request.status in OPEN and parts.faults.delay_deletions
    if exercise == "deletion" and not delayed:
        fulfil(db, parts, request)
    done = _found(db, parts, request.id, caller)
    reply = json_reply(_answer(parts, done, path), status=201, headers=(("Location", f"{path}/{done.id}"),))
    return Reply(
        status=reply.status,
        body=reply.body,
        headers=reply.headers,
        replay_for=done.expires_at - parts.now(),
        erased=done.receipt is not None,
    )


def listed(parts: Parts, _call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/data-rights-requests``: this device's own, until their retention ends."""
    table = tables.rights_requests
    query = select(table).where(table.c.jkt == caller.jkt, table.c.expires_at > parts.now())
    rows = every(db, query.order_by(table.c.received_at, table.c.id), RightsRow)
    return json_reply(wire.RightsRequests(requests=[_answer(parts, row, RIGHTS_PATH) for row in rows]))


def read(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/data-rights-requests/{request_id}``."""
    path = call.path.rpartition("/")[0]
    return json_reply(_answer(parts, _found(db, parts, call.params["request_id"], caller), path))


def cancel(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``DELETE /v1/data-rights-requests/{request_id}``: only what nobody works on yet can be revoked."""
    request = _found(db, parts, call.params["request_id"], caller)
    if request.status != "open":
        raise Refused("request-begun" if request.status in OPEN else "request-closed")
    table = tables.rights_requests
    values = {"status": "revoked", "order_number": None, "device_id": None, "expected_by": None}
    db.execute(update(table).where(table.c.id == request.id).values(values))
    return json_reply(_answer(parts, _found(db, parts, request.id, caller), RIGHTS_PATH))


def receipt(parts: Parts, call: Call, caller: Caller, db: Connection) -> Reply:
    """Serve ``GET /v1/data-rights-requests/{request_id}/receipt``."""
    request = _found(db, parts, call.params["request_id"], caller)
    if request.receipt is None:
        raise Refused("not-found", "There is no receipt, or none yet.")
    return Reply(body=request.receipt.encode(), media_type=wire.JWT)


def begin_delayed(parts: Parts) -> None:
    """Begin the deletions that a fault switch had delayed, without ending them."""
    table = tables.rights_requests
    with parts.store.begin() as db:
        db.execute(update(table).where(table.c.status == "open").values(status="in_progress"))


def release_delayed(parts: Parts) -> None:
    """Carry out the deletions that a fault switch had delayed."""
    table = tables.rights_requests
    query = select(table).where(table.c.status.in_(OPEN)).order_by(table.c.received_at, table.c.id)
    with parts.store.begin() as db:
        for request in every(db, query, RightsRow):
            still = one(db, select(table).where(table.c.id == request.id, table.c.status.in_(OPEN)), RightsRow)
            if still is not None:  # an account's erasure closes the requests of its other devices
                fulfil(db, parts, still)
    parts.store.scrub()


def _check(parts: Parts, wanted: wire.NewRightsRequest) -> None:
    if wanted.purpose is None:
        return
    if wanted.purpose not in parts.policy.purposes:
        item = wire.ProblemItem(detail="is none of the policy's purposes", pointer="/purpose")
        raise Refused("validation-failed", errors=(item,))
    if wanted.exercise == "deletion" and wanted.scope != "logs":
        item = wire.ProblemItem(detail="narrows a deletion of logs only", pointer="/purpose")
        raise Refused("validation-failed", errors=(item,))


def _insert(
    db: Connection, parts: Parts, caller: Caller, exercise: str, scope: str, about: tuple[str, str | None]
) -> RightsRow:
    now = parts.now()
    deletion = exercise == "deletion"
    kept = parts.policy.fields["rights_request"].retention.server
    request = RightsRow(
        id=secrets.token_hex(16),
        jkt=caller.jkt,
        refresh_hash=None,
        exercise=exercise,
        scope=scope,
        status="open" if deletion else "fulfilled",
        received_at=now,
        expected_by=now + int(parts.settings.deletion_days * DAY) if deletion else None,
        expires_at=now + (int(kept.seconds) if kept else 0),
        order_number=about[0] if deletion else None,
        device_id=about[1] if deletion else None,
        receipt=None,
    )
    values = {name: getattr(request, name) for name in request.__struct_fields__}
    db.execute(insert(tables.rights_requests).values(values))
    return request


def _found(db: Connection, parts: Parts, request_id: str, caller: Caller) -> RightsRow:
    table = tables.rights_requests
    query = select(table).where(table.c.id == request_id, table.c.expires_at > parts.now())
    request = one(db, query, RightsRow)
    # Another's request is as unknown as one that never was (RFC 9110 §15.5.4 allows hiding what is forbidden).
    if request is None or request.jkt != caller.jkt:
        raise Refused("not-found")
    return request


def _answer(parts: Parts, row: RightsRow, path: str) -> wire.RightsRequest:
    done = row.status == "fulfilled"
    results = DATA_PATH if row.exercise == "access" else f"{path}/{row.id}/receipt"
    return wire.RightsRequest(
        request_id=row.id,
        exercise=row.exercise,  # type: ignore[arg-type]  # the columns hold what was taken in as these types
        scope=row.scope,  # type: ignore[arg-type]  # as above
        status=row.status,  # type: ignore[arg-type]  # as above
        received_at=utc(row.received_at),
        expected_by=None if row.expected_by is None else utc(row.expected_by),
        processing_details="The receipt lists what was erased and what a law holds back." if row.receipt else "",
        results_url=parts.base + results if done else None,
        expires_at=utc(row.expires_at),
    )
