"""The report: what it says beyond the list of what is held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import msgspec
import pytest
from support import report_schema
from support.report_sample import EVENTS, lived_in
from support.world import World

from rocketvpn_sdk import Report, RocketVPN, wire
from rocketvpn_sdk.errors import ServerUnreachable, ValueRefused, VaultLocked
from rocketvpn_sdk.rights import Disclosure, view
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.transport import Api

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def rocket(world: World) -> Iterator[RocketVPN]:
    with lived_in(world) as rocket:
        yield rocket


def schema() -> dict[str, object]:
    return json.loads(report_schema.PATH.read_text("utf-8"))


# ---------------------------------------------------------------- what it has


@pytest.mark.clause("A1", "U7")
def test_consents_come_with_everything_that_was_decided(rocket: RocketVPN) -> None:
    stories = {story.purpose: story for story in rocket.rights.view().consents if story.recipient is None}
    assert {"improvement", "surveys", "cross_service"} == set(stories)
    assert stories["improvement"].effective
    assert [step.state for step in stories["improvement"].history] == ["granted"]
    surveys = stories["surveys"]
    assert (surveys.state, surveys.effective) == ("withdrawn", False)
    assert [(step.state, step.by) for step in surveys.history] == [("granted", "user"), ("withdrawn", "user")]
    assert surveys.history[0].at < surveys.history[1].at
    receipts = {receipt.record_id for receipt in rocket.consent.receipts()}
    assert {step.record_id for story in stories.values() for step in story.history} == receipts


@pytest.mark.clause("M1")
def test_what_ended_a_consent_is_named(world: World) -> None:
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        rocket.consent.declare_age(adult=True)
        rocket.consent.grant(rocket.consent.notice("surveys"))
        rocket.consent.declare_age(adult=False)
        (story,) = [
            story for story in rocket.rights.view().consents if (story.purpose, story.recipient) == ("surveys", None)
        ]
    assert [(step.state, step.by) for step in story.history] == [("granted", "user"), ("unset", "user")]


@pytest.mark.clause("A1")
def test_what_left_is_added_up_as_the_ledger_has_it(rocket: RocketVPN) -> None:
    report, entries = rocket.rights.view(), list(rocket.rights.sent())
    assert {each.operation: each.times for each in report.sent} == {
        name: sum(entry.operation == name for entry in entries) for name in {entry.operation for entry in entries}
    }
    lost = sum(entry.outcome.startswith("not delivered") for entry in entries)
    assert sum(each.not_delivered for each in report.sent) == lost > 0
    assert sum(week.times for week in report.sent_weeks) == len(entries)
    assert all(week.begins.weekday() == 0 for week in report.sent_weeks)
    for week in report.sent_weeks:
        begins = datetime.combine(week.begins, datetime.min.time(), UTC)
        ends = begins + timedelta(weeks=1)
        mine = [entry for entry in entries if begins.timestamp() <= entry.at < ends.timestamp()]
        assert week.times == sum(entry.purpose == week.purpose for entry in mine)


@pytest.mark.clause("A1", "R1")
def test_the_log_is_counted_as_reading_it_would(rocket: RocketVPN) -> None:
    report, entries = rocket.rights.view(samples=3), list(rocket.journal.read())
    assert report.log.records == len(entries) > 40
    assert (report.log.oldest, report.log.newest) == (entries[0].at, entries[-1].at)
    assert report.log_samples == tuple(entries[-3:])
    held = {value.field: value for value in report.here if value.count is not None and value.category != "record"}
    for field, value in held.items():
        have = [entry.at for entry in entries if entry.fields.get(field) is not None]
        if field not in ("recorded_at", "event_name"):
            assert (value.count, value.since) == (len(have), have[0])
    assert held["recorded_at"].count == len(entries)


@pytest.mark.parametrize("samples", [-1, 1001])
def test_a_number_of_samples_that_cannot_be_is_refused(rocket: RocketVPN, samples: int) -> None:
    with pytest.raises(ValueRefused, match="0 to 1000"):
        rocket.rights.view(samples=samples)


def test_without_a_key_there_is_no_report(world: World) -> None:
    with RocketVPN.open(world.config(), unlock=False) as rocket, pytest.raises(VaultLocked):
        rocket.rights.view()


@pytest.mark.clause("X1", "P3")
def test_it_names_the_policy_that_applies(rocket: RocketVPN) -> None:
    report, policy = rocket.rights.view(), rocket.policy.current
    assert (report.policy.id, report.policy.version, report.policy.sha256) == (
        "rocketvpn",
        policy.version,
        policy.sha256,
    )
    assert report.policy.pending is None
    assert {value.field: value.value for value in report.here}["policy_state"] == f"version {policy.version} applies"
    assert report.contact == policy.contact


@pytest.mark.clause("A3", "A1")
def test_what_waits_for_the_server_is_in_it(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.fail(50, status=503, retry_after=None)
    rocket.consent.withdraw("improvement")
    report = rocket.rights.view()
    assert report.server_problem == "server-error"
    (waiting,) = report.waiting
    assert (waiting.operation, waiting.state) == ("consents.put", "waiting")
    assert waiting.content["state"] == "withdrawn"
    assert "withdrawn" not in repr(waiting)
    assert {value.field: value.count for value in report.here}["queue_item"] == 1
    page = report.to_html()
    assert page.count("The operator: this copy is here to be sent as soon as the server takes it.") == 1


def test_a_language_that_the_policy_lacks_falls_back_to_english(rocket: RocketVPN) -> None:
    report = rocket.rights.view(language="tlh")
    assert report.language == "en"
    assert report.purposes == rocket.rights.view().purposes


# ---------------------------------------------------------------- disclosures and requests


@pytest.mark.clause("S1", "S2", "S3")
def test_whom_the_operator_told_and_what_was_asked_of_it(world: World, rocket: RocketVPN) -> None:
    order = rocket.device.binding.order_number
    world.sandbox.disclose(order, recipient="<b>Court</b>", kind="court", basis="court", categories=("order_number",))
    world.sandbox.faults.delay_deletions = True
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    report = rocket.rights.view(with_code=True)
    assert report.disclosures == rocket.rights.disclosures()
    assert report.disclosures_problem is None
    assert [(each.exercise, each.scope, each.status) for each in report.requests] == [("deletion", "logs", "open")]
    page = report.to_html()
    assert "because a court ordered it" in page
    assert "&lt;b&gt;Court" in page
    assert "The policy does not declare this: to whom" in page
    assert "gave information about you to others 1 time." in page


def test_a_part_that_cannot_be_asked_says_why_and_leaves_the_rest(
    rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: Api, *, interactive: bool) -> tuple[Disclosure, ...]:
        raise ServerUnreachable

    monkeypatch.setattr(view, "read_disclosures", nobody)
    report = rocket.rights.view(with_code=True)
    assert (report.disclosures, report.disclosures_problem) == ((), "server-unreachable")
    assert report.server_answered


# ---------------------------------------------------------------- JSON


def test_the_schema_is_that_of_the_types() -> None:
    assert report_schema.PATH.read_text("utf-8") == report_schema.text(), "run `python tests/support/report_schema.py`"


def test_a_report_is_what_the_schema_says(world: World, rocket: RocketVPN) -> None:
    check = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())
    check.check_schema(schema())
    world.sandbox.faults.clear()
    document = json.loads(rocket.rights.view(samples=5).to_json())
    check.validate(document)
    assert set(document) == set(schema()["$defs"]["Report"]["properties"])
    document["here"][0].pop("sentence")
    assert not check.is_valid(document)


def test_the_json_form_reads_back_to_the_same_report(rocket: RocketVPN) -> None:
    import msgspec

    report = rocket.rights.view(samples=2)
    again = msgspec.json.decode(report.to_json(), type=Report)
    assert again.to_json() == report.to_json()


@pytest.mark.clause("A1")
def test_a_removed_device_is_told_that_it_was_removed_and_who_keeps_the_right(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.revoke_device(rocket._components.device_id() or "")
    report = rocket.rights.view()
    assert (report.server_answered, report.server_problem) == (False, "device-revoked")
    for said in (" ".join(summary(report)), report.to_html()):
        assert "This device was removed from the order" in said
        assert "owner can still" in said
        assert "could not be asked just now" not in said
        assert "(device-revoked)" not in said


@pytest.mark.clause("A1", "P2")
def test_attack_a_server_that_holds_more_than_the_policy_lets_it(
    world: World, rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field of the device, one for too long, one for somebody else, one that nobody declared."""
    on_device = wire.HeldField(id="age_flag", value=True, since=NOW, correctable=True)
    email = {"id": "contact_email", "value": "kim@example.org", "since": NOW}
    shared = wire.HeldField(**email, recipients=["operator", "acme"], correctable=True)
    too_long = wire.HeldField(id="payment_record", value="12", since=NOW, until=NOW + timedelta(days=365 * 80))
    stranger = wire.HeldField(id="shoe_size", value=44, since=NOW, correctable=True)
    call = Api.call

    def more(self: Api, operation: str, **arguments: Any) -> Any:
        answer = call(self, operation, **arguments)
        if operation != "data.view":
            return answer
        said = wire.ServerData(fields=[on_device, shared, too_long, stranger])
        return msgspec.structs.replace(answer, value=said)

    monkeypatch.setattr(Api, "call", more)
    report = rocket.rights.view()
    assert {held.field: (held.undeclared, held.correctable) for held in report.there} == {
        "age_flag": (("place",), False),
        "contact_email": (("recipients",), True),
        "payment_record": (("until",), False),
        "shoe_size": (("field",), False),
    }
    page = report.to_html()
    for part in ("that the server holds it", "who gets it", "that it is held for so long", "that it is held"):
        assert f"The policy does not declare this: {part}." in page
    assert any(sentence.startswith("4 kinds of it are not held as") for sentence in summary(report))


@pytest.mark.clause("A1")
def test_what_the_server_holds_as_declared_is_not_marked(rocket: RocketVPN) -> None:
    report = rocket.rights.view()
    assert report.there
    assert not [held.field for held in report.there if held.undeclared]
    assert not any("not held as" in sentence for sentence in summary(report))
