"""Consents on a real vault, without a server: granted, ended, bounded; each change all or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.consent_setup import DEVICE, MONTH, ConsentSetup, confirm, offline
from support.policies import NEWEST, edited, renumbered, sharing_text
from support.vaults import open_vault

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent import CurrentConsents
from rocketvpn_sdk.consent import ledger as ledgers
from rocketvpn_sdk.consent.age import ASKED_AGAIN_AFTER, PERSON, Person
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.ending import unset
from rocketvpn_sdk.consent.guardian import GuardianRequestState, carry_guardian
from rocketvpn_sdk.consent.record import EVENTS
from rocketvpn_sdk.errors import (
    AgeSettled,
    AgeUnknown,
    ConsentNotNeeded,
    GuardianError,
    GuardianNeeded,
    NoticeOutdated,
    NoticeUnknown,
    PurposeUnknown,
    ValueRefused,
    VaultLocked,
)
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.vault import Queue, QueueItem, SealedLog

# ---------------------------------------------------------------- granting and refusing


@pytest.mark.clause("U3")
def test_a_consent_holds_from_the_call_on_and_is_queued_for_the_server(adult: ConsentSetup) -> None:
    assert adult.states() == {}
    done = adult.consent.grant(adult.consent.notice("improvement"))
    assert (done.state, done.changed, done.server) == ("granted", True, "waiting")
    assert adult.states() == {"improvement": "granted"}
    assert adult.told() == [("improvement", "granted")]
    (item,) = adult.queue.items()
    assert item.body["policy_sha256"] == adult.policies[0].sha256
    assert item.device_id == DEVICE
    assert adult.events() == ["Given"]


@pytest.mark.clause("U7")
def test_attack_what_was_never_shown_cannot_be_agreed_to(adult: ConsentSetup, tmp_path: Path) -> None:
    notice = adult.consent.notice("improvement")
    with pytest.raises(NoticeUnknown):
        adult.consent.grant(msgspec.structs.replace(notice, purpose="cross_service"))
    other = ConsentSetup(tmp_path / "other")
    with pytest.raises(NoticeUnknown):
        adult.consent.grant(other.consent.notice("improvement"))
    other.vault.close()
    with pytest.raises(NoticeUnknown):
        adult.consent.deny(msgspec.structs.replace(notice, purpose="cross_service"))
    assert adult.states() == {}
    assert adult.consent.receipts() == ()


@pytest.mark.clause("M2", "X2")
def test_attack_an_acknowledgement_of_a_version_never_shown(adult: ConsentSetup) -> None:
    old = adult.consent.notice("improvement")
    newer = parse_policy(renumbered(NEWEST + 1, sharing_text()))
    adult.policies = (*adult.policies, newer)
    with pytest.raises(NoticeOutdated) as refused:
        adult.consent.grant(old)
    assert (refused.value.params["shown"], refused.value.params["newest"]) == (NEWEST, NEWEST + 1)
    assert adult.states() == {}
    adult.agree()
    assert adult.consent.status().purposes[0].policy_version == NEWEST + 1


@pytest.mark.clause("U7")
def test_an_unknown_purpose_is_refused_everywhere(adult: ConsentSetup) -> None:
    for call in (adult.consent.notice, adult.consent.withdraw):
        with pytest.raises(PurposeUnknown, match="U7"):
            call("advertising")
    with pytest.raises(ConsentNotNeeded):
        adult.consent.withdraw("service")


@pytest.mark.clause("S1")
def test_a_third_party_is_agreed_to_by_itself(adult: ConsentSetup) -> None:
    adult.agree("surveys")
    assert adult.states() == {"surveys": "granted"}
    adult.agree("surveys", "acme")
    assert adult.states() == {"surveys": "granted", "surveys/acme": "granted"}
    adult.agree("service", "acme")  # the purpose is necessary, the third party is not
    adult.consent.withdraw("surveys", "acme")
    assert adult.states() == {"surveys": "granted", "surveys/acme": "withdrawn", "service/acme": "granted"}
    assert ("surveys/acme", "withdrawn") in adult.told()


@pytest.mark.clause("S1")
def test_withdrawing_a_purpose_withdraws_its_third_parties(adult: ConsentSetup) -> None:
    adult.agree("surveys")
    adult.agree("surveys", "acme")
    adult.consent.withdraw("surveys")
    assert set(adult.states().values()) == {"withdrawn"}
    adult.agree("surveys")
    assert adult.states()["surveys/acme"] == "withdrawn"


@pytest.mark.clause("S1")
def test_a_third_party_does_not_count_while_its_purpose_does_not(adult: ConsentSetup) -> None:
    adult.agree("surveys", "acme")
    counts = {(part.purpose, part.recipient): part.effective for part in adult.consent.status().purposes}
    assert counts["surveys", "acme"] is False
    adult.agree("surveys")
    counts = {(part.purpose, part.recipient): part.effective for part in adult.consent.status().purposes}
    assert counts["surveys", "acme"] is True


@pytest.mark.clause("U3", "U5", "U6")
def test_a_refusal_is_kept_and_ends_what_was_granted(adult: ConsentSetup) -> None:
    adult.agree()
    adult.fill("improvement", "service")
    done = adult.consent.deny(adult.consent.notice("improvement"))
    assert done.state == "denied"
    assert adult.states() == {"improvement": "denied"}
    assert adult.kept() == ["about service"]
    assert adult.events() == ["Refused"]
    assert adult.told() == [("improvement", "withdrawn"), ("improvement", "denied")]


def test_somebody_under_age_or_of_unknown_age_can_refuse(setup: ConsentSetup) -> None:
    setup.consent.deny(setup.consent.notice("improvement"))
    assert setup.states() == {"improvement": "denied"}


@pytest.mark.parametrize("said_by", ["the clock", "a server"])
def test_a_time_that_is_not_believed_yet_withholds_and_ends_nothing(adult: ConsentSetup, said_by: str) -> None:
    adult.agree(until=utc(adult.clock.time()) + timedelta(days=20))
    adult.fill("improvement")
    told, ahead = adult.told(), 1_000 * 86_400
    if said_by == "the clock":
        adult.clock.turn(ahead)
    else:
        adult.vault.agree(adult.clock.time() + ahead)
    assert not adult.consent.state().consents["improvement"].live(adult.vault.now())
    adult.decisions.settle()
    if said_by == "the clock":
        adult.clock.turn(-ahead)
    adult.vault.agree(adult.clock.time())
    assert adult.consent.state().consents["improvement"].live(adult.vault.now())
    assert adult.kept() == ["about improvement"]
    assert adult.told() == told


def test_a_consent_can_end_by_itself(adult: ConsentSetup) -> None:
    end = utc(adult.clock.time()) + timedelta(days=2)
    adult.agree(until=end)
    adult.fill("improvement")
    (part, *_) = adult.consent.status().purposes
    assert (part.state, part.until) == ("granted", end)
    adult.clock.advance(2 * 86_400)
    assert not adult.consent.state().consents["improvement"].live(adult.vault.now())
    assert adult.consent.status().purposes[0].state == "expired"
    adult.decisions.settle()
    assert adult.kept() == []
    assert adult.events() == ["Given", "Expired"]
    assert adult.told() == [("improvement", "expired")]
    before = adult.shredded
    adult.decisions.settle()
    assert adult.shredded == before


def test_an_end_that_is_over_is_refused(adult: ConsentSetup) -> None:
    with pytest.raises(ValueRefused):
        adult.agree(until=datetime(2020, 1, 1, tzinfo=UTC))
    assert adult.states() == {}


# ---------------------------------------------------------------- withdrawing


@pytest.mark.clause("U3", "A3")
def test_a_withdrawal_shreds_that_purpose_alone_and_queues_one_notice(adult: ConsentSetup) -> None:
    adult.agree()
    adult.agree("surveys")
    adult.fill("improvement", "surveys", "service")
    done = adult.consent.withdraw("improvement")
    assert (done.state, done.changed, done.keys_destroyed, done.rotation_owed) == ("withdrawn", True, 1, False)
    assert sorted(adult.kept()) == ["about service", "about surveys"]
    assert adult.told() == [("surveys", "granted"), ("improvement", "withdrawn")]
    assert adult.shredded >= 1
    assert adult.vault.status().rotation_owed_since is None


@pytest.mark.clause("U5")
def test_a_withdrawal_drops_what_waited_for_the_purpose_and_nothing_else(adult: ConsentSetup) -> None:
    text = edited("operation", "tunnel.register", 'purpose = "service"', 'purpose = "surveys"', text=sharing_text())
    for field in ("tunnel_public_key", "region"):
        text = edited("field", field, 'purposes = ["service"', 'purposes = ["surveys", "service"', text=text)
    adult.policies = (parse_policy(text),)
    adult.agree("surveys")
    with adult.vault.write() as transaction:
        for name, operation in (("gone", "tunnel.register"), ("stays", "rights.request")):
            item = QueueItem(id=name, operation=operation, body={}, created_at=1.0, idempotency_key=name)
            adult.queue.add(transaction, item)
    adult.consent.withdraw("surveys")
    assert [item.id for item in adult.queue.items()][:-1] == ["stays"]
    assert adult.told() == [("surveys", "withdrawn")]


@pytest.mark.clause("U3")
def test_withdrawing_what_was_never_granted_is_harmless_and_says_so(setup: ConsentSetup) -> None:
    setup.fill("service")
    stamp = setup.vault.stamp()
    done = setup.consent.withdraw("improvement")
    assert (done.state, done.changed) == ("unset", False)
    assert "nothing to withdraw" in done.sentence
    assert setup.vault.stamp() == stamp
    setup.consent.declare_age(adult=True)
    setup.agree()
    assert "is withdrawn" in setup.consent.withdraw("improvement").sentence
    assert setup.consent.withdraw("improvement").changed is False
    assert setup.told() == [("improvement", "withdrawn")]


@pytest.mark.clause("U3", "A3")
def test_withdrawing_with_a_locked_secret_store_destroys_the_keys_and_owes_the_rotation(adult: ConsentSetup) -> None:
    adult.agree()
    adult.fill("improvement")
    adult.secrets.lock()
    done = adult.consent.withdraw("improvement")
    assert done.rotation_owed is True
    assert done.keys_destroyed == 1
    assert adult.kept() == []
    assert adult.states() == {"improvement": "withdrawn"}
    assert adult.vault.status().rotation_owed_since is not None
    adult.secrets.unlock()
    adult.vault.rotate()
    assert adult.vault.status().rotation_owed_since is None


@pytest.mark.clause("U3")
def test_another_process_s_buffered_records_do_not_come_back_after_a_withdrawal(adult: ConsentSetup) -> None:
    adult.agree()
    other = SealedLog(adult.vault, "log")
    other.append("improvement", MONTH, "buffered before")
    adult.clock.advance(1)
    adult.consent.withdraw("improvement")
    adult.clock.advance(1)
    other.commit()
    assert adult.kept() == []


@pytest.mark.clause("U3")
def test_a_later_no_is_never_older_than_a_yes_however_the_clock_is_turned(adult: ConsentSetup) -> None:
    adult.agree()
    adult.clock.turn(-90 * 86_400)
    adult.consent.withdraw("improvement")
    ledger = adult.vault.get(ledgers.LEDGER, ledgers.Ledger)
    granted, withdrawn = adult.consent.receipts()[-1].document["dpv:hasRecordOfActivity"][EVENTS]
    assert withdrawn["dpv:isIndicatedAtTime"] >= granted["dpv:isIndicatedAtTime"]
    assert ledger.entries["improvement"].state == "withdrawn"


def test_a_receipt_is_a_copy_that_its_holder_can_change(adult: ConsentSetup) -> None:
    """What was read of a record is remembered: a change of one receipt must not reach the next."""
    adult.agree()
    adult.consent.withdraw("improvement")
    before = adult.consent.receipts()[-1].document
    record = adult.consent.receipts()[-1].document["dpv:hasRecordOfActivity"]
    record[EVENTS].clear()
    record["dpv:hasProcess"].clear()
    context = adult.consent.receipts()[-1].document["@context"]
    context.clear()
    after = adult.consent.receipts()[-1].document
    assert (after["dpv:hasRecordOfActivity"], after["@context"]) == (
        before["dpv:hasRecordOfActivity"],
        before["@context"],
    )
    assert len(after["dpv:hasRecordOfActivity"][EVENTS]) == 2


# ---------------------------------------------------------------- the server's notices


def test_unbound_nothing_is_queued_until_this_device_is_bound(adult: ConsentSetup) -> None:
    adult.device = None
    adult.agree()
    adult.agree("surveys")
    adult.consent.withdraw("surveys")
    assert adult.queue.items() == ()
    assert adult.consent.status().purposes[0].server == "not_needed"
    adult.device = DEVICE
    adult.decisions.settle()
    assert adult.told() == [("improvement", "granted")]  # what never was is not told
    adult.decisions.settle()
    assert len(adult.told()) == 1


def test_another_order_is_told_what_holds(adult: ConsentSetup) -> None:
    adult.agree()
    adult.device = "B" * 52
    adult.decisions.settle()
    assert [item.device_id for item in adult.queue.items()] == [DEVICE, "B" * 52]


# ---------------------------------------------------------------- minors


@pytest.mark.clause("M1")
def test_unknown_age_is_asked_at_the_first_grant(setup: ConsentSetup) -> None:
    with pytest.raises(AgeUnknown, match="declare_age"):
        setup.agree()
    setup.consent.declare_age(adult=False)
    with pytest.raises(GuardianNeeded, match="request_guardian"):
        setup.agree()
    assert setup.states() == {}
    assert setup.consent.receipts() == ()


@pytest.mark.clause("M1")
def test_becoming_a_minor_ends_and_shreds_what_is_optional(adult: ConsentSetup) -> None:
    adult.agree()
    adult.agree("surveys", "acme")
    adult.fill("improvement", "surveys", "cross_service", "service", "security")
    adult.consent.declare_age(adult=False)
    assert sorted(adult.kept()) == ["about security", "about service"]
    assert adult.states() == {}
    assert adult.consent.state().adult is False
    assert adult.told() == [("improvement", "unset"), ("surveys/acme", "unset")]
    assert adult.events()[-1] == "Invalidated"
    assert adult.shredded


@pytest.mark.clause("M1")
def test_what_ended_does_not_come_back_with_a_guardian(adult: ConsentSetup) -> None:
    adult.agree()
    adult.consent.declare_age(adult=False)
    confirm(adult)
    assert adult.consent.state().guardian
    assert adult.states() == {}
    adult.agree()
    assert adult.states() == {"improvement": "granted"}


@pytest.mark.clause("M1")
def test_a_minor_is_asked_again_after_a_year_and_not_before(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)
    setup.clock.advance(ASKED_AGAIN_AFTER - 10)
    with pytest.raises(AgeSettled):
        setup.consent.declare_age(adult=True)
    setup.clock.advance(20)
    setup.consent.declare_age(adult=True)
    assert setup.consent.state().adult is True


@pytest.mark.clause("M1")
def test_a_vault_from_before_ages_had_a_day_keeps_a_minor_a_minor(setup: ConsentSetup) -> None:
    class Older(msgspec.Struct, frozen=True):
        adult: bool

    setup.vault.put(PERSON, Older(adult=False))
    assert setup.consent.state().adult is False
    with pytest.raises(AgeSettled):
        setup.consent.declare_age(adult=True)
    assert setup.vault.get(PERSON, Person) == Person(adult=False)


@pytest.mark.clause("M1", "M2")
def test_a_guardian_s_word_counts_for_the_version_that_was_shown_and_no_other(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)
    confirm(setup)
    setup.agree()
    assert setup.consent.state().guardian
    newer = parse_policy(renumbered(NEWEST + 1, sharing_text()))
    setup.policies = (*setup.policies, newer)
    setup.vault.save_clock()  # announcing a version writes to the vault
    assert setup.consent.state().guardian  # the version that binds is still the one that the guardian confirmed
    setup.policies = (newer,)
    setup.vault.save_clock()
    assert not setup.consent.state().guardian
    assert not any(part.effective for part in setup.consent.status().purposes)
    with pytest.raises(GuardianNeeded):
        setup.agree()


@pytest.mark.clause("M2", "X3")
def test_a_guardian_s_word_is_carried_to_a_version_that_takes_nothing(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)
    confirm(setup)
    newer = parse_policy(renumbered(NEWEST + 1, sharing_text()))
    old = setup.policies[0].sha256
    with setup.vault.write() as transaction:
        carry_guardian(transaction, "0" * 64, newer.sha256)  # of another text: nothing happens
    setup.policies = (newer,)
    assert not setup.consent.state().guardian
    with setup.vault.write() as transaction:
        carry_guardian(transaction, old, newer.sha256)
    assert setup.consent.state().guardian
    guardian = setup.minors.guardian()
    assert guardian is not None
    assert guardian.version == NEWEST  # what the guardian read stays on record


@pytest.mark.clause("M1")
def test_a_guardian_takes_the_agreement_back(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)
    confirm(setup)
    setup.agree()
    setup.fill("improvement", "service")
    assert setup.consent.withdraw_guardian() is True
    assert setup.kept() == ["about service"]
    assert not setup.consent.state().guardian
    assert setup.states() == {}
    assert [item.operation for item in setup.queue.items()] == ["guardian.withdraw", "consents.put"][::-1]
    assert setup.consent.withdraw_guardian() is False


@pytest.mark.clause("M1")
def test_a_guardian_s_word_can_end_minority_only_where_that_was_the_question(setup: ConsentSetup) -> None:
    setup.consent.declare_age(adult=False)
    confirm(setup)
    assert setup.consent.state().adult is False
    with pytest.raises(AgeSettled):
        setup.consent.declare_age(adult=True)
    confirm(setup, about="age")
    assert setup.consent.state().adult is True


def test_withdrawing_an_adult_s_guardian_leaves_their_consents(adult: ConsentSetup) -> None:
    confirm(adult)
    adult.agree()
    assert adult.consent.withdraw_guardian() is True
    assert adult.states() == {"improvement": "granted"}


# ---------------------------------------------------------------- a new version of the policy


@pytest.mark.clause("X3")
def test_a_consent_that_a_new_version_widens_falls_back_to_unset_and_is_recorded(adult: ConsentSetup) -> None:
    adult.agree()
    adult.agree("surveys")
    with adult.vault.write() as transaction:
        unset(transaction, frozenset({"surveys", "cross_service"}), at=adult.vault.now())
    assert adult.states() == {"improvement": "granted"}
    assert adult.events() == ["Given", "Invalidated"]
    adult.decisions.settle()
    assert adult.told()[-1] == ("surveys", "unset")


@pytest.mark.clause("X3")
def test_a_consent_that_was_given_to_the_new_version_stays(adult: ConsentSetup) -> None:
    adult.agree()
    with adult.vault.write() as transaction:
        unset(transaction, {"improvement"}, at=1.0, spare=adult.policies[0].sha256)
    assert adult.states() == {"improvement": "granted"}


# ---------------------------------------------------------------- the object itself


def test_a_locked_vault_says_nothing_and_takes_nothing(tmp_path: Path) -> None:
    setup = ConsentSetup(tmp_path / "vault")
    setup.consent.declare_age(adult=True)
    notice = setup.consent.notice("improvement")
    setup.vault.close()
    setup.vault = open_vault(tmp_path / "vault", setup.secrets, setup.clock, unlock=False)
    current_consents = CurrentConsents(setup.vault, collect=True, policies=lambda: setup.policies)
    decisions = Decisions(current_consents, Queue(setup.vault))
    locked = Consents(decisions, connect=offline, delivery=offline)
    assert locked.state().adult is None
    for call in (
        lambda: locked.grant(locked.notice("improvement")),
        lambda: locked.withdraw("improvement"),
        lambda: locked.declare_age(adult=True),
        locked.status,
        locked.receipts,
        locked.withdraw_guardian,
    ):
        with pytest.raises(VaultLocked):
            call()
    del notice
    setup.vault.close()


def test_records_are_bounded_and_those_in_force_stay(adult: ConsentSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "MOST_RECORDS", 3)
    adult.agree("surveys")
    made = []
    for _ in range(4):
        adult.agree()
        made.append(adult.consent.receipts()[-1].record_id)
    receipts = adult.consent.receipts()
    assert len(receipts) == 3
    assert receipts[0].purpose == "surveys"
    kept = [receipt.record_id for receipt in receipts]
    assert [adult.vault.get(ledgers.document_of(record), ledgers.Record) is not None for record in made] == [
        record in kept for record in made
    ]


def test_nothing_of_it_shows_in_a_repr(adult: ConsentSetup) -> None:
    done = adult.consent.grant(adult.consent.notice("improvement"))
    status = adult.consent.status()
    assert "granted" not in repr(done) + repr(status) + repr(adult.consent.receipts())
    assert "granted" not in repr(adult.vault.get(ledgers.LEDGER, ledgers.Ledger))
    assert "granted" not in repr(adult.queue.items())


def test_every_change_is_counted(adult: ConsentSetup) -> None:
    seen = [adult.consent.changes]
    adult.agree()
    seen.append(adult.consent.changes)
    adult.consent.withdraw("improvement")
    seen.append(adult.consent.changes)
    adult.consent.declare_age(adult=False)
    seen.append(adult.consent.changes)
    confirm(adult)
    seen.append(adult.consent.changes)
    assert seen == sorted(set(seen))


# ---------------------------------------------------------------- a guardian's answer that comes too late


@pytest.mark.clause("M1", "M2")
@pytest.mark.parametrize("about", ["agreement", "age"])
@pytest.mark.parametrize("meanwhile", ["withdrawn", "asked anew"])
def test_attack_an_answer_to_a_question_that_does_not_stand_any_more(
    setup: ConsentSetup, about: Any, meanwhile: str
) -> None:
    setup.consent.declare_age(adult=False)
    policy = setup.policies[-1]
    asked = GuardianRequestState(
        request="one", about=about, version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k"
    )
    setup.minors.note_asked(asked)
    if meanwhile == "withdrawn":
        setup.minors.drop_request()
    else:
        setup.minors.note_asked(msgspec.structs.replace(asked, request="another"))
    with pytest.raises(GuardianError, match="No guardian was asked"):
        setup.minors.confirm(asked)
    assert setup.minors.guardian() is None
    assert (setup.consent.state().guardian, setup.consent.state().adult) == (False, False)
    with pytest.raises(GuardianNeeded):
        setup.agree()


@pytest.mark.clause("U3")
def test_what_is_decided_within_one_second_keeps_its_order(adult: ConsentSetup) -> None:
    """The server counts whole seconds, and of one second the no."""
    times = []
    for step in range(6):  # the clock stands still
        if step % 2:
            adult.consent.withdraw("improvement")
        else:
            adult.agree()
        times.append(int(adult.consent.status().purposes[0].since.timestamp()))
    assert times == list(range(times[0], times[0] + 6))  # no more ahead of the clock than it takes
    bodies = [item.body["at"] for item in adult.queue.items() if item.operation == "consents.put"]
    assert bodies == sorted(set(bodies))
