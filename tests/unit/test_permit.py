from __future__ import annotations

import pytest
from support.policies import VERSION, edited

from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import ON_DEVICE, ConsentChoice, State, bundled_policy, decide, parse_policy, purpose_allowed
from rocketvpn_sdk.policy_versions import PolicyState

NOW = 1_800_000_000.0


class Today:
    """What a permit asks, and can be changed."""

    def __init__(self) -> None:
        self.policy = bundled_policy()
        self.state = State(adult=True)
        self.now = NOW
        self.permit = Permit(lambda: PolicyState(self.policy), lambda: self.state, lambda: self.now)


@pytest.fixture
def today() -> Today:
    return Today()


def test_it_says_what_the_rules_say(today: Today):
    for field in ("level", "message", "contact_email", "mood"):
        for purpose in ("service", "improvement", "fun"):
            assert today.permit.field(field, purpose) == decide(
                today.policy, today.state, field, purpose, ON_DEVICE, NOW
            )
            assert today.permit.field(field, purpose, "operator") == decide(
                today.policy, today.state, field, purpose, "operator", NOW
            )
    for purpose in ("service", "improvement", "fun"):
        said = purpose_allowed(today.policy, today.state, purpose, "operator", NOW)
        assert today.permit.held().purpose(today.policy, purpose, "operator") == said


@pytest.mark.clause("U3")
def test_a_consent_counts_from_the_next_question_and_no_longer_than_it_lives(today: Today):
    assert not today.permit.field("level", "improvement").allowed
    today.state = State(adult=True, consents={"improvement": ConsentChoice("granted", NOW + 60)})
    assert today.permit.field("level", "improvement").allowed
    assert today.permit.held().purpose(today.policy, "improvement", "operator").allowed
    today.now = NOW + 60
    assert not today.permit.field("level", "improvement").allowed
    assert not today.permit.held().purpose(today.policy, "improvement", "operator").allowed


@pytest.mark.clause("U3")
def test_a_withdrawal_counts_at_once(today: Today):
    today.state = State(adult=True, consents={"improvement": ConsentChoice("granted")})
    assert today.permit.field("level", "improvement", "operator").allowed
    today.state = State(adult=True, consents={"improvement": ConsentChoice("withdrawn")})
    assert not today.permit.field("level", "improvement", "operator").allowed


def test_another_policy_counts_from_the_next_question(today: Today):
    assert today.permit.field("message", "service").keep_until == NOW + 14 * 86_400
    today.policy = parse_policy(edited("field", "message", "P14D", "P1D"))
    assert today.permit.policy is today.policy
    assert today.permit.field("message", "service").keep_until == NOW + 86_400


@pytest.mark.clause("R1")
def test_the_end_is_counted_from_now(today: Today):
    first = today.permit.field("message", "service").keep_until
    today.now += 10
    assert today.permit.field("message", "service").keep_until == first + 10


@pytest.mark.clause("U3")
def test_what_ran_out_in_between_is_not_allowed_as_before(today: Today):
    today.state = State(adult=True, consents={"improvement": ConsentChoice("granted", NOW + 60)})
    before = today.permit.held()
    today.now = NOW + 59
    assert today.permit.held().allows_as(before)
    today.now = NOW + 60
    assert not today.permit.held().allows_as(before)


@pytest.mark.clause("U3", "X2")
def test_whatever_was_decided_in_between_is_not_allowed_as_before(today: Today):
    before = today.permit.held()
    assert today.permit.held().allows_as(before)
    for state in (State(adult=None), State(adult=True, collect=False), State(adult=True, guardian=True)):
        today.state = state
        assert not today.permit.held().allows_as(before)
    today.state = State(adult=True)
    today.policy = parse_policy(edited("", "", VERSION, "version = 99"))
    assert not today.permit.held().allows_as(before)


@pytest.mark.clause("X2")
def test_versions_and_state_are_of_one_moment_though_somebody_writes_between_the_two():
    written = [State(adult=True), State(adult=False)]
    stamps = iter([1, 2, 2, 2])
    states = iter(written)
    permit = Permit(
        lambda: PolicyState(bundled_policy()), lambda: next(states), lambda: NOW, stamp=lambda: next(stamps)
    )
    assert permit.held().state == written[1]  # the first was read while another process wrote
    assert permit.held().state == written[1]  # nobody has written since: it is not read again


def test_without_a_stamp_what_holds_is_read_every_time(today: Today):
    before = today.permit.held()
    today.state = State(adult=False)
    assert today.permit.held().state != before.state
