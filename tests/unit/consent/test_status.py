"""What ``status`` says of each decision, and whether the server knows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.consent_setup import DEVICE, ConsentSetup
from support.policies import NEWEST, TEXT, renumbered, without_reports

from rocketvpn_sdk.consent.ending import queue_notices_again, unset
from rocketvpn_sdk.consent.outcome import PurposeStatus
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.vault import QueueItem

OTHER = "B" * 52


def said(setup: ConsentSetup, purpose: str = "improvement", recipient: str | None = None) -> PurposeStatus:
    (found,) = [
        part for part in setup.consent.status().purposes if (part.purpose, part.recipient) == (purpose, recipient)
    ]
    return found


def deliver(setup: ConsentSetup) -> None:
    """Let the server have taken all that waits."""
    with setup.vault.write() as transaction:
        setup.queue.drop(transaction, lambda item: True)


def widen(setup: ConsentSetup) -> None:
    with setup.vault.write() as transaction:
        unset(transaction, {"improvement"}, at=setup.vault.now())


def bind_again(setup: ConsentSetup) -> None:
    with setup.vault.write() as transaction:
        assert queue_notices_again(transaction, setup.queue)


@pytest.mark.clause("U3")
def test_the_server_knows_a_decision_once_its_notice_is_out_of_the_queue(adult: ConsentSetup) -> None:
    assert said(adult).server == "not_needed"  # nobody decided
    adult.agree()
    assert said(adult).server == "waiting"
    deliver(adult)
    assert said(adult).server == "told"
    adult.consent.withdraw("improvement")
    assert said(adult).server == "waiting"
    deliver(adult)
    assert said(adult).server == "told"


@pytest.mark.parametrize("change", [widen, bind_again])
def test_what_changed_since_the_server_was_told_waits(
    adult: ConsentSetup, change: Callable[[ConsentSetup], None]
) -> None:
    adult.agree()
    deliver(adult)
    change(adult)
    assert adult.told() == []  # it is queued with the next delivery
    assert said(adult).server == "waiting"
    adult.decisions.settle()
    assert len(adult.told()) == 1
    deliver(adult)
    assert said(adult).server == "told"


def test_bound_again_only_what_the_server_was_told_is_told_again(adult: ConsentSetup) -> None:
    adult.device = None
    adult.agree()
    adult.consent.withdraw("improvement")
    adult.device = DEVICE
    with adult.vault.write() as transaction:
        assert not queue_notices_again(transaction, adult.queue)
    adult.agree("surveys")
    bind_again(adult)
    adult.decisions.settle()
    assert adult.told() == [("surveys", "granted")]


@pytest.mark.parametrize(("ended", "server"), [(False, "waiting"), (True, "not_needed")])
def test_under_another_device_s_name_the_server_has_to_hear_what_holds_alone(
    adult: ConsentSetup, ended: bool, server: str
) -> None:
    adult.agree()
    if ended:
        adult.consent.withdraw("improvement")
    deliver(adult)
    adult.device = OTHER
    assert said(adult).server == server


def test_a_notice_about_something_else_is_not_waited_for(adult: ConsentSetup) -> None:
    adult.agree()
    adult.agree("surveys", "acme")
    waiting = adult.queue.items()[-1]
    with adult.vault.write() as transaction:
        adult.queue.drop(transaction, lambda item: item.id != waiting.id)
        other = QueueItem(id="other", operation="rights.request", body={}, created_at=1.0, idempotency_key="other")
        adult.queue.add(transaction, other)
    assert said(adult).server == "told"
    assert said(adult, "surveys", "acme").server == "waiting"
    assert [item.id for item in adult.decisions.unsent()] == [waiting.id]


def test_the_status_is_of_the_newest_version_and_keeps_what_older_ones_asked_about(adult: ConsentSetup) -> None:
    adult.agree("surveys", "acme")
    adult.agree("service", "acme")
    with adult.vault.write() as transaction:
        unset(transaction, {"service/acme"}, at=adult.vault.now())
    newer = parse_policy(renumbered(NEWEST + 1, without_reports(TEXT)))  # it gives no third party anything
    adult.policies = (*adult.policies, newer)
    status = adult.consent.status()
    assert status.policy_version == NEWEST + 1
    names = [(part.purpose, part.recipient) for part in status.purposes]
    assert names == [("surveys", "acme")]  # and nothing is used for a consent
    assert said(adult, "surveys", "acme").policy_version == NEWEST


def test_what_nobody_decided_has_no_time_nor_version(adult: ConsentSetup) -> None:
    status = said(adult, "surveys")
    assert (status.state, status.effective, status.since, status.until, status.policy_version) == (
        "unset", False, None, None, None,
    )  # fmt: skip
