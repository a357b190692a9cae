"""Records on their way into the log: for a moment as the app gave them, minimised from then on (C2).

An app's logging call must cost next to nothing, and scrubbing a line costs more than writing it to a file would. So the
call only puts the line here, and a thread of ours minimises a batch at a time. What waits here is in memory only. An
event without free text is minimised at once, unless a line waits before it.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.vault import SealedLog, Vault

_Given = tuple[CompiledEvent, float, tuple[Any, ...]]
_Minimised = tuple[CompiledEvent, float, dict[str, Any]]


class Backlog:
    """What was recorded and is not in the log yet. Thread-safe.

    Args:
        vault: while it is locked, minimised records are kept here.
        log: where they go.
        most_locked: how many are kept while the vault is locked; what comes after is counted and dropped.
    """

    def __init__(self, vault: Vault, log: SealedLog, most_locked: int) -> None:
        self._vault = vault
        self._log = log
        self._most_locked = most_locked
        self._given: deque[_Given] = deque()
        self._minimised: list[_Minimised] = []
        self._lock = threading.RLock()
        self.dropped = 0
        self.add = self._given.append
        """Add a record: the event's class, the time in seconds since the epoch, the values in the fields' order."""
        self.given = self._given.__len__
        """Return how many records wait as the app gave them."""

    def __len__(self) -> int:
        return len(self._given) + len(self._minimised)

    def take_now(self, compiled: CompiledEvent, now: float, values: tuple[Any, ...]) -> bool:
        """Minimise and hand over one record at once, where nothing waits before it; return whether that was done."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._given or not self._vault.unlocked:
                return False
            self._hand_over_one(compiled, now, values)
            return True
        finally:
            self._lock.release()

    def work_off(self) -> None:
        """Minimise what was given, and hand it to the log unless the vault is locked; in order."""
        if self._vault.closed:
            self.clear()  # nothing can ever take it over
            return
        with self._lock:
            if self._vault.unlocked:
                self._hand_over()
            else:
                self._keep_minimised()

    def clear(self) -> None:
        """Forget what waits. Takes no lock: in a forked child, a thread that is not there may hold it for ever."""
        self._given.clear()
        self._minimised = []

    def _hand_over(self) -> None:
        kept, self._minimised = self._minimised, []
        for compiled, now, fields in kept:
            self._append(compiled, now, fields)
        for compiled, now, values in self._taken():
            self._hand_over_one(compiled, now, values)

    def _hand_over_one(self, compiled: CompiledEvent, now: float, values: tuple[Any, ...]) -> None:
        key = self._log.pseudonym_key(compiled.purpose, compiled.retention) if compiled.needs_key else None
        self._append(compiled, now, compiled.minimise(values, key))

    def _append(self, compiled: CompiledEvent, now: float, fields: dict[str, Any]) -> None:
        record = (compiled.purpose, compiled.name, fields)
        self._log.append(compiled.purpose, compiled.retention, record, at=compiled.coarsen(now), now=now)

    def _keep_minimised(self) -> None:
        for compiled, now, values in self._taken():
            if len(self._minimised) < self._most_locked:
                self._minimised.append((compiled, now, compiled.minimise(values, None)))
            else:
                self.dropped += 1

    def _taken(self) -> list[_Given]:
        # One by one: what other threads add meanwhile must neither be lost nor keep us here.
        return [self._given.popleft() for _ in range(len(self._given))]
