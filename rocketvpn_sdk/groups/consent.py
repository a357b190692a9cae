"""The public group: what holds on this device is decided in ``rocketvpn_sdk.consent``; here the server hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.consent import (
    Consent,
    ConsentChange,
    ConsentNotice,
    ConsentReceipt,
    ConsentStatus,
    GuardianAsked,
)
from rocketvpn_sdk.consent.ledger import key_of
from rocketvpn_sdk.errors import RocketVPNError, VaultError
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.groups.consent_delivery import ConsentDelivery
from rocketvpn_sdk.groups.guardians import Guardians
from rocketvpn_sdk.policy import State
from rocketvpn_sdk.vault import Queue

if TYPE_CHECKING:
    from rocketvpn_sdk.transport import Api


@checks_arguments
class Consents:
    """``rocket.consent``. Thread-safe.

    Every decision holds on this device when its call returns, offline too. Where this device is bound, the server is
    told at once if it can be reached, else with the next ``deliver`` or ``rocket.sync()``.

    Args:
        consent: what holds on this device.
        connect: returns the calls; the network is loaded with the first use.
        queue: where the server's notices wait.
        events: where ``UserNeeded`` goes.
    """

    def __init__(self, consent: Consent, *, connect: Callable[[], Api], queue: Queue, events: EventBus) -> None:
        self._consent = consent
        self._connect = connect
        self._queue = queue
        self._events = events
        self._guardians = Guardians(consent, connect)
        self._consent_delivery = ConsentDelivery(consent, queue)

    # ------------------------------------------------------------ asking

    @property
    def changes(self) -> int:
        """How often this process changed what holds: for those who keep an answer."""
        return self._consent.changes

    def state(self) -> State:
        """Return what holds now, as the rules take it; on a locked vault, that nobody said anything."""
        return self._consent.state()

    def status(self) -> ConsentStatus:
        """Return how it stands with everything that is optional; never asks the server.

        Raises:
            VaultLocked: unlock first.
        """
        return self._consent.status()

    def receipts(self) -> tuple[ConsentReceipt, ...]:
        """Return a copy of every consent record, oldest first, for the user to keep.

        They are ISO/IEC TS 27560:2023 records as W3C's DPV writes them, in JSON-LD; see ``consent.record``.

        Raises:
            VaultLocked: unlock first.
        """
        return self._consent.receipts()

    # ------------------------------------------------------------ consents

    def notice(self, purpose: str, language: str = "en", recipient: str | None = None) -> ConsentNotice:
        """Return what to show before a consent; ``Consent.notice`` says more.

        Raises:
            PurposeUnknown: the policy does not ask about it (U7).
            ConsentNotNeeded: it is necessary.
            NotAllowed: the policy uses nothing for it.
        """
        return self._consent.notice(purpose, language, recipient)

    def grant(self, notice: ConsentNotice, until: datetime | None = None) -> ConsentChange:
        """Agree to what ``notice`` shows, as long as the user does not take it back, or ``until`` then.

        Raises:
            NoticeUnknown, NoticeOutdated: it does not prove that the newest version was shown.
            AgeUnknown, GuardianNeeded: M1.
            ValueRefused: ``until`` is over already, or has no time zone.
            VaultError: nothing was written.
        """
        return self._after_delivery(self._consent.grant(notice, until))

    def deny(self, notice: ConsentNotice) -> ConsentChange:
        """Refuse what ``notice`` shows; what was granted before ends as if withdrawn.

        Raises:
            NoticeUnknown, NoticeOutdated, VaultError: as for ``grant``.
        """
        return self._after_delivery(self._consent.deny(notice))

    def withdraw(self, purpose: str, recipient: str | None = None) -> ConsentChange:
        """Take a consent back; what this device holds for the purpose is destroyed at once, offline too.

        With a purpose alone, every third party's consent for it ends as well. What was never granted stays as it is,
        and ``changed`` is false.

        Raises:
            PurposeUnknown, ConsentNotNeeded: there is nothing of the kind that could be withdrawn.
            VaultError: nothing was written.
        """
        done = self._consent.withdraw(purpose, recipient)
        return self._after_delivery(done) if done.changed else done

    def deliver(self) -> int:
        """Tell the server what it has not heard yet, and end what has expired; return how much still waits.

        What the server refused is sent again by this call alone: neither by ``sync`` nor by a new decision.

        Raises:
            VaultError: what became of it could not be written; it still waits.
        """
        self._consent.settle()
        return self._deliver(refused=True)

    # ------------------------------------------------------------ minors

    def declare_age(self, adult: bool) -> None:
        """Say whether the user is of age, as a yes or no, kept on this device alone; until then they count as a minor.

        Saying that one is under age ends every consent and destroys what was kept for them, unless a guardian agreed.

        Raises:
            AgeSettled: who said that they are under age cannot undo that by saying the opposite.
            VaultError: nothing was written.
        """
        self._consent.declare_age(adult)
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
        return self._guardians.request(contact, language, of_age=of_age)

    def confirm_guardian(self, code: str) -> None:
        """Hand in the code from the guardian's e-mail.

        Raises:
            GuardianError: see there; nothing was changed.
            NotBound, TransportError, ServerError, AuthenticationError, VaultError: as for any call.
        """
        self._guardians.confirm(code)

    def withdraw_guardian(self) -> bool:
        """End the guardian's agreement; for who is under age every consent ends with it, and what was kept for them.

        Returns:
            Whether there was one.

        Raises:
            VaultError: nothing was written.
        """
        was = self._consent.withdraw_guardian()
        self._try_delivering()
        return was

    # ------------------------------------------------------------ the server

    def _after_delivery(self, done: ConsentChange) -> ConsentChange:
        self._try_delivering()
        key = key_of(done.purpose, done.recipient)
        try:
            known = {key_of(part.purpose, part.recipient): part.server for part in self._consent.status().purposes}
        except VaultError:
            return done  # it is written down; only what the server knows cannot be looked up
        return msgspec.structs.replace(done, server=known.get(key, done.server))

    def _try_delivering(self) -> None:
        try:
            self._deliver()
        except RocketVPNError:
            return  # the decision stands and waits in the queue, or is queued by the next ``deliver``

    def _deliver(self, *, refused: bool = False) -> int:
        if not self._consent_delivery.prepare():
            return 0
        from rocketvpn_sdk.transport.delivery import QueueDelivery

        delivery = QueueDelivery(self._connect(), self._queue, self._events)
        now = self._queue.vault.clock.time()
        return delivery.deliver_due(now, self._consent_delivery.handlers(delivery), ahead=True, refused=refused)
