"""Destroys the keys of records whose retention is over, and removes what they sealed."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.journal.lifetimes import Lifetimes
from rocketvpn_sdk.journal.repartitioning import COUNTERS, Counters, Repartitioning, counters
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.sweeping import is_due, stored_bytes, sweep, trim
from rocketvpn_sdk.vault.transaction import partition_rows

_SWEEP_BYTES = 1 << 20
"""One transaction removes at most this much, so that no caller waits for long."""


class RetentionPurge:
    """Purges at unlock, before reads, and when a day has gone by (R1); keeps the log below its cap.

    Args:
        vault: what is purged.
        log: the stream that has a cap.
        stream: its name.
        most_bytes: that cap, in sealed bytes.
        policies: returns the versions of the policy in force.
    """

    def __init__(
        self, vault: Vault, log: SealedLog, stream: str, most_bytes: int, policies: Callable[[], tuple[Policy, ...]]
    ) -> None:
        self._vault = vault
        self._repartitioning = Repartitioning(vault, log, stream)
        self._stream = stream
        self._most_bytes = most_bytes
        self._policies = policies
        self._last = 0.0
        self._lifetimes = Lifetimes(policies(), stream)

    def lifetimes(self) -> Lifetimes:
        """Return what says how long records are kept now: no longer than the policies in force let them be (X2)."""
        policies = self._policies()
        if policies != self._lifetimes.policies:
            self._lifetimes = Lifetimes(policies, self._stream)
        return self._lifetimes

    def purge(self) -> int:
        """Destroy the keys of what is past its retention; return how many. The root's rotation is then owed.

        If a key would outlive some of what it opens, what lives longer is sealed again first (see ``repartitioning``).
        """
        now = self._last = self._vault.age().highest  # a leap that is not believed yet destroys nothing
        lifetimes = self.lifetimes()
        with self._vault.write() as transaction:
            dropped = transaction.expire(now, lifetimes.partition)
            if dropped:
                transaction.request_rotation(now)
        dropped += self._repartitioning.run(lifetimes, now)
        self.sweep()
        self._vault.save_clock()
        return dropped

    def purge_daily(self) -> None:
        """Purge if the last one was a day ago."""
        if self._vault.age().highest - self._last >= DAY:
            self.purge()

    def sweep(self) -> None:
        """Remove ciphertext that nothing opens any more."""
        while self._sweep_is_due():
            with self._vault.write() as transaction:
                sweep(transaction, most_bytes=_SWEEP_BYTES)

    def _sweep_is_due(self) -> bool:
        with self._vault.read(checked=False) as (transaction, _):
            return is_due(transaction)

    def cap(self) -> None:
        """Remove the oldest blocks beyond the cap and count their records; the root's rotation is then owed."""
        with self._vault.read() as (transaction, _):
            if stored_bytes(transaction, self._stream) <= self._most_bytes:
                return
        with self._vault.write() as transaction:
            gone = trim(transaction, self._stream, most_bytes=self._most_bytes)
            if gone:
                before = counters(transaction)
                transaction.put(COUNTERS, msgspec.structs.replace(before, capped=before.capped + gone))
                transaction.request_rotation(self._vault.age().highest)

    def capped(self) -> int:
        """Return how many records the cap has removed so far."""
        return (self._vault.get(COUNTERS, Counters) or Counters()).capped

    def size(self) -> int:
        """Return the sealed bytes that the stream holds."""
        with self._vault.read() as (transaction, _):
            return stored_bytes(transaction, self._stream)

    def next_purge(self) -> float | None:
        """Return when the next key dies, in seconds since the epoch; ``None``: none does."""
        kept = self.lifetimes().partition
        with self._vault.read() as (transaction, _):
            rows = {
                row.id: kept(row.partition)
                for row in partition_rows(transaction.db)
                if row.partition.stream == self._stream
            }
            keys = transaction.db.execute("SELECT lane, epoch FROM keys WHERE wrapped IS NOT NULL").fetchall()
        ends = [epoch + rows[partition] for partition, epoch in keys if partition in rows]
        return min((end for end in ends if math.isfinite(end)), default=None)
