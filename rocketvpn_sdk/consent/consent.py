"""What holds on this device: age, consents, a guardian's agreement (M1 to M3, S1, U3, U5 to U7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.current_consents import CurrentConsents
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.guardian import GuardianRequestState
from rocketvpn_sdk.consent.ledger import LEDGER, Ledger, LedgerEntry, Record, document_of, key_of
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.consent.notices import ConsentNotice, Notary, asked_about, make_notice
from rocketvpn_sdk.consent.outcome import ConsentChange, ConsentStatus, PurposeStatus, ServerKnows
from rocketvpn_sdk.consent.queued import OPERATIONS, PUT
from rocketvpn_sdk.consent.record import ConsentReceipt, receipt_of
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.policy import Policy, State
from rocketvpn_sdk.vault import Queue, QueueItem


class Consent:
    """Consents on this device, without the network. Thread-safe: the vault's lock is around every write.

    Args:
        current_consents: what holds, which this changes.
        queue: where the server's notices wait.
        device: returns the id under which this device is bound, or ``None``.
        on_shred: called after keys were destroyed: anyone who holds plain records in memory drops them.
        before_opening: called before more may be recorded: what was recorded so far is sealed under what holds still.
    """

    def __init__(
        self,
        current_consents: CurrentConsents,
        *,
        queue: Queue | None = None,
        device: Callable[[], str | None] = lambda: None,
        on_shred: Callable[[], None] = lambda: None,
        before_opening: Callable[[], None] = lambda: None,
    ) -> None:
        self._current_consents = current_consents
        self._vault = current_consents.vault
        self._policies = current_consents.policies
        self._queue = queue or Queue(current_consents.vault)
        self.device = device
        """Returns the id under which this device is bound, or ``None``."""
        self._decisions = Decisions(current_consents.vault, self._queue, current_consents.policies, device)
        self._minors = Minors(self._decisions)
        self._on_shred = on_shred
        self._before_opening = before_opening
        self._notary = Notary()

    # ------------------------------------------------------------ asking

    @property
    def changes(self) -> int:
        """How often this process changed what holds."""
        return self._current_consents.changes

    def state(self) -> State:
        """Return what holds now; on a locked vault, that nobody said anything."""
        return self._current_consents.state()

    def status(self) -> ConsentStatus:
        """Return how it stands with everything that is optional; never asks the server.

        Raises:
            VaultLocked: unlock first.
        """
        ledger, newest, asked = self._decisions.ledger(), self._newest(), self._minors.asked()
        state, waiting = self.state(), set(self._waiting())
        shown = dict.fromkeys(key_of(*pair) for pair in asked_about(newest))
        return ConsentStatus(
            adult=state.adult,
            guardian=state.guardian,
            guardian_asked=asked.about if asked else None,
            policy_version=newest.version,
            purposes=tuple(self._purpose(key, ledger, state, waiting) for key in (*shown, *_others(ledger, shown))),
        )

    def _purpose(self, key: str, ledger: Ledger, state: State, waiting: set[str]) -> PurposeStatus:
        purpose, _, recipient = key.partition("/")
        entry, now = ledger.entries.get(key), self._vault.now()
        of_age = state.adult is True or state.guardian
        whole = entry is not None and entry.counts(now) and of_age
        if recipient and whole:  # a third party receives for a purpose only while that holds, too
            reason = self._newest().purposes.get(purpose)
            whole = reason is not None and (reason.necessity == "necessary" or ledger.state(purpose, now) == "granted")
        return PurposeStatus(
            purpose=purpose,
            recipient=recipient or None,
            state=ledger.state(key, now),
            effective=whole,
            since=utc(entry.at) if entry else None,
            until=utc(entry.until) if entry and entry.until is not None else None,
            policy_version=entry.policy_version if entry else None,
            server=self._server_knows(key, entry, waiting),
        )

    def _server_knows(self, key: str, entry: LedgerEntry | None, waiting: set[str]) -> ServerKnows:
        device = self.device()
        if entry is None or device is None or (entry.told != device and entry.state != "granted"):
            return "not_needed"
        return "waiting" if key in waiting or entry.stale or entry.told != device else "told"

    def unsent(self) -> tuple[QueueItem, ...]:
        """Return what waits for the server, oldest first.

        Raises:
            VaultLocked: unlock first.
        """
        return tuple(item for item in self._queue.items() if item.operation in OPERATIONS)

    def _waiting(self) -> Iterator[str]:
        for item in self.unsent():
            if item.operation == PUT:
                yield key_of(item.body["purpose"], item.body.get("recipient"))

    def receipts(self) -> tuple[ConsentReceipt, ...]:
        """Return a copy of every consent record, oldest first, for the user to keep.

        Raises:
            VaultLocked: unlock first.
        """
        ledger, now = self._vault.get(LEDGER, Ledger) or Ledger(), self._vault.clock.time()
        records = (self._vault.get(document_of(record), Record) for record in ledger.records)
        return tuple(receipt_of(record.document, now=now) for record in records if record is not None)

    # ------------------------------------------------------------ consents

    def notice(self, purpose: str, language: str = "en", recipient: str | None = None) -> ConsentNotice:
        """Return what to show before a consent: made from the newest version of the policy.

        Args:
            purpose: its id.
            language: BCP 47; English where the policy lacks it, and the notice says which it is in.
            recipient: a third party's id, for what that one receives (S1).

        Raises:
            PurposeUnknown: the policy does not ask about it (U7).
            ConsentNotNeeded: it is necessary.
            NotAllowed: the policy uses nothing for it, so nobody could say what is agreed to.
        """
        return self._notary.seal(make_notice(self._newest(), purpose, recipient, language, self._vault.clock.time()))

    def grant(self, notice: ConsentNotice, until: datetime | None = None) -> ConsentChange:
        """Write down that the user agreed to what ``notice`` shows.

        Args:
            notice: from ``notice``, in this process.
            until: when it ends by itself; ``None``: not before it is withdrawn.

        Raises:
            NoticeUnknown, NoticeOutdated: it does not prove that the newest version was shown.
            AgeUnknown, GuardianNeeded: M1.
            ValueRefused: ``until`` is over already, or has no time zone.
            VaultLocked: unlock first.
        """
        self._notary.check(notice, self._newest())
        self._before_opening()
        return self._changed(self._decisions.record(notice, "granted", self._end(until)))

    def deny(self, notice: ConsentNotice) -> ConsentChange:
        """Write down that the user refused what ``notice`` shows; what was granted before ends as if withdrawn.

        Raises:
            NoticeUnknown, NoticeOutdated, VaultLocked: as for ``grant``.
        """
        self._notary.check(notice, self._newest())
        return self._changed(self._decisions.record(notice, "denied", None), shredded=True)

    def withdraw(self, purpose: str, recipient: str | None = None) -> ConsentChange:
        """Take a consent back: all of it in one transaction, or nothing. What was never granted stays as it is.

        Raises:
            PurposeUnknown, ConsentNotNeeded: there is nothing of the kind that could be withdrawn.
            VaultLocked: unlock first.
        """
        done = self._decisions.withdraw(purpose, recipient)
        return self._changed(done, shredded=True) if done.changed else done

    def settle(self) -> None:
        """End what has expired, and queue what the server does not know yet.

        Raises:
            VaultLocked: unlock first.
        """
        if self._decisions.settle():
            self._shredded()
        self._decisions.queue_unnotified()

    def _end(self, until: datetime | None) -> float | None:
        if until is None:
            return None
        if until.timestamp() <= self._vault.now():
            raise ValueRefused(name="until", problem="it is over already")
        return until.timestamp()

    # ------------------------------------------------------------ minors

    def declare_age(self, adult: bool) -> None:
        """Record whether the user is of age, as a yes or no. Until then, whatever is optional is refused.

        Saying that one is under age ends every consent and destroys what was kept for them, unless a guardian agreed.

        Raises:
            AgeSettled: somebody who said that they are under age cannot undo that by saying the opposite.
            VaultLocked: unlock first.
        """
        if adult:
            self._before_opening()
        self._minors.declare(adult)
        self._shredded()

    @property
    def guardians(self) -> Minors:
        """What guardians said; ``changed`` has to be called after a change there."""
        return self._minors

    def withdraw_guardian(self) -> bool:
        """End a guardian's agreement, and for who is under age every consent; return whether there was one.

        Raises:
            VaultLocked: unlock first.
        """
        was = self._minors.withdraw()
        self._shredded()
        return was

    def confirm_guardian(self, asked: GuardianRequestState) -> None:
        """Write down what a guardian answered to ``asked``, once the server has confirmed it."""
        self._before_opening()
        self._minors.confirm(asked)
        self._current_consents.changes += 1

    # ------------------------------------------------------------ inside

    def _newest(self) -> Policy:
        return self._policies()[-1]

    def _changed(self, done: ConsentChange, *, shredded: bool = False) -> ConsentChange:
        if shredded:
            self._shredded()
        else:
            self._current_consents.changes += 1
        return done

    def _shredded(self) -> None:
        self._current_consents.changes += 1  # first: what is recorded from here on asks again
        self._on_shred()


def _others(ledger: Ledger, shown: dict[str, None]) -> list[str]:
    """Return what was decided about things that the policy does not ask about any more."""
    return [key for key, entry in ledger.entries.items() if key not in shown and entry.state != "unset"]
