"""``rocket.consent``: consents, age and guardians; ``consent`` writes them down, and here the server hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.consent import (
    ConsentChange,
    ConsentNotice,
    ConsentReceipt,
    ConsentStatus,
    GuardianAsked,
)
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.ledger import Record, document_of, key_of
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.consent.notices import Notary, make_notice
from rocketvpn_sdk.consent.record import receipt_of
from rocketvpn_sdk.consent.status import consent_status
from rocketvpn_sdk.errors import RocketVPNError, ValueRefused, VaultError
from rocketvpn_sdk.groups import consent_delivery
from rocketvpn_sdk.groups.guardians import confirm_guardian, request_guardian
from rocketvpn_sdk.policy import State

if TYPE_CHECKING:
    from rocketvpn_sdk.transport import Api
    from rocketvpn_sdk.transport.delivery import QueueDelivery


@checks_arguments
class Consents:
    """``rocket.consent``. Thread-safe.

    Every decision holds on this device when its call returns, offline too. Where this device is bound, the server is
    told at once if it can be reached, else with the next ``deliver`` or ``rocket.sync()``.

    Args:
        decisions: writes them down on this device.
        connect: returns the calls; the network is loaded with the first use.
        delivery: returns what takes the queue to the server; likewise.
    """

    def __init__(
        self, decisions: Decisions, *, connect: Callable[[], Api], delivery: Callable[[], QueueDelivery]
    ) -> None:
        self._decisions = decisions
        self._connect = connect
        self._delivery = delivery
        self._minors = Minors(decisions)
        self._notary = Notary()

    # ------------------------------------------------------------ asking

    @property
    def changes(self) -> int:
        """How often this process changed what holds: for those who keep an answer."""
        return self._decisions.current_consents.changes

    def state(self) -> State:
        """Return what holds now, as the rules take it; on a locked vault, that nobody said anything."""
        return self._decisions.current_consents.state()

    def status(self) -> ConsentStatus:
        """Return how it stands with everything that is optional; never asks the server.

        Raises:
            VaultLocked: unlock first.
        """
        return consent_status(self._decisions)

    def receipts(self) -> tuple[ConsentReceipt, ...]:
        """Return a copy of every consent record, oldest first, for the user to keep.

        They are ISO/IEC TS 27560:2023 records as W3C's DPV writes them, in JSON-LD; see ``consent.record``.

        Raises:
            VaultLocked: unlock first.
        """
        vault = self._decisions.vault
        records = (vault.get(document_of(record), Record) for record in self._decisions.ledger().records)
        return tuple(receipt_of(record.document, now=vault.clock.time()) for record in records if record is not None)

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
            PurposeUnused: nothing is used for it, so nobody could say what is agreed to.
        """
        decisions = self._decisions
        now = decisions.vault.clock.time()
        made = make_notice(decisions.policies[-1], purpose, recipient, language, now, decisions.events)
        return self._notary.seal(made)

    def grant(self, notice: ConsentNotice, until: datetime | None = None) -> ConsentChange:
        """Agree to what ``notice`` shows, as long as the user does not take it back, or ``until`` then.

        Args:
            notice: from ``notice``, in this process.
            until: when it ends by itself; ``None``: not before it is withdrawn.

        Raises:
            NoticeUnknown, NoticeOutdated: it does not prove that the newest version was shown.
            AgeUnknown, GuardianNeeded: M1.
            ValueRefused: ``until`` is over already, or has no time zone.
            VaultError: nothing was written.
        """
        self._notary.check(notice, self._decisions.policies[-1])
        ends = None if until is None else until.timestamp()
        if ends is not None and ends <= self._decisions.vault.now():
            raise ValueRefused(name="until", problem="it is over already")
        return self._after_delivery(self._decisions.record(notice, "granted", ends))

    def deny(self, notice: ConsentNotice) -> ConsentChange:
        """Refuse what ``notice`` shows; what was granted before ends as if withdrawn.

        Raises:
            NoticeUnknown, NoticeOutdated, VaultError: as for ``grant``.
        """
        self._notary.check(notice, self._decisions.policies[-1])
        return self._after_delivery(self._decisions.record(notice, "denied", None))

    def withdraw(self, purpose: str, recipient: str | None = None) -> ConsentChange:
        """Take a consent back; what this device holds for the purpose is destroyed at once, offline too.

        With a purpose alone, every third party's consent for it ends as well. What was never granted stays as it is,
        and ``changed`` is false.

        Raises:
            PurposeUnknown, ConsentNotNeeded, PurposeUnused: there is nothing of the kind that could be withdrawn.
            VaultError: nothing was written.
        """
        done = self._decisions.withdraw(purpose, recipient)
        return self._after_delivery(done) if done.changed else done

    def deliver(self) -> int:
        """Tell the server what it has not heard yet, and end what has expired; return how much still waits.

        What the server refused is sent again by this call alone: neither by ``sync`` nor by a new decision.

        Raises:
            VaultError: what became of it could not be written; it still waits.
        """
        self._decisions.settle()
        return self._deliver(refused=True)

    # ------------------------------------------------------------ minors

    def declare_age(self, adult: bool) -> None:
        """Say whether the user is of age, as a yes or no, kept on this device alone; until then they count as a minor.

        Saying that one is under age ends every consent and destroys what was kept for them, unless a guardian agreed.

        Raises:
            AgeSettled: who said that they are under age cannot undo that by saying the opposite.
            VaultError: nothing was written.
        """
        self._minors.declare(adult)
        self._try_delivering()

    def request_guardian(self, contact: str, language: str = "en", *, of_age: bool = False) -> GuardianAsked:
        """Have the server send a guardian a code, with the text for guardians and the policy's version (M1 to M3).

        ``contact`` is used for that once: it is kept neither here nor there. Whose address it is nobody can verify.

        Args:
            contact: an e-mail address.
            language: BCP 47, for the letter; English where the policy lacks it.
            of_age: ask the guardian to say that the user is of age now, instead of agreeing to the policy.

        Raises:
            ValueRefused: it is no e-mail address, or no language; nothing was sent.
            GuardianError: the server does not know this version of the policy.
            RateLimited: too many guardians were asked.
            NotBound, TransportError, ServerError, AuthenticationError, VaultError: as for any call.
        """
        return request_guardian(self._minors, self._connect, contact, language, of_age=of_age)

    def confirm_guardian(self, code: str) -> None:
        """Hand in the code from the guardian's e-mail.

        Raises:
            GuardianError: see there; nothing was changed.
            NotBound, TransportError, ServerError, AuthenticationError, VaultError: as for any call.
        """
        confirm_guardian(self._minors, self._connect, code)

    def withdraw_guardian(self) -> bool:
        """End the guardian's agreement; for who is under age every consent ends with it, and what was kept for them.

        Returns:
            Whether there was one.

        Raises:
            VaultError: nothing was written.
        """
        was = self._minors.withdraw()
        self._try_delivering()
        return was

    # ------------------------------------------------------------ the server

    def _after_delivery(self, done: ConsentChange) -> ConsentChange:
        self._try_delivering()
        key = key_of(done.purpose, done.recipient)
        try:
            known = {key_of(part.purpose, part.recipient): part.server for part in self.status().purposes}
        except VaultError:
            return done  # it is written down; only what the server knows cannot be looked up
        return msgspec.structs.replace(done, server=known.get(key, done.server))

    def _try_delivering(self) -> None:
        try:
            self._deliver()
        except RocketVPNError:
            return  # the decision stands and waits in the queue, or is queued by the next ``deliver``

    def _deliver(self, *, refused: bool = False) -> int:
        decisions = self._decisions
        if not consent_delivery.prepare(decisions):
            return 0
        delivery = self._delivery()
        handlers = consent_delivery.handlers(decisions.queue, delivery)
        return delivery.deliver_due(decisions.vault.clock.time(), handlers, ahead=True, refused=refused)
