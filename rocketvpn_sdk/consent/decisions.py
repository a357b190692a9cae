"""Decisions about consents, each one transaction: written down, carried out here, queued for the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

import msgspec

from rocketvpn_sdk.consent.age import PERSON, Person
from rocketvpn_sdk.consent.current_consents import CurrentConsents
from rocketvpn_sdk.consent.ending import end, unnotified
from rocketvpn_sdk.consent.guardian import GUARDIAN, Guardian
from rocketvpn_sdk.consent.ledger import (
    ConsentState,
    Ledger,
    LedgerEntry,
    digest_of,
    key_of,
    parts_of,
    read_ledger,
    write_ledger,
    write_record,
)
from rocketvpn_sdk.consent.notices import ConsentNotice, check_asked
from rocketvpn_sdk.consent.offers import end_offers
from rocketvpn_sdk.consent.outcome import ConsentChange, ServerKnows
from rocketvpn_sdk.consent.queued import OPERATIONS, drop_purpose, notice_item
from rocketvpn_sdk.consent.record import new_record, with_event
from rocketvpn_sdk.consent.reports import drop_relayed, end_reports
from rocketvpn_sdk.consent.responses import end_responses
from rocketvpn_sdk.errors import AgeUnknown, GuardianNeeded
from rocketvpn_sdk.policy import EventShape, Policy
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.partitions import RECORDED, PartitionChoice
from rocketvpn_sdk.vault.transaction import Transaction

BY_USER, BY_GUARDIAN, BY_TIME = "dpv:DataSubject", "dpv:GuardianOfDataSubject", "dpv:DataController"
"""Who ends a consent, in DPV's terms; what was agreed to for a time ends by the controller's clock."""

_ASK_FIRST = "Nobody has said yet whether the user is of age."
_NEEDS_GUARDIAN = "For someone under 18 this needs a guardian's agreement to this version of the policy."


class Decisions:
    """Writes what was decided, without the network. Thread-safe: the vault's lock is around every write.

    Args:
        current_consents: what holds, which this changes.
        queue: where the server's notices wait.
        device: returns the id under which this device is bound, or ``None``.
        on_shred: called after keys were destroyed: anyone who holds plain records in memory drops them.
        before_opening: called before more may be recorded: what was recorded so far is sealed under what holds still.
        events: those of the app, which make a purpose one that is in use.
    """

    def __init__(
        self,
        current_consents: CurrentConsents,
        queue: Queue,
        *,
        device: Callable[[], str | None] = lambda: None,
        on_shred: Callable[[], None] = lambda: None,
        before_opening: Callable[[], None] = lambda: None,
        events: tuple[EventShape, ...] = (),
    ) -> None:
        self.current_consents = current_consents
        self.vault = current_consents.vault
        self.queue = queue
        self.device = device
        """Returns the id under which this device is bound, or ``None``."""
        self.on_shred = on_shred
        self.before_opening = before_opening
        self.events = events

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The versions in force, the binding one first and the newest last."""
        return self.current_consents.policies()

    # ------------------------------------------------------------ the user

    def record(self, notice: ConsentNotice, state: ConsentState, until: float | None) -> ConsentChange:
        """Write a grant or a refusal; a refusal of what was granted ends it as a withdrawal does.

        Args:
            notice: what was shown, checked.
            state: what was said to it.
            until: when a grant ends by itself, in seconds since the epoch; ``None``: not before it is withdrawn.

        Raises:
            AgeUnknown, GuardianNeeded: a grant that M1 does not allow; nothing was written.
            VaultLocked: unlock first.
        """
        granted = state == "granted"
        if granted:
            self.before_opening()
        else:
            self.withdraw(notice.purpose, notice.recipient)
        policies, device = self.policies, self.device()
        with self.vault.write() as transaction:
            if granted:
                self._check_age(transaction, policies)
            self._add_record(transaction, policies[-1], notice, state, until, device)
            transaction.request_rotation(self.vault.clock.time())
        if granted:
            self.changed()
        else:
            self.shredded()
        return ConsentChange(
            purpose=notice.purpose, recipient=notice.recipient, state=state, changed=True, server=_waits(device)
        )

    def withdraw(self, purpose: str, recipient: str | None) -> ConsentChange:
        """Withdraw in one transaction: write it down, shred its records, drop queued items, queue the server's notice.

        What was never granted stays as it is.

        Raises:
            PurposeUnknown, ConsentNotNeeded, PurposeUnused: there is nothing of the kind that could be withdrawn.
            VaultLocked: unlock first.
        """
        policies, device = self.policies, self.device()
        ledger, key = self.ledger(), key_of(purpose, recipient)
        if key not in ledger.entries:
            check_asked(policies[-1], purpose, recipient, self.events)
        if not _granted(ledger, purpose, recipient):
            state = ledger.state(key, self.vault.now())
            return ConsentChange(purpose=purpose, recipient=recipient, state=state, changed=False)
        destroyed = 0
        with self.vault.shredding(self.shredded) as transaction:
            ledger = read_ledger(transaction)
            keys = _granted(ledger, purpose, recipient)
            ledger = end(transaction, ledger, keys, "withdrawn", at=self._at(), by=BY_USER)
            if recipient is None:  # a third party's consent has no partitions: what is kept here is not for it
                destroyed = self._clear(transaction, [purpose], policies)
            else:
                drop_relayed(transaction, self.queue, purpose, recipient, policies)
            self._write(transaction, ledger, keys, device)
        return ConsentChange(
            purpose=purpose,
            recipient=recipient,
            state="withdrawn",
            changed=True,
            keys_destroyed=destroyed,
            rotation_owed=self.vault.status().rotation_owed_since is not None,
            server=_waits(device),
        )

    # ------------------------------------------------------------ what ends consents besides

    def suspend(self, transaction: Transaction, policies: tuple[Policy, ...], device: str | None, *, by: str) -> None:
        """End everything that rests on a consent, and destroy what was kept for it: the user is under age now (M1)."""
        ledger = read_ledger(transaction)
        keys = [key for key, entry in ledger.entries.items() if entry.state == "granted"]
        ledger = end(transaction, ledger, keys, "unset", at=self._at(), by=by)
        optional = {part.id for policy in policies for part in policy.document.purpose if part.necessity == "consent"}
        self._clear(transaction, sorted(optional | {parts_of(key)[0] for key in keys if "/" not in key}), policies)
        if keys:
            self._write(transaction, ledger, keys, device)

    def settle(self) -> None:
        """End what has expired, as a withdrawal ends it, and queue what the server does not know yet.

        Raises:
            VaultLocked: unlock first.
        """
        now = self.vault.age().highest  # by a leap that is not believed yet it does not count, and is not destroyed
        if any(_ran_out(entry, now) for entry in self.ledger().entries.values()):
            self._end_expired(now)
        self._queue_unnotified()

    def _end_expired(self, now: float) -> None:
        policies, device = self.policies, self.device()
        with self.vault.shredding(self.shredded) as transaction:
            ledger = read_ledger(transaction)
            keys = [key for key, entry in ledger.entries.items() if _ran_out(entry, now)]
            ledger = end(transaction, ledger, keys, "expired", at=self._at(), by=BY_TIME)
            self._clear(transaction, [key for key in keys if "/" not in key], policies)
            self._write(transaction, ledger, keys, device)

    def _queue_unnotified(self) -> None:
        """Queue what the server does not know: from before this device was bound, or changed since it was told."""
        device = self.device()
        if device is None or not unnotified(self.ledger(), device):
            return
        with self.vault.write() as transaction:
            ledger = read_ledger(transaction)
            self._write(transaction, ledger, unnotified(ledger, device), device)
            transaction.request_rotation(self.vault.clock.time())

    # ------------------------------------------------------------ asking

    def ledger(self) -> Ledger:
        """Return the ledger."""
        with self.vault.read() as (transaction, _):
            return read_ledger(transaction)

    def unsent(self) -> tuple[QueueItem, ...]:
        """Return what waits for the server, oldest first.

        Raises:
            VaultLocked: unlock first.
        """
        return tuple(item for item in self.queue.items() if item.operation in OPERATIONS)

    # ------------------------------------------------------------ who has to know

    def changed(self) -> None:
        """Count a change of what holds."""
        self.current_consents.changes += 1

    def shredded(self) -> None:
        """Count a change that destroyed keys, and tell those who hold plain records in memory."""
        self.changed()  # first: what is recorded from here on asks again
        self.on_shred()

    # ------------------------------------------------------------ inside a transaction

    def _add_record(
        self,
        transaction: Transaction,
        policy: Policy,
        notice: ConsentNotice,
        state: ConsentState,
        until: float | None,
        device: str | None,
    ) -> None:
        ledger, key, record = read_ledger(transaction), key_of(notice.purpose, notice.recipient), str(uuid.uuid4())
        if state == "granted" and notice.recipient is None and ledger.state(key, self.vault.now()) != "granted":
            transaction.mark(RECORDED)
        at = ledger.entries[key].next_at(self._at()) if key in ledger.entries else self._at()
        document = new_record(policy, notice, record=record, subject=ledger.subject, events=self.events)
        write_record(transaction, record, with_event(document, state, at=at, until=until))
        entry = LedgerEntry(
            state=state,
            at=at,
            until=until,
            policy_version=notice.policy_version,
            policy_sha256=notice.sha256,
            language=notice.language,
            said=digest_of(notice.why),
            record=record,
        )
        ledger = msgspec.structs.replace(ledger.with_entry(key, entry), records=(*ledger.records, record))
        self._write(transaction, ledger, [key], device)

    def _check_age(self, transaction: Transaction, policies: tuple[Policy, ...]) -> None:
        guardian, person = transaction.get(GUARDIAN, Guardian), transaction.get(PERSON, Person)
        if guardian is not None and guardian.counts(policies):
            return
        if person is None:
            raise AgeUnknown(rule="M1", reason=translate(_ASK_FIRST))
        if not person.adult:
            raise GuardianNeeded(rule="M1", reason=translate(_NEEDS_GUARDIAN))

    def _clear(self, transaction: Transaction, purposes: Iterable[str], policies: tuple[Policy, ...]) -> int:
        """Destroy what is kept for ``purposes`` and drop what waits for them; return how many keys that were."""
        ended = tuple(purposes)
        for purpose in ended:
            drop_purpose(transaction, self.queue, purpose, policies)
            end_reports(transaction, self.queue, purpose, policies, self.vault.clock.time())
            end_offers(transaction, purpose)
            end_responses(transaction, self.queue, purpose, policies, self.vault.clock.time())
        return transaction.shred(PartitionChoice(purpose=purpose) for purpose in ended)

    def _write(self, transaction: Transaction, ledger: Ledger, keys: Iterable[str], device: str | None) -> None:
        """Write the ledger, and queue the server's notices about ``keys``; none where this device is not bound."""
        if device is not None:
            for key in keys:
                entry = ledger.entries[key]
                self.queue.add(transaction, notice_item(key, entry, device, self.vault.clock.time()))
                ledger = ledger.with_entry(key, msgspec.structs.replace(entry, told=device, stale=False))
        write_ledger(transaction, ledger)

    def _at(self) -> float:
        # Never less than before: what comes later must look later, to the server as well.
        return self.vault.age().highest


def _granted(ledger: Ledger, purpose: str, recipient: str | None) -> tuple[str, ...]:
    """Return the granted keys that a withdrawal reaches: with a purpose, every third party that received for it."""
    wanted = key_of(purpose, recipient)
    return tuple(
        key
        for key, entry in ledger.entries.items()
        if entry.state == "granted" and (key == wanted or (recipient is None and key.startswith(f"{wanted}/")))
    )


def _ran_out(entry: LedgerEntry, now: float) -> bool:
    return entry.state == "granted" and not entry.counts(now)


def _waits(device: str | None) -> ServerKnows:
    return "not_needed" if device is None else "waiting"
