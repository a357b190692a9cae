"""What the page says in words where there is nothing to show: who gets a value, and what the server answered."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from rocketvpn_sdk import Report, wire
from rocketvpn_sdk.rights.report import AppliedPolicy
from rocketvpn_sdk.rights.report.model import HeldValue, LogSummary, SentSummary, Term
from rocketvpn_sdk.rights.report.sections import sections
from rocketvpn_sdk.rights.report.summary import summary

AT = datetime(2027, 1, 15, tzinfo=UTC)
PARTS = (
    "here there consents log_samples sent sent_weeks waiting disclosures requests"
    " purposes recipients categories caveats"
)
EMPTY: Any = dict.fromkeys(PARTS.split(), ())


def report(**parts: Any) -> Report:
    policy = AppliedPolicy(
        id="p", version=1, sha256="0", title="t", published=date(2027, 1, 1), effective=date(2027, 1, 1), pending=None
    )
    log = LogSummary(records=0, oldest=None, newest=None, by_event={}, removed=0)
    fixed = {"made_at": AT, "language": "en", "policy": policy, "contact": "mail", "log": log}
    asked = {"server_answered": True, "server_problem": None, "disclosures_problem": None, "requests_problem": None}
    return Report(**EMPTY | fixed | asked | parts)


def held(field: str, place: str, *recipients: str) -> HeldValue:
    return HeldValue(
        field=field, place=place, category="", sentence="", value=1, purposes=("x",), recipients=recipients, kept="P1D"
    )  # type: ignore[arg-type] # stand-ins


def said(made: Report, section: str) -> str:
    (found,) = (each for each in sections(made) if each.id == section)
    return msgspec.json.encode(found).decode()


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("parts", "says", "says_not"),
    [
        ({}, "It says: nothing.", "could not be asked"),
        ({"server_problem": "server-unreachable", "server_answered": False}, "", "It says: nothing."),
    ],
)
def test_a_server_that_holds_nothing_is_not_one_that_did_not_answer(
    parts: dict[str, Any], says: str, says_not: str
) -> None:
    text = said(report(**parts), "there")
    assert says in text
    assert says_not not in text


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (held("order_number", "server"), "Nobody else."),
        (held("order_number", "device"), "Nobody: this copy stays on this device."),
        (held("order_number", "server", "payments"), "The company that takes the payment."),
    ],
    ids=["the operator alone", "this device alone", "somebody"],
)
def test_who_else_gets_a_value_is_always_said(value: HeldValue, says: str) -> None:

    recipients = (Term("payments", "The company that takes the payment."),)
    made = report(**{"there" if value.place == "server" else "here": (value,), "recipients": recipients})
    text = said(made, "there" if value.place == "server" else "here")
    assert says in text
    for other in {"Nobody else.", "Nobody: this copy stays on this device."} - {says}:
        assert other not in text


@pytest.mark.clause("A1", "R1", "R2")
@pytest.mark.parametrize(
    ("times", "says"),
    [
        ({"since": AT}, ["since 15 January 2027"]),
        ({"until": AT}, ["at most until 15 January 2027"]),
        (
            {"since": AT, "hold": wire.Hold(basis="law", until=date(2031, 12, 31))},
            ["until 31 December 2031", "since 15 January 2027"],
        ),
    ],
    ids=["since when", "until when", "how long the law keeps it"],
)
def test_since_when_and_until_when_is_said(times: dict[str, Any], says: list[str]) -> None:
    value = msgspec.structs.replace(held("order_number", "server"), **times)
    text = said(report(there=(value,)), "there")
    assert re.findall(r"(?:since|(?:at most )?until) \d+ \w+ \d+", text) == says


def test_the_form_of_the_document_is_numbered() -> None:

    assert json.loads(report().to_json())["format"] == 1


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("times", "lost", "says"),
    [
        (3, 0, "contacted the operator 3 times"),
        (3, 1, "1 try did not get through"),
        (3, 2, "2 tries did not get through"),
        (3, 3, "Nothing of it got through"),
    ],
)
def test_the_summary_says_how_much_of_what_was_sent_got_through(times: int, lost: int, says: str) -> None:
    sent = SentSummary(
        operation="o", sentence="", purpose="service", recipient="operator", fields=(), times=times,
        not_delivered=lost, last=AT,
    )  # fmt: skip
    text = " ".join(summary(report(sent=(sent,))))
    assert says in text
    assert ("Nothing of it" in text) == (lost == times)
    assert ("tried to contact" in text) == (lost > 0)
