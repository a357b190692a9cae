"""Nothing is kept past its time: which keys die now, and the removal of what they sealed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.journal.lives import Lives
from rocketvpn_sdk.journal.relaning import COUNTERS, Counters, Relaning, counters
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.change import lane_rows
from rocketvpn_sdk.vault.lanes import Keeps
from rocketvpn_sdk.vault.sweeping import is_due, stored_bytes, sweep, trim

_SWEEP_BYTES = 1 << 20
"""One transaction removes at most this much, so that no caller waits for long."""


def kept_by(policies: Sequence[Policy], stream: str) -> Keeps:
    """Return how long the keys of lanes are kept: those of ``stream`` no longer than each of ``policies`` lets them be.

    A version that narrows does so at once, also for what is stored already. One that no longer has the purpose, or
    keeps nothing for it, leaves it no time at all.
    """
    return Lives(policies, stream).lane


class Retention:
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
        self._relaning = Relaning(vault, log, stream)
        self._stream = stream
        self._most_bytes = most_bytes
        self._policies = policies
        self._last = 0.0
        self._lives = Lives(policies(), stream)

    def lives(self) -> Lives:
        """Return what says how long records are kept now: no longer than the policies in force let them be (X2)."""
        policies = self._policies()
        if policies != self._lives.policies:
            self._lives = Lives(policies, self._stream)
        return self._lives

    def purge(self) -> int:
        """Destroy the keys of what is past its retention; return how many. The root's rotation is then owed.

        Where a key would outlive some of what it opens, what lives longer is sealed anew first (see ``relaning``).
        """
        now = self._last = self._vault.age().highest  # a leap that is not believed yet destroys nothing
        lives = self.lives()
        with self._vault.write() as change:
            dropped = change.expire(now, lives.lane)
            if dropped:
                change.owe_rotation(now)
        dropped += self._relaning.run(lives, now)
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
            with self._vault.write() as change:
                sweep(change, most_bytes=_SWEEP_BYTES)

    def _sweep_is_due(self) -> bool:
        with self._vault.read(checked=False) as (change, _):
            return is_due(change)

    def cap(self) -> None:
        """Remove the oldest blocks beyond the cap and count their records; the root's rotation is then owed."""
        with self._vault.read() as (change, _):
            if stored_bytes(change, self._stream) <= self._most_bytes:
                return
        with self._vault.write() as change:
            gone = trim(change, self._stream, most_bytes=self._most_bytes)
            if gone:
                before = counters(change)
                change.put(COUNTERS, msgspec.structs.replace(before, capped=before.capped + gone))
                change.owe_rotation(self._vault.age().highest)

    def capped(self) -> int:
        """Return how many records the cap has removed so far."""
        return (self._vault.get(COUNTERS, Counters) or Counters()).capped

    def size(self) -> int:
        """Return the sealed bytes that the stream holds."""
        with self._vault.read() as (change, _):
            return stored_bytes(change, self._stream)

    def next_purge(self) -> float | None:
        """Return when the next key dies, in seconds since the epoch; ``None``: none does."""
        kept = self.lives().lane
        with self._vault.read() as (change, _):
            rows = {row.id: kept(row.lane) for row in lane_rows(change.db) if row.lane.stream == self._stream}
            keys = change.db.execute("SELECT lane, epoch FROM keys WHERE wrapped IS NOT NULL").fetchall()
        ends = [epoch + rows[lane] for lane, epoch in keys if lane in rows]
        return min((end for end in ends if math.isfinite(end)), default=None)
