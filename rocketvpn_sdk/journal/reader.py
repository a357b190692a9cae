"""What is in the log: entries, and how many of what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import VaultLocked
from rocketvpn_sdk.journal.entry import Entry, Tally, tally
from rocketvpn_sdk.journal.inventory import Inventory, take_inventory
from rocketvpn_sdk.journal.retention import RetentionPurge
from rocketvpn_sdk.vault import SealedLog, Vault

_EPOCH = utc(0.0)


class Reader:
    """Reads the log, never anything past its retention.

    Args:
        vault: where it is.
        log: the stream.
        retention: what may still be there.
        seal: brings in what waits.
    """

    def __init__(self, vault: Vault, log: SealedLog, retention: RetentionPurge, seal: Callable[[], None]) -> None:
        self._vault = vault
        self._log = log
        self._retention = retention
        self._seal = seal

    def entries(self, since: float | None = None, until: float | None = None) -> Iterator[Entry]:
        """Yield entries by time, oldest first.

        Args:
            since: from this time on, in seconds since the epoch.
            until: before this time, likewise.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        self._prepare()
        return self._entries(since, until)

    def inventory(self, samples: int) -> Inventory:
        """Count everything, field by field, with the newest ``samples`` entries.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        self._prepare()
        self._seal()
        lifetimes = self._retention.lifetimes()
        counted = take_inventory(self._log.read_blocks(kept=lifetimes.partition, sift=lifetimes.sift), samples)
        return msgspec.structs.replace(counted, capped=self._retention.capped())

    def count(self) -> tuple[Tally, int]:
        """Count what is held, and what the cap removed before: no record is counted as both.

        Raises:
            VaultLocked, VaultDamaged: see there.
        """
        capped = self._retention.capped()
        while True:
            counted = tally(self.entries())
            before, capped = capped, self._retention.capped()
            if capped == before:
                return counted, capped

    def _prepare(self) -> None:
        if not self._vault.unlocked:
            raise VaultLocked
        self._retention.purge_daily()

    def _entries(self, since: float | None, until: float | None) -> Iterator[Entry]:
        self._seal()
        said, when = math.nan, _EPOCH  # times are coarse: most records have that of the one before
        lifetimes = self._retention.lifetimes()
        for records in self._log.read_blocks(since=since, until=until, kept=lifetimes.partition, sift=lifetimes.sift):
            for at, _, (purpose, name, fields) in records:
                if at != said:
                    said, when = at, utc(at)
                yield Entry(when, name, purpose, fields)
