"""Consents on a real vault, without a server: granted, ended, bounded; each change all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.policies import NEWEST, edited, renumbered, sharing_policy, sharing_text
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent import Consent, Standing, carry_guardian, unset
from rocketvpn_sdk.consent import ledger as ledgers
from rocketvpn_sdk.consent.age import ASKED_AGAIN_AFTER, PERSON, Person
from rocketvpn_sdk.consent.guardian import Asked
from rocketvpn_sdk.consent.record import EVENTS
from rocketvpn_sdk.errors import (
    AgeSettled,
    AgeUnknown,
    ConsentNotNeeded,
    GuardianNeeded,
    GuardianNotAsked,
    NoticeOutdated,
    NoticeUnknown,
    PurposeUnknown,
    ValueRefused,
    VaultLocked,
)
from rocketvpn_sdk.policy import Duration, Policy, parse_policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Queue, QueueItem, SealedLog, Vault

DEVICE = "A" * 52
MONTH = Duration("P30D")


class Room:
    """A consent room on a vault of its own, bound as ``DEVICE``; everything around it can be changed."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.secrets = UnreliableSecrets()
        self.vault: Vault = open_vault(folder, self.secrets, self.clock)
        self.policies: tuple[Policy, ...] = (sharing_policy(),)
        self.device: str | None = DEVICE
        self.shredded = 0
        self.queue = Queue(self.vault)
        self.log = SealedLog(self.vault, "log")
        self.consent = Consent(
            Standing(self.vault, collect=True, policies=lambda: self.policies),
            device=lambda: self.device,
            on_shred=self._note,
        )

    def _note(self) -> None:
        self.shredded += 1

    def agree(self, purpose: str = "improvement", recipient: str | None = None, **more: Any) -> None:
        self.consent.grant(self.consent.notice(purpose, recipient=recipient), **more)

    def states(self) -> dict[str, str]:
        return {key: held.state for key, held in self.consent.state().consents.items()}

    def told(self) -> list[tuple[str, str]]:
        """Return what waits for the server: about what, and the state."""
        return [
            (ledgers.key_of(item.body["purpose"], item.body.get("recipient")), item.body["state"])
            for item in self.queue.items()
            if item.operation == "consents.put"
        ]

    def events(self) -> list[str]:
        """Return the events of the newest record."""
        document = self.consent.receipts()[-1].document["dpv:hasRecordOfActivity"]
        return [event["@type"].removeprefix("dpv:Consent") for event in document[EVENTS]]

    def fill(self, *purposes: str) -> None:
        for purpose in purposes:
            self.log.append(purpose, MONTH, f"about {purpose}")
        self.log.commit()

    def kept(self) -> list[str]:
        self.log.forget_ended()
        return [record for _, record in self.log.read()]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path / "vault")
    yield room
    room.vault.close()


@pytest.fixture
def adult(room: Room) -> Room:
    room.consent.declare_age(adult=True)
    return room


# ---------------------------------------------------------------- granting and refusing


@pytest.mark.clause("U3")
def test_a_consent_holds_from_the_call_on_and_is_queued_for_the_server(adult: Room) -> None:
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
def test_attack_what_was_never_shown_cannot_be_agreed_to(adult: Room, tmp_path: Path) -> None:
    notice = adult.consent.notice("improvement")
    with pytest.raises(NoticeUnknown):
        adult.consent.grant(msgspec.structs.replace(notice, purpose="cross_service"))
    other = Room(tmp_path / "other")
    with pytest.raises(NoticeUnknown):
        adult.consent.grant(other.consent.notice("improvement"))
    other.vault.close()
    with pytest.raises(NoticeUnknown):
        adult.consent.deny(msgspec.structs.replace(notice, purpose="cross_service"))
    assert adult.states() == {}
    assert adult.consent.receipts() == ()


@pytest.mark.clause("M2", "X2")
def test_attack_an_acknowledgement_of_a_version_never_shown(adult: Room) -> None:
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
def test_an_unknown_purpose_is_refused_everywhere(adult: Room) -> None:
    for call in (adult.consent.notice, adult.consent.withdraw):
        with pytest.raises(PurposeUnknown, match="U7"):
            call("advertising")
    with pytest.raises(ConsentNotNeeded):
        adult.consent.withdraw("service")


@pytest.mark.clause("S1")
def test_a_third_party_is_agreed_to_by_itself(adult: Room) -> None:
    adult.agree("surveys")
    assert adult.states() == {"surveys": "granted"}
    adult.agree("surveys", "acme")
    assert adult.states() == {"surveys": "granted", "surveys/acme": "granted"}
    adult.agree("service", "acme")  # the purpose is necessary, the third party is not
    adult.consent.withdraw("surveys", "acme")
    assert adult.states() == {"surveys": "granted", "surveys/acme": "withdrawn", "service/acme": "granted"}
    assert ("surveys/acme", "withdrawn") in adult.told()


@pytest.mark.clause("S1")
def test_withdrawing_a_purpose_withdraws_its_third_parties(adult: Room) -> None:
    adult.agree("surveys")
    adult.agree("surveys", "acme")
    adult.consent.withdraw("surveys")
    assert set(adult.states().values()) == {"withdrawn"}
    adult.agree("surveys")
    assert adult.states()["surveys/acme"] == "withdrawn"


@pytest.mark.clause("S1")
def test_a_third_party_does_not_count_while_its_purpose_does_not(adult: Room) -> None:
    adult.agree("surveys", "acme")
    counts = {(part.purpose, part.recipient): part.effective for part in adult.consent.status().purposes}
    assert counts["surveys", "acme"] is False
    adult.agree("surveys")
    counts = {(part.purpose, part.recipient): part.effective for part in adult.consent.status().purposes}
    assert counts["surveys", "acme"] is True


@pytest.mark.clause("U3", "U5", "U6")
def test_a_refusal_is_kept_and_ends_what_was_granted(adult: Room) -> None:
    adult.agree()
    adult.fill("improvement", "service")
    done = adult.consent.deny(adult.consent.notice("improvement"))
    assert done.state == "denied"
    assert adult.states() == {"improvement": "denied"}
    assert adult.kept() == ["about service"]
    assert adult.events() == ["Refused"]
    assert adult.told() == [("improvement", "withdrawn"), ("improvement", "denied")]


def test_somebody_under_age_or_of_unknown_age_can_refuse(room: Room) -> None:
    room.consent.deny(room.consent.notice("improvement"))
    assert room.states() == {"improvement": "denied"}


@pytest.mark.parametrize("said_by", ["the clock", "a server"])
def test_a_time_that_is_not_believed_yet_withholds_and_ends_nothing(adult: Room, said_by: str) -> None:
    adult.agree(until=utc(adult.clock.time()) + timedelta(days=20))
    adult.fill("improvement")
    told, ahead = adult.told(), 1_000 * 86_400
    if said_by == "the clock":
        adult.clock.turn(ahead)
    else:
        adult.vault.agree(adult.clock.time() + ahead)
    assert not adult.consent.state().consents["improvement"].live(adult.vault.now())
    adult.consent.settle()
    if said_by == "the clock":
        adult.clock.turn(-ahead)
    adult.vault.agree(adult.clock.time())
    assert adult.consent.state().consents["improvement"].live(adult.vault.now())
    assert adult.kept() == ["about improvement"]
    assert adult.told() == told


def test_a_consent_can_end_by_itself(adult: Room) -> None:
    end = utc(adult.clock.time()) + timedelta(days=2)
    adult.agree(until=end)
    adult.fill("improvement")
    (part, *_) = adult.consent.status().purposes
    assert (part.state, part.until) == ("granted", end)
    adult.clock.advance(2 * 86_400)
    assert not adult.consent.state().consents["improvement"].live(adult.vault.now())
    assert adult.consent.status().purposes[0].state == "expired"
    adult.consent.settle()
    assert adult.kept() == []
    assert adult.events() == ["Given", "Expired"]
    assert adult.told() == [("improvement", "expired")]
    before = adult.shredded
    adult.consent.settle()
    assert adult.shredded == before


def test_an_end_that_is_over_is_refused(adult: Room) -> None:
    with pytest.raises(ValueRefused):
        adult.agree(until=datetime(2020, 1, 1, tzinfo=UTC))
    assert adult.states() == {}


# ---------------------------------------------------------------- withdrawing


@pytest.mark.clause("U3", "A3")
def test_a_withdrawal_shreds_that_purpose_alone_and_queues_one_notice(adult: Room) -> None:
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
def test_a_withdrawal_drops_what_waited_for_the_purpose_and_nothing_else(adult: Room) -> None:
    text = edited("operation", "tunnel.register", 'purpose = "service"', 'purpose = "surveys"', text=sharing_text())
    for field in ("tunnel_public_key", "region"):
        text = edited("field", field, 'purposes = ["service"', 'purposes = ["surveys", "service"', text=text)
    adult.policies = (parse_policy(text),)
    adult.agree("surveys")
    with adult.vault.write() as change:
        for name, operation in (("gone", "tunnel.register"), ("stays", "rights.request")):
            item = QueueItem(id=name, operation=operation, body={}, created_at=1.0, idempotency_key=name)
            adult.queue.add(change, item)
    adult.consent.withdraw("surveys")
    assert [item.id for item in adult.queue.items()][:-1] == ["stays"]
    assert adult.told() == [("surveys", "withdrawn")]


@pytest.mark.clause("U3")
def test_withdrawing_what_was_never_granted_is_harmless_and_says_so(room: Room) -> None:
    room.fill("service")
    stamp = room.vault.stamp()
    done = room.consent.withdraw("improvement")
    assert (done.state, done.changed) == ("unset", False)
    assert "nothing to withdraw" in done.sentence
    assert room.vault.stamp() == stamp
    room.consent.declare_age(adult=True)
    room.agree()
    assert "is withdrawn" in room.consent.withdraw("improvement").sentence
    assert room.consent.withdraw("improvement").changed is False
    assert room.told() == [("improvement", "withdrawn")]


@pytest.mark.clause("U3", "A3")
def test_withdrawing_with_a_locked_secret_store_destroys_the_keys_and_owes_the_rotation(adult: Room) -> None:
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
def test_another_process_s_buffered_records_do_not_come_back_after_a_withdrawal(adult: Room) -> None:
    adult.agree()
    other = SealedLog(adult.vault, "log")
    other.append("improvement", MONTH, "buffered before")
    adult.clock.advance(1)
    adult.consent.withdraw("improvement")
    adult.clock.advance(1)
    other.commit()
    assert adult.kept() == []


@pytest.mark.clause("U3")
def test_a_later_no_is_never_older_than_a_yes_however_the_clock_is_turned(adult: Room) -> None:
    adult.agree()
    adult.clock.turn(-90 * 86_400)
    adult.consent.withdraw("improvement")
    ledger = adult.vault.get(ledgers.LEDGER, ledgers.Ledger)
    granted, withdrawn = adult.consent.receipts()[-1].document["dpv:hasRecordOfActivity"][EVENTS]
    assert withdrawn["dpv:isIndicatedAtTime"] >= granted["dpv:isIndicatedAtTime"]
    assert ledger.entries["improvement"].state == "withdrawn"


# ---------------------------------------------------------------- the server's notices


def test_unbound_nothing_is_queued_until_this_device_is_bound(adult: Room) -> None:
    adult.device = None
    adult.agree()
    adult.agree("surveys")
    adult.consent.withdraw("surveys")
    assert adult.queue.items() == ()
    assert adult.consent.status().purposes[0].server == "not_needed"
    adult.device = DEVICE
    adult.consent.settle()
    assert adult.told() == [("improvement", "granted")]  # what never was is not told
    adult.consent.settle()
    assert len(adult.told()) == 1


def test_another_order_is_told_what_holds(adult: Room) -> None:
    adult.agree()
    adult.device = "B" * 52
    adult.consent.settle()
    assert [item.device_id for item in adult.queue.items()] == [DEVICE, "B" * 52]


# ---------------------------------------------------------------- minors


@pytest.mark.clause("M1")
def test_unknown_age_is_asked_at_the_first_grant(room: Room) -> None:
    with pytest.raises(AgeUnknown, match="declare_age"):
        room.agree()
    room.consent.declare_age(adult=False)
    with pytest.raises(GuardianNeeded, match="request_guardian"):
        room.agree()
    assert room.states() == {}
    assert room.consent.receipts() == ()


@pytest.mark.clause("M1")
def test_becoming_a_minor_ends_and_shreds_what_is_optional(adult: Room) -> None:
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
def test_what_ended_does_not_come_back_with_a_guardian(adult: Room) -> None:
    adult.agree()
    adult.consent.declare_age(adult=False)
    confirm(adult)
    assert adult.consent.state().guardian
    assert adult.states() == {}
    adult.agree()
    assert adult.states() == {"improvement": "granted"}


@pytest.mark.clause("M1")
def test_a_minor_is_asked_again_after_a_year_and_not_before(room: Room) -> None:
    room.consent.declare_age(adult=False)
    room.clock.advance(ASKED_AGAIN_AFTER - 10)
    with pytest.raises(AgeSettled):
        room.consent.declare_age(adult=True)
    room.clock.advance(20)
    room.consent.declare_age(adult=True)
    assert room.consent.state().adult is True


@pytest.mark.clause("M1")
def test_a_vault_from_before_ages_had_a_day_keeps_a_minor_a_minor(room: Room) -> None:
    class Older(msgspec.Struct, frozen=True):
        adult: bool

    room.vault.put(PERSON, Older(adult=False))
    assert room.consent.state().adult is False
    with pytest.raises(AgeSettled):
        room.consent.declare_age(adult=True)
    assert room.vault.get(PERSON, Person) == Person(adult=False)


def confirm(room: Room, *, about: Any = "agreement") -> None:
    policy = room.policies[-1]
    room.consent.guardians.note_asked(
        Asked(request="r", about=about, version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k")
    )
    room.consent.confirm_guardian(room.consent.guardians.answerable())


@pytest.mark.clause("M1", "M2")
def test_a_guardian_s_word_counts_for_the_version_that_was_shown_and_no_other(room: Room) -> None:
    room.consent.declare_age(adult=False)
    confirm(room)
    room.agree()
    assert room.consent.state().guardian
    newer = parse_policy(renumbered(NEWEST + 1, sharing_text()))
    room.policies = (*room.policies, newer)
    room.vault.save_clock()  # announcing a version writes to the vault
    assert room.consent.state().guardian  # the version that binds is still the one that the guardian confirmed
    room.policies = (newer,)
    room.vault.save_clock()
    assert not room.consent.state().guardian
    assert not any(part.effective for part in room.consent.status().purposes)
    with pytest.raises(GuardianNeeded):
        room.agree()


@pytest.mark.clause("M2", "X3")
def test_a_guardian_s_word_is_carried_to_a_version_that_takes_nothing(room: Room) -> None:
    room.consent.declare_age(adult=False)
    confirm(room)
    newer = parse_policy(renumbered(NEWEST + 1, sharing_text()))
    old = room.policies[0].sha256
    with room.vault.write() as change:
        carry_guardian(change, "0" * 64, newer.sha256)  # of another text: nothing happens
    room.policies = (newer,)
    assert not room.consent.state().guardian
    with room.vault.write() as change:
        carry_guardian(change, old, newer.sha256)
    assert room.consent.state().guardian
    guardian = room.consent.guardians.guardian()
    assert guardian is not None
    assert guardian.version == NEWEST  # what the guardian read stays on record


@pytest.mark.clause("M1")
def test_a_guardian_takes_the_agreement_back(room: Room) -> None:
    room.consent.declare_age(adult=False)
    confirm(room)
    room.agree()
    room.fill("improvement", "service")
    assert room.consent.withdraw_guardian() is True
    assert room.kept() == ["about service"]
    assert not room.consent.state().guardian
    assert room.states() == {}
    assert [item.operation for item in room.queue.items()] == ["guardian.withdraw", "consents.put"][::-1]
    assert room.consent.withdraw_guardian() is False


@pytest.mark.clause("M1")
def test_a_guardian_s_word_can_end_minority_only_where_that_was_the_question(room: Room) -> None:
    room.consent.declare_age(adult=False)
    confirm(room)
    assert room.consent.state().adult is False
    with pytest.raises(AgeSettled):
        room.consent.declare_age(adult=True)
    confirm(room, about="age")
    assert room.consent.state().adult is True


def test_withdrawing_an_adult_s_guardian_leaves_their_consents(adult: Room) -> None:
    confirm(adult)
    adult.agree()
    assert adult.consent.withdraw_guardian() is True
    assert adult.states() == {"improvement": "granted"}


# ---------------------------------------------------------------- a new version of the policy


@pytest.mark.clause("X3")
def test_a_consent_that_a_new_version_widens_falls_back_to_unset_and_is_recorded(adult: Room) -> None:
    adult.agree()
    adult.agree("surveys")
    with adult.vault.write() as change:
        unset(change, frozenset({"surveys", "cross_service"}), at=adult.vault.now())
    assert adult.states() == {"improvement": "granted"}
    assert adult.events() == ["Given", "Invalidated"]
    adult.consent.settle()
    assert adult.told()[-1] == ("surveys", "unset")


@pytest.mark.clause("X3")
def test_a_consent_that_was_given_to_the_new_version_stays(adult: Room) -> None:
    adult.agree()
    with adult.vault.write() as change:
        unset(change, {"improvement"}, at=1.0, spare=adult.policies[0].sha256)
    assert adult.states() == {"improvement": "granted"}


# ---------------------------------------------------------------- the room itself


def test_a_locked_vault_says_nothing_and_takes_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path / "vault")
    room.consent.declare_age(adult=True)
    notice = room.consent.notice("improvement")
    room.vault.close()
    room.vault = open_vault(tmp_path / "vault", room.secrets, room.clock, unlock=False)
    locked = Consent(Standing(room.vault, collect=True, policies=lambda: room.policies))
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
    room.vault.close()


def test_records_are_bounded_and_those_in_force_stay(adult: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "MOST_RECORDS", 3)
    adult.agree("surveys")
    for _ in range(4):
        adult.agree()
    receipts = adult.consent.receipts()
    assert len(receipts) == 3
    assert receipts[0].purpose == "surveys"


def test_nothing_of_it_shows_in_a_repr(adult: Room) -> None:
    done = adult.consent.grant(adult.consent.notice("improvement"))
    status = adult.consent.status()
    assert "granted" not in repr(done) + repr(status) + repr(adult.consent.receipts())
    assert "granted" not in repr(adult.vault.get(ledgers.LEDGER, ledgers.Ledger))
    assert "granted" not in repr(adult.queue.items())


def test_every_change_is_counted(adult: Room) -> None:
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
def test_attack_an_answer_to_a_question_that_does_not_stand_any_more(room: Room, about: Any, meanwhile: str) -> None:
    room.consent.declare_age(adult=False)
    policy = room.policies[-1]
    asked = Asked(request="one", about=about, version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k")
    room.consent.guardians.note_asked(asked)
    if meanwhile == "withdrawn":
        room.consent.guardians.drop_request()
    else:
        room.consent.guardians.note_asked(msgspec.structs.replace(asked, request="another"))
    with pytest.raises(GuardianNotAsked):
        room.consent.confirm_guardian(asked)
    assert room.consent.guardians.guardian() is None
    assert (room.consent.state().guardian, room.consent.state().adult) == (False, False)
    with pytest.raises(GuardianNeeded):
        room.agree()


@pytest.mark.clause("U3")
def test_what_is_decided_within_one_second_keeps_its_order(adult: Room) -> None:
    """The server counts whole seconds, and of one second the no."""
    times = []
    for step in range(6):  # the clock stands still
        if step % 2:
            adult.consent.withdraw("improvement")
        else:
            adult.agree()
        times.append(int(adult.consent.status().purposes[0].since.timestamp()))
    assert times == sorted(set(times))
    bodies = [item.body["at"] for item in adult.queue.items() if item.operation == "consents.put"]
    assert bodies == sorted(set(bodies))
