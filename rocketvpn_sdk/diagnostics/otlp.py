"""Reports as OTLP/HTTP in JSON, the format of OpenTelemetry's logs: written, and read back. Pure.

https://opentelemetry.io/docs/specs/otlp: an ``ExportLogsServiceRequest`` with one resource. The first part of a report
says what every record of it shares; each other part is a record. A member is written under the name of its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Part = Mapping[str, Any]

TIME, NAME, LEVEL = "recorded_at", "event_name", "level"
"""Members that have a place of their own in the format; every other one is an attribute."""
_SEVERITIES = {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}
"""``SeverityNumber`` of OpenTelemetry's log data model."""
_NANOSECONDS = 1_000_000_000


class _Value(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    string_value: str | None = None
    int_value: str | None = None
    bool_value: bool | None = None


class _Attribute(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    value: _Value


class _LogRecord(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    time_unix_nano: str
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    attributes: list[_Attribute] = []


class _Scope(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    log_records: list[_LogRecord]


class _Resource(msgspec.Struct, forbid_unknown_fields=True):
    attributes: list[_Attribute]


class _ResourceLogs(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    resource: _Resource
    scope_logs: list[_Scope]


class _Request(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    resource_logs: list[_ResourceLogs]


def encode(parts: Sequence[Part]) -> bytes:
    """Return a report as it goes, indented for people: what is shown is what is sent.

    Args:
        parts: what all records share, and then each record; times are whole seconds since the epoch.
    """
    shared, *records = parts
    request = _Request(
        [_ResourceLogs(_Resource(_attributes(shared)), [_Scope([_log_record(record) for record in records])])]
    )
    return msgspec.json.format(msgspec.json.encode(request), indent=1)


def decode(body: bytes) -> list[Part]:
    """Return the parts of a report that ``encode`` wrote.

    Raises:
        ValueError: it is another text, or has something in it that no part of a report has.
    """
    request = msgspec.json.decode(body, type=_Request)
    ((resource_logs,)) = request.resource_logs
    (scope,) = resource_logs.scope_logs
    parts = [_members(resource_logs.resource.attributes), *map(_record, scope.log_records)]
    if encode(parts) != body:
        raise ValueError("it is not as it would be written here")
    return parts


# ---------------------------------------------------------------- inside


def _log_record(record: Part) -> _LogRecord:
    rest = {name: value for name, value in record.items() if name not in (TIME, NAME, LEVEL)}
    level = record.get(LEVEL, "")
    return _LogRecord(
        time_unix_nano=str(record[TIME] * _NANOSECONDS),
        severity_number=_SEVERITIES.get(level, 0),
        severity_text=level,
        event_name=record.get(NAME, ""),
        attributes=_attributes(rest),
    )


def _record(record: _LogRecord) -> Part:
    seconds, rest = divmod(int(record.time_unix_nano), _NANOSECONDS)
    if rest:
        raise ValueError("times are whole seconds")
    own = {NAME: record.event_name, LEVEL: record.severity_text}
    return {TIME: seconds, **{name: text for name, text in own.items() if text}, **_members(record.attributes)}


def _attributes(members: Part) -> list[_Attribute]:
    return [_Attribute(name, _value(members[name])) for name in sorted(members)]


def _members(attributes: Sequence[_Attribute]) -> dict[str, Any]:
    return {attribute.key: _plain(attribute.value) for attribute in attributes}


def _value(value: object) -> _Value:
    if isinstance(value, bool):
        return _Value(bool_value=value)
    if isinstance(value, int):
        return _Value(int_value=str(value))  # proto3's JSON writes 64 bits as text
    if isinstance(value, str):
        return _Value(string_value=value)
    raise ValueError("no value of a report is of this type")


def _plain(value: _Value) -> str | int | bool:
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return int(value.int_value)
    if value.string_value is None:
        raise ValueError("an attribute has no value")
    return value.string_value
