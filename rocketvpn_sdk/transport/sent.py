"""The ledger of what left this device: when, to whom, why, which fields; never their values (policy clause A1).

Two records a call: one, made durable *before* the request goes, that it is about to go; one with what came of it. So a
crash in between shows as a call whose outcome is unknown, never as a call that is missing.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import ClassVar

from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.files.forks import ForkSafe
from rocketvpn_sdk.masking import MaskedRepr, SecretStruct
from rocketvpn_sdk.policy import Duration, Policy
from rocketvpn_sdk.transport.guard import ApprovedRequest
from rocketvpn_sdk.transport.interfaces import Documents, Stream
from rocketvpn_sdk.transport.tally import BEGUN, ENDED, SentTally, tally

SENT_KEY = "sent_key"
"""The name of the document that holds the key of the ledger's fingerprints."""
UNKNOWN = "unknown"
"""The outcome of a call that nobody saw the end of."""

_FIELD = "sent_record"
_PURPOSE = "rights"
"""Of the record itself: it is there to be shown, whatever the call was for, also after that purpose was withdrawn."""


class SentKey(SecretStruct, frozen=True):
    """The key under which bodies are fingerprinted."""

    key: bytes


class SentEntry(MaskedRepr, frozen=True, kw_only=True):
    """One call that left this device, or was about to."""

    __masked__: ClassVar[tuple[str, ...]] = ("fingerprint",)

    at: float
    """Seconds since the epoch."""
    operation: str
    purpose: str
    recipient: str
    identity: str
    fields: tuple[str, ...]
    """The ids of the policy's fields that went along, those in a proof or token included."""
    protocol: tuple[str, ...] = ()
    """The names of the other members that went along: the protocol's own words."""
    size: int
    """Bytes of the body."""
    outcome: str
    """A status (``200``, ``409 conflict``); ``not delivered``, ``no answer`` or ``unusable answer`` with a code;
    ``interrupted``; or ``unknown``."""
    tries: int = 1
    """How often it was sent."""
    fingerprint: bytes = b""
    """HMAC-SHA256 (RFC 2104) of the body under the ledger's key: shows that a given body was this one, and nothing
    else; ``Rights.sent_matches`` asks. The key goes with the device's or the account's data, not with the log's."""


class SentLedger(ForkSafe):
    """Writes and reads the ledger.

    Args:
        stream: the vault's stream ``sent``.
        documents: where the key of the fingerprints rests.
        policy: returns the policy in force; it says how long a record is kept.
    """

    def __init__(self, stream: Stream, documents: Documents, policy: Callable[[], Policy]) -> None:
        self._stream = stream
        self._documents = documents
        self._policy = policy
        super().__init__()

    def begin(self, approved: ApprovedRequest, body: bytes, policy: Policy | None = None) -> str:
        """Record that ``body`` is about to go, durably; return the record's id.

        ``policy`` is the one in force, where the caller has just looked; of ``finish`` as well.

        Raises:
            VaultError: it cannot be recorded, and so must not go.
            EgressBlocked: the policy has no place for the record.
        """
        record_id = secrets.token_urlsafe(9)
        operation = approved.operation
        fingerprint = _fingerprint(self._fingerprint_key(), body)
        facts = (operation.id, operation.purpose, operation.recipient, operation.identity)
        record = (
            BEGUN,
            record_id,
            *facts,
            list(approved.fields),
            len(body),
            fingerprint.hex(),
            list(approved.protocol),
        )
        self._stream.append_now(_PURPOSE, _retention(policy or self._policy()), record)
        return record_id

    def finish(self, record_id: str, outcome: str, tries: int, policy: Policy | None = None) -> None:
        """Record what came of it; not durable until the next commit, since the call itself was."""
        self._stream.append(_PURPOSE, _retention(policy or self._policy()), (ENDED, record_id, outcome, tries))

    def entries(self, *, since: float | None = None, until: float | None = None) -> Iterator[SentEntry]:
        """Yield every call that began at ``since`` or later and before ``until``, oldest first.

        The whole chain is walked before the first is yielded: an entry cannot be altered, moved, taken out or cut off
        without that being told.

        Two passes: outcomes come after the beginnings they belong to, and memory should hold the shorter of both.

        Raises:
            VaultDamaged: the ledger is not what was written.
            VaultLocked, VaultClosed: it cannot be read now.
        """
        records = (record for _, record in self._stream.read(since=since))
        outcomes = {record[1]: (str(record[2]), int(record[3])) for record in records if record[0] == ENDED}
        for at, record in self._stream.read(since=since, until=until):
            if record[0] == BEGUN:
                outcome, tries = outcomes.get(record[1], (UNKNOWN, 1))
                yield SentEntry(
                    at=at,
                    operation=record[2],
                    purpose=record[3],
                    recipient=record[4],
                    identity=record[5],
                    fields=tuple(record[6]),
                    size=record[7],
                    outcome=outcome,
                    tries=tries,
                    fingerprint=bytes.fromhex(record[8]),
                    protocol=tuple(record[9]) if len(record) > 9 else (),  # older records do not say
                )

    def matches(self, entry: SentEntry, body: bytes) -> bool:
        """Return whether ``body`` is byte for byte what ``entry`` says was sent; false too where the key is gone.

        Raises:
            VaultDamaged, VaultLocked, VaultClosed: the key cannot be read.
        """
        stored = self._documents.get(SENT_KEY, SentKey)  # never made here: a new key would match nothing
        return stored is not None and hmac.compare_digest(_fingerprint(stored.key, body), entry.fingerprint)

    def tally(self) -> SentTally:
        """Add everything up, in one pass: for the report."""
        return tally(self._stream.read())

    def forget(self) -> None:
        """Drop from memory what was ended of the records; anyone who destroys them calls this too."""
        self._stream.forget_ended()

    def _fingerprint_key(self) -> bytes:
        """Return the key that rests in the vault, each time: another process may have destroyed the one of before."""
        with self.lock:
            stored = self._documents.get(SENT_KEY, SentKey)
            if stored is None:
                made = SentKey(secrets.token_bytes(32))
                self._documents.put(SENT_KEY, made)
                # Another process may have made one at the same moment: the one that rests in the vault counts.
                stored = self._documents.get(SENT_KEY, SentKey) or made
            return stored.key


def _retention(policy: Policy) -> Duration:
    field = policy.fields.get(_FIELD)
    if field is None or field.retention.device is None:
        # Nothing leaves unrecorded, and nothing is kept undeclared: then nothing leaves.
        reason = f"It declares no {_FIELD!r}, and what is not recorded does not leave."
        raise EgressBlocked(operation="any", rule="A1", reason=reason)
    return field.retention.device


def _fingerprint(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")
