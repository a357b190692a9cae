"""Reports of how apps run (U3): taken from the gateway, kept under a random number, and erased by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.http_messages import (
    Refused,
    ServerRequest,
    ServerResponse,
    digest,
    invalid,
    json_response,
    read_body,
)
from rocketvpn_sdk.sandbox.rows import add, one, remove
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import ReportRow, SurveyResponseRow

PATH = "/v1/logs"
_LONGEST_KEY = 255
_OPERATION, _HANDLE = "diagnostics.send", "erasure_handle"


class _Attribute(msgspec.Struct):
    key: str
    value: dict[str, Any]


class _LogRecord(msgspec.Struct, rename="camel"):
    attributes: list[_Attribute] = []


class _Scope(msgspec.Struct, rename="camel"):
    log_records: list[_LogRecord] = []


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource
    scope_logs: list[_Scope] = []


class _Export(msgspec.Struct, rename="camel"):
    """``ExportLogsServiceRequest``, as far as it is looked at here."""

    resource_logs: list[_ResourceLogs]


def take(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/logs``: keep a report, once for each idempotency key."""
    if request.media_type() != wire.JSON:
        raise Refused("unsupported-media-type", headers=(("Accept", wire.JSON),))
    try:
        export, text = msgspec.json.decode(request.body, type=_Export), request.body.decode()
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    declared = services.policy.operations.get(_OPERATION)
    unknown = sorted({each.key for each in _attributes(export)} - set(declared.fields if declared else ()))
    if unknown:  # they might be personal
        raise invalid("has an attribute that the policy does not declare", "/resourceLogs")
    handles = {each.value.get("stringValue") for each in _attributes(export) if each.key == _HANDLE}
    if len(handles) != 1 or not isinstance(handle := handles.pop(), str):
        raise invalid("needs one erasure handle", "/resourceLogs")
    row = ReportRow(
        id_hash=digest(idempotency_key(request)),
        handle_hash=digest(handle),
        body=text,
        received_on=services.today(),
        expires_at=services.kept_until("recorded_at"),
    )
    with services.database.begin() as db:
        if not is_erased(db, handle) and one(db, ReportRow, id_hash=row.id_hash) is None:
            add(db, row)
    return json_response({})


def erase(services: Services, request: ServerRequest) -> ServerResponse:
    """Serve ``POST /v1/logs/erasures``; the answer is the same whether there was anything.

    A mark stays for as long as an answer would: a relay may hold a message back, and pass it on after its erasure.
    """
    wanted = read_body(request, wire.ReportErasure)
    with services.database.begin() as db:
        kinds = (ReportRow, SurveyResponseRow)
        found = sum(remove(db, kind, handle_hash=digest(wanted.erasure_handle)) for kind in kinds)
        mark = ReportRow(
            id_hash=_mark(wanted.erasure_handle),
            handle_hash=digest(wanted.erasure_handle),
            body="",
            received_on=services.today(),
            expires_at=max(map(services.kept_until, ("recorded_at", "survey_text"))),
        )
        add(db, mark)
    return ServerResponse(status=204, erased=bool(found))


def is_erased(db: Connection, handle: str) -> bool:
    """Whether what was sent under ``handle`` was erased: nothing of it is kept any more."""
    return one(db, ReportRow, id_hash=_mark(handle)) is not None


def _mark(handle: str) -> str:
    """Return the id of the row that says that ``handle`` was erased."""
    return digest(f"erased {handle}")


def _attributes(export: _Export) -> Iterator[_Attribute]:
    for logs in export.resource_logs:
        yield from logs.resource.attributes
        for scope in logs.scope_logs:
            for record in scope.log_records:
                yield from record.attributes


def idempotency_key(request: ServerRequest) -> str:
    """Return the key of a request that nobody's name goes with.

    Raises:
        Refused: there is none.
    """
    keys = request.all("idempotency-key")
    if len(keys) != 1 or not 1 <= len(keys[0]) <= _LONGEST_KEY:
        raise Refused("idempotency-key-missing")
    return keys[0]
