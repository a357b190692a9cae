"""Ends consents: the ledger entry, the consent record, and the notice to the server, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rocketvpn_sdk.consent.ledger import (
    ConsentState,
    Ledger,
    LedgerEntry,
    digest_of,
    parts_of,
    read_ledger,
    read_record,
    write_ledger,
    write_record,
)
from rocketvpn_sdk.consent.queued import PUT
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.policy.wording import text_in
from rocketvpn_sdk.vault import Queue
from rocketvpn_sdk.vault.transaction import Transaction


def end(
    transaction: Transaction, ledger: Ledger, keys: Iterable[str], state: ConsentState, *, at: float, by: str
) -> Ledger:
    """Return the ledger with ``keys`` ended; their records get the event.

    Args:
        transaction: the one that writes.
        ledger: as it is.
        keys: what ends; each has an entry.
        state: what they become.
        at: seconds since the epoch.
        by: who ended them, a DPV term.
    """
    from rocketvpn_sdk.consent.record import with_event  # not needed for what every start does

    for key in keys:
        entry = ledger.entries[key]
        since = entry.next_at(at)
        document = read_record(transaction, entry.record)
        if document is not None:
            write_record(transaction, entry.record, with_event(document, state, at=since, by=by))
        ended = msgspec.structs.replace(entry, state=state, at=since, until=None, stale=True)
        ledger = ledger.with_entry(key, ended)
    return ledger


def unnotified(ledger: Ledger, device_id: str) -> tuple[str, ...]:
    """Return the keys that the server does not know about from this device: a changed one, or one before binding."""

    def missing(entry: LedgerEntry) -> bool:
        return entry.stale if entry.told == device_id else entry.state == "granted"

    return tuple(key for key, entry in ledger.entries.items() if missing(entry))


def queue_notices_again(transaction: Transaction, queue: Queue) -> bool:
    """Queue every notice that the server had again; return whether there were any. The caller rotates the root.

    For when this device is bound: the server dropped what it had been told when the device was taken off its order, and
    bound to the same order again it has the same id. What still waits goes: what is told again says all that holds.
    """
    ledger = read_ledger(transaction)
    told = {key: msgspec.structs.replace(entry, stale=True) for key, entry in ledger.entries.items() if entry.told}
    if told:
        queue.drop(transaction, lambda item: item.operation == PUT)
        write_ledger(transaction, msgspec.structs.replace(ledger, entries={**ledger.entries, **told}))
    return bool(told)


def unset(transaction: Transaction, keys: Iterable[str], *, at: float, spare: str = "") -> None:
    """Let the consents for ``keys`` fall back to "unset": a new version of the policy widens them (X3).

    Part of the transaction in which that version binds; the caller owes the rotation. The server learns it with the
    next delivery.

    Args:
        transaction: the one that writes.
        keys: of ``State.consents``.
        at: seconds since the epoch.
        spare: the SHA-256 of the new version: a consent that was given to that text already stays.
    """
    ledger = read_ledger(transaction)
    ending = [
        key
        for key in keys
        if key in ledger.entries
        and ledger.entries[key].state == "granted"
        and ledger.entries[key].policy_sha256 != spare
    ]
    if ending:
        write_ledger(transaction, end(transaction, ledger, ending, "unset", at=at, by="dpv:DataController"))


def reworded(transaction: Transaction, before: Policy, after: Policy, *, shown: str = "") -> frozenset[str]:
    """Return the keys of consents whose purpose ``after`` puts in other words than those that the user was shown.

    In the language in which it was shown: one that is added, or put better, says nothing else to this user.

    Args:
        transaction: the one that writes.
        before: a version that said what was agreed to, for entries that do not hold it themselves.
        after: the version to come.
        shown: the SHA-256 of a text: only consents that were given to that one are looked at.
    """
    entries = read_ledger(transaction).entries.items()
    return frozenset(
        key
        for key, entry in entries
        if entry.state == "granted"
        and shown in ("", entry.policy_sha256)
        and (new := _said(key, entry, after))
        and new != (entry.said or _said(key, entry, before))
    )


def _said(key: str, entry: LedgerEntry, policy: Policy) -> str:
    """Return the digest of the purpose's sentence, in the entry's language; empty: ``policy`` has no such purpose."""
    purpose = policy.purposes.get(parts_of(key)[0])
    return "" if purpose is None else digest_of(text_in(purpose.sentence, entry.language))
