"""Data rights requests, in the words of the Data Rights Protocol 1.0 (not its transport)."""

from __future__ import annotations

import secrets
from dataclasses import replace

from sqlalchemy import Connection, select, update

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.sandbox import order_changes
from rocketvpn_sdk.sandbox.accounts import RIGHTS_PATH, one_of_order
from rocketvpn_sdk.sandbox.authentication import Caller, insufficient_scope
from rocketvpn_sdk.sandbox.budgets import spend
from rocketvpn_sdk.sandbox.corrections import DATA_PATH
from rocketvpn_sdk.sandbox.erasure import fulfil
from rocketvpn_sdk.sandbox.http_messages import (
    About,
    Refused,
    ServerRequest,
    ServerResponse,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.mail import Message
from rocketvpn_sdk.sandbox.rows import add, change, every, one
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import RightsRequestRow

OPEN = ("open", "in_progress")
_REQUEST = RightsRequestRow.c
_DELAYED = (
    select(RightsRequestRow.table)
    .where(_REQUEST.status.in_(OPEN), _REQUEST.carry_out_at.is_(None))
    .order_by(_REQUEST.received_at, _REQUEST.id)
)
_BEGIN_DELAYED = (
    update(RightsRequestRow.table)
    .where(_REQUEST.status == "open", _REQUEST.carry_out_at.is_(None))
    .values(status="in_progress")
)


def create(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``POST /v1/data-rights-requests``."""
    subject = caller.bound()
    wanted = read_body(request, wire.NewRightsRequest)
    _check(services, wanted)
    if wanted.exercise == "deletion" and wanted.scope == "account":
        if subject.order.contact_email:
            caller.require_code(services.settings.step_up_lifetime)  # A4
        else:  # nobody could be asked, and the number alone must not delete what others have
            row = _insert(db, services, caller, "deletion", "account", subject.device.about)
            order_changes.begin(db, services, subject.order, row)
            return _taken(db, services, caller, row, RIGHTS_PATH, erased=True)
    return file_request(db, services, caller, wanted.exercise, wanted.scope, subject.device.about, path=RIGHTS_PATH)


def file_request(
    db: Connection,
    services: Services,
    caller: Caller,
    exercise: str,
    scope: str,
    about: About,
    *,
    path: str,
) -> ServerResponse:
    """Write a request down, carry it out unless a fault delays that, and answer."""
    if exercise != "deletion" or scope == "logs":  # each is a row for years, and erases nothing that would bound them
        settings = services.settings
        spend(db, services, caller, "request", most=settings.plain_requests, window=settings.budget_window)
    row = _insert(db, services, caller, exercise, scope, about)
    delayed = row.status in OPEN and services.faults.delay_deletions
    mails = fulfil(db, services, row) if exercise == "deletion" and not delayed else ()
    return replace(_taken(db, services, caller, row, path), mails=mails)


def _taken(
    db: Connection, services: Services, caller: Caller, row: RightsRequestRow, path: str, *, erased: bool = False
) -> ServerResponse:
    done = _found(db, services, row.id, caller)
    response = json_response(
        _answer(services, done, path, caller), status=201, headers=(("Location", f"{path}/{done.id}"),)
    )
    return ServerResponse(
        status=response.status,
        body=response.body,
        headers=response.headers,
        replay_for=done.expires_at - services.now(),
        about=About(request_id=done.id),
        erased=erased or done.receipt is not None,
    )


def listed(services: Services, _request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/data-rights-requests``: this device's own, and what waits for its order, until they expire."""
    rows = every(db, RightsRequestRow, jkt=caller.jkt, asked_by=caller.row_id)
    if caller.subject is not None:
        rows += every(db, RightsRequestRow, order_row=caller.subject.order.row_id)
    live = {row.id: row for row in rows if row.expires_at > services.now()}
    rows = sorted(live.values(), key=lambda row: (row.received_at, row.id))
    return json_response(wire.RightsRequests(requests=[_answer(services, row, RIGHTS_PATH, caller) for row in rows]))


def read(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/data-rights-requests/{request_id}``."""
    path = request.path.rpartition("/")[0]
    return json_response(_answer(services, _found(db, services, request.params["request_id"], caller), path, caller))


def cancel(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``DELETE /v1/data-rights-requests/{request_id}``: only what nobody works on yet can be revoked.

    The device that asked for it may, although it is erased, and each device of an order for which it waits. Then
    everything of the kind that waits for the order is called off.
    """
    row = _found(db, services, request.params["request_id"], caller)
    if caller.erased and row.carry_out_at is None:
        raise insufficient_scope()
    if row.status != "open":
        raise Refused("request-begun" if row.status in OPEN else "request-closed")
    revoked = [row]
    if row.carry_out_at is not None:  # who objects, objects to whatever device asks for it
        revoked += every(db, RightsRequestRow, order_row=row.order_row, status="open")
    for each in revoked:
        change(db, each, status="revoked", order_number=None, device_id=None, device_row=None, expected_by=None)
    return json_response(_answer(services, _found(db, services, row.id, caller), RIGHTS_PATH, caller))


def receipt(services: Services, request: ServerRequest, caller: Caller, db: Connection) -> ServerResponse:
    """Serve ``GET /v1/data-rights-requests/{request_id}/receipt``."""
    row = _found(db, services, request.params["request_id"], caller)
    if row.receipt is None:
        raise Refused("not-found", "There is no receipt, or none yet.")
    return ServerResponse(body=row.receipt.encode(), media_type=wire.JWT)


def begin_delayed(services: Services) -> None:
    """Begin the deletions that a fault switch had delayed, without ending them."""
    with services.database.begin() as db:
        db.execute(_BEGIN_DELAYED)


def release_delayed(services: Services) -> None:
    """Carry out the deletions that a fault switch had delayed."""
    mails: list[Message] = []
    with services.database.begin() as db:
        for row in every(db, RightsRequestRow, _DELAYED):
            still = one_of_order(db, RightsRequestRow, id=row.id)
            if still is not None and still.status in OPEN:  # an account's erasure closes those of its other devices
                mails += fulfil(db, services, still)
    services.mail.send_all(mails)
    services.database.scrub()


def _check(services: Services, wanted: wire.NewRightsRequest) -> None:
    if wanted.purpose is None:
        return
    if wanted.purpose not in services.policy.purposes:
        raise invalid("is none of the policy's purposes", "/purpose")
    if wanted.exercise == "deletion" and wanted.scope != "logs":
        raise invalid("narrows a deletion of logs only", "/purpose")


def _insert(
    db: Connection, services: Services, caller: Caller, exercise: str, scope: str, about: About
) -> RightsRequestRow:
    now = services.now()
    deletion = exercise == "deletion"
    row = RightsRequestRow(
        id=secrets.token_hex(16),
        jkt=caller.jkt,
        asked_by=caller.row_id,
        exercise=exercise,
        scope=scope,
        status="open" if deletion else "fulfilled",
        received_at=now,
        expected_by=now + int(services.settings.deletion_days * DAY) if deletion else None,
        expires_at=services.kept_until("rights_request"),
        order_number=about.order_number if deletion else None,
        device_id=about.device_id if deletion else None,
        device_row=about.device_row if deletion else None,
    )
    add(db, row)
    return row


def _found(db: Connection, services: Services, request_id: str, caller: Caller) -> RightsRequestRow:
    row = one(db, RightsRequestRow, id=request_id)
    # Another's request is as unknown as one that never was (RFC 9110 §15.5.4 allows hiding what is forbidden).
    if row is None or row.expires_at <= services.now() or not _may_see(caller, row):
        raise Refused("not-found")
    return row


def _may_see(caller: Caller, row: RightsRequestRow) -> bool:
    """Whether it is the caller's own, or one that any device asked to have done to the caller's whole order."""
    of_order = caller.subject is not None and row.order_row == caller.subject.order.row_id
    return of_order or _is_of(row, caller)


def _is_of(row: RightsRequestRow, caller: Caller) -> bool:
    return (row.jkt, row.asked_by) == (caller.jkt, caller.row_id)


def _details(row: RightsRequestRow) -> str:
    if row.receipt:
        return "The receipt lists what was erased and what a law holds back."
    if row.carry_out_at is None:
        return ""
    if row.status == "revoked":
        return "It was called off before its time; what was about the device that asked for it is erased."
    return "The order has no confirmed address. Until it is carried out, every device of the order can call it off."


def _answer(services: Services, row: RightsRequestRow, path: str, caller: Caller) -> wire.RightsRequest:
    done = row.status == "fulfilled"
    results = DATA_PATH if row.exercise == "access" else f"{path}/{row.id}/receipt"
    return wire.RightsRequest(
        request_id=row.id,
        exercise=row.exercise,  # type: ignore[arg-type]  # the columns hold what was taken in as these types
        scope=row.scope,  # type: ignore[arg-type]  # as above
        status=row.status,  # type: ignore[arg-type]  # as above
        received_at=utc(row.received_at),
        expected_by=None if row.expected_by is None else utc(row.expected_by),
        processing_details=_details(row),
        results_url=services.base + results if done else None,
        expires_at=utc(row.expires_at),
        waits_until=None if row.status != "open" or row.carry_out_at is None else utc(row.carry_out_at),
        asked_by="this_device" if _is_of(row, caller) else "another_device",
    )
