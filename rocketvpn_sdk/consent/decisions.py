"""Decisions about consents, each one transaction: written down, carried out here, queued for the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator

import msgspec

from rocketvpn_sdk.consent.age import PERSON, Person
from rocketvpn_sdk.consent.ending import end, queue_notice, unnotified
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
from rocketvpn_sdk.consent.outcome import ConsentChange, ServerKnows
from rocketvpn_sdk.consent.queued import drop_purpose
from rocketvpn_sdk.consent.record import new_record, with_event
from rocketvpn_sdk.errors import AgeUnknown, GuardianNeeded
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.vault import Queue, Vault
from rocketvpn_sdk.vault.partitions import RECORDED, PartitionChoice
from rocketvpn_sdk.vault.transaction import Transaction

BY_USER, BY_GUARDIAN, BY_TIME = "dpv:DataSubject", "dpv:GuardianOfDataSubject", "dpv:DataController"
"""Who ends a consent, in DPV's terms; what was agreed to for a time ends by the controller's clock."""

_ASK_FIRST = "Nobody has said yet whether the user is of age."
_NEEDS_GUARDIAN = "For someone under 18 this needs a guardian's agreement to this version of the policy."


class Decisions:
    """Writes what was decided.

    Args:
        vault: where it rests.
        queue: where the server's notices wait.
        policies: returns the versions in force, the binding one first and the newest last.
        device: returns the id under which this device is bound, or ``None``.
    """

    def __init__(
        self,
        vault: Vault,
        queue: Queue,
        policies: Callable[[], tuple[Policy, ...]],
        device: Callable[[], str | None],
    ) -> None:
        self.vault = vault
        self.queue = queue
        self.policies = policies
        self.device = device

    # ------------------------------------------------------------ the user

    def record(self, notice: ConsentNotice, state: ConsentState, until: float | None) -> ConsentChange:
        """Write a grant or a refusal; a refusal of what was granted ends it as a withdrawal does.

        Raises:
            AgeUnknown, GuardianNeeded: a grant that M1 does not allow; nothing was written.
        """
        policies, device = self.policies(), self.device()
        if state != "granted" and self._granted(notice.purpose, notice.recipient):
            self.withdraw(notice.purpose, notice.recipient)
        with self.vault.write() as transaction:
            if state == "granted":
                self._check_age(transaction, policies)
            ledger = read_ledger(transaction)
            key = key_of(notice.purpose, notice.recipient)
            if state == "granted" and notice.recipient is None and ledger.state(key, self.vault.now()) != "granted":
                transaction.mark(RECORDED)
            at = ledger.entries[key].next_at(self._at()) if key in ledger.entries else self._at()
            record = str(uuid.uuid4())
            document = new_record(policies[-1], notice, record=record, subject=ledger.subject)
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
            write_ledger(transaction, self._queue_notices(transaction, ledger, [key], device))
            transaction.request_rotation(self.vault.clock.time())
        return ConsentChange(
            purpose=notice.purpose, recipient=notice.recipient, state=state, changed=True, server=_waits(device)
        )

    def withdraw(self, purpose: str, recipient: str | None) -> ConsentChange:
        """Withdraw in one transaction: write it down, shred its records, drop queued items, queue the server's notice.

        What was never granted stays as it is.

        Raises:
            PurposeUnknown, ConsentNotNeeded: there is nothing of the kind that could be withdrawn.
        """
        policies, device = self.policies(), self.device()
        if not self._known(purpose, recipient):
            check_asked(policies[-1], purpose, recipient)
        now = self.vault.now()
        if not self._granted(purpose, recipient):
            state = self.ledger().state(key_of(purpose, recipient), now)
            return ConsentChange(purpose=purpose, recipient=recipient, state=state, changed=False)
        destroyed = 0
        with self.vault.shredding() as transaction:
            ledger = read_ledger(transaction)
            keys = [key for key in _reached(ledger, purpose, recipient) if ledger.entries[key].state == "granted"]
            for key in keys:
                ledger = end(transaction, ledger, key, "withdrawn", at=self._at(), by=BY_USER)
            if recipient is None:  # a third party's consent has no partitions: what is kept here is not for it
                destroyed = self._clear(transaction, [purpose], policies)
            write_ledger(transaction, self._queue_notices(transaction, ledger, keys, device))
        return ConsentChange(
            purpose=purpose,
            recipient=recipient,
            state="withdrawn",
            changed=True,
            keys_destroyed=destroyed,
            rotation_owed=self.owed(),
            server=_waits(device),
        )

    # ------------------------------------------------------------ what ends consents besides

    def suspend(self, transaction: Transaction, policies: tuple[Policy, ...], device: str | None, *, by: str) -> None:
        """End everything that rests on a consent, and destroy what was kept for it: the user is under age now (M1)."""
        ledger = read_ledger(transaction)
        keys = [key for key, entry in ledger.entries.items() if entry.state == "granted"]
        for key in keys:
            ledger = end(transaction, ledger, key, "unset", at=self._at(), by=by)
        optional = {part.id for policy in policies for part in policy.document.purpose if part.necessity == "consent"}
        self._clear(transaction, sorted(optional | {parts_of(key)[0] for key in keys if "/" not in key}), policies)
        if keys:
            write_ledger(transaction, self._queue_notices(transaction, ledger, keys, device))

    def settle(self) -> bool:
        """End what has expired, as a withdrawal ends it; return whether anything had."""
        now = self.vault.age().highest  # by a leap that is not believed yet it does not count, and is not destroyed
        if not any(_ran_out(entry, now) for entry in self.ledger().entries.values()):
            return False
        policies, device = self.policies(), self.device()
        with self.vault.shredding() as transaction:
            ledger = read_ledger(transaction)
            keys = [key for key, entry in ledger.entries.items() if _ran_out(entry, now)]
            for key in keys:
                ledger = end(transaction, ledger, key, "expired", at=self._at(), by=BY_TIME)
            self._clear(transaction, [key for key in keys if "/" not in key], policies)
            write_ledger(transaction, self._queue_notices(transaction, ledger, keys, device))
        return True

    def queue_unnotified(self) -> None:
        """Queue what the server does not know: from before this device was bound, or changed since it was told."""
        device = self.device()
        if device is None or not unnotified(self.ledger(), device):
            return
        with self.vault.write() as transaction:
            ledger = read_ledger(transaction)
            write_ledger(transaction, self._queue_notices(transaction, ledger, unnotified(ledger, device), device))
            transaction.request_rotation(self.vault.clock.time())

    # ------------------------------------------------------------ asking

    def ledger(self) -> Ledger:
        """Return the ledger."""
        with self.vault.read() as (transaction, _):
            return read_ledger(transaction)

    def owed(self) -> bool:
        """Whether the root's rotation is owed: the secret store could not be used."""
        return self.vault.status().rotation_owed_since is not None

    def _granted(self, purpose: str, recipient: str | None) -> bool:
        ledger = self.ledger()
        return any(ledger.entries[key].state == "granted" for key in _reached(ledger, purpose, recipient))

    def _known(self, purpose: str, recipient: str | None) -> bool:
        return key_of(purpose, recipient) in self.ledger().entries

    # ------------------------------------------------------------ inside a transaction

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
        return transaction.shred(PartitionChoice(purpose=purpose) for purpose in ended)

    def _queue_notices(
        self, transaction: Transaction, ledger: Ledger, keys: Iterable[str], device: str | None
    ) -> Ledger:
        return queue_notice(transaction, self.queue, ledger, keys, device, now=self.vault.clock.time())

    def _at(self) -> float:
        # Never less than before: what comes later must look later, to the server as well.
        return self.vault.age().highest


def _reached(ledger: Ledger, purpose: str, recipient: str | None) -> Iterator[str]:
    """Yield the keys that a withdrawal reaches: with a purpose, every third party that received for it."""
    wanted = key_of(purpose, recipient)
    for key in ledger.entries:
        if key == wanted or (recipient is None and key.startswith(f"{wanted}/")):
            yield key


def _ran_out(entry: LedgerEntry, now: float) -> bool:
    return entry.state == "granted" and not entry.counts(now)


def _waits(device: str | None) -> ServerKnows:
    return "not_needed" if device is None else "waiting"
