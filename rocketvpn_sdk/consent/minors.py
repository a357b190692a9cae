"""Age and guardians, each change one transaction of the vault (M1 to M3)."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.consent.age import PERSON, Person, answered, read_person
from rocketvpn_sdk.consent.decisions import GUARDIAN as BY_GUARDIAN
from rocketvpn_sdk.consent.decisions import USER, Decisions
from rocketvpn_sdk.consent.guardian import GUARDIAN, REQUEST, Asked, Guardian, read_guardian
from rocketvpn_sdk.consent.opening import RECORDED
from rocketvpn_sdk.consent.queued import guardian_item
from rocketvpn_sdk.errors import GuardianCodeUsed, GuardianNotAsked, GuardianOtherPolicy
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault.change import Change, read_document


class Minors:
    """Writes who is of age, and what guardians said.

    Args:
        decisions: ends what rests on a consent.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._vault = decisions.vault

    def declare(self, adult: bool) -> None:
        """Write the user's answer; one that makes them a minor ends whatever is optional.

        Raises:
            AgeSettled: the answer cannot be taken back; nothing was written.
        """
        if adult:
            with self._vault.write() as change:
                before = self._answer(change, adult=True)
                if before is None or not before.adult:
                    change.mark(RECORDED)
                if before is not None:
                    change.owe_rotation(self._vault.clock.time())
            return
        policies, device = self._decisions.policies(), self._decisions.device()
        with self._vault.shredding() as change:
            self._answer(change, adult=False)
            guardian = read_guardian(change)
            if guardian is None or not guardian.counts(policies):
                self._decisions.suspend(change, policies, device, by=USER)

    def _answer(self, change: Change, *, adult: bool) -> Person | None:
        """Write the answer; return what it replaced."""
        before = read_person(change)
        age = self._vault.age()
        begins = age.begins(self._vault.clock.time())
        person = answered(before, adult, begins=begins, ends=age.highest)
        if person != before:
            change.put(PERSON, person)
        return before

    # ------------------------------------------------------------ guardians

    def asked(self) -> Asked | None:
        """Return what a guardian was asked and has not answered yet."""
        return self._vault.get(REQUEST, Asked)

    def guardian(self) -> Guardian | None:
        """Return the agreement, whether it still counts or not."""
        return self._vault.get(GUARDIAN, Guardian)

    def note_asked(self, asked: Asked) -> None:
        """Write down that a guardian was asked; an older request is settled by that."""
        self._vault.put(REQUEST, asked)

    def answerable(self) -> Asked:
        """Return the request that a code could be for.

        Raises:
            GuardianNotAsked, GuardianCodeUsed: there is none.
            GuardianOtherPolicy: the guardian was shown another version than the newest; the request is dropped (M2).
        """
        asked = self.asked()
        if asked is None:
            raise GuardianCodeUsed(rule="M2") if self.guardian() is not None else GuardianNotAsked(rule="M2")
        newest = self._decisions.policies()[-1]
        if asked.sha256 != newest.sha256:
            self.drop_request()
            raise GuardianOtherPolicy(rule="M2", shown=asked.version, newest=newest.version)
        return asked

    def drop_request(self) -> None:
        """Forget what a guardian was asked."""
        with self._vault.write() as change:
            change.drop(REQUEST)
            change.owe_rotation(self._vault.clock.time())

    def confirm(self, asked: Asked) -> None:
        """Write a guardian's answer: an agreement, or that the user is of age."""
        with self._vault.write() as change:
            held = read_document(change.db, change.keys, REQUEST)
            if held is None or msgspec.convert(held, Asked).request != asked.request:
                raise GuardianNotAsked(rule="M2")  # it was withdrawn, or deleted, while the answer was under way
            if asked.about == "age":
                change.put(PERSON, Person(adult=True, at=self._vault.age().highest))
            else:
                at = self._vault.age().highest
                change.put(GUARDIAN, Guardian(version=asked.version, sha256=asked.sha256, at=at, request=asked.request))
            change.mark(RECORDED)
            change.drop(REQUEST)
            change.owe_rotation(self._vault.clock.time())

    def withdraw(self) -> bool:
        """End a guardian's agreement, and for who is under age whatever is optional; return whether there was one."""
        policies, device = self._decisions.policies(), self._decisions.device()
        guardian = self.guardian()
        if guardian is None:
            if self.asked() is not None:
                self.drop_request()
            return False
        with self._vault.shredding() as change:
            change.drop(GUARDIAN, REQUEST)
            person = read_person(change)
            if person is None or not person.adult:
                self._decisions.suspend(change, policies, device, by=BY_GUARDIAN)
            if device is not None:
                self._decisions.queue.add(change, guardian_item(guardian.request, device, self._vault.clock.time()))
        return True

    def newest(self) -> Policy:
        """Return the version that a guardian is shown."""
        return self._decisions.policies()[-1]
