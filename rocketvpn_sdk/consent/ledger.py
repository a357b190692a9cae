"""The ledger of consents: what holds for each purpose, and by which record; one document of the vault."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import ConsentChoice as Held
from rocketvpn_sdk.vault.transaction import Transaction

LEDGER = "consents"
MOST_RECORDS = 200
"""Records kept; beyond it the oldest go that nothing rests on any more."""

ConsentState = Literal["unset", "granted", "denied", "withdrawn", "expired"]


class LedgerEntry(MaskedRepr, frozen=True, kw_only=True):
    """What holds for one purpose, or for one purpose and third party."""

    state: ConsentState
    at: float
    """Since when, in seconds since the epoch; never less than before, whatever the clock."""
    policy_version: int
    policy_sha256: str
    """Of the text that was shown."""
    language: str
    """In which it was shown."""
    record: str
    """The id of the consent record, a UUID."""
    said: str = ""
    """The SHA-256 of the sentence that was shown for the purpose; empty: from before this was written down."""
    until: float | None = None
    """When it expires, in seconds since the epoch; ``None``: not before it is withdrawn."""
    told: str = ""
    """The device in whose name the server was last told about it; empty: none."""
    stale: bool = True
    """Whether it changed since."""

    def counts(self, now: float) -> bool:
        """Whether it allows anything at ``now``."""
        return self.state == "granted" and (self.until is None or now < self.until)

    def next_at(self, now: float) -> float:
        """Return the time of what is decided at ``now``: later than this, also in the whole seconds of the wire.

        Otherwise the server, to which a no of the same second counts more, could not tell that a yes came after it.
        """
        return max(now, math.floor(self.at) + 1.0)


class Ledger(MaskedRepr, frozen=True):
    """Every entry by key, and the records that the user can have receipts of, oldest first."""

    entries: Mapping[str, LedgerEntry] = {}
    records: tuple[str, ...] = ()
    subject: str = ""
    """Stands for the user in records: a random UUID that never leaves the device by itself."""

    def state(self, key: str, now: float) -> ConsentState:
        """Return the state of ``key`` at ``now``."""
        entry = self.entries.get(key)
        if entry is None:
            return "unset"
        return "expired" if entry.state == "granted" and not entry.counts(now) else entry.state

    def with_entry(self, key: str, entry: LedgerEntry) -> Ledger:
        """Return the ledger with ``entry`` for ``key``."""
        return msgspec.structs.replace(self, entries={**self.entries, key: entry})

    def held(self) -> dict[str, Held]:
        """Return what the rules ask: the entries that say something, by key."""
        return {
            key: Held("withdrawn" if entry.state == "expired" else entry.state, entry.until)
            for key, entry in self.entries.items()
            if entry.state != "unset"
        }


class Record(MaskedRepr, frozen=True):
    """A consent record as it rests in the vault: JSON-LD, see ``consent.record``."""

    document: dict[str, Any]


def key_of(purpose: str, recipient: str | None = None) -> str:
    """Return the key of ``State.consents``: the purpose, or ``purpose/recipient`` for a third party."""
    return purpose if recipient is None else f"{purpose}/{recipient}"


def parts_of(key: str) -> tuple[str, str | None]:
    """Return the purpose and the third party of a key."""
    purpose, _, recipient = key.partition("/")
    return purpose, recipient or None


def digest_of(sentence: str) -> str:
    """Return what ``LedgerEntry.said`` holds of a sentence."""
    return hashlib.sha256(sentence.encode()).hexdigest()


def document_of(record: str) -> str:
    """Return the name of the sealed document that holds a record."""
    return f"consent/{record}"


# ------------------------------------------------------------ inside a transaction


def read_ledger(transaction: Transaction) -> Ledger:
    """Return the ledger as ``transaction`` sees it."""
    ledger = transaction.get(LEDGER, Ledger)
    if ledger is not None:
        return ledger
    import uuid  # for the first decision alone; every start loads this module

    return Ledger(subject=str(uuid.uuid4()))


def write_ledger(transaction: Transaction, ledger: Ledger) -> None:
    """Write the ledger; records beyond the bound that nothing rests on go with it."""
    live = {entry.record for entry in ledger.entries.values()}
    beyond = len(ledger.records) - MOST_RECORDS
    old = [record for record in ledger.records if record not in live][: max(beyond, 0)]
    transaction.drop(*(document_of(record) for record in old))
    kept = tuple(record for record in ledger.records if record not in old)
    transaction.put(LEDGER, msgspec.structs.replace(ledger, records=kept))


def read_record(transaction: Transaction, record: str) -> dict[str, Any] | None:
    """Return a record's document as ``transaction`` sees it."""
    held = transaction.get(document_of(record), Record)
    return None if held is None else held.document


def write_record(transaction: Transaction, record: str, document: dict[str, Any]) -> None:
    """Write a record."""
    transaction.put(document_of(record), Record(document))
