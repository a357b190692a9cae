"""The tables of the report's page, cell by cell: with something in each, and with nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from rocketvpn_sdk import Report, wire
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.rights.disclosures import Disclosure
from rocketvpn_sdk.rights.report import AppliedPolicy
from rocketvpn_sdk.rights.report.describing import UNKNOWN
from rocketvpn_sdk.rights.report.model import (
    ConsentStep,
    ConsentStory,
    HeldValue,
    LogSummary,
    PendingPolicy,
    SentSummary,
    SentWeek,
    Term,
    Waiting,
)
from rocketvpn_sdk.rights.report.sections import Cell, Section, sections, time_table, week_table
from rocketvpn_sdk.rights.requests import DataRequest

AT = datetime(2027, 1, 15, 8, 5, tzinfo=UTC)
DAY = date(2027, 1, 15)
PARTS = "here there consents log_samples sent sent_weeks waiting disclosures requests caveats"
EMPTY: Any = dict.fromkeys(PARTS.split(), ())
WORDS = {
    "purposes": (Term("service", "To run it."),),
    "recipients": (Term("operator", "Who runs it."), Term("pay", "Who takes money.")),
    "categories": (Term("account", "Your order."), Term("log", "The log.")),
}
pytestmark = pytest.mark.clause("A1")


def report(**parts: Any) -> Report:
    pending = parts.pop("pending", None)
    policy = AppliedPolicy(
        id="p", version=7, sha256="seven", title="A policy", published=DAY, effective=DAY, pending=pending
    )
    log = LogSummary(records=0, oldest=None, newest=None, by_event={}, removed=0)
    asked = {"server_answered": True, "server_problem": None, "disclosures_problem": None, "requests_problem": None}
    fixed = {"made_at": AT, "language": "en", "policy": policy, "contact": "mail", "log": log}
    return Report(**EMPTY | WORDS | fixed | asked | parts)


def section(name: str, **parts: Any) -> Section:
    (found,) = (each for each in sections(report(**parts)) if each.id == name)
    return found


def rows(found: Section, table: int = 0) -> list[list[tuple[str, str, str]]]:
    return [[(cell.text, cell.quoted, cell.note) for cell in row] for row in found.tables[table].rows]


def held(field: str, place: Any = "server", category: str = "account", **more: Any) -> HeldValue:
    given: dict[str, Any] = {"sentence": f"S {field}.", "value": 1, "purposes": ("To run it.",), "recipients": ()}
    return HeldValue(field=field, place=place, category=category, **{"kept": "P1D", **given, **more})


def test_the_parts_come_in_one_order() -> None:
    names = "here there choices features sent safeguards given requests log policy"
    assert [each.id for each in sections(report())] == names.split()


# ---------------------------------------------------------------- what is held


def test_what_is_held_stands_by_category_and_what_is_undeclared_last() -> None:
    found = section("there", there=(held("x", category=""), held("b", category="log"), held("a"), held("c")))
    assert [table.caption for table in found.tables] == ["Your order.", "The log.", "Not declared in the policy."]
    assert [[row[0].text for row in table.rows] for table in found.tables] == [["a", "c"], ["b"], ["x"]]
    assert section("here").tables == ()


LAW = wire.Hold(basis="law", until=date(2031, 12, 31))


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (
            held("contact_email", value="l@e.example", correctable=True, since=AT, recipients=("pay", "operator")),
            [("contact email", "S contact_email.", ""), ("l@e.example", "", "You can correct it."),
             ("", "To run it.", ""), ("", "Who takes money. Who runs it.", ""), ("1 day", "", "since 15 January 2027")],
        ),
        (
            held("a", value=None, until=AT, undeclared=("until",)),
            [("a", "S a.", "The policy does not declare this: that it is held for so long. Ask the operator."),
             ("held, not shown: it is a secret", "", ""), ("", "To run it.", ""), ("Nobody else.", "", ""),
             ("1 day, at most until 15 January 2027", "", "")],
        ),
        (
            held("a", hold=LAW, until=AT, kept=UNKNOWN, recipients=("stranger",)),
            [("a", "S a.", ""), ("1", "", ""), ("", "To run it.", ""), ("", "stranger", ""),
             ("until 31 December 2031, because a law demands it", "", "")],
        ),
        (
            held("a", "device", value=None, count=2, kept=UNKNOWN),
            [("a", "S a.", ""), ("2 entries", "", ""), ("", "To run it.", ""),
             ("Nobody: this copy stays on this device.", "", ""), ("nobody says how long", "", "")],
        ),
        (
            held("queue_item", "device", value="v", count=1, kept="bound"),
            [("queue item", "S queue_item.", ""), ("v (1 entry)", "", ""), ("", "To run it.", ""),
             ("The operator: this copy is here to be sent as soon as the server takes it.", "", ""),
             ("while this device is bound to the order", "", "")],
        ),
    ],
)  # fmt: skip
def test_a_value_s_row_says_all_of_it(value: HeldValue, row: list[tuple[str, str, str]]) -> None:
    name = "here" if value.place == "device" else "there"
    assert rows(section(name, **{name: (value,)})) == [row]


@pytest.mark.parametrize(
    ("name", "problem", "without", "missing"),
    [
        ("there", "server_problem", "It says: nothing.", "The server did not answer in time, so this part is missing."),
        ("given", "disclosures_problem", "The operator says: to nobody.", "The server did not answer in time,"),
    ],
)
def test_a_part_that_is_missing_is_not_one_that_is_empty(name: str, problem: str, without: str, missing: str) -> None:
    assert section(name).empty == without
    assert section(name, **{problem: "server-timeout"}).empty.startswith(missing)
    assert "(odd)" in section(name, **{problem: "odd"}).empty


# ---------------------------------------------------------------- choices


def step(state: Any, by: str, until: datetime | None = None) -> ConsentStep:
    return ConsentStep(at=AT, state=state, until=until, by=by, policy_version=7, language="en", record_id="r")


def test_choices_say_what_was_decided_when_and_whether_the_server_knows() -> None:
    steps = (step("granted", "user", AT), step("expired", "time"))
    common: Any = {"sentence": "S.", "effective": False}
    stories = (
        ConsentStory(purpose="surveys", recipient="pay", state="expired", server="told", history=steps, **common),
        ConsentStory(purpose="new_things", recipient=None, state="unset", server="waiting", history=(), **common),
    )
    assert rows(section("choices", consents=stories)) == [
        [("surveys, for pay", "S.", ""), ("ended, since it was given for a time", "", "the server knows"),
         ("15 January 2027, 08:05: agreed by you, version 7 was shown, until 15 January 2027;"
          " 15 January 2027, 08:05: ended, since it was given for a time by itself, version 7 was shown", "", "")],
        [("new things", "S.", ""), ("not decided", "", ""), ("Nobody has decided.", "", "")],
    ]  # fmt: skip


# ---------------------------------------------------------------- what left


def sent(**more: Any) -> SentSummary:
    given: dict[str, Any] = {"operation": "o", "sentence": "It asks.", "purpose": "service", "recipient": "operator"}
    return SentSummary(**{**given, "fields": (), "times": 1, "not_delivered": 0, "last": AT, **more})


def test_what_was_sent_says_what_for_how_often_and_to_whom() -> None:
    lost = sent(fields=("device_id", "region"), times=3, not_delivered=2, purpose="fun", recipient="stranger")
    assert rows(section("sent", sent=(sent(), lost))) == [
        [("", "It asks. To run it.", ""), ("1 time", "", "last on 15 January 2027, 08:05"),
         ("nothing about you", "", ""), ("", "Who runs it.", "")],
        [("", "It asks. fun", ""), ("3 times", "", "last on 15 January 2027, 08:05; 2 of them did not get through"),
         ("device id and region", "", ""), ("", "stranger", "")],
    ]  # fmt: skip
    weeks = (SentWeek(begins=DAY, purpose="service", times=2), SentWeek(begins=DAY, purpose="fun", times=1))
    assert week_table(report(sent_weeks=weeks)).rows == (
        (Cell("15 January 2027"), Cell("service", "To run it."), Cell("2 times")),
        (Cell("15 January 2027"), Cell("fun"), Cell("1 time")),
    )


def test_what_was_given_says_who_why_and_what() -> None:
    known = Disclosure(
        recipient="pay", sentence="Who takes money.", kind="third_party", basis="court", categories=("log", "a_b"),
        day=DAY, safeguard="A contract.", bound_by=("A contract.", "Its country: DE."),
    )  # fmt: skip
    odd = Disclosure(
        recipient="Police", sentence=None, kind="k", basis="whim", categories=(), day=DAY, safeguard=None,
        undeclared=("recipient", "basis"),
    )  # fmt: skip
    warning = "The policy does not declare this: to whom, on which ground. Ask the operator."
    assert rows(section("given", disclosures=(known, odd))) == [
        [("15 January 2027", "", ""), ("Who takes money.", "", "A contract. Its country: DE."),
         ("because a court ordered it", "", ""), ("log and a b", "", "")],
        [("15 January 2027", "", ""), ("Police", "", ""), ("whim", "", warning), ("", "", "")],
    ]  # fmt: skip


# ---------------------------------------------------------------- requests


def test_requests_that_wait_here_and_those_that_the_server_knows() -> None:
    waits = Waiting(
        operation="o", sentence="S.", since=AT, state="refused", problem="forbidden",
        content={"request_id": "r", "on": True},
    )  # fmt: skip
    refused = DataRequest(id="1", exercise="deletion", scope="logs", status="denied", received_at=AT, reason="no")
    coming = DataRequest(id="2", exercise="access", scope="account", status="open", expected_by=AT)
    found = section("requests", waiting=(waits,), requests=(refused, coming))
    assert (found.lead, found.empty) == ("", "Nothing is waiting.")
    assert rows(found) == [
        [("", "S.", ""), ("15 January 2027, 08:05", "", ""), ("the server refused it", "", "forbidden"),
         ("request id: r; on: yes", "", "")],
    ]  # fmt: skip
    assert rows(found, 1) == [
        [("deletion: the log", "", "1"), ("15 January 2027, 08:05", "", ""), ("refused", "", "no"), ("", "", "")],
        [("access: everything", "", "2"), ("", "", ""), ("received", "", ""), ("15 January 2027", "", "")],
    ]
    assert section("requests", requests_problem="server-error").lead.startswith("The server failed to answer")


# ---------------------------------------------------------------- the log, and the policy


def test_the_log_says_how_much_of_which_kind_and_its_newest_entries() -> None:
    assert section("log").lead == "Nothing is in it."
    log = LogSummary(records=1200, oldest=AT, newest=AT, by_event={"b": 1199, "a": 1}, removed=0)
    entry = Entry(AT, "a", "service", {"region": "de", "empty": None, "count": 3})
    found = section("log", log=log, log_samples=(entry,))
    assert found.lead.endswith("from 15 January 2027, 08:05 to 15 January 2027, 08:05."
                               " Every time is to the minute, in UTC.")  # fmt: skip
    assert "removed" not in found.lead
    assert rows(found) == [[("a", "", ""), ("1", "", "")], [("b", "", ""), ("1,199", "", "")]]
    assert rows(found, 1) == [[("15 January 2027, 08:05", "", ""), ("a", "", ""), ("region: de; count: 3", "", "")]]
    full = LogSummary(records=1, oldest=AT, newest=AT, by_event={}, removed=4321)
    assert section("log", log=full).lead.endswith("4,321 more were removed early, since the log was full.")


def test_the_policy_s_facts_and_a_newer_one_s() -> None:
    facts = [("Name", "A policy (p)"), ("Version", "7"), ("Published", "15 January 2027"),
             ("In effect since", "15 January 2027"), ("SHA-256 of its text", "seven")]  # fmt: skip
    assert [(row[0].text, row[1].text) for row in section("policy").tables[0].rows] == facts
    for binds_at, says in ((None, "not before you were shown it"), (AT, "15 January 2027, 08:05")):
        pending = PendingPolicy(version=8, sha256="eight", effective=DAY, binds_at=binds_at)
        found = [(row[0].text, row[1].text) for row in section("policy", pending=pending).tables[0].rows]
        newer = [("A newer version", "8"), ("Applies from", says), ("SHA-256 of the newer text", "eight")]
        assert found == [*facts, *newer]


@pytest.mark.clause("R1")
def test_how_long_each_kind_is_kept_at_each_place() -> None:
    made = report(here=(held("b", "device", kept="P2D"), held("a", "device")), there=(held("b"), held("c")))
    found = [[cell.text for cell in row] for row in time_table(made).rows]
    assert found == [["a", "1 day", "not kept"], ["b", "2 days", "1 day"], ["c", "not kept", "1 day"]]
