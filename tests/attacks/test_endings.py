"""What was ended stays ended: two processes, their buffers, locks, clocks and crashes, against a model of the calls.

ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_endings.py -s --timeout=36000
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.endings import CHANGES, KINDS, Oracle, Process, stored
from support.forms import form, say

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

pytestmark = pytest.mark.clause("A3", "R1")

EXAMPLES = form(10, 150, 3_000)
STATES: set[tuple[object, ...]] = set()
COUNTED = {"examples": 0, "calls": 0, "in between": 0}

PROCESS = st.integers(0, 1)
RECORDING = tuple(f"record {kind}" for kind in KINDS)
QUIET = ("flush", "read", "purge")
"""Calls that change nothing of what holds."""
CALLS = (*QUIET, "delete", *sorted(CHANGES))
INNER = st.lists(st.sampled_from((*RECORDING, *CALLS)), min_size=1, max_size=4)


class Endings(RuleBasedStateMachine):
    """Two processes on one vault."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.secrets, self.clock, self.oracle = MemorySecrets(), FakeClock(), Oracle()
        self.processes = [Process(self.folder / "vault", self.secrets, self.clock) for _ in range(2)]
        self.running: list[str] = []
        self.number = 0
        COUNTED["examples"] += 1
        for process in self.processes:
            process.open()
        for name in ("adult", "grant"):
            self.call(0, name)

    # ------------------------------------------------------------ calls

    def record(self, which: int, kind: str) -> None:
        self.number += 1
        leave = self.oracle.leave
        self.processes[which].record(kind, self.number)
        assert leave == self.oracle.leave
        self.oracle.recorded(self.number, kind, which, self.clock.time(), self.running)

    def call(self, which: int, name: str) -> None:
        """Make one call, if it can be made, and note what it means."""
        process = self.processes[which]
        COUNTED["calls"] += 1
        if name.startswith("record "):
            if process.rocket is not None:
                self.record(which, name.partition(" ")[2])
            return
        if not process.unlocked or not self.oracle.possible(name) or (CHANGES & {name} and CHANGES & set(self.running)):
            return
        before = set(self.oracle.lines)
        self.running.append(name)
        try:
            getattr(process, name)()
        finally:
            self.running.pop()
        self.oracle.returned(name, before, self.clock.time())
        self.check()
        if name == "flush" and not self.running:
            missing = self.oracle.missing(which, stored(self.folder / "vault", self.secrets), self.clock.time())
            assert len(missing) <= process.counted(), f"lost and not counted: {missing}"

    def check(self) -> None:
        self.oracle.check(stored(self.folder / "vault", self.secrets))

    @rule(which=PROCESS, kind=st.sampled_from(KINDS))
    def records(self, which: int, kind: str) -> None:
        self.call(which, f"record {kind}")

    @rule(which=PROCESS, name=st.sampled_from(CALLS))
    def calls(self, which: int, name: str) -> None:
        self.call(which, name)

    @rule(which=PROCESS, outer=st.sampled_from(CALLS), at=st.integers(1, 14), inner=INNER)
    def calls_in_between(self, which: int, outer: str, at: int, inner: list[str]) -> None:
        """The other process does something at one of the points where this one holds no lock of the file."""
        process = self.processes[which]
        allowed = [name for name in inner if outer in QUIET or name in (*RECORDING, *QUIET)]

        def meanwhile() -> None:
            COUNTED["in between"] += 1
            for name in allowed:
                self.call(1 - which, name)
                if name in RECORDING:  # and so does another thread of this one
                    self.call(which, name)

        process.left, process.meanwhile = at, meanwhile
        self.call(which, outer)
        process.meanwhile = None

    # ------------------------------------------------------------ time, the beginning and the end

    @rule(which=PROCESS, hours=st.integers(-3, 3))
    def clock_is_wrong(self, which: int, hours: int) -> None:
        self.processes[which].clock.wrong = hours * 3600.0

    @rule(seconds=st.sampled_from((0.001, 1.0, 120.0, DAY, 20 * DAY)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(which=PROCESS, unlock=st.booleans())
    def opens(self, which: int, unlock: bool) -> None:
        if self.processes[which].rocket is None:
            self.processes[which].open(unlock=unlock)

    @rule(which=PROCESS)
    def unlocks(self, which: int) -> None:
        process = self.processes[which]
        if process.rocket is not None and not process.unlocked:
            process.rocket.unlock()

    @rule(which=PROCESS)
    def flushes_locked(self, which: int) -> None:
        process = self.processes[which]
        if process.rocket is not None and not process.unlocked:
            process.flush()

    @rule(which=PROCESS, crash=st.booleans())
    def ends(self, which: int, crash: bool) -> None:
        process = self.processes[which]
        if crash:
            process.crash()
        else:
            process.close()
        self.oracle.lost |= {number for number, line in self.oracle.lines.items() if line.process == which}

    @precondition(lambda self: self.oracle.lines)
    @invariant()
    def nothing_ended_is_there(self) -> None:
        self.check()
        waits = [
            (
                p.unlocked,
                bool(p.rocket._components.journal._backlog),
                bool(p.rocket._components.journal._log.buffered),
                p.clock.wrong,
            )
            if p.rocket
            else None
            for p in self.processes
        ]
        o = self.oracle
        STATES.add((*waits, o.adult, o.guardian, o.granted, bool(o.ended), len(o.lines) - len(o.ended) > 0))

    def teardown(self) -> None:
        for which, process in enumerate(self.processes):
            if process.unlocked:
                self.call(which, "flush")
            process.close()
        self.check()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module", autouse=True)
def _told() -> Iterator[None]:
    yield
    say(f"{COUNTED}, states of two processes: {len(STATES)}")


TestEndings = Endings.TestCase
TestEndings.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
