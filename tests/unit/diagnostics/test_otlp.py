"""Reports as OTLP: what is written is what OpenTelemetry's parser reads, and what is read back is what was written."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from rocketvpn_sdk.diagnostics.otlp import decode, encode

NAMES = st.sampled_from(["region", "protocol", "duration", "failure", "attempt", "platform_version"])
VALUES = st.one_of(st.text(max_size=40), st.integers(-(2**63), 2**63 - 1), st.booleans())
RECORDS = st.builds(
    lambda at, name, level, more: {
        "recorded_at": at,
        **({"event_name": name} if name else {}),
        **({"level": level} if level else {}),
        **more,
    },
    st.integers(0, 2**33),
    st.sampled_from(["", "app.crashed", "session.failed"]),
    st.sampled_from(["", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
    st.dictionaries(NAMES, VALUES, max_size=4),
)
SHARED = st.fixed_dictionaries({"erasure_handle": st.just("0" * 32), "platform": st.sampled_from(["linux", "macos"])})


@given(SHARED, st.lists(RECORDS, max_size=5))
def test_it_comes_back_as_it_was(shared: dict[str, Any], records: list[dict[str, Any]]) -> None:
    body = encode([shared, *records])
    assert decode(body) == [shared, *records]
    assert encode(decode(body)) == body


@given(SHARED, st.lists(RECORDS, max_size=5))
def test_opentelemetrys_parser_reads_every_value(shared: dict[str, Any], records: list[dict[str, Any]]) -> None:
    parsed = json_format.Parse(encode([shared, *records]), ExportLogsServiceRequest())
    (logs,) = parsed.resource_logs
    assert members(logs.resource.attributes) == shared
    (scope,) = logs.scope_logs
    for record, given_record in zip(scope.log_records, records, strict=True):
        assert record.time_unix_nano == given_record["recorded_at"] * 10**9
        assert record.event_name == given_record.get("event_name", "")
        assert record.severity_text == given_record.get("level", "")
        own = {name: given_record[name] for name in given_record if name not in ("recorded_at", "event_name", "level")}
        assert members(record.attributes) == own


def members(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


GOOD = encode([{"erasure_handle": "0" * 32}, {"recorded_at": 3600, "event_name": "app.crashed", "failure": "dns"}])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        GOOD + b" ",
        GOOD.replace(b"\n", b""),
        GOOD.replace(b"resourceLogs", b"resource_logs"),
        GOOD.replace(b'"dns"', b'"dns", "intValue": "1"'),
        GOOD.replace(b'"eventName"', b'"body": {"stringValue": "whatever"},\n       "eventName"'),
        GOOD.replace(b"3600000000000", b"3600000000001"),
        GOOD.replace(b'"stringValue": "dns"', b'"doubleValue": 1.5'),
        GOOD.replace(b'"stringValue": "dns"', b'"arrayValue": {"values": []}'),
    ],
)
def test_what_was_not_written_here_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(body)


@pytest.mark.parametrize("value", [1.5, None, ["a"], {"a": "b"}, b"x"])
def test_other_values_have_no_place(value: object) -> None:
    with pytest.raises(ValueError, match="of this type"):
        encode([{"erasure_handle": value}])
