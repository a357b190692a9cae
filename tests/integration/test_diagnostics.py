"""Reports of how the app runs: seen before they go, sent as they were seen, erased with the consent (U3)."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from support.contract import Contract
from support.reporting import CONSENTS, agree, crash, reporting
from support.world import World

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.consent.reports import REPORTS, SentReports
from rocketvpn_sdk.diagnostics import Report
from rocketvpn_sdk.errors import EgressBlocked, NotCancellable, ValueRefused
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("reports") / "sandbox") as sandbox, sandbox.relayed():
        yield sandbox


@pytest.fixture
def user(relayed: Sandbox, tmp_path: Path) -> World:
    return World(relayed, tmp_path / "client")


def prepared(rocket: RocketVPN) -> Report:
    report = rocket.diagnostics.prepare()
    assert report is not None
    return report


@pytest.mark.clause("U3", "S1")
def test_what_is_shown_is_what_arrives_and_says_nobodys_name(user: World) -> None:
    before = len(user.sandbox.requests)
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket, "dns", "timeout")
        report = prepared(rocket)
        text = report.to_text()
        assert text.endswith(report.body.decode())
        assert "A company of its own" in text
        rocket.diagnostics.send(report)
        rocket.sync()
        assert rocket.status().waiting == 0
        assert report.body.decode() in user.sandbox.reports
        inner, outer = [entry for entry in rocket.rights.sent() if entry.operation.startswith("diagnostics.")]
        assert (inner.operation, inner.recipient, inner.identity, inner.outcome) == (
            "diagnostics.send",
            "operator",
            "none",
            "200",
        )
        assert set(inner.fields) == {
            "recorded_at",
            "event_name",
            "failure",
            "platform",
            "app_version",
            "erasure_handle",
        }
        assert rocket.rights.sent_matches(inner, report.body)
        assert (outer.operation, outer.recipient, outer.fields) == ("diagnostics.relay", "relay", ("sealed_message",))
        assert not rocket.rights.sent_matches(outer, report.body)
        assert rocket.diagnostics.prepare() is None
    (arrived,) = [each for each in user.sandbox.requests[before:] if each.path == "/v1/logs"]
    assert arrived.body == report.body
    Contract().check_request(arrived)
    assert {name for name, _ in arrived.headers} == {
        "host", "accept-encoding", "content-length", "content-type", "accept", "idempotency-key",
    }  # fmt: skip


@pytest.mark.clause("U3")
def test_opentelemetrys_own_parser_takes_it_and_finds_declared_fields_alone(user: World) -> None:
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket, "dns", "server")
        report = prepared(rocket)
        declared = set(rocket.policy.current.operations["diagnostics.send"].fields)
    parsed = ExportLogsServiceRequest()
    json_format.Parse(report.body, parsed)  # refuses whatever the format does not have
    (logs,) = parsed.resource_logs
    (scope,) = logs.scope_logs
    assert [record.event_name for record in scope.log_records] == ["app.crashed", "app.crashed"]
    assert [record.attributes[0].value.string_value for record in scope.log_records] == ["dns", "server"]
    assert all(record.time_unix_nano % 3_600_000_000_000 == 0 for record in scope.log_records)
    keys = {each.key for each in logs.resource.attributes}
    keys |= {each.key for record in scope.log_records for each in record.attributes}
    assert keys == {"app_version", "erasure_handle", "platform", "failure"}
    assert keys <= declared
    round_trip = json_format.MessageToDict(parsed, preserving_proto_field_name=False)
    assert round_trip == json.loads(report.body)


@pytest.mark.clause("U3", "S1", "M1")
@pytest.mark.parametrize("missing", range(len(CONSENTS)))
def test_nothing_goes_without_each_consent(user: World, missing: int) -> None:
    given = [consent for at, consent in enumerate(CONSENTS) if at != missing]
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket)
        report = prepared(rocket)
        rocket.consent.withdraw(*CONSENTS[missing])
        there = len(user.sandbox.reports)
        with pytest.raises(EgressBlocked):
            rocket.diagnostics.send(report)
        rocket.sync()
        assert len(user.sandbox.reports) == there
        assert "diagnostics.send" not in [item.operation for item in rocket.queue.items()]
    assert len(given) == 2


@pytest.mark.clause("U3", "S1")
@pytest.mark.parametrize(("consent", "left"), [(CONSENTS[0], ["diagnostics.erase"]), (CONSENTS[1], [])])
def test_a_report_that_waits_goes_with_each_consent_that_it_needs(
    user: World, consent: tuple[str, str | None], left: list[str]
) -> None:
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket)
        rocket.diagnostics.send(prepared(rocket))
        rocket.consent.withdraw(*consent)
        assert [item.operation for item in rocket.queue.items()] == left


@pytest.mark.clause("U3")
def test_without_a_consent_there_is_nothing_to_report(user: World) -> None:
    with reporting(user) as rocket:
        crash(rocket)
        assert rocket.diagnostics.prepare() is None
    with reporting(World(user.sandbox, user.folder / "other"), collect=False) as rocket:
        agree(rocket)
        crash(rocket)
        assert rocket.diagnostics.prepare() is None


@pytest.mark.clause("U3")
def test_a_withdrawal_erases_what_waits_and_what_was_sent(user: World) -> None:
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket, "dns")
        first = prepared(rocket)
        rocket.diagnostics.send(first)
        rocket.sync()
        crash(rocket, "timeout")
        second = prepared(rocket)
        rocket.diagnostics.send(second)
        assert first.body.decode() in user.sandbox.reports
        assert [held.field for held in rocket.rights.view().here].count("erasure_handle") == 1
        rocket.consent.withdraw("improvement")
        waiting = rocket.queue.items()
        assert [item.operation for item in waiting] == ["diagnostics.erase"]
        with pytest.raises(NotCancellable):
            rocket.queue.cancel(waiting[0].id)
        rocket.sync()
        assert rocket.status().waiting == 0
        assert not {first.body.decode(), second.body.decode()} & set(user.sandbox.reports)
        assert first.handle.value not in str(user.sandbox.rows())
        assert "erasure_handle" not in [held.field for held in rocket.rights.view().here]
        erasure = user.sandbox.requests[-1]
        assert erasure.path == "/v1/logs/erasures"
        Contract().check_request(erasure)
        outer = [entry for entry in rocket.rights.sent() if entry.operation.startswith("diagnostics.")]
        assert [entry.operation for entry in outer][-2:] == ["diagnostics.erase", "diagnostics.relay_erasure"]


@pytest.mark.clause("U3", "A3")
def test_deleting_the_log_takes_along_what_was_made_of_it(user: World) -> None:
    with reporting(user) as rocket:
        rocket.device.bind(user.sandbox.order())
        agree(rocket)
        crash(rocket, "dns")
        first = prepared(rocket)
        rocket.diagnostics.send(first)
        rocket.sync()
        crash(rocket, "timeout")
        rocket.diagnostics.send(prepared(rocket))
        assert first.body.decode() in user.sandbox.reports
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        assert [item.operation for item in rocket.queue.items()] == ["diagnostics.erase"]
        rocket.sync()
        assert rocket.status().waiting == 0
        assert first.body.decode() not in user.sandbox.reports
        crash(rocket, "server")
        again = prepared(rocket)
        assert again.handle.value != first.handle.value
        assert again.records == 1


@pytest.mark.clause("U3")
def test_the_handle_is_another_one_each_week_and_all_of_them_are_erased(user: World) -> None:
    clock = FakeClock(time.time())
    with Sandbox(user.folder / "sandbox", clock=clock) as sandbox, sandbox.relayed():
        world = World(sandbox, user.folder / "client")
        with reporting(world, clock=clock) as rocket:
            agree(rocket)
            handles = []
            for _ in range(3):
                crash(rocket)
                report = prepared(rocket)
                rocket.diagnostics.send(report)
                rocket.sync()
                handles.append(report.handle.value)
                clock.advance(4 * 86400)
            assert handles[0] == handles[1] != handles[2]
            assert len(sandbox.reports) == 3
            rocket.consent.withdraw("improvement")
            rocket.sync()
            assert sandbox.reports == []


@pytest.mark.clause("U3", "R1")
def test_handles_are_forgotten_in_time_and_reports_expire(user: World) -> None:
    clock = FakeClock(time.time())
    with (
        Sandbox(user.folder / "sandbox", clock=clock) as sandbox,
        sandbox.relayed(),
        reporting(World(sandbox, user.folder / "client"), clock=clock) as rocket,
    ):
        agree(rocket)
        crash(rocket)
        rocket.diagnostics.send(prepared(rocket))
        rocket.sync()
        assert len(sandbox.reports) == 1
        clock.advance(91 * 86400)
        rocket._maintenance.tidy()
        held = rocket._components.vault.get(REPORTS, SentReports)
        assert held is not None
        assert held.handles == ()
        rocket.ask_server()
        assert sandbox.reports == []


@pytest.mark.clause("U3")
def test_a_report_waits_for_a_random_time_and_can_be_cancelled(user: World) -> None:
    clock = FakeClock(time.time())
    with reporting(user, clock=clock, limits=Limits()) as rocket:
        agree(rocket)
        waits = set()
        for _ in range(3):
            crash(rocket)
            queued = rocket.diagnostics.send(prepared(rocket))
            waits.add(queued.not_before)
            assert 0 <= queued.not_before.timestamp() - clock.time() <= 6 * 3600
        assert len(waits) == 3
        there = len(user.sandbox.reports)
        rocket.sync()
        assert len(user.sandbox.reports) == there
        for item in rocket.queue.items():
            rocket.queue.cancel(item.id)
        assert rocket.status().waiting == 0


@pytest.mark.clause("U3")
def test_a_report_goes_once_and_nothing_else_goes(user: World) -> None:
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket, "dns", "dns", "timeout")
        one, same = prepared(rocket), prepared(rocket)
        assert one.body == same.body or one.handle != same.handle  # the first one makes the handle
        rocket.diagnostics.send(one)
        with pytest.raises(ValueRefused, match="reported already"):
            rocket.diagnostics.send(same)
        crash(rocket, "server")
        following = prepared(rocket)
        assert following.records == 1
        assert following.body.count(b'"dns"') == 0


@pytest.mark.clause("U3", "U7", "C2")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"stringValue": "1.0"', '"stringValue": "1.0.7"'),  # minimised, it would be another text
        ('"stringValue": "dns"', '"stringValue": "kim@example.org"'),  # no value of the field
        ('"key": "failure"', '"key": "contact_email"'),  # a field that no report carries
        ('"key": "failure"', '"key": "nickname"'),  # no field at all
        ("resourceLogs", "resource_logs"),  # not as it is written here
        ('"eventName": "app.crashed"', '"eventName": "kim.example.org"'),  # not what an event is called, once scrubbed
    ],
)
def test_what_waits_is_judged_once_more_before_it_goes(user: World, old: str, new: str) -> None:
    with reporting(user) as rocket:
        agree(rocket)
        crash(rocket, "dns")
        rocket.diagnostics.send(prepared(rocket))
        queue, there = rocket._components.queue, len(user.sandbox.reports)
        (item,) = queue.items()
        assert old in item.body["body"]
        queue.update(msgspec.structs.replace(item, body={"body": item.body["body"].replace(old, new)}))
        rocket.sync()
        assert len(user.sandbox.reports) == there
        assert not [each for each in rocket.rights.sent() if each.operation.startswith("diagnostics.")]
        assert [each.state for each in rocket.queue.items()] == ["refused"]


def test_relay_and_gateway_are_processes_of_their_own_and_threads_in_a_frozen_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(tmp_path / "sandbox") as sandbox:
        with sandbox.relayed() as apart:
            assert len({os.getpid(), *apart.pids}) == 3
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        with sandbox.relayed() as together, reporting(World(sandbox, tmp_path / "client")) as rocket:
            assert set(together.pids) == {os.getpid()}
            agree(rocket)
            crash(rocket)
            rocket.diagnostics.send(prepared(rocket))
            rocket.sync()
            assert rocket.status().waiting == 0
