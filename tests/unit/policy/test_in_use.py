"""What a policy uses is what its calls and events carry; what it merely declares is not told as used."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from support.policies import sharing_policy
from support.small_policies import policies

from rocketvpn_sdk.consent.notices import asked_about, make_notice
from rocketvpn_sdk.errors import PurposeUnused
from rocketvpn_sdk.journal.compiled import NAME_FIELD, TIME_FIELD
from rocketvpn_sdk.policy import ON_DEVICE, EventShape, Policy, bundled_policy, parse_policy
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


@pytest.mark.clause("U5")
@pytest.mark.parametrize(
    ("identity", "path", "kept"),
    [("key", "/polls", "bound"), ("user", "/polls", "bound"), ("none", "/polls/{poll}", None)],
)
def test_attack_a_purpose_that_only_a_call_that_nobody_can_make_would_carry(
    identity: str, path: str, kept: str | None
) -> None:
    """``rocket.call`` makes none of the first two, and the guard stops every one of the third."""
    policy = polling_policy(identity=identity, path=path, kept=kept)
    assert not in_use(policy, "polls")
    assert ("polls", None) not in asked_about(policy)
    with pytest.raises(PurposeUnused):
        make_notice(policy, "polls", None, "en", 0.0)


def test_a_purpose_that_a_call_carries_is_in_use() -> None:
    assert in_use(polling_policy(identity="device", path="/polls", kept="bound"), "polls")
    assert in_use(polling_policy(identity="none", path="/polls/{poll}", kept="P1D"), "polls")


def polling_policy(*, identity: str, path: str, kept: str | None) -> Policy:
    """Return the policy that ships, with an answer to a poll, which one call of the app's carries for ``polls``."""
    document = json.loads(bundled_policy().canonical_json())
    surveys = next(purpose for purpose in document["purpose"] if purpose["id"] == "surveys")
    document["purpose"] += [{**surveys, "id": "polls"}]
    for field in document["field"]:
        if field["id"] in ("device_public_key", "session_token"):
            field["purposes"] += ["polls"]
    answer = next(field for field in document["field"] if field["id"] == "order_number")
    poll = {"retention": {"server": kept} if kept else {}}
    document["field"] += [
        {**answer, "purposes": ["polls"], "id": "answer"},
        {**answer, "purposes": ["polls"], "id": "poll", **poll},
    ]
    document["operation"] += [
        {
            "id": "polls.answer",
            "method": "POST",
            "path": path,
            "purpose": "polls",
            "recipient": "operator",
            "identity": identity,
            "fields": ["answer", "poll"],
            "sentence": {"en": "An answer."},
        }
    ]
    return parse_policy(json.dumps(document))


def test_a_recipient_that_only_sees_an_address_is_no_use_to_agree_to() -> None:
    policy = bundled_policy()
    assert "relay_address" in {field.id for field in used_fields(policy, "improvement", "relay")}
    assert not in_use(policy, "service", "relay")
    event = EventShape("poll.seen", "surveys", (("erasure_handle", (str,)),))
    assert Use("erasure_handle", "surveys", ON_DEVICE) in uses(policy, (event,))
