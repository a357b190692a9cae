"""Recording and reading: what the app gives is minimised, and kept sealed."""

from __future__ import annotations

import math
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import EventUndeclared, ValueRefused, VaultBusy, VaultError
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.journal.backlog import Backlog
from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.journal.entry import Entry, JournalStats, levels_from
from rocketvpn_sdk.journal.event import Event, LogMessage, shape_of
from rocketvpn_sdk.journal.flusher import Flusher
from rocketvpn_sdk.journal.inventory import Inventory
from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.journal.lines.line import Texts
from rocketvpn_sdk.journal.own_values import OwnValues
from rocketvpn_sdk.journal.reader import Reader
from rocketvpn_sdk.journal.reentrancy import ReentrancyGuard, inside_another_call
from rocketvpn_sdk.journal.retention import RetentionPurge
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import Policy, check_events, vocabulary
from rocketvpn_sdk.vault import SealedLog

if TYPE_CHECKING:
    from rocketvpn_sdk.journal.bridges import PrivateQueueHandler, StructlogProcessor
    from rocketvpn_sdk.journal.handler import JournalHandler

_STREAM = "log"
_BATCHES_PER_CAP = 64
"""The cap is checked this seldom: a batch is small beside it."""
_MOST_BATCHES = 4
"""More batches than this do not wait in memory as the app gave them."""
_MOST_BATCHES_UNAWAITED = 16
"""The same on a thread that never waits: there is nothing to hold it back."""
_TRIES = 10
"""How often the vault may change under us before we say that it is busy."""
_PERMIT_LIFE = 60.0
"""Seconds for which a permit's answer is used again; consent and age change seldom, records come often."""


class Journal:
    """Events and log lines of the app, minimised and sealed. Thread-safe.

    Args:
        context: where they are kept, and whether they may be.
        log: the vault's ``log`` stream.
        own_hosts: the operator's host names, which scrubbing leaves alone.
        private: arguments of log lines are private, and constant texts stay; else each formatted line is scrubbed.
        never_wait: names of threads on which recording never waits.
    """

    def __init__(
        self,
        context: Context,
        log: SealedLog,
        own_hosts: Iterable[str] = (),
        *,
        private: bool = True,
        never_wait: Iterable[str] = (),
    ) -> None:
        vault, permit, limits = context.vault, context.permit, context.limits
        self.limits = limits
        self.own_values = Known.of_this_machine()
        """What this device knows of itself, to be taken out of texts."""
        self.scrubber = Scrubber(own_hosts=frozenset(own_hosts), known=self.own_values)
        self.texts = Texts(self.scrubber) if private else None
        self._words_of: tuple[Policy, ...] = ()
        self.never_wait = frozenset(never_wait)
        self._vault = vault
        self._log = log
        self._permit = permit
        self._time = context.clock.time
        self._own = OwnValues(self.own_values, vault, self._time)
        self._moment = vault.moments.now
        self._retention = RetentionPurge(vault, log, _STREAM, limits.log_bytes, lambda: permit.policies)
        self._reader = Reader(vault, log, self._retention, self._seal)
        self._uncapped = 0  # batches
        self._batch_records = limits.batch_records
        self._backlog = Backlog(vault, log, self._ask, limits.locked_records)
        self._flusher = Flusher(self._flush_quietly, limits.flush_interval)
        self._stuck = False
        self.reentrancy = ReentrancyGuard()
        self._events: dict[type[Event], CompiledEvent] = {}
        self._dropped = self._given_up = 0
        self._refused = 0
        self.lost = self.lost_before = 0
        """Records that came after the vault was closed or deleted: this one, and the one before it."""
        self.handlers: weakref.WeakSet[JournalHandler] = weakref.WeakSet()

    # ------------------------------------------------------------ recording

    def register(self, kinds: Iterable[type[Event]]) -> None:
        """Check event classes against the policy and prepare their minimisation; ``LogMessage`` is always there.

        Raises:
            EventUndeclared: the policy does not allow one of them.
        """
        classes: tuple[type[Event], ...] = (LogMessage, *kinds)
        shapes = {kind: shape_of(kind) for kind in classes}
        policies = self._permit.policies
        check_events(policies[0], shapes.values())
        self._take_words(policies)
        self._events = {kind: CompiledEvent(policies, shape, self.scrubber) for kind, shape in shapes.items()}

    def record(self, event: Event) -> None:
        """Keep ``event``, minimised, unless the policy, a missing consent or collect mode says no.

        It is sealed by a thread of ours, within ``limits.flush_interval``.

        Raises:
            EventUndeclared: its class was not in ``Config(events=...)``.
            ValueRefused: it is not an event.
        """
        compiled = self._events.get(type(event))
        if compiled is None:
            if not issubclass(type(event), Event):
                raise ValueRefused(name="event", problem="it must be an Event")
            raise EventUndeclared(
                event=event.__event__[0] or type(event).__name__,
                problem="the app did not name it when it opened",
                hint="Pass its class in Config(events=[...]).",
            )
        self.keep(compiled, msgspec.structs.astuple(event))

    def compiled(self, kind: type[Event]) -> CompiledEvent:
        """Return the prepared form of an event class: for the handler, which records without making an event."""
        return self._events[kind]

    def keep(self, compiled: CompiledEvent, values: tuple[Any, ...], never_wait: frozenset[str] | None = None) -> bool:
        """Take over ``values``, in the order of the event's fields, if they may be kept; return whether they were.

        Asks nobody: what was answered a moment ago holds for so long, and anything else is asked by ``flush``.

        Args:
            compiled: the event's class.
            values: the values.
            never_wait: names of the threads on which this never waits; default: those of the journal.
        """
        moment, now = self._moment(), self._time()
        known = compiled.checked_from <= now < compiled.checked_from + _PERMIT_LIFE and (
            compiled.changes == self._permit.changes()
        )
        if self._vault.closed:
            self.lost += 1
            return False
        if known and not compiled.allowed:
            self._refused += 1
            return False
        waiting = self._backlog.given() or self._log.buffered
        if waiting >= self._batch_records * _MOST_BATCHES and not self._make_room(waiting, never_wait):
            self._dropped += 1
            return False
        if not known or compiled.slow or not self._backlog.take_now(compiled, now, moment, values):
            self._backlog.add((compiled, now, moment, compiled.bounded(values)))
        if waiting >= self._batch_records:
            if not self._flusher.hurried:
                self._flusher.hurry()
        elif not self._flusher.armed:
            self._flusher.arm()
        return True

    def _take_words(self, policies: tuple[Policy, ...]) -> None:
        """Take over the words of ``policies``, as far as they are nothing that scrubbing would take out."""
        if self.texts is not None and policies != self._words_of:
            self._words_of = policies
            self.texts.words = frozenset(word for word in vocabulary(policies) if self.scrubber.scrub(word) == word)

    def must_not_wait(self, never_wait: frozenset[str] | None = None) -> bool:
        """Return whether this thread is one of ``never_wait``; default: those of the journal."""
        names = self.never_wait if type(never_wait) is not frozenset else never_wait
        return bool(names) and threading.current_thread().name in names

    def _make_room(self, waiting: int, never_wait: frozenset[str] | None) -> bool:
        """Return whether there is room for one more record, after a wait where this thread may wait."""
        if not self.must_not_wait(never_wait):
            return self.flush_soon()
        if not self._flusher.hurried:
            self._flusher.hurry()
        return waiting < self._batch_records * _MOST_BATCHES_UNAWAITED

    def _ask(self) -> set[CompiledEvent]:
        """Return the event classes whose records may be kept now; asks about all of them, of one moment."""
        changes, held, now = self._permit.changes(), self._permit.held(), self._time()
        self._take_words(held.policies)
        for compiled in self._events.values():
            compiled.allowed = compiled.ask(held)
            compiled.changes, compiled.checked_from = changes, now
        return {compiled for compiled in self._events.values() if compiled.allowed}

    def _bring_in(self) -> None:
        """Hand what waits to the log, and hold what is there, not sealed yet, against what holds now."""
        with self._own.renewed():
            self._backlog.bring_in(self._events.values())

    def _seal(self) -> None:
        """Seal what waits and may be kept: asked of the very state of the vault in which it is sealed.

        Otherwise another process could withdraw a consent in between, and what is recorded after that be sealed.
        """
        for _ in range(_TRIES):
            basis = self._vault.basis() if self._vault.unlocked else None
            self._bring_in()
            self._uncapped += -(-self._log.buffered // self._batch_records)
            if self._log.commit(self._retention.lifetimes().partition, basis):
                return
        raise VaultBusy(cause="changing")

    def flush(self) -> None:
        """Minimise and seal what waits; it survives a kill when this returns.

        Raises:
            VaultError: nothing was written; the records stay in memory, up to a bound.
        """
        outer, self.reentrancy.now = self.reentrancy.now, True
        try:
            self._seal()
            self._stuck = False
            if self._uncapped >= _BATCHES_PER_CAP:
                self._uncapped = 0
                self._retention.cap()
        except VaultError:
            if self._log.buffered > self.limits.locked_records:
                self._dropped += self._log.discard()
            raise
        finally:
            self.reentrancy.now = outer

    def flush_soon(self) -> bool:
        """Have what waits sealed, and wait for that, ``limits.flush_patience`` at most; return whether it was.

        Where somebody waited in vain, nobody waits again until a flush has ended. Nor does anyone who logs from
        inside another call of ours, as a signal handler may: the flush could need a lock that this very call holds.
        """
        if inside_another_call():
            self._flusher.hurry()
            return False
        if not self._stuck:
            self._stuck = not self._flusher.wait(self.limits.flush_patience)
        return not self._stuck

    def _flush_quietly(self) -> None:
        try:
            self.flush()
            if self._vault.unlocked:
                self._retention.purge_daily()  # daily, and after a resume from sleep
        except VaultError:  # nobody to tell on this thread; flush() and stats() say it
            if self._vault.unlocked:
                self._flusher.arm()  # what waits is tried again

    def unlocked(self) -> None:
        """Purge what is past its time, and take over what was recorded while the vault was locked."""
        self._retention.purge()
        for compiled in self._events.values():
            compiled.prepared += 1  # what was scrubbed while it was locked is scrubbed again: now more is known
        self._bring_in()

    def known(self, *values: str) -> None:
        """Take ``values`` out of every text that is recorded from here on, wherever they stand.

        For names that only the app knows: of profiles, networks, people, other machines. They count in any case, as
        whole words; those of one or two characters, and words that any log is full of (`home`, `vpn`), are not looked
        for. They are in memory alone, the newest 512, so hand them over each time the app starts.

        Raises:
            ValueRefused: one of them is no text.
        """
        if not all(issubclass(type(value), str) for value in values):
            raise ValueRefused(name="values", problem="each must be a text")
        self.own_values.handed(map(str.__str__, values))

    @checked
    def handler(self, level: int | str = 0, *, never_wait: Sequence[str] = ()) -> JournalHandler:
        """Return a ``logging.Handler`` that records the app's log lines: constant texts, and what is left of values.

        It takes loguru's lines, too: ``loguru.logger.add(rocket.journal.handler())``.

        Args:
            level: as for any handler.
            never_wait: names of threads, besides those of ``Config(never_wait=...)``, on which a logging call never
                waits for the disk.

        Raises:
            ValueRefused: ``logging`` knows no such level.
        """
        with loading(self._vault.folder):
            from rocketvpn_sdk.journal.handler import JournalHandler

        try:
            handler = JournalHandler(self, level, never_wait)
        except ValueError:
            raise ValueRefused(name="level", problem="it must be a number, or one of logging's names") from None
        self.handlers.add(handler)
        return handler

    def queue_handler(self, queue: Any, level: int | str = 0) -> PrivateQueueHandler:
        """Return a handler that queues lines, with their texts and what is left of their values kept apart.

        Put it in the place of ``logging.handlers.QueueHandler``, which formats each line first. What is in ``queue``
        holds no values: other handlers behind the same queue see the private line.

        Args:
            queue: of this process; it has ``put_nowait``.
            level: as for any handler.

        Raises:
            ValueRefused: ``logging`` knows no such level.
        """
        handler = self.handler(level)
        with loading(self._vault.folder):
            from rocketvpn_sdk.journal.bridges import PrivateQueueHandler

        return PrivateQueueHandler(queue, handler)

    def structlog_processor(self, level: int | str = 0) -> StructlogProcessor:
        """Return a structlog processor that records each event and passes it on; put it before what formats.

        Raises:
            ValueRefused: ``logging`` knows no such level.
        """
        handler = self.handler(level)
        with loading(self._vault.folder):
            from rocketvpn_sdk.journal.bridges import StructlogProcessor

        return StructlogProcessor(handler)

    # ------------------------------------------------------------ reading

    @checked
    def read(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        event: str | None = None,
        level: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Entry]:
        """Yield entries by time, oldest first. Never one past its retention, even before the purge ran.

        Args:
            since: from this time on, to the resolution at which times are kept.
            until: before this time.
            event: of this name only.
            level: log lines of this level (``WARNING``) and above; events without a level are left out.
            limit: the newest ones, at most so many.

        Raises:
            ValueRefused: there is no such level.
            VaultLocked: unlock first.
            VaultDamaged: the log is not what was written.
        """
        levels = levels_from(level)
        entries = self._reader.entries(since.timestamp() if since else None, until.timestamp() if until else None)
        if event is not None or levels is not None:
            entries = (
                entry
                for entry in entries
                if event in (None, entry.event) and (levels is None or entry.fields.get("level") in levels)
            )
        return entries if limit is None else iter(deque(entries, maxlen=min(max(limit, 0), sys.maxsize)))

    def inventory(self, samples: int = 0) -> Inventory:
        """Count everything that is held, field by field, with the newest ``samples`` entries: for the report.

        Raises:
            VaultLocked, VaultDamaged: as for ``read``.
        """
        return self._reader.inventory(samples)

    def purge_daily(self) -> None:
        """Purge if the last purge was a day ago; the root's rotation is then owed.

        Raises:
            VaultLocked: unlock first.
        """
        self._retention.purge_daily()

    def narrowed(self) -> None:
        """Let another set of versions reach what is stored: called once it is in force.

        Raises:
            VaultError: it is done with the next purge; what may no longer be kept is not read from here on.
        """
        self._seal()
        self._retention.purge()

    def purge(self) -> int:
        """Destroy the keys of what is past its retention, now; return how many (R1).

        Raises:
            VaultLocked: unlock first.
        """
        dropped = self._retention.purge()
        if dropped:
            self._vault.rotate()
        self._log.forget_ended()
        return dropped

    def stats(self) -> JournalStats:
        """Count what is held.

        Raises:
            VaultLocked: unlock first.
        """
        counted, capped = self._reader.count()
        next_purge = self._retention.next_purge()
        return JournalStats(
            **msgspec.structs.asdict(counted),
            bytes=self._retention.size(),
            next_purge=None if next_purge is None else utc(next_purge),
            waiting=len(self._backlog) + self._log.buffered,
            dropped=self.lost_before + self._dropped + self._backlog.dropped + self._log.dropped,
            capped=capped,
            refused=self._refused + self._backlog.refused,
        )

    # ------------------------------------------------------------ the end

    def shredded(self) -> None:
        """Drop from memory what was ended, and what was answered before that: keys were destroyed.

        What waits for a partition that stays waits on. Nothing that was recorded before is in memory when this returns.
        """
        for compiled in self._events.values():
            compiled.checked_from = math.inf  # what was answered before holds no longer
        self._backlog.forget_ended()
        self._retention.sweep()

    def close(self, timeout: float | None = None) -> None:
        """Flush, and stop the thread that flushes; waits for it ``timeout`` seconds, or ``limits.close_timeout``."""
        before, patience = self._dropped, self.limits.close_timeout if timeout is None else timeout
        if self._flusher.stop(patience):  # else it is inside the flush, and holds what another one needs
            self._flush_quietly()
        self._given_up = self._dropped - before

    @property
    def unsealed(self) -> int:
        """How many records are in memory alone, or were given up while this was closed."""
        return len(self._backlog) + self._log.buffered + self._given_up


def hand_over(before: Journal, after: Journal) -> None:
    """Let ``after`` have the handlers and names of a journal whose vault is gone; count what was lost since that."""
    before.own_values.hand_over(after.own_values)
    for handler in list(before.handlers):
        handler.attach(after)
        after.handlers.add(handler)
    after.lost_before = before.lost
