"""Records on their way into the log: for a moment as the app gave them, minimised from then on (C2).

An app's logging call must cost next to nothing, and scrubbing a line costs more than writing it to a file would. So the
call only puts the line here, and a thread of ours minimises a batch at a time, after asking once more whether it may be
kept. What waits here is in memory only. An event that is quick to minimise is so at once, unless something waits before
it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.journal.lines.line import minimised_once
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.moments import Ended

_MOST_AT_ONCE = 64
"""Records that are handed to the log together."""
_COMPILED, _MOMENT = 0, 2
"""Where these are, in what was given and in what is minimised."""
_Given = tuple[CompiledEvent, float, float, tuple[Any, ...]]
_Ask = Callable[[], Collection[CompiledEvent]]


class _Minimised(NamedTuple):
    compiled: CompiledEvent
    now: float
    moment: float
    fields: dict[str, Any]
    again: tuple[Any, ...]
    """The values from which they are minimised again."""
    prepared: int
    """How often the event's class had been prepared by then: the policy may be another one since."""


class Backlog:
    """What was recorded and is not in the log yet. Thread-safe.

    Args:
        vault: while it is locked, minimised records are kept here.
        log: where they go.
        ask: returns those of the prepared classes whose records may be kept now.
        most_locked: how many are kept while the vault is locked; what comes after is counted and dropped.
    """

    def __init__(self, vault: Vault, log: SealedLog, ask: _Ask, most_locked: int) -> None:
        self._vault = vault
        self._log = log
        self._ask = ask
        self._most_locked = most_locked
        self._given: deque[_Given] = deque()
        self._minimised: deque[_Minimised] = deque()
        self._lock = threading.RLock()
        self.dropped = 0
        self.refused = 0
        self.add = self._given.append
        """Add a record: the event's class, the time in seconds since the epoch, the moment, the values in order."""
        self.given = self._given.__len__
        """Return how many records wait as the app gave them."""

    def __len__(self) -> int:
        return len(self._given) + len(self._minimised)

    def take_now(self, compiled: CompiledEvent, now: float, moment: float, values: tuple[Any, ...]) -> bool:
        """Minimise and hand over one record at once, where nothing waits before it; return whether that was done."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self._given or not self._vault.unlocked:
                return False
            self._append(compiled, now, moment, compiled.minimise(values, None))
            return True
        finally:
            self._lock.release()

    def bring_in(self, events: Iterable[CompiledEvent]) -> None:
        """Minimise what was given, and hand it to the log unless the vault is locked; in order.

        What the log has not sealed yet is asked about as well: it may have been minimised by an answer that is old.

        Args:
            events: every class that is known.

        Raises:
            VaultError: the key of a pseudonym cannot be had; what was not handed over waits on.
        """
        if self._vault.closed:
            self.clear()  # nothing can ever take it over; a forked child must not wait for the lock
            return
        with self._lock, suppress(IndexError):  # another thread found the vault closed, and cleared what waits
            allowed = self._ask()  # inside the lock: who comes later knows no less
            if self._vault.unlocked:
                self._hold_again({compiled.name: compiled for compiled in events}, allowed)
                while self._minimised:
                    self._hand_over_kept(self._minimised[0], allowed)
                    self._minimised.popleft()
            waiting = len(self._given)  # what other threads add meanwhile must not keep us here
            while waiting > 0:
                taken = self._work_off(list(islice(self._given, min(waiting, _MOST_AT_ONCE))), allowed)
                for _ in range(taken):
                    self._given.popleft()
                waiting -= taken

    def _hold_again(self, known: Mapping[str, CompiledEvent], allowed: Collection[CompiledEvent]) -> None:
        """Drop from the log's memory what may not be kept any more; minimise again what other versions minimised."""
        refused = {compiled for compiled in known.values() if compiled not in allowed}
        other = {compiled for compiled in known.values() if compiled.buffered_by != compiled.policies}

        def judge(at: float, record: Any) -> tuple[float, Any] | None:
            purpose, name, fields = record
            compiled = known.get(name)
            if compiled in refused:
                return None
            if compiled is None or compiled not in other:
                return at, record
            values = tuple(fields.get(field) for field in compiled.fields)
            return compiled.coarsen(at), (purpose, name, compiled.minimise(values, None))

        if other or (refused and self._log.buffered):
            self.refused += self._log.revise(judge)
            for compiled in other:
                compiled.buffered_by = compiled.policies

    def forget_ended(self) -> None:
        """Drop what was ended, here and in the log; waits for a hand-over that is under way."""
        with self._lock:
            ended = self._log.forget_ended()
            for waiting in (self._minimised, self._given):
                self._drop(waiting, ended)

    def _drop(self, waiting: deque[Any], ended: Ended) -> None:
        """Drop what was ended from one queue; other threads may add to its end meanwhile."""
        taken = [waiting.popleft() for _ in range(len(waiting))]
        alive = [record for record in taken if record[_MOMENT] > ended(record[_COMPILED].purpose)]
        waiting.extendleft(reversed(alive))
        self.dropped += len(taken) - len(alive)

    def clear(self) -> None:
        """Forget what waits. Takes no lock: in a forked child, a thread that is not there may hold it for ever."""
        self._given.clear()
        self._minimised.clear()

    def _may_be_kept(self, compiled: CompiledEvent, allowed: Collection[CompiledEvent]) -> bool:
        if compiled in allowed:
            return True
        self.refused += 1
        return False

    def _work_off(self, given: list[_Given], allowed: Collection[CompiledEvent]) -> int:
        """Minimise the first of ``given``, and those behind it that are of its class; return how many that was."""
        compiled = given[0][0]
        if not self._may_be_kept(compiled, allowed):
            return 1
        if not self._vault.unlocked:
            self._keep_minimised(*given[0])
            return 1
        ready: list[tuple[float, float, float, Any]] = []
        for other, now, moment, values in given:
            if other is not compiled:
                break
            needs_key = compiled.needs_key or compiled.holds_hash(values)
            key = self._log.pseudonym_key(compiled.purpose, compiled.retention) if needs_key else None
            record = (compiled.purpose, compiled.name, compiled.minimise(values, key))
            ready.append((compiled.coarsen(now), now, moment, record))
        self._log.extend(compiled.purpose, compiled.retention, ready)
        return len(ready)

    def _keep_minimised(self, compiled: CompiledEvent, now: float, moment: float, values: tuple[Any, ...]) -> None:
        """Keep one record while the vault is locked."""
        if len(self._minimised) < self._most_locked:
            fields = compiled.minimise(values, None)
            again = tuple(map(minimised_once, values, fields.values()))
            self._minimised.append(_Minimised(compiled, now, moment, fields, again, compiled.prepared))
        else:
            self.dropped += 1

    def _hand_over_kept(self, kept: _Minimised, allowed: Collection[CompiledEvent]) -> None:
        if self._may_be_kept(kept.compiled, allowed):
            fields = kept.fields
            if kept.compiled.prepared != kept.prepared:  # a locked vault could not say which policy holds
                fields = kept.compiled.minimise(kept.again, None)
            self._append(kept.compiled, kept.now, kept.moment, fields)

    def _append(self, compiled: CompiledEvent, now: float, moment: float, fields: dict[str, Any]) -> None:
        record = (compiled.coarsen(now), now, moment, (compiled.purpose, compiled.name, fields))
        self._log.extend(compiled.purpose, compiled.retention, (record,))
