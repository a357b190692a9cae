from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clauses import CLAUSES
from support.policies import edited, sharing_policy, sharing_text

from rocketvpn_sdk.errors import TermUnknown, ValueRefused
from rocketvpn_sdk.policy import Explanation, bundled_policy, explain, parse_policy
from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy.values import _ARGUMENTS
from rocketvpn_sdk.policy.wording import taken

POLICY = bundled_policy()
SHARING = sharing_policy()
TERMS = [
    *POLICY.fields, *POLICY.purposes, *POLICY.recipients, *(part.id for part in POLICY.document.category),
    *POLICY.operations, *CLAUSES, *_ARGUMENTS, *sorted({str(field.transform) for field in POLICY.document.field}),
]  # fmt: skip


@pytest.mark.clause("P1")
@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_explained_in_plain_sentences(term: str):
    found = explain(POLICY, term)
    assert found.term == term
    assert found.sentences[0] == found.what
    for sentence in found.sentences:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not re.search(r"_|\{|P\d+[DMY]|PT\d", sentence)
    assert set(found.fields) <= set(POLICY.fields)
    assert set(found.clauses) <= set(CLAUSES)
    assert found.clauses


@pytest.mark.clause("P1", "P2")
def test_a_field_says_what_why_how_long_who_and_what_can_be_done():
    assert explain(POLICY, "contact_email") == Explanation(
        term="contact_email",
        kind="field",
        what="Where the operator can reach you. Codes that prove that it is you go there too, and a message about each"
        " device that is bound to your order or taken off it.",
        why=(
            "To give you the VPN service you ordered.",
            "To make sure that it is you, and to keep the service safe.",
            "To let you see, correct and delete your data, and to keep the record of what you asked for and chose.",
        ),
        who=("The company that runs Rocket VPN.",),
        how="What is stored of it: as it is.",
        kept_here="How long on this device: not kept.",
        kept_there="How long on the server: while this device is bound to the order.",
        choices=("You can leave it out; what does not need it works all the same.", "You can correct it."),
        clauses=("C3",),
    )


NECESSARY = "It is necessary: what needs it does not work without it."
PARTLY = "Some of what it is for needs your agreement; the rest does not."
SHARED = "A third party gets it if you agree to that one, and not before."
STAYS = "It never leaves this device."
LEAVE = "You can leave it out; what does not need it works all the same."


@pytest.mark.clause("P2", "S1", "A2")
@pytest.mark.parametrize(
    ("field", "choices"),
    [
        ("message", (STAYS, NECESSARY)),
        ("failure", (NECESSARY, PARTLY)),
        ("level", (NECESSARY, PARTLY, SHARED)),
        ("order_number", (NECESSARY,)),
        ("contact_email", (LEAVE, PARTLY, SHARED, "You can correct it.")),
        ("browser_cookie", (STAYS,)),
        ("public_address", ()),
    ],
)
def test_what_can_be_done_about_a_field(field: str, choices: tuple[str, ...]):
    assert explain(SHARING, field).choices == choices


def test_a_field_that_only_a_consent_uses():
    policy = parse_policy(edited("field", "rollout_number", '["software"]', '["surveys"]'))
    assert explain(policy, "rollout_number").choices == (STAYS, "It is used if you agree, and not before.")


@pytest.mark.parametrize(
    ("field", "here", "there"),
    [
        ("verification_code", "used at once and not kept", "15 minutes"),
        ("rights_request", "3 years", "3 years"),
        ("tunnel_public_key", "24 hours", "7 days"),
        ("message", "14 days", "not kept"),
        ("device_key", "while this device is bound to the order", "not kept"),
    ],
)
def test_durations_are_words(field: str, here: str, there: str):
    found = explain(POLICY, field)
    assert found.kept_here == f"How long on this device: {here}."
    assert found.kept_there == f"How long on the server: {there}."


@pytest.mark.parametrize(
    ("text", "words"),
    [("P1Y2M3W4DT5H6M7S", "1 year, 2 months, 3 weeks, 4 days, 5 hours, 6 minutes and 7 seconds"),
     ("P1D", "1 day"), ("PT1S", "1 second"), ("P1Y1M", "1 year and 1 month"), ("P0Y1D", "1 day")],
)  # fmt: skip
def test_every_part_of_a_duration_is_said(text: str, words: str):
    policy = parse_policy(edited("field", "consent_record", '"bound"', f'"{text}"'))
    assert explain(policy, "consent_record").kept_here == f"How long on this device: {words}."


@pytest.mark.parametrize(
    ("term", "what", "fields"),
    [
        ("keep", "What is stored: as it is.", None),
        ("drop", "What is stored: nothing.", ("browser_cookie", "public_address", "relay_address", "partner_address")),
        ("truncate_ip",
         "What is stored: the network alone, without the part that tells one device from another.", ("local_address",)),
        ("coarsen_time", "What is stored: the time, cut to the minute, the hour or the day.",
         ("bound_on", "recorded_at")),
        ("coarsen_time(day)", "What is stored: the time, cut to the day.", ("bound_on",)),
        ("bucket", "What is stored: the range it is in.", ("duration", "traffic")),
        ("bucket(10, 60, 300, 1800, 7200, 28800)",
         "What is stored: the range it is in, of those that begin at 10, 60, 300, 1800, 7200, 28800.", ("duration",)),
        ("version", "What is stored: the first numbers of a version.", ("platform_version", "app_version")),
        ("version(major)", "What is stored: the first numbers of a version (major).", ()),
        ("pseudonym", "What is stored: a stand-in that cannot be traced back, and changes from time to time.",
         ("remote_host",)),
        ("scrub", "What is stored: the text, without addresses, names of sites, accounts and the like.",
         ("message", "logger", "exception", "event_name", "survey_text")),
    ],
)  # fmt: skip
def test_a_transform(term: str, what: str, fields: tuple[str, ...] | None):
    found = explain(POLICY, term)
    assert (found.kind, found.what, found.clauses) == ("transform", what, ("C2",))
    assert fields is None or found.fields == fields


def test_a_purpose():
    found = explain(POLICY, "surveys")
    assert (found.kind, found.what) == ("purpose", "To let you take part in surveys.")
    assert {"survey_id", "survey_text", "survey_record", "erasure_handle", "platform"} < set(found.fields)
    assert found.clauses == ("U5",)
    assert found.who[0] == "The company that runs Rocket VPN."
    assert len(found.who) == 2  # and the relay
    assert found.choices == ("Nothing happens for it until you agree, and you can take that back at any time.",)
    needed = explain(POLICY, "service")
    assert needed.choices == ("It is necessary: you are not asked, and without it the service does not work.",)
    assert "It gets something only when you take one of its offers." in explain(POLICY, "cross_service").who[-1]


@pytest.mark.clause("S1", "S2")
@pytest.mark.parametrize(
    ("name", "kind", "safeguard"),
    [
        ("operator", "It runs the service.", "Bound by this policy."),
        ("sister", "It belongs to the operator's group and is bound by this policy.", "The group's rules."),
        ("acme", "It is a third party: it gets something if you agree, for each purpose, and not before.",
         "A contract."),
    ],
)  # fmt: skip
def test_a_recipient(name: str, kind: str, safeguard: str):
    found = explain(SHARING, name)
    assert (found.kind, found.clauses) == ("recipient", ("S1", "S2"))
    assert found.choices[:2] == (kind, f"What holds it to this policy: {safeguard}")
    contract = (
        "It signed a contract on 2026-10-01. If the operator has not reviewed it by 2036-10-01, nothing goes there."
    )
    assert found.choices[2:] == ((contract, "Its country: DE.") if name == "acme" else ())
    assert set(found.fields) >= {"region", "contact_email", "level"}
    assert name == "operator" or len(found.fields) == 3
    assert "To give you the VPN service you ordered." in found.why
    assert ("To let you take part in surveys." in found.why) is True
    assert ("To use your information" in "".join(found.why)) is (name == "operator")


def test_a_category():
    found = explain(SHARING, "log")
    assert (found.kind, found.what) == ("category", "Technical records of how the app ran.")
    assert found.kept_here == "How long at most on this device: 90 days."
    assert found.kept_there == "How long at most on the server: 90 days."
    assert found.clauses == ("C2",)
    assert len(found.who) == 3
    assert "duration" in found.fields
    assert "local_address" not in found.fields


@pytest.mark.parametrize(
    ("operation", "who"),
    [
        ("server.keys", "The call does not say who you are."),
        ("token.issue", "The call proves that it comes from this device's key."),
        ("tunnel.register", "The call says which device it comes from."),
    ],
)
def test_an_operation(operation: str, who: str):
    found = explain(POLICY, operation)
    assert (found.kind, found.choices) == ("operation", (who,))
    assert found.fields == POLICY.operations[operation].fields
    assert found.who == ("The company that runs Rocket VPN.",)
    assert len(found.why) == 1


def test_a_call_says_what_it_sends_as_it_is():
    exact = parse_policy(edited("operation", "tunnel.register", "names =", 'exact = ["region"]\nnames ='))
    assert explain(POLICY, "tunnel.register").how == ""
    said = "Sent as it is, and not minimised first: “Which of the operator's regions you connected to”."
    assert explain(exact, "tunnel.register").how == said


def test_a_call_in_the_user_s_name():
    policy = parse_policy(edited("operation", "data.view", 'identity = "device"', 'identity = "user"'))
    assert explain(policy, "data.view").choices == ("The call says that it comes from you.",)


def test_a_clause_and_what_stands_for_it():
    found = explain(POLICY, "U5")
    assert (found.kind, found.what, found.why) == (
        "clause", "Used for surveys.", ("To let you take part in surveys.",),
    )  # fmt: skip
    assert explain(POLICY, "C1").fields == (
        "order_number", "device_id", "device_public_key", "device_name", "bound_on",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("term", "found"),
    [("Contact Email", "contact_email"), (" contact_email ", "contact_email"), ("a2", "A2"), ("SURVEYS", "surveys"),
     ("coarsen_time( minute )", "coarsen_time(minute)")],
)  # fmt: skip
def test_case_and_spaces_make_no_difference(term: str, found: str):
    assert explain(POLICY, term).term == found


@pytest.mark.parametrize(
    ("term", "near"),
    [("emial", "contact_email"), ("durations", "duration"), ("servce", "service"), ("A12", "A1"), ("buket", "bucket")],
)
def test_an_unknown_term_names_what_is_near(term: str, near: str):
    with pytest.raises(TermUnknown) as caught:
        explain(POLICY, term)
    assert near in caught.value.params["near"].split(", ")
    assert caught.value.params["term"] == term
    assert len(caught.value.params["near"].split(", ")) <= 4
    assert near in caught.value.remedy
    assert isinstance(caught.value, ValueRefused)


@pytest.mark.parametrize("term", ["", "qqqqqq", "bucket(3, 2)", "coarsen_time(second)"])
def test_where_nothing_is_near_the_purposes_are_named(term: str):
    with pytest.raises(TermUnknown) as caught:
        explain(POLICY, term)
    assert caught.value.params["near"]


def test_where_nothing_is_near_at_all():
    with pytest.raises(TermUnknown) as caught:
        explain(POLICY, "qqqqqq")
    assert caught.value.params["near"] == ", ".join(POLICY.purposes)


@given(st.text())
def test_any_word_is_explained_or_refused(term: str):
    try:
        assert explain(POLICY, term).what
    except TermUnknown as error:
        assert error.params["near"]  # noqa: PT017 - either way is right


@pytest.mark.clause("P1")
@pytest.mark.parametrize(("language", "said"), [("de", "Wo man Sie erreicht."), ("de-CH", "Wo man Sie erreicht."),
                                                ("fr", "Where the operator can reach you.")])  # fmt: skip
def test_the_documents_own_sentences_come_in_the_readers_language(language: str, said: str):
    text = edited("field", "contact_email", "sentence.en", 'sentence.de = "Wo man Sie erreicht."\nsentence.en',
                  text=sharing_text())  # fmt: skip
    assert explain(parse_policy(text), "contact_email", language=language).what.startswith(said)


def test_a_safeguard_that_is_not_there_in_english_comes_as_it_is():
    policy = parse_policy(edited("recipient", "acme", "safeguard.en", "safeguard.de", text=sharing_text()))
    assert explain(policy, "acme", language="fr").choices[1].endswith(": A contract.")


@pytest.mark.clause("P1")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (FieldType(kind="text"), "a text"),
        (FieldType(kind="text", max=40), "a text of up to 40 characters"),
        (FieldType(kind="text", pattern="[a-z]+"), "a text ([a-z]+)"),
        (FieldType(kind="text", max=40, pattern="[a-z]+"), "a text of up to 40 characters ([a-z]+)"),
        (FieldType(kind="text", max=40, most=3), "a list of up to 3, each a text of up to 40 characters"),
        (FieldType(kind="enum", values=("one", "two")), "one of one, two"),
        (FieldType(kind="integer", min=0, max=9), "a whole number from 0 to 9"),
        (FieldType(kind="boolean"), "yes or no"),
    ],
)
def test_what_a_field_takes_is_said_in_words(kind: FieldType, said: str):
    assert taken(kind) == said


@pytest.mark.clause("P1", "P2")
def test_a_feature_says_what_it_needs_and_what_for():
    found = explain(POLICY, "tunnel")
    assert (found.kind, found.fields) == ("feature", POLICY.features["tunnel"].fields)
    assert found.why == (POLICY.purposes["service"].sentence["en"],)
    assert "you can refuse" in found.choices[0]
