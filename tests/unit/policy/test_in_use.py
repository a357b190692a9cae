"""What a policy uses is what its calls and events carry; what it merely declares is not told as used."""

from __future__ import annotations

from hypothesis import given
from support.policies import sharing_policy
from support.small_policies import policies

from rocketvpn_sdk.journal.compiled import NAME_FIELD, TIME_FIELD
from rocketvpn_sdk.policy import ON_DEVICE, EventShape, Policy, bundled_policy
from rocketvpn_sdk.policy.in_use import RECORDED_WITH_EACH, Use, in_use, used_fields, uses


def test_the_fields_that_go_along_with_each_event_are_those_that_the_journal_writes() -> None:
    assert RECORDED_WITH_EACH == (TIME_FIELD, NAME_FIELD)


@given(policies)
def test_whatever_is_used_is_declared_for_that(policy: Policy) -> None:
    for use in uses(policy):
        field = policy.fields[use.field]
        assert use.purpose in field.purposes
        assert use.recipient == ON_DEVICE or use.recipient in field.recipients


def test_what_goes_to_the_operator_may_reach_those_that_the_field_names_besides() -> None:
    found = uses(sharing_policy())
    assert Use("region", "service", "acme") in found
    assert Use("level", "service", "acme") not in found  # no call carries it


def test_a_recipient_that_only_sees_an_address_is_no_use_to_agree_to() -> None:
    policy = bundled_policy()
    assert "relay_address" in {field.id for field in used_fields(policy, "improvement", "relay")}
    assert not in_use(policy, "service", "relay")
    event = EventShape("poll.seen", "surveys", (("erasure_handle", (str,)),))
    assert Use("erasure_handle", "surveys", ON_DEVICE) in uses(policy, (event,))
