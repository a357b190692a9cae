"""A recipient's contract: past its review nothing goes there, and every change of it is judged (S2)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.policies import edited, sharing_text

from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import (
    ON_DEVICE,
    ConsentChoice,
    Policy,
    State,
    bundled_policy,
    compare,
    decide,
    decide_all,
    parse_policy,
    purpose_allowed,
    purpose_allowed_all,
)
from rocketvpn_sdk.policy.decide import blocked_recipients

POLICY = bundled_policy()
AGREED = State(adult=True, consents={name: ConsentChoice("granted") for name in ("improvement", "improvement/relay")})
LAST = datetime(2029, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second of the day by which the relay's contract is to be reviewed."""


def renewed(day: str = "2031-11-30") -> Policy:
    return parse_policy(edited("recipient", "relay", "review_by = 2029-11-30", f"review_by = {day}"))


@pytest.mark.clause("S2")
def test_on_the_last_day_it_goes_and_on_the_next_it_does_not() -> None:
    for now, allowed in ((LAST, True), (LAST + 1, False)):
        assert decide(POLICY, AGREED, "sealed_message", "improvement", "relay", now).allowed is allowed
        assert purpose_allowed(POLICY, AGREED, "improvement", "relay", now).allowed is allowed
        assert [part.id for part in blocked_recipients([POLICY], now)] == ([] if allowed else ["relay", "partner"])
    said = purpose_allowed(POLICY, AGREED, "improvement", "relay", LAST + 1)
    assert (said.rule, "2029-11-30" in said.sentence) == ("S2", True)


@pytest.mark.clause("S2")
def test_a_late_review_blocks_that_recipient_and_nobody_else() -> None:
    for field in ("level", "region"):
        for place in ("operator", ON_DEVICE):
            assert decide(POLICY, AGREED, field, "improvement", place, LAST + 1).allowed


@pytest.mark.clause("S2", "X2")
def test_attack_a_new_version_renews_a_contract_before_anybody_was_told() -> None:
    later = renewed()
    change = compare(POLICY, later)
    assert [(each.kind, each.rule) for each in change.widened] == [("review_later", "S2")]
    assert change.reconsent == {"improvement", "improvement/relay", "rights/relay", "surveys", "surveys/relay"}
    for versions in ((POLICY, later), (later, POLICY)):
        assert not decide_all(versions, AGREED, "sealed_message", "improvement", "relay", LAST + 1).allowed
        assert not purpose_allowed_all(versions, AGREED, "improvement", "relay", LAST + 1).allowed
    assert decide(later, AGREED, "sealed_message", "improvement", "relay", LAST + 1).allowed


@pytest.mark.clause("S2")
def test_attack_a_review_that_runs_out_between_two_tries_is_no_leave_for_the_second() -> None:
    before, after = (PermitSnapshot((POLICY,), AGREED, now, frozenset()) for now in (LAST, LAST + 1))
    assert not after.allows_as(before)
    assert before.allows_as(before._replace(now=LAST - 1))


@pytest.mark.clause("S2")
def test_the_contract_that_the_policy_names_is_the_one_beside_it() -> None:
    text = (Path(__file__).parents[3] / "docs" / "contracts" / "relay.txt").read_bytes()
    contract = POLICY.recipients["relay"].contract
    assert contract is not None
    assert contract.sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.clause("S2")
def test_a_contract_survives_the_signed_form_and_is_not_there_where_none_was() -> None:
    again = parse_policy(POLICY.canonical_json().decode())
    assert (again.sha256, again.recipients["relay"].contract) == (POLICY.sha256, POLICY.recipients["relay"].contract)
    assert b'"contract":{"review_by":"2029-11-30","sha256":"' in POLICY.canonical_json()
    without = parse_policy(sharing_text())
    assert without.recipients["sister"].contract is None
    assert without.canonical_json().count(b'"contract"') == 1  # the third party's alone
