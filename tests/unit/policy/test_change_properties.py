"""The comparison and the decisions say the same: over small policies, in every state of the device."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.small_policies import ASPECTS, FIELDS, PURPOSES, RECIPIENTS, Plan, build, document, pairs, plans, policies

from rocketvpn_sdk.policy import (
    ON_DEVICE,
    ConsentChoice,
    Decision,
    Policy,
    State,
    Transform,
    compare,
    decide,
    decide_all,
    longest_kept,
    parse_policy,
    protection,
    purpose_allowed,
    purpose_allowed_all,
)
from rocketvpn_sdk.policy.document import Contract, Feature
from rocketvpn_sdk.policy.transform_order import at_least_as_strong

NOW = 1_800_000_000.0
DAY = 86_400.0
BEFORE = NOW - 60 * DAY
"""Before any contract of these policies has to be reviewed."""
LIVE = ConsentChoice("granted", NOW + 1)
IDENTITIES = ["none", "key", "device", "user"]
DROP = Transform("drop")
PLACES = (ON_DEVICE, *RECIPIENTS)

Question = tuple[str, str, str]
questions = st.tuples(st.sampled_from(FIELDS), st.sampled_from(PURPOSES), st.sampled_from(PLACES))


def states_for(purpose: str, recipient: str) -> Iterator[State]:
    """Yield every state that can make a difference to a question: all that agreement, age and mode can be."""
    for agreed, shared, adult, guardian, collect in product([True, False], repeat=5):
        consents = {purpose: LIVE} if agreed else {}
        yield State(
            consents=consents | ({f"{purpose}/{recipient}": LIVE} if shared else {}),
            adult=adult,
            guardian=guardian,
            collect=collect,
        )


def end(decision: Decision) -> float:
    return math.inf if decision.keep_until is None else decision.keep_until


def no_more(new: Decision, old: Decision) -> bool:
    if not new.allowed:
        return True
    return old.allowed and end(new) <= end(old) and at_least_as_strong(new.transform, old.transform)


def allows_more(old: Policy, new: Policy) -> bool:
    """Whether some state allows a use or a call with ``new`` that it does not allow with ``old``, or for longer.

    Also before a contract was to be reviewed: what only waits for that review is allowed all the same.
    """
    for purpose, place, now in product(PURPOSES, PLACES, (BEFORE, NOW)):
        for state in states_for(purpose, place):
            if not no_more(
                purpose_allowed(new, state, purpose, place, now), purpose_allowed(old, state, purpose, place, now)
            ):
                return True
            for field in FIELDS:
                question = field, purpose, place
                if not no_more(decide(new, state, *question, now), decide(old, state, *question, now)):
                    return True
    return False


def promises_less(old: Policy, new: Policy) -> bool:
    """Whether what no decision shows got worse: written once more, from the words of docs/policy.md."""
    before, after = old.document, new.document
    rights = set(before.rights.offered) - set(after.rights.offered)
    unproven = {
        demand.split(".")[0]
        for demand in before.rights.step_up
        if not {demand, f"{demand}.device", f"{demand}.account"} & set(after.rights.step_up)
    } & set(before.rights.offered)
    return bool(
        rights
        or unproven & set(after.rights.offered)
        or after.notice_days < before.notice_days
        or after.minors.age < before.minors.age
        or set(before.title) - set(after.title)
        or any(name not in old.purposes for name in new.purposes)
        or any(name not in old.recipients for name in new.recipients)
        or any(purpose_worse(old, new, name) for name in old.purposes.keys() & new.purposes.keys())
        or any(recipient_worse(old, new, name) for name in old.recipients.keys() & new.recipients.keys())
        or any(field_worse(old, new, name) for name in old.fields.keys() & new.fields.keys())
        or any(feature_worse(part, new) for part in before.feature)
        or tells_more(old, new)
    )


def feature_worse(before: Feature, new: Policy) -> bool:
    after = next((part for part in new.document.feature if part.id == before.id), None)
    return after is None or bool(set(after.purposes) - set(before.purposes) or set(after.fields) - set(before.fields))


def purpose_worse(old: Policy, new: Policy, name: str) -> bool:
    before, after = old.purposes[name], new.purposes[name]
    return before.dpv != after.dpv or (before.necessity, after.necessity) == ("consent", "necessary")


def recipient_worse(old: Policy, new: Policy, name: str) -> bool:
    before, after = old.recipients[name], new.recipients[name]
    return (before.kind != after.kind and (before.kind, after.kind) != ("affiliate", "operator")) or (
        before.safeguard != after.safeguard
        or bool(before.country and before.country != after.country)
        or contract_worse(before.contract, after.contract)
    )


def contract_worse(before: Contract | None, after: Contract | None) -> bool:
    if before is None:
        return False
    return (
        after is None
        or (before.sha256, before.signed) != (after.sha256, after.signed)
        or before.review_by < after.review_by
    )


def field_worse(old: Policy, new: Policy, name: str) -> bool:
    before, after = old.fields[name], new.fields[name]
    return (
        (before.type.max < after.type.max and not before.transform == after.transform == DROP)
        or before.source != after.source
        or before.dpv != after.dpv
        or before.correctable > after.correctable
        or before.optional > after.optional
        or (before.belongs, after.belongs) == ("device", "order")
    )


def usable(policy: Policy, field: str, purpose: str, recipient: str) -> bool:
    everything = State(consents={purpose: LIVE, f"{purpose}/{recipient}": LIVE}, adult=True)
    return decide(policy, everything, field, purpose, recipient, BEFORE).allowed


def tells_more(old: Policy, new: Policy) -> bool:
    """Whether a call is new, for something else, to somebody else, carries more, or says more about who calls."""
    for operation in new.document.operation:
        before = old.operations.get(operation.id)
        way = operation.purpose, operation.recipient
        if before is None or way != (before.purpose, before.recipient):
            return True
        if IDENTITIES.index(before.identity) < IDENTITIES.index(operation.identity):
            return True
        more = set(operation.fields) - set(before.fields)
        if any(usable(old, field, *way) and usable(new, field, *way) for field in more):
            return True
    return False


@pytest.mark.clause("X2")
@given(pairs())
def test_nothing_is_widened_exactly_if_no_state_allows_more_and_no_promise_is_less(pair: tuple[Policy, Policy]):
    old, new = pair
    change = compare(old, new)
    found = bool(change.widened or change.newly_necessary)
    assert found is (allows_more(old, new) or promises_less(old, new))


@pytest.mark.clause("X2")
@given(pairs())
def test_what_is_newly_necessary_was_no_part_of_the_old_policy_and_needs_no_consent(pair: tuple[Policy, Policy]):
    old, new = pair
    for field, purpose, recipient in compare(old, new).cells:
        if field.startswith("call "):
            assert field.removeprefix("call ") not in old.operations
            assert purpose_allowed(new, State(), purpose, recipient, NOW).allowed
            continue
        assert field not in old.fields
        assert new.fields[field].source == "user"
        assert not new.fields[field].optional
        assert decide(new, State(), field, purpose, recipient, NOW).allowed
        for policy in pair:
            assert policy.purposes[purpose].necessity == "necessary"
            assert recipient == ON_DEVICE or policy.recipients[recipient].kind != "third_party"


@pytest.mark.clause("X2")
@given(plans, plans, plans, st.sampled_from(sorted(ASPECTS)), st.sampled_from(sorted(ASPECTS)))
def test_not_widening_twice_is_not_widening(
    first: Plan, second: Plan, third: Plan, one: tuple[str, ...], two: tuple[str, ...]
):
    changed = first | {one: second[one]}
    a, b, c = build(first), build(changed), build(changed | {two: third[two]})
    steps = compare(a, b), compare(b, c)
    if not any(step.widened or step.newly_necessary for step in steps):
        whole = compare(a, c)
        assert not whole.widened
        assert not whole.newly_necessary


@given(plans)
def test_a_policy_does_not_differ_from_itself_in_another_order(plan: Plan):
    turned = document(plan)
    for table in ("purpose", "recipient", "field", "operation"):
        turned[table].reverse()
        for part in turned[table]:
            for key in ("purposes", "recipients", "fields", "hosts"):
                if key in part:
                    part[key] = part[key][::-1]
    change = compare(build(plan), parse_policy(json.dumps(turned)))
    assert (change.widened, change.narrowed, change.newly_necessary) == ((), (), ())


@pytest.mark.clause("X3")
@given(pairs())
def test_after_asking_again_no_old_consent_allows_what_is_new(pair: tuple[Policy, Policy]):
    old, new = pair
    gone = compare(old, new).reconsent
    for field, (purpose, place) in product(FIELDS, product(PURPOSES, PLACES)):
        if purpose not in new.purposes or purpose not in old.purposes:
            continue
        shared = place in new.recipients and new.recipients[place].kind == "third_party"
        if new.purposes[purpose].necessity != "consent" and not shared:
            continue  # no consent is asked for this
        for state in states_for(purpose, place):
            kept = {name: consent for name, consent in state.consents.items() if name not in gone}
            after = State(consents=kept, adult=state.adult, guardian=state.guardian, collect=state.collect)
            assert no_more(
                decide(new, after, field, purpose, place, NOW), decide(old, state, field, purpose, place, NOW)
            )


# ---------------------------------------------------------------- several in force

lists = st.lists(policies, max_size=3)
ALL_KEYS = [*PURPOSES, *(f"{purpose}/{recipient}" for purpose in PURPOSES for recipient in RECIPIENTS)]
states = st.builds(
    State,
    consents=st.dictionaries(
        st.sampled_from(ALL_KEYS),
        st.sampled_from(
            [LIVE, LIVE, ConsentChoice("granted"), ConsentChoice("withdrawn"), ConsentChoice("granted", NOW)]
        ),
    ),
    adult=st.sampled_from([True, True, False, None]),
    guardian=st.booleans(),
    collect=st.booleans(),
)


def answers(policies: list[Policy], state: State, question: Question, now: float = NOW) -> tuple[Decision, Decision]:
    return (
        decide_all(policies, state, *question, now),
        purpose_allowed_all(policies, state, question[1], question[2], now),
    )


def assert_no_more(less: tuple[Decision, ...], more: tuple[Decision, ...]) -> None:
    for one, other in zip(less, more, strict=True):
        assert no_more(one, other)
        assert one.allowed or (one.transform, one.keep_until) == (DROP, 0.0)
        assert one.rule
        assert one.sentence.endswith(".")


@pytest.mark.clause("X2")
@given(pairs(), policies, states, questions)
def test_together_they_allow_at_most_what_each_allows(
    pair: tuple[Policy, Policy], third: Policy, state: State, question: Question
):
    for group in ([*pair], [*pair, third]):
        together = answers(group, state, question)
        for policy in group:
            assert_no_more(together, answers([policy], state, question))


@pytest.mark.clause("X2")
@given(pairs(), policies, states, questions)
def test_adding_a_pending_policy_allows_no_more(
    pair: tuple[Policy, Policy], third: Policy, state: State, question: Question
):
    before = [pair[0]]
    for after in ([*pair], [pair[1], pair[0]], [*pair, third]):
        assert_no_more(answers(after, state, question), answers(before, state, question))
    assert_no_more(answers([*pair, third], state, question), answers([*pair], state, question))


@pytest.mark.clause("X2")
@given(pairs(), states, questions)
def test_what_both_allow_alike_is_allowed_together(pair: tuple[Policy, Policy], state: State, question: Question):
    each = [decide(policy, state, *question, NOW) for policy in pair]
    together = decide_all(pair, state, *question, NOW)
    if all(decision.allowed for decision in each):
        one, other = (decision.transform for decision in each)
        alike = at_least_as_strong(one, other) or at_least_as_strong(other, one)
        assert together.allowed is (alike or question[2] == ON_DEVICE)
        if together.allowed:
            assert end(together) == min(end(decision) for decision in each)
            assert together.transform == DROP or together.transform in (one, other)
            assert alike or together.transform == DROP
        else:
            assert together.rule == "X2"
    else:
        assert together == next(decision for decision in each if not decision.allowed)


@pytest.mark.clause("X2")
@given(pairs(), states, questions)
def test_a_change_that_widens_nothing_binds_at_once_and_together_makes_no_difference(
    pair: tuple[Policy, Policy], state: State, question: Question
):
    old, new = pair
    change = compare(old, new)
    if not change.widened and not change.newly_necessary:
        for together, alone in zip(answers([old, new], state, question), answers([new], state, question), strict=True):
            assert (together.allowed, together.keep_until) == (alone.allowed, alone.keep_until)
            assert at_least_as_strong(together.transform, alone.transform)


@pytest.mark.clause("U3", "S1", "X2")
@given(pairs(), states, questions, st.sets(st.sampled_from(ALL_KEYS)), st.booleans())
def test_with_two_in_force_withdrawing_expiring_and_being_a_minor_allow_no_more(
    pair: tuple[Policy, Policy], state: State, question: Question, gone: set[str], minor: bool
):
    consents = {name: ConsentChoice("withdrawn") if name in gone else each for name, each in state.consents.items()}
    less = State(
        consents=consents, adult=False if minor else state.adult, guardian=state.guardian and not minor,
        collect=state.collect,
    )  # fmt: skip
    assert_no_more(answers([*pair], less, question), answers([*pair], state, question))
    before, later = answers([*pair], state, question), answers([*pair], state, question, NOW + 2)
    assert all(one.allowed or not other.allowed for one, other in zip(before, later, strict=True))


@given(lists, states, questions)
def test_with_one_it_is_that_one_and_with_none_it_is_no(group: list[Policy], state: State, question: Question):
    decisions = answers(group, state, question)
    if not group:
        assert not any(decision.allowed for decision in decisions)
        assert {decision.rule for decision in decisions} == {"X1"}
    if len(group) == 1:
        assert decisions[0] == decide(group[0], state, *question, NOW)
        assert decisions[1] == purpose_allowed(group[0], state, question[1], question[2], NOW)


@pytest.mark.clause("X2")
@given(pairs(), states, questions)
def test_accepting_ahead_of_time_allows_what_is_newly_necessary_and_nothing_else(
    pair: tuple[Policy, Policy], state: State, question: Question
):
    old, new = pair
    accepted = compare(old, new).cells
    decision = decide_all(pair, state, *question, NOW, accepted)
    if question in accepted:
        assert decision == decide(new, state, *question, NOW)
        assert not decide_all(pair, state, *question, NOW).allowed
    else:
        assert decision == decide_all(pair, state, *question, NOW)


@pytest.mark.clause("A4", "X2")
@given(st.lists(policies, min_size=1, max_size=3))
def test_every_promise_of_any_stands(group: list[Policy]):
    together = protection(group)
    for policy in group:
        rights = policy.document.rights
        assert set(rights.offered) <= set(together.offered)
        assert {each for each in rights.step_up if each.split(".")[0] in rights.offered} <= set(together.step_up)
        assert set(policy.correctable) <= set(together.correctable)
        assert policy.document.notice_days <= together.notice_days
        assert policy.document.minors.age <= together.minor_age
    assert {each.split(".")[0] for each in together.step_up} <= set(together.offered)
    alone = protection(group[:1])
    assert alone.notice_days == group[0].document.notice_days
    assert alone.minor_age == group[0].document.minors.age
    assert list(alone.offered) == list(group[0].document.rights.offered)
    assert alone.correctable == group[0].correctable


@pytest.mark.clause("R1", "X2")
@given(st.lists(policies, min_size=1, max_size=3), questions)
def test_nothing_observed_may_be_kept_for_longer_than_any_record_of_its_purpose(
    versions: list[Policy], question: Question
):
    field, purpose, _ = question
    state = State(consents={purpose: LIVE}, adult=True)
    decision = decide_all(versions, state, field, purpose, ON_DEVICE, NOW)
    observed = all(field in policy.fields and policy.fields[field].source == "observed" for policy in versions)
    if decision.allowed and observed:
        until = math.inf if decision.keep_until is None else decision.keep_until
        assert until <= NOW + longest_kept(versions, purpose)
    assert longest_kept(versions, purpose) == min(longest_kept([policy], purpose) for policy in versions)
