"""What was recorded before a yes stays out, and what a decision owes and tells those who hold records in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from support.consent_setup import MONTH, ConsentSetup, confirm
from support.policies import TEXT, renumbered

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.guardian import GuardianRequestState
from rocketvpn_sdk.consent.ledger import document_of
from rocketvpn_sdk.errors import GuardianError
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.vault import SealedLog


def another_process(setup: ConsentSetup) -> SealedLog:
    """Return the log of another process with a line recorded before now, not written yet."""
    other = SealedLog(setup.vault, "log")
    other.append("improvement", MONTH, "before the yes")
    setup.clock.advance(1)
    return other


def agree(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=True)
    setup.agree()


def of_age(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=True)


@pytest.mark.clause("U1", "U3")
@pytest.mark.parametrize("opens", [agree, of_age, confirm])
def test_what_another_process_recorded_before_a_yes_does_not_come_after_it(
    setup: ConsentSetup, opens: Callable[[ConsentSetup], None]
) -> None:
    other = another_process(setup)
    opens(setup)
    setup.clock.advance(1)
    other.commit()
    assert setup.kept() == []


def test_agreeing_once_more_ends_nothing(adult: ConsentSetup) -> None:
    adult.agree()
    adult.fill("improvement")
    other = another_process(adult)
    adult.agree()
    adult.consent.declare_age(adult=True)
    adult.clock.advance(1)
    other.commit()
    assert adult.kept() == ["about improvement", "before the yes"]
    assert adult.told() == [("improvement", "granted")] * 2


def test_what_opens_is_announced_before_it_holds_and_what_closes_is_not(adult: ConsentSetup) -> None:
    assert adult.states_before_opening == [{}]  # of age
    adult.agree()
    assert adult.states_before_opening == [{}, {}]
    confirm(adult)
    assert len(adult.states_before_opening) == 3
    adult.consent.deny(adult.consent.notice("surveys"))
    adult.consent.withdraw("improvement")
    adult.consent.withdraw_guardian()
    adult.consent.declare_age(adult=False)
    assert len(adult.states_before_opening) == 3


def deny(setup: ConsentSetup) -> None:
    setup.consent.deny(setup.consent.notice("surveys"))


def expire(setup: ConsentSetup) -> None:
    setup.clock.advance(3 * 86_400)
    setup.decisions.settle()


def grow_up(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=True)


def become_a_minor(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)


def withdraw(setup: ConsentSetup) -> None:
    setup.consent.withdraw("improvement")


def withdraw_guardian(setup: ConsentSetup) -> None:
    setup.consent.withdraw_guardian()


@pytest.mark.parametrize(
    ("decide", "told"),
    [
        *((ConsentSetup.agree, 0), (confirm, 0), (deny, 1), (withdraw, 1), (expire, 1), (grow_up, 1)),
        *((become_a_minor, 1), (withdraw_guardian, 1)),
    ],
)
def test_who_holds_records_in_memory_hears_of_each_decision_that_may_end_some(
    adult: ConsentSetup, decide: Callable[[ConsentSetup], None], told: int
) -> None:
    adult.agree(until=utc(adult.clock.time()) + timedelta(days=2))
    before, changes = adult.shredded, adult.consent.changes
    decide(adult)
    assert adult.shredded - before == told
    assert adult.consent.changes > changes


@pytest.mark.parametrize("decide", [ConsentSetup.agree, deny, confirm, grow_up])
def test_what_was_decided_before_is_put_out_of_reach_by_a_rotation_that_is_owed(
    adult: ConsentSetup, decide: Callable[[ConsentSetup], None]
) -> None:
    adult.vault.rotate()
    assert adult.vault.status().rotation_owed_since is None
    decide(adult)
    assert adult.vault.status().rotation_owed_since == pytest.approx(adult.clock.time())


def test_taking_a_request_back_owes_the_rotation_too(adult: ConsentSetup) -> None:
    policy = adult.policies[-1]
    adult.minors.note_asked(
        GuardianRequestState(
            request="r", about="age", version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k"
        )
    )
    adult.vault.rotate()
    assert adult.consent.withdraw_guardian() is False
    assert adult.minors.asked() is None
    assert adult.vault.status().rotation_owed_since == pytest.approx(adult.clock.time())


@pytest.mark.clause("M2")
def test_a_code_for_another_version_than_the_newest_is_refused_and_the_request_dropped(adult: ConsentSetup) -> None:
    policy = adult.policies[-1]
    asked = GuardianRequestState(
        request="r", about="age", version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k"
    )
    adult.minors.note_asked(asked)
    assert adult.minors.answerable() == asked
    adult.policies = (policy, parse_policy(renumbered(policy.version + 1)))
    with pytest.raises(GuardianError, match="was asked about version") as refused:
        adult.minors.answerable()
    assert (refused.value.params["shown"], refused.value.params["newest"]) == (policy.version, policy.version + 1)
    with pytest.raises(GuardianError, match="No guardian was asked"):
        adult.minors.answerable()
    confirm(adult)
    with pytest.raises(GuardianError, match="used already"):
        adult.minors.answerable()


@pytest.mark.clause("S1")
def test_a_third_party_s_withdrawal_destroys_no_key_of_this_device(adult: ConsentSetup) -> None:
    adult.agree("surveys")
    adult.agree("surveys", "acme")
    adult.fill("surveys")
    done = adult.consent.withdraw("surveys", "acme")
    assert (done.recipient, done.keys_destroyed) == ("acme", 0)
    assert adult.kept() == ["about surveys"]


@pytest.mark.clause("M1")
def test_a_minor_s_records_go_for_every_purpose_that_any_version_asks_about(adult: ConsentSetup) -> None:
    """Also of one that was agreed to and that no version knows any more, and of one that nobody agreed to."""
    adult.agree("surveys")
    adult.fill("surveys", "improvement", "service")
    gone = TEXT.replace('id = "surveys"', 'id = "polls"').replace('"surveys"', '"polls"')
    adult.policies = (parse_policy(renumbered(adult.policies[0].version + 1, gone)),)
    adult.consent.declare_age(adult=False)
    assert adult.kept() == ["about service"]


@pytest.mark.clause("U3")
def test_a_consent_whose_record_is_lost_can_still_be_taken_back(adult: ConsentSetup) -> None:
    adult.agree()
    (receipt,) = adult.consent.receipts()
    with adult.vault.write() as transaction:
        transaction.drop(document_of(receipt.record_id))
    assert adult.consent.receipts() == ()
    assert adult.consent.withdraw("improvement").changed
    assert adult.states() == {"improvement": "withdrawn"}
    assert adult.consent.receipts() == ()
