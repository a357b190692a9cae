"""Age and guardians, each change one transaction of the vault (M1 to M3)."""

from __future__ import annotations

from rocketvpn_sdk.consent.age import PERSON, Person, answered
from rocketvpn_sdk.consent.decisions import BY_GUARDIAN, BY_USER, Decisions
from rocketvpn_sdk.consent.guardian import GUARDIAN, REQUEST, Guardian, GuardianRequestState
from rocketvpn_sdk.consent.queued import guardian_item
from rocketvpn_sdk.errors import GuardianError
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault.partitions import RECORDED
from rocketvpn_sdk.vault.transaction import Transaction


class Minors:
    """Writes who is of age, and what guardians said.

    Args:
        decisions: ends what rests on a consent, and tells those who have to know.
    """

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._vault = decisions.vault

    def declare(self, adult: bool) -> None:
        """Write the user's answer; one that makes them a minor ends whatever is optional, unless a guardian agreed.

        Raises:
            AgeSettled: the answer cannot be taken back; nothing was written.
            VaultLocked: unlock first.
        """
        if adult:
            self._declare_adult()
        else:
            self._declare_minor()

    def _declare_adult(self) -> None:
        self._decisions.before_opening()
        with self._vault.write() as transaction:
            before = self._answer(transaction, adult=True)
            if before is None or not before.adult:
                transaction.mark(RECORDED)
            if before is not None:
                transaction.request_rotation(self._vault.clock.time())
        self._decisions.shredded()

    def _declare_minor(self) -> None:
        policies, device = self._decisions.policies, self._decisions.device()
        with self._vault.shredding(self._decisions.shredded) as transaction:
            self._answer(transaction, adult=False)
            guardian = transaction.get(GUARDIAN, Guardian)
            if guardian is None or not guardian.counts(policies):
                self._decisions.suspend(transaction, policies, device, by=BY_USER)

    def _answer(self, transaction: Transaction, *, adult: bool) -> Person | None:
        """Write the answer; return what it replaced."""
        before = transaction.get(PERSON, Person)
        age = self._vault.age()
        begins = age.begins(self._vault.clock.time())
        person = answered(before, adult, begins=begins, ends=age.highest)
        if person != before:
            transaction.put(PERSON, person)
        return before

    # ------------------------------------------------------------ guardians

    def asked(self) -> GuardianRequestState | None:
        """Return what a guardian was asked and has not answered yet."""
        return self._vault.get(REQUEST, GuardianRequestState)

    def guardian(self) -> Guardian | None:
        """Return the agreement, whether it still counts or not."""
        return self._vault.get(GUARDIAN, Guardian)

    def note_asked(self, asked: GuardianRequestState) -> None:
        """Write down that a guardian was asked; an older request is settled by that."""
        self._vault.put(REQUEST, asked)

    def answerable(self) -> GuardianRequestState:
        """Return the request that a code could be for.

        Raises:
            GuardianError: there is none; or the guardian was shown another version than the newest, and the request is
                dropped (M2).
        """
        asked = self.asked()
        if asked is None:
            raise (
                GuardianError(cause="code-used", rule="M2")
                if self.guardian() is not None
                else GuardianError(cause="not-asked", rule="M2")
            )
        newest = self._decisions.policies[-1]
        if asked.sha256 != newest.sha256:
            self.drop_request()
            raise GuardianError(cause="other-policy", rule="M2", shown=asked.version, newest=newest.version)
        return asked

    def drop_request(self) -> None:
        """Forget what a guardian was asked."""
        with self._vault.write() as transaction:
            transaction.drop(REQUEST)
            transaction.request_rotation(self._vault.clock.time())

    def confirm(self, asked: GuardianRequestState) -> None:
        """Write a guardian's answer, once the server has confirmed it: an agreement, or that the user is of age.

        Raises:
            GuardianError: nobody asks that any more; nothing was written.
        """
        self._decisions.before_opening()
        with self._vault.write() as transaction:
            held = transaction.get(REQUEST, GuardianRequestState)
            if held is None or held.request != asked.request:
                # It was withdrawn, or deleted, while the answer was under way.
                raise GuardianError(cause="not-asked", rule="M2")
            if asked.about == "age":
                transaction.put(PERSON, Person(adult=True, at=self._vault.age().highest))
            else:
                at = self._vault.age().highest
                transaction.put(
                    GUARDIAN, Guardian(version=asked.version, sha256=asked.sha256, at=at, request=asked.request)
                )
            transaction.mark(RECORDED)
            transaction.drop(REQUEST)
            transaction.request_rotation(self._vault.clock.time())
        self._decisions.changed()

    def withdraw(self) -> bool:
        """End a guardian's agreement, and for who is under age whatever is optional; return whether there was one."""
        guardian = self.guardian()
        if guardian is not None:
            self._end(guardian)
        elif self.asked() is not None:
            self.drop_request()
        self._decisions.shredded()
        return guardian is not None

    def _end(self, guardian: Guardian) -> None:
        policies, device = self._decisions.policies, self._decisions.device()
        with self._vault.shredding(self._decisions.shredded) as transaction:
            transaction.drop(GUARDIAN, REQUEST)
            person = transaction.get(PERSON, Person)
            if person is None or not person.adult:
                self._decisions.suspend(transaction, policies, device, by=BY_GUARDIAN)
            if device is not None:
                self._decisions.queue.add(
                    transaction, guardian_item(guardian.request, device, self._vault.clock.time())
                )

    def newest(self) -> Policy:
        """Return the version that a guardian is shown."""
        return self._decisions.policies[-1]
