"""Which feature works, and which choice would make it work: told from what the policy needs for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.policies import NEWEST, TEXT, edited, renumbered, sharing_policy
from support.small_policies import PURPOSES, RECIPIENTS, pairs, policies

from rocketvpn_sdk.features import FeatureStatus, Situation, feature_status
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import ON_DEVICE, ConsentChoice, Policy, State, bundled_policy, compare, decide, parse_policy

POLICY = bundled_policy()
SHARING = sharing_policy()
NOW = 1_800_000_000.0
KEYS = (*PURPOSES, *(f"{purpose}/{recipient}" for purpose in PURPOSES for recipient in RECIPIENTS))
GRANTED = ConsentChoice("granted")
states = st.builds(
    State,
    consents=st.sets(st.sampled_from(KEYS)).map(lambda keys: dict.fromkeys(keys, GRANTED)),
    adult=st.sampled_from([True, True, False, None]),
    guardian=st.booleans(),
    collect=st.sampled_from([True, True, False]),
)


def situation(state: State, *policies: Policy, bound: bool = True, **other: Any) -> Situation:
    held = PermitSnapshot(policies or (POLICY,), state, NOW, other.pop("accepted", frozenset()))
    return Situation(held, bound, **other)


def status(state: State, *policies: Policy, **other: Any) -> dict[str, FeatureStatus]:
    return {each.feature: each for each in feature_status(situation(state, *policies, **other))}


def agreed(*keys: str) -> State:
    return State(adult=True, consents=dict.fromkeys(keys, GRANTED))


# ---------------------------------------------------------------- the policy that ships


@pytest.mark.clause("P2")
def test_what_is_necessary_works_without_any_consent() -> None:
    found = status(State(adult=True))
    assert {name for name, each in found.items() if each.works} == {
        "order",
        "tunnel",
        "log",
        "updates",
        "rights",
        "codes",
    }
    assert all(not each.choices and not each.reason for each in found.values() if each.works)


@pytest.mark.clause("P2", "U3", "S1")
def test_a_feature_that_does_not_work_names_each_choice_it_needs_and_no_other() -> None:
    found = status(agreed("improvement"))["diagnostics"]
    assert (found.works, found.reason) == (False, "Nobody agreed that 'relay' receives anything for 'improvement'.")
    assert [(each.kind, each.purpose, each.recipient) for each in found.choices] == [
        ("consent", "improvement", "relay"), ("consent", "rights", "relay"),
    ]  # fmt: skip
    assert "What for: “To design new services" in found.choices[0].sentence
    assert status(agreed("improvement", "improvement/relay", "rights/relay"))["diagnostics"].works


@pytest.mark.clause("P2", "S1")
def test_a_third_party_that_gets_something_besides_the_operator_can_be_refused() -> None:
    assert "acme" in SHARING.fields["region"].recipients
    refused = State(adult=True, consents={"service/acme": ConsentChoice("denied")})
    assert status(refused, SHARING)["tunnel"].works
    assert status(refused, SHARING)["tunnel"].choices == ()


@pytest.mark.clause("P2", "M1")
@pytest.mark.parametrize(("adult", "kind"), [(None, "age"), (False, "guardian")])
def test_somebody_under_age_is_told_whom_to_ask(adult: bool | None, kind: str) -> None:
    found = status(State(adult=adult))
    assert found["codes"].choices[0].kind == kind  # an optional field is given with a guardian's leave
    assert found["tunnel"].works
    assert [each.kind for each in found["diagnostics"].choices] == [kind, "consent", "consent", "consent"]


@pytest.mark.clause("P2", "C3")
def test_what_can_be_left_out_and_is_needed_is_named() -> None:
    (needed,) = status(State(adult=True))["codes"].needs_given
    assert needed.startswith("Where the operator can reach you.")
    assert status(State(adult=True))["tunnel"].needs_given == ()


@pytest.mark.clause("P2")
def test_a_device_that_is_not_bound_is_told_to_bind() -> None:
    found = status(State(adult=True), bound=False)
    assert (found["tunnel"].works, [each.kind for each in found["tunnel"].choices]) == (False, ["bind"])
    assert found["log"].works


def test_an_app_that_collects_nothing_has_no_log_and_no_choice_changes_that() -> None:
    found = status(State(adult=True, collect=False))["log"]
    assert (found.works, found.choices, found.reason) == (False, (), "This app was set to collect nothing.")


@pytest.mark.clause("P2", "S2")
def test_what_needs_a_recipient_that_is_blocked_says_so_and_no_choice_changes_that() -> None:
    late = parse_policy(TEXT.replace("review_by = 2029-11-30", "review_by = 2026-12-31"))
    found = status(agreed("improvement", "improvement/relay", "rights/relay"), late)
    assert (found["diagnostics"].works, found["diagnostics"].choices) == (False, ())
    assert found["diagnostics"].reason == "Nothing goes to 'relay': its contract was to be reviewed by 2026-12-31."
    assert found["tunnel"].works


@pytest.mark.clause("P2", "X2")
def test_a_feature_waits_for_what_a_new_version_newly_needs_and_says_so() -> None:
    begin = TEXT.index('[[field]]\nid = "order_number"')
    end = TEXT.index("\n[[field]]", begin + 1)
    field = TEXT[begin:end].replace("order_number", "place_number").replace("pd:AccountIdentifier", "pd:New")
    text = renumbered(NEWEST + 1, TEXT[:begin] + field + "\n" + TEXT[begin:])
    newer = parse_policy(edited("feature", "tunnel", '"region"', '"region", "place_number"', text=text))
    change = compare(POLICY, newer)
    assert {cell[0] for cell in change.cells} == {"place_number"}
    waits = status(State(adult=True), POLICY, newer, waiting=change.cells)["tunnel"]
    assert (waits.works, [each.kind for each in waits.choices]) == (False, ["policy"])
    assert status(State(adult=True), POLICY, newer, accepted=change.cells)["tunnel"].works
    assert status(State(adult=True), POLICY, newer, waiting=change.cells)["order"].works


# ---------------------------------------------------------------- any policy


def needs(policy: Policy, feature: str, key: str) -> bool:
    """Whether, by the words of docs/policy.md, a feature needs the consent ``key``: written without the rule's help."""
    part, (purpose, _, third) = policy.features[feature], key.partition("/")
    fields = [policy.fields[name] for name in part.fields if purpose in policy.fields[name].purposes]
    if purpose not in part.purposes or not fields:
        return False
    if not third:
        return policy.purposes[purpose].necessity == "consent"
    # A third party is needed where nobody but third parties gets a needed field.
    kinds = [{policy.recipients[each].kind for each in field.recipients} for field in fields]
    return any(found == {"third_party"} for found in kinds)


@pytest.mark.clause("P2")
@given(policies, states, st.sampled_from(KEYS))
def test_refusing_something_optional_disables_nothing_that_does_not_need_it(
    policy: Policy, state: State, key: str
) -> None:
    refused = replace(state, consents={name: each for name, each in state.consents.items() if name != key})
    before, after = status(state, policy), status(refused, policy)
    for name in policy.features:
        if before[name].works and not after[name].works:
            assert needs(policy, name, key)


@pytest.mark.clause("P2", "C3")
@given(policies, states)
def test_an_optional_field_that_a_feature_does_not_name_can_go_and_the_feature_stays(
    policy: Policy, state: State
) -> None:
    optional = {field.id for field in policy.document.field if field.optional}
    assume(optional)
    fields = tuple(field for field in policy.document.field if field.id not in optional)
    features = tuple(part for part in policy.document.feature if not optional & set(part.fields))
    document = replace(policy.document, field=fields, feature=features, operation=(), event=())
    without = status(state, Policy(document))
    assert {name: each.works for name, each in status(state, policy).items() if name in without} == {
        name: each.works for name, each in without.items()
    }


@pytest.mark.clause("P2")
@given(policies, states, st.booleans())
def test_the_choices_make_it_work_and_none_is_too_many(policy: Policy, state: State, bound: bool) -> None:
    for each in feature_status(situation(state, policy, bound=bound)):
        assert not (each.works and each.choices)
        for left_out in (None, *each.choices):
            chosen = [choice for choice in each.choices if choice is not left_out]
            kinds = {choice.kind for choice in chosen}
            after = replace(
                state,
                adult=True if "age" in kinds else state.adult,
                guardian=state.guardian or "guardian" in kinds,
                consents={
                    **state.consents,
                    **{
                        choice.purpose + (f"/{choice.recipient}" if choice.recipient else ""): GRANTED
                        for choice in chosen
                        if choice.kind == "consent"
                    },
                },
            )
            works = status(after, policy, bound=bound or "bind" in kinds)[each.feature].works
            assert works is (left_out is None and bool(each.choices or each.works))


@pytest.mark.clause("P2", "X2")
@given(pairs(), states)
def test_a_pending_version_makes_nothing_work_that_it_would_not_let_work_alone(
    pair: tuple[Policy, Policy], state: State
) -> None:
    old, new = pair
    together, alone = status(state, old, new), status(state, new)
    assert all(alone[name].works for name in new.features if together[name].works)


@pytest.mark.clause("P2")
@given(policies, states)
def test_what_works_is_what_the_one_decision_lets_somebody_have(policy: Policy, state: State) -> None:
    for name, each in status(state, policy).items():
        part = policy.features[name]
        allowed = all(
            any(decide(policy, state, field, purpose, place, NOW).allowed for place in _places(policy, field))
            for field in part.fields
            for purpose in part.purposes
            if purpose in policy.fields[field].purposes
        )
        assert each.works is allowed


def _places(policy: Policy, name: str) -> tuple[str, ...]:
    field = policy.fields[name]
    return field.recipients if field.recipients and field.retention.server is not None else (ON_DEVICE,)
