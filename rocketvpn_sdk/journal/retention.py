"""Nothing is kept past its time: which keys die now, and the removal of what they sealed."""

from __future__ import annotations

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.vault.sealed_log import sweep

_SWEEP_BYTES = 1 << 20
"""One transaction removes at most this much, so that no caller waits for long."""


class Retention:
    """Purges at unlock, before reads, and when a day has gone by (R1)."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._last = 0.0

    def purge(self) -> int:
        """Destroy the keys of what is past its retention; return how many. The root's rotation is then owed."""
        now = self._last = self._vault.age().highest  # a leap that is not believed yet destroys nothing
        with self._vault.write() as change:
            dropped = change.expire(now)
            if dropped:
                change.owe_rotation(now)
        self.sweep()
        self._vault.save_clock()
        return dropped

    def purge_daily(self) -> None:
        """Purge if the last one was a day ago."""
        if self._vault.age().highest - self._last >= DAY:
            self.purge()

    def sweep(self) -> None:
        """Remove ciphertext that nothing opens any more."""
        while True:
            with self._vault.write() as change:
                if not sweep(change, most_bytes=_SWEEP_BYTES):
                    return
