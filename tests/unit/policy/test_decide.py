from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policies import edited, sharing_policy

from rocketvpn_sdk.policy import (
    ON_DEVICE,
    ConsentChoice,
    Decision,
    State,
    Transform,
    bundled_policy,
    decide,
    parse_policy,
    purpose_allowed,
)

NOW = 1_800_000_000.0
DAY = 86_400.0
POLICY = sharing_policy()
GRANTED = ConsentChoice("granted")
THIRD_PARTIES = {name for name, facts in POLICY.recipients.items() if facts.kind == "third_party"}
KEYS = [*POLICY.purposes, *(f"{purpose}/{recipient}" for purpose in POLICY.purposes for recipient in POLICY.recipients)]


def ask(field: str, purpose: str, recipient: str = ON_DEVICE, **state: Any) -> Decision:
    return decide(POLICY, State(**state), field, purpose, recipient, NOW)


def agreed(*names: str) -> dict[str, ConsentChoice]:
    return dict.fromkeys(names, GRANTED)


# ---------------------------------------------------------------- rule by rule


@pytest.mark.clause("U7")
@pytest.mark.parametrize(
    ("field", "purpose", "said"),
    [
        ("mood", "service", "does not declare the field 'mood'"),
        ("", "service", "does not declare the field ''"),
        ("level", "advertising", "does not declare the purpose 'advertising'"),
        ("level", "", "does not declare the purpose ''"),
        ("message", "improvement", "'message' is not there for 'improvement'"),
    ],
)
def test_what_is_not_declared_is_refused(field: str, purpose: str, said: str):
    decision = ask(field, purpose, adult=True, consents=agreed(*KEYS))
    assert (decision.allowed, decision.rule) == (False, "U7")
    assert said in decision.sentence


@pytest.mark.clause("U1", "U2", "U4")
@pytest.mark.parametrize(
    ("field", "purpose", "clause"),
    [("level", "service", "U1"), ("level", "security", "U2"), ("platform", "software", "U4")],
)
def test_a_necessary_purpose_needs_no_consent(field: str, purpose: str, clause: str):
    for recipient in (ON_DEVICE, "operator"):
        decision = ask(field, purpose, recipient)
        assert (decision.allowed, decision.rule) == (True, clause)
        assert decision.sentence == POLICY.purposes[purpose].sentence["en"]


@pytest.mark.clause("U3")
def test_an_improvement_needs_a_live_consent():
    past = ConsentChoice("granted", NOW - 1)
    for consent in (None, ConsentChoice("denied"), ConsentChoice("withdrawn"), ConsentChoice("granted", NOW), past):
        consents = {"improvement": consent} if consent else {}
        decision = ask("level", "improvement", adult=True, consents=consents)
        assert (decision.allowed, decision.rule) == (False, "U3")
        assert "Nobody agreed to 'improvement'" in decision.sentence
    assert ask("level", "improvement", adult=True, consents=agreed("improvement")).allowed
    assert ask("level", "improvement", adult=True, consents={"improvement": ConsentChoice("granted", NOW + 1)}).allowed


@pytest.mark.clause("U5")
def test_a_survey_needs_a_live_consent():
    assert ask("erasure_handle", "surveys", "operator", adult=True).rule == "U5"
    assert ask("erasure_handle", "surveys", "operator", adult=True, consents=agreed("surveys")).allowed


@pytest.mark.clause("U6")
def test_use_across_services_is_off_until_somebody_agrees():
    policy = bundled_policy()
    assert purpose_allowed(policy, State(adult=True), "cross_service", "operator", NOW).rule == "U6"
    state = State(adult=True, consents=agreed("cross_service"))
    assert purpose_allowed(policy, state, "cross_service", "operator", NOW).allowed
    # Even then the operator gets nothing for it: what offers are chosen by on the device is in no such call.
    operations = policy.document.operation
    assert [each.recipient for each in operations if each.purpose == "cross_service"] == ["partner"]
    assert not decide(policy, state, "offer_id", "cross_service", "partner", NOW).allowed
    state = State(adult=True, consents=agreed("cross_service", "cross_service/partner"))
    got = {field for field in policy.fields if decide(policy, state, field, "cross_service", "partner", NOW).allowed}
    assert got == {"offer_id", "partner_address"}


@pytest.mark.clause("C2")
@pytest.mark.parametrize("field", ["browser_cookie", "public_address"])
def test_a_cookie_and_the_public_address_become_nothing(field: str):
    decision = ask(field, "service")
    assert (decision.allowed, decision.transform, decision.keep_until) == (True, Transform("drop"), NOW)


@pytest.mark.clause("C2")
def test_what_may_be_kept_is_minimised_as_declared():
    assert ask("message", "service").transform == Transform("scrub")
    assert ask("local_address", "service").transform == Transform("truncate_ip")


@pytest.mark.clause("C2")
def test_an_app_that_collects_nothing_keeps_nothing_observed():
    observed = {field.id for field in POLICY.document.field if field.source == "observed"}
    for field in POLICY.document.field:
        for purpose in field.purposes:
            with_it = ask(field.id, purpose, adult=True, consents=agreed(*KEYS))
            without = ask(field.id, purpose, adult=True, consents=agreed(*KEYS), collect=False)
            if field.id in observed:
                assert (without.allowed, without.rule) == (False, "C2")
            else:
                assert without == with_it


@pytest.mark.clause("C2")
def test_collecting_nothing_still_lets_the_user_connect_and_sends_nothing_by_consent():
    # The region goes to the server because the user wants to connect there; nothing is collected by that.
    everything = {"adult": True, "consents": agreed(*KEYS), "collect": False}
    assert ask("region", "service", "operator", **everything).allowed
    refused = ask("region", "improvement", "operator", **everything)
    assert (refused.allowed, refused.rule, refused.sentence) == (False, "C2", "This app was set to collect nothing.")
    assert ask("erasure_handle", "improvement", "operator", **everything).allowed  # made here, not observed


@pytest.mark.clause("M1")
@pytest.mark.parametrize("adult", [None, False])
def test_a_minor_or_someone_of_unknown_age_gives_nothing_optional(adult: bool | None):
    everything = agreed(*KEYS)
    for field, purpose in (("contact_email", "service"), ("contact_email", "security"), ("level", "improvement")):
        for guardian, allowed in ((False, False), (True, True)):
            decision = ask(field, purpose, "operator", adult=adult, guardian=guardian, consents=everything)
            assert decision.allowed is allowed, (field, purpose)
            assert decision.rule == (POLICY.purposes[purpose].clause if allowed else "M1")
    assert ask("order_number", "service", "operator", adult=adult).allowed


@pytest.mark.clause("M1")
def test_a_minor_s_own_consent_hands_nothing_to_a_third_party():
    consents = agreed("service/acme")
    assert ask("region", "service", "acme", adult=False, consents=consents).rule == "M1"
    assert ask("region", "service", "acme", adult=None, consents=consents).rule == "M1"
    assert purpose_allowed(POLICY, State(consents=consents), "service", "acme", NOW).rule == "M1"
    assert ask("region", "service", "acme", adult=False, guardian=True, consents=consents).allowed


@pytest.mark.clause("A1", "A2", "M1")
def test_a_minor_can_see_and_correct_what_is_held():
    for field in ("contact_email", "language"):
        decision = ask(field, "rights", "operator", adult=False)
        assert (decision.allowed, decision.rule) == (True, "A1")


@pytest.mark.clause("S1")
@pytest.mark.parametrize("recipient", ["nobody", "", "acme.example", "Operator"])
def test_nobody_undeclared_receives_anything(recipient: str):
    everything = agreed(*KEYS, f"service/{recipient}")
    decision = ask("region", "service", recipient, adult=True, consents=everything)
    assert (decision.allowed, decision.rule) == (False, "S1")
    assert not purpose_allowed(POLICY, State(adult=True, consents=everything), "service", recipient, NOW).allowed


@pytest.mark.clause("S1")
@pytest.mark.parametrize("field", ["message", "device_key", "age_flag", "rollout_number"])
def test_what_stays_here_goes_to_nobody(field: str):
    for purpose in POLICY.fields[field].purposes:
        for recipient in POLICY.recipients:
            assert ask(field, purpose, recipient, adult=True, consents=agreed(*KEYS)).rule == "S1"


@pytest.mark.clause("S1")
def test_a_third_party_needs_a_live_consent_that_names_it():
    refused = [
        {},
        agreed("service", "acme", "service/", "/acme", "service/operator", "security/acme", "service/sister"),
        {"service/acme": ConsentChoice("denied")},
        {"service/acme": ConsentChoice("withdrawn")},
        {"service/acme": ConsentChoice("granted", NOW)},
    ]
    for consents in refused:
        decision = ask("region", "service", "acme", adult=True, consents=consents)
        assert (decision.allowed, decision.rule) == (False, "S1")
        assert not purpose_allowed(POLICY, State(adult=True, consents=consents), "service", "acme", NOW).allowed
    assert ask("region", "service", "acme", adult=True, consents=agreed("service/acme")).allowed
    assert purpose_allowed(POLICY, State(adult=True, consents=agreed("service/acme")), "service", "acme", NOW).allowed


@pytest.mark.clause("S1", "U3")
def test_a_third_party_s_consent_does_not_stand_for_the_purpose_s():
    assert ask("level", "improvement", "acme", adult=True, consents=agreed("improvement/acme")).rule == "U3"
    assert ask("level", "improvement", "acme", adult=True, consents=agreed("improvement")).rule == "S1"
    assert ask("level", "improvement", "acme", adult=True, consents=agreed("improvement", "improvement/acme")).allowed


def test_an_affiliate_is_held_to_the_policy_and_needs_no_consent_of_its_own():
    assert ask("region", "service", "sister").allowed


@pytest.mark.clause("R1")
@pytest.mark.parametrize(
    ("field", "purpose", "recipient", "keep_until"),
    [
        ("message", "service", ON_DEVICE, NOW + 14 * DAY),
        ("verification_code", "security", ON_DEVICE, NOW),
        ("verification_code", "security", "operator", NOW + 900),
        ("tunnel_public_key", "service", ON_DEVICE, NOW + DAY),
        ("tunnel_public_key", "service", "operator", NOW + 7 * DAY),
        ("order_number", "service", ON_DEVICE, None),
    ],
)
def test_what_may_be_kept_has_an_end_in_each_place(field: str, purpose: str, recipient: str, keep_until: float | None):
    decision = ask(field, purpose, recipient)
    assert (decision.allowed, decision.keep_until) == (True, keep_until)


@pytest.mark.clause("R1")
@pytest.mark.parametrize(
    ("field", "purpose", "recipient"),
    [
        ("payment_record", "service", ON_DEVICE),
        ("tunnel_address", "service", ON_DEVICE),
        ("queue_item", "rights", "operator"),
    ],
)
def test_a_place_without_a_time_keeps_nothing(field: str, purpose: str, recipient: str):
    decision = ask(field, purpose, recipient, adult=True)
    assert (decision.allowed, decision.rule) == (False, "R1")


@pytest.mark.parametrize("recipient", ["operator", "acme", "nobody"])
def test_a_call_for_an_undeclared_purpose_is_refused(recipient: str):
    assert purpose_allowed(POLICY, State(adult=True), "advertising", recipient, NOW).rule == "U7"


def test_a_call_without_a_field_is_judged_by_purpose_and_recipient():
    decision = purpose_allowed(POLICY, State(), "service", "operator", NOW)
    assert (decision.allowed, decision.rule, decision.transform) == (True, "U1", Transform("drop"))
    assert purpose_allowed(POLICY, State(), "improvement", "operator", NOW).rule == "M1"
    assert purpose_allowed(POLICY, State(), "service", ON_DEVICE, NOW).rule == "S1"  # nothing is sent to oneself


@pytest.mark.clause("P1")
def test_what_each_no_says():
    adult = State(adult=True)
    said = {
        decide(POLICY, adult, "wit", "service", ON_DEVICE, NOW): ("U7", "The policy does not declare the field 'wit'."),
        decide(POLICY, adult, "level", "fun", ON_DEVICE, NOW): ("U7", "The policy does not declare the purpose 'fun'."),
        decide(POLICY, adult, "message", "software", ON_DEVICE, NOW): ("U7", "'message' is not there for 'software'."),
        decide(POLICY, adult, "level", "improvement", ON_DEVICE, NOW): ("U3", "Nobody agreed to 'improvement'."),
        decide(POLICY, adult, "message", "service", "acme", NOW): ("S1", "'message' may not go to 'acme'."),
        decide(POLICY, adult, "level", "service", "acme", NOW): (
            "S1", "Nobody agreed that 'acme' receives anything for 'service'.",
        ),
        decide(POLICY, adult, "tunnel_address", "service", ON_DEVICE, NOW): (
            "R1", "The policy gives 'tunnel_address' no time to be kept there.",
        ),
        decide(POLICY, State(), "level", "improvement", ON_DEVICE, NOW): (
            "M1", "For someone under 18, or of unknown age, this needs a guardian's agreement.",
        ),
        purpose_allowed(POLICY, adult, "fun", "acme", NOW): ("U7", "The policy does not declare the purpose 'fun'."),
        purpose_allowed(POLICY, adult, "service", "no", NOW): ("S1", "The policy does not declare the recipient 'no'."),
    }  # fmt: skip
    for decision, expected in said.items():
        assert (decision.rule, decision.sentence) == expected
        assert (decision.allowed, decision.transform, decision.keep_until) == (False, Transform("drop"), 0.0)


def test_a_call_keeps_nothing():
    decision = purpose_allowed(POLICY, State(), "service", "operator", NOW)
    assert (decision.keep_until, decision.sentence) == (NOW, "To give you the VPN service you ordered.")


@pytest.mark.clause("P1")
def test_every_no_has_a_rule_and_a_sentence():
    for field in [*POLICY.fields, "mood"]:
        for purpose in [*POLICY.purposes, "fun"]:
            for recipient in (ON_DEVICE, *POLICY.recipients, "nobody"):
                decision = ask(field, purpose, recipient)
                assert decision.sentence.endswith(".")
                assert decision.rule
                if not decision.allowed:
                    assert (decision.transform, decision.keep_until) == (Transform("drop"), 0.0)


def test_a_policy_of_an_operator_s_own_decides_too():
    policy = parse_policy(edited("purpose", "improvement", '"consent"', '"necessary"'))
    assert decide(policy, State(), "level", "improvement", "operator", NOW).allowed
    assert not decide(bundled_policy(), State(), "level", "improvement", "operator", NOW).allowed


# ---------------------------------------------------------------- properties

consents = st.builds(
    ConsentChoice,
    st.sampled_from(["granted", "granted", "denied", "withdrawn"]),
    st.none() | st.floats(NOW - 1000, NOW + 1000),
)
states = st.builds(
    State,
    consents=st.dictionaries(st.sampled_from(KEYS), consents, max_size=12),
    adult=st.sampled_from([None, False, True, True]),
    guardian=st.booleans(),
    collect=st.booleans(),
)
fields = st.sampled_from(list(POLICY.fields))
purposes = st.sampled_from(list(POLICY.purposes))
recipients = st.sampled_from([ON_DEVICE, *POLICY.recipients])
questions = st.tuples(fields, purposes, recipients)
# Mostly questions that some state allows, or the properties would say little.
likely = st.sampled_from(
    [
        (field.id, purpose, recipient)
        for field in POLICY.document.field
        for purpose in field.purposes
        for recipient in (ON_DEVICE, *field.recipients)
    ]
)
asked = questions | likely


def answers(state: State, question: tuple[str, str, str], now: float = NOW) -> tuple[Decision, Decision]:
    return decide(POLICY, state, *question, now), purpose_allowed(POLICY, state, question[1], question[2], now)


def end(decision: Decision) -> float:
    return math.inf if decision.keep_until is None else decision.keep_until


def assert_no_more(less: State, more: State, question: tuple[str, str, str]) -> None:
    """Assert that ``less`` allows nothing that ``more`` does not, keeps nothing longer and changes as much."""
    for lesser, greater in zip(answers(less, question), answers(more, question), strict=True):
        if lesser.allowed:
            assert greater.allowed
            assert end(lesser) <= end(greater)
            assert lesser.transform == greater.transform
        else:
            assert lesser.transform == Transform("drop")


@pytest.mark.clause("U7")
@given(state=states, field=st.text(), purpose=st.text(), recipient=st.text())
def test_unknown_names_are_refused(state: State, field: str, purpose: str, recipient: str):
    known = field in POLICY.fields and purpose in POLICY.purposes and recipient in {ON_DEVICE, *POLICY.recipients}
    assert known or not decide(POLICY, state, field, purpose, recipient, NOW).allowed
    if purpose not in POLICY.purposes or recipient not in POLICY.recipients:
        assert not purpose_allowed(POLICY, state, purpose, recipient, NOW).allowed


@pytest.mark.clause("U7", "S1")
@given(state=states, question=asked, place=st.integers(0, 2), name=st.text())
def test_one_unknown_name_is_enough_to_refuse(state: State, question: tuple[str, str, str], place: int, name: str):
    parts = list(question)
    parts[place] = f"{name}?"  # no id has a question mark
    assert not decide(POLICY, state, *parts, NOW).allowed


@given(state=states, question=asked)
def test_what_is_allowed_is_declared(state: State, question: tuple[str, str, str]):
    field, purpose, recipient = question
    decision, call = answers(state, question)
    if decision.allowed:
        facts = POLICY.fields[field]
        assert purpose in facts.purposes
        assert recipient == ON_DEVICE or recipient in facts.recipients
        assert decision.transform == facts.transform
        assert decision.rule == POLICY.purposes[purpose].clause
        assert call.allowed or recipient == ON_DEVICE  # a field never goes where a call without one could not


@pytest.mark.clause("U3", "U5", "U6")
@given(state=states, question=asked)
def test_a_purpose_of_consent_needs_one_that_lives(state: State, question: tuple[str, str, str]):
    _, purpose, _ = question
    if POLICY.purposes[purpose].necessity == "consent" and any(answer.allowed for answer in answers(state, question)):
        assert state.consents[purpose].live(NOW)
        assert state.adult or state.guardian


@pytest.mark.clause("S1")
@given(state=states, question=asked)
def test_a_third_party_never_receives_without_a_consent_naming_it(state: State, question: tuple[str, str, str]):
    _, purpose, recipient = question
    if recipient in THIRD_PARTIES and any(answer.allowed for answer in answers(state, question)):
        assert state.consents[f"{purpose}/{recipient}"].live(NOW)
        assert state.adult or state.guardian


@pytest.mark.clause("U3", "S1")
@given(
    state=states,
    question=asked,
    gone=st.sets(st.sampled_from(KEYS), min_size=1),
    how=st.sampled_from([None, ConsentChoice("denied"), ConsentChoice("withdrawn"), ConsentChoice("granted", NOW)]),
)
def test_withdrawing_or_expiring_allows_no_more(
    state: State, question: tuple[str, str, str], gone: set[str], how: ConsentChoice | None
):
    kept = {name: consent for name, consent in state.consents.items() if name not in gone}
    changed = {name: how for name in gone if name in state.consents} if how else {}
    assert_no_more(msgspec.structs.replace(state, consents=kept | changed), state, question)


@pytest.mark.clause("U3", "S1")
@given(question=asked, gone=st.sampled_from(KEYS))
def test_withdrawing_stops_what_rested_on_it(question: tuple[str, str, str], gone: str):
    state = State(adult=True, consents=agreed(*KEYS) | {gone: ConsentChoice("withdrawn")})
    purpose, _, recipient = gone.partition("/")
    named = recipient in THIRD_PARTIES and (question[1], question[2]) == (purpose, recipient)
    whole = not recipient and question[1] == purpose and POLICY.purposes[purpose].necessity == "consent"
    if named or whole:
        assert not any(answer.allowed for answer in answers(state, question))


@pytest.mark.clause("M1")
@given(state=states, question=asked, adult=st.sampled_from([None, False]))
def test_becoming_a_minor_allows_no_more(state: State, question: tuple[str, str, str], adult: bool | None):
    assert_no_more(msgspec.structs.replace(state, adult=adult), msgspec.structs.replace(state, adult=True), question)


@pytest.mark.clause("M1")
@given(state=states, question=asked)
def test_a_guardian_who_withdraws_allows_no_more(state: State, question: tuple[str, str, str]):
    without = msgspec.structs.replace(state, guardian=False)
    assert_no_more(without, msgspec.structs.replace(state, guardian=True), question)


@pytest.mark.clause("C2")
@given(state=states, question=asked)
def test_collecting_nothing_allows_no_more(state: State, question: tuple[str, str, str]):
    without = msgspec.structs.replace(state, collect=False)
    assert_no_more(without, msgspec.structs.replace(state, collect=True), question)


@given(state=states, question=asked, other=st.sampled_from(KEYS), consent=consents)
def test_what_is_said_about_one_purpose_changes_no_other(
    state: State, question: tuple[str, str, str], other: str, consent: ConsentChoice
):
    if other.partition("/")[0] != question[1]:
        changed = msgspec.structs.replace(state, consents={**state.consents, other: consent})
        assert answers(changed, question) == answers(state, question)


@pytest.mark.clause("R1")
@given(state=states, question=asked, later=st.floats(0, 10 * 365 * DAY))
def test_time_alone_never_allows_more(state: State, question: tuple[str, str, str], later: float):
    for before, after in zip(answers(state, question), answers(state, question, NOW + later), strict=True):
        assert before.allowed or not after.allowed


@given(state=states, question=asked)
def test_the_same_question_has_the_same_answer(state: State, question: tuple[str, str, str]):
    before = msgspec.json.encode(state)
    first = answers(state, question)
    assert answers(state, question) == first
    assert answers(msgspec.json.decode(before, type=State), question) == first
    assert msgspec.json.encode(state) == before  # and asking leaves no trace
