"""What the report says of each value that is held, and how the whole reads in a few sentences."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from support.policies import TEXT, edited

from rocketvpn_sdk import Report, wire
from rocketvpn_sdk.policy import Policy, bundled_policy, parse_policy
from rocketvpn_sdk.rights.report import AppliedPolicy
from rocketvpn_sdk.rights.report.describing import UNKNOWN, Describer
from rocketvpn_sdk.rights.report.model import (
    ConsentStory,
    HeldValue,
    LogSummary,
    PendingPolicy,
    SentSummary,
    Waiting,
)
from rocketvpn_sdk.rights.report.summary import summary

AT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def policy(*edits: tuple[str, str, str, str]) -> Policy:
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    return parse_policy(text)


def describer(*policies: Policy, language: str = "en") -> Describer:
    return Describer(policies or (bundled_policy(),), language)


def there(say: Describer, field: str, **more: Any) -> HeldValue:
    (found,) = say.there([wire.HeldField(id=field, value="v", since=AT, **more)])
    return found


# ---------------------------------------------------------------- the language


@pytest.mark.parametrize(
    ("asked", "found"), [("de", "de"), ("de-AT", "de"), ("en", "en"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
)
def test_the_report_is_in_the_language_that_was_asked_for_if_the_policy_has_it(asked: str, found: str) -> None:
    document = bundled_policy().document
    bilingual = Policy(msgspec.structs.replace(document, title={**document.title, "de": "Datenschutz"}))
    assert describer(bilingual, language=asked).language == found


# ---------------------------------------------------------------- one value


@pytest.mark.clause("A1")
def test_a_value_has_what_the_policy_says_beside_it() -> None:
    say = describer()
    declared = bundled_policy().fields["level"]
    here = say.held("level", "device", value="INFO")
    assert (here.category, here.sentence, here.kept) == ("log", "How serious a log line is.", "P30D")
    assert here.purposes == tuple(bundled_policy().purposes[name].sentence["en"] for name in declared.purposes)
    assert (here.recipients, here.correctable, here.undeclared) == ((), False, ())
    assert say.held("level", "server", value="INFO").recipients == declared.recipients == ("operator",)
    assert say.held("message", "server", value="x").kept == UNKNOWN  # no server may keep it


@pytest.mark.clause("A1")
def test_a_value_that_no_policy_declares_is_shown_as_that() -> None:
    found = describer().held("shoe_size", "server", value=44, correctable=True)
    assert (found.value, found.category, found.kept, found.purposes) == (44, "", UNKNOWN, ())
    assert (found.correctable, found.undeclared) == (False, ("field",))
    assert "does not declare this" in found.sentence


@pytest.mark.clause("X2")
def test_the_binding_version_describes_and_the_shorter_time_of_all_holds() -> None:
    reworded = ("field", "level", "How serious a log line is.", "The gravity of a line.")
    shorter = ("field", "level", 'device = "P30D"', 'device = "P3D"')
    new = policy(reworded, shorter)
    for policies, sentence in (((bundled_policy(), new), "How serious"), ((new, bundled_policy()), "The gravity")):
        found = describer(*policies).held("level", "device", value=1)
        assert found.sentence.startswith(sentence)
        assert found.kept == "P3D"
    assert describer().held("contact_email", "device", value=1).kept == UNKNOWN  # the server alone keeps it


def test_a_name_that_no_version_has_stands_for_itself() -> None:
    say = describer()
    assert say.purpose("service") == bundled_policy().purposes["service"].sentence["en"]
    assert say.operation("order.read") == bundled_policy().operations["order.read"].sentence["en"]
    assert (say.purpose("fun"), say.operation("fun.have"), say.field("fun")) == ("fun", "fun.have", None)


def test_the_words_of_all_versions_are_told_once() -> None:
    renamed = parse_policy(TEXT.replace('id = "surveys"', 'id = "polls"').replace('"surveys"', '"polls"'))
    terms = describer(bundled_policy(), renamed).terms(lambda policy: policy.document.purpose)
    names = [part.id for part in bundled_policy().document.purpose]
    assert [term.id for term in terms] == [*names, "polls"]
    assert all(term.sentence for term in terms)


# ---------------------------------------------------------------- what the server says


@pytest.mark.clause("A1", "R1")
@pytest.mark.parametrize(
    ("field", "said", "undeclared"),
    [
        ("level", {"until": AT + 30 * DAY}, ()),
        ("level", {"until": AT + 31 * DAY}, ()),  # days are coarse
        ("level", {"until": AT + 31 * DAY + timedelta(seconds=1)}, ("until",)),
        ("level", {}, ("until",)),  # it would never go
        ("level", {"hold": wire.Hold(basis="law", until=date(2031, 1, 1))}, ()),
        ("contact_email", {}, ()),  # kept while the device is bound
        ("level", {"until": AT, "recipients": ["operator"]}, ()),
        ("level", {"until": AT, "recipients": ["operator", "acme"]}, ("recipients",)),
        ("message", {"until": AT}, ("place",)),
        ("message", {"until": AT, "recipients": ["operator"]}, ("place", "recipients")),
        ("shoe_size", {"until": AT, "recipients": ["acme"]}, ("field",)),
    ],
)
def test_what_the_server_holds_otherwise_than_declared_is_marked(
    field: str, said: dict[str, Any], undeclared: tuple[str, ...]
) -> None:
    found = there(describer(), field, **said)
    assert found.undeclared == undeclared
    assert (found.value, found.since, found.recipients) == ("v", AT, tuple(said.get("recipients", ())))


@pytest.mark.clause("A2")
@pytest.mark.parametrize(
    ("field", "said", "correctable"),
    [
        ("contact_email", True, True),
        ("contact_email", False, False),
        ("level", True, False),  # the policy does not say so
        ("shoe_size", True, False),
    ],
)
def test_a_value_can_be_corrected_if_server_and_policy_say_so(field: str, said: bool, correctable: bool) -> None:
    assert there(describer(), field, correctable=said).correctable is correctable


# ---------------------------------------------------------------- the whole in a few sentences


def report(**parts: Any) -> Report:
    pending = parts.pop("pending", None)
    applied = AppliedPolicy(
        id="p", version=1, sha256="0", title="t", published=AT.date(), effective=AT.date(), pending=pending
    )
    names = (
        "here there consents log_samples sent sent_weeks waiting disclosures requests purposes recipients categories"
    )
    empty: Any = dict.fromkeys([*names.split(), "caveats"], ())
    log = LogSummary(records=0, oldest=None, newest=None, by_event={}, removed=0)
    asked = {"server_answered": True, "server_problem": None, "disclosures_problem": "x", "requests_problem": None}
    fixed = {"made_at": AT, "language": "en", "policy": applied, "contact": "mail", "log": log}
    return Report(**empty | fixed | asked | parts)


def value(field: str, place: Any = "server", **more: Any) -> HeldValue:
    given = {"category": "", "sentence": "", "value": 1, "purposes": (), "recipients": (), "kept": "P1D"} | more
    return HeldValue(field=field, place=place, **given)  # type: ignore[arg-type] # of several types


def story(effective: bool) -> ConsentStory:
    return ConsentStory(
        purpose="x", recipient=None, sentence="", state="granted", effective=effective, server="told", history=()
    )


def sent(times: int, lost: int, day: int) -> SentSummary:
    return SentSummary(
        operation="o", sentence="", purpose="x", recipient="operator", fields=(), times=times, not_delivered=lost,
        last=AT + day * DAY,
    )  # fmt: skip


NOTHING = [
    "This device holds 0 kinds of information about you.",
    "The operator's server says that it holds 0 kinds.",
    "The records that are still kept on this device hold nothing that this software sent.",
    "You can have all of it deleted. What is on this device is gone at once then.",
]
HELD, THERE, SENT, DELETE = range(4)


def test_an_empty_report_reads_so() -> None:
    assert list(summary(report())) == NOTHING


LOG = {"newest": AT, "by_event": {}, "removed": 0}
WAITS = Waiting(operation="o", sentence="", since=AT, state="waiting", problem=None, content={})
GIVEN: Any = object()
LAW = wire.Hold(basis="law", until=date(2031, 12, 31))
PENDING = PendingPolicy(version=2, sha256="1", effective=AT.date(), binds_at=None)


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("parts", "instead", "before", "says"),
    [
        ({"here": (value("a"), value("a"))}, HELD, None, ["This device holds 1 kind of information about you."]),
        ({"here": (value("a"), value("b"))}, HELD, None, ["This device holds 2 kinds of information about you."]),
        ({"there": (value("a"), value("a"))}, THERE, None, ["The operator's server says that it holds 1 kind."]),
        (
            {"there": (value("a"), value("b", undeclared=("until",)))}, THERE, None,
            ["The operator's server says that it holds 2 kinds.",
             "1 kind of it is not held as the policy declares. It is marked: ask the operator about it."],
        ),
        (
            {"there": (value("a", undeclared=("place",)), value("b", undeclared=("until",)))}, THERE, None,
            ["The operator's server says that it holds 2 kinds.",
             "2 kinds of it are not held as the policy declares. They are marked: ask the operator about them."],
        ),
        (
            {"server_answered": False, "server_problem": "not-bound"}, THERE, None,
            ["This device is not tied to an order, so the operator's server was not asked."],
        ),
        (
            {"server_answered": False, "server_problem": "server-timeout"}, THERE, None,
            ["The operator's server could not be asked just now, so its part is missing here."],
        ),
        ({"log": LogSummary(records=1, oldest=AT, **LOG)}, None, SENT,
         ["The app's log on this device has 1 entry, of 15 January 2027. It goes away by itself."]),
        ({"log": LogSummary(records=2, oldest=AT, **LOG)}, None, SENT,
         ["The app's log on this device has 2 entries, the oldest of 15 January 2027. They go away by themselves."]),
        ({"sent": (sent(1, 0, 1),)}, SENT, None, ["This software contacted the operator 1 time, on 16 January 2027."]),
        (
            {"sent": (sent(2, 0, 2), sent(1, 0, 1))}, SENT, None,
            ["This software contacted the operator 3 times, most recently on 17 January 2027."],
        ),
        (
            {"sent": (sent(2, 1, 1), sent(2, 1, 3))}, SENT, None,
            ["This software tried to contact the operator 4 times, most recently on 18 January 2027.",
             "2 tries did not get through."],
        ),
        (
            {"sent": (sent(1, 1, 0),)}, SENT, None,
            ["This software tried to contact the operator 1 time, on 15 January 2027.", "Nothing of it got through."],
        ),
        ({"consents": (story(True), story(False))}, None, DELETE,
         ["You agreed to 1 optional use of your information. You can take that back at any time."]),
        ({"consents": (story(True), story(True))}, None, DELETE,
         ["You agreed to 2 optional uses of your information. You can take that back at any time."]),
        ({"consents": (story(False),)}, None, DELETE,
         ["You have not agreed to any optional use of your information, so there is none."]),
        ({"disclosures": (GIVEN,)}, None, DELETE,
         ["The operator says that it gave information about you to others 1 time."]),
        ({"disclosures_problem": None}, None, DELETE,
         ["The operator says that it gave nothing about you to authorities or others."]),
        ({"waiting": (WAITS,)}, None, DELETE, ["1 request of yours has not been finished yet."]),
        ({"waiting": (WAITS, WAITS)}, None, DELETE, ["2 requests of yours have not been finished yet."]),
        ({"pending": PENDING}, None, 4,
         ["A new version of the privacy policy has come. It does not apply before you have seen it."]),
        ({"pending": msgspec.structs.replace(PENDING, binds_at=AT)}, None, 4,
         ["A new version of the privacy policy is to apply from 15 January 2027."]),
    ],
)  # fmt: skip
def test_each_thing_is_told_in_its_place(
    parts: dict[str, Any], instead: int | None, before: int | None, says: list[str]
) -> None:
    begin = instead if instead is not None else before
    assert begin is not None
    assert list(summary(report(**parts))) == [
        *NOTHING[:begin], *says, *NOTHING[begin + (instead is not None):],
    ]  # fmt: skip


@pytest.mark.clause("A2", "R2")
def test_what_can_be_corrected_and_what_would_stay_is_told_by_name() -> None:
    held = (
        value("contact_email", correctable=True),
        value("contact_email", correctable=True),
        value("payment", hold=LAW),
    )
    assert list(summary(report(there=held)))[-3:] == [
        "You can correct: contact email.",
        NOTHING[DELETE],
        "The operator would keep your payment until 31 December 2031, because a law demands it.",
    ]
