"""Worlds in which it is known what time it really is, and what the device makes of it.

The oracle counts real seconds and who lied; it shares nothing with what it judges, which sees only a device's clocks, a
server's ``Date`` and what was stored.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import Age
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.timekeeping import Timekeeper

START, DAY, HOUR = 1_800_000_000.0, 86_400.0, 3_600.0
SECOND = 1.0
"""What floating point and whole seconds may make of it."""
BOUND = 2 * DAY + SECOND
"""What a clock that was ahead once may cost, after which only a server tells how long the app was closed."""

Step = tuple[str, float]


class World:
    """A machine, its user, its operator's server, and the time that it really is."""

    def __init__(self, off_by: float = 0.0) -> None:
        self.real = START
        self.clock = FakeClock(START + off_by)
        self.stored = b""
        self.switched_off = 0.0
        """Real seconds so far in which no clock of the machine ran."""
        self.opened()

    @property
    def off_by(self) -> float:
        """How far the wall clock is ahead."""
        return self.clock.time() - self.real

    @property
    def age(self) -> Age:
        return self.keeper.age()

    def opened(self) -> None:
        self.keeper = Timekeeper(self.clock)
        self.keeper.opened(msgspec.json.decode(self.stored, type=Age) if self.stored else None)
        self.write()  # as the purge does that comes first

    def write(self) -> None:
        before = msgspec.json.decode(self.stored, type=Age) if self.stored else None
        self.stored = msgspec.json.encode(self.keeper.to_store(before))

    # ------------------------------------------------------------ what happens

    def run(self, seconds: float) -> None:
        while seconds > 0:
            part = min(seconds, 6 * HOUR)
            self.clock.advance(part)
            self.real += part
            seconds -= part
            self.write()  # as is done each hour

    def idle(self, seconds: float) -> None:
        """Run, and nobody asks what time it is."""
        self.clock.advance(seconds)
        self.real += seconds

    def suspend(self, seconds: float) -> None:
        self.clock.suspend(seconds)
        self.real += seconds

    def closed(self, seconds: float) -> None:
        self.write()
        self.idle(seconds)
        self.opened()

    def killed(self, seconds: float) -> None:
        self.idle(seconds)
        self.opened()

    def off(self, seconds: float) -> None:
        self.write()
        self.clock.reboot(off=seconds)
        self.real += seconds
        self.switched_off += seconds
        self.opened()

    def turn(self, seconds: float) -> None:
        self.clock.turn(seconds)

    def off_and_turned(self, seconds: float) -> None:
        """Somebody sets the clock back to the moment of the last use, before each opening."""
        self.write()
        self.clock.reboot(off=seconds)
        self.real += seconds
        self.switched_off += seconds
        self.clock.turn(-seconds - 1)
        self.opened()

    def right(self, _: float) -> None:
        self.clock.turn(self.real - self.clock.time())

    def server(self, lie: float) -> None:
        self.keeper.agree(self.real + lie)
        self.write()  # as the vault does where it matters

    def play(self, steps: list[Step], after: Callable[[str, float], None] = lambda name, value: None) -> None:
        for name, value in steps:
            getattr(self, name)(value)
            after(name, value)


spans = st.floats(1.0, 40 * DAY)
passes = st.one_of(
    *(
        st.tuples(st.just(name), spans)
        for name in ("run", "idle", "suspend", "closed", "killed", "off", "off_and_turned")
    )
)
turns = st.tuples(st.just("turn"), st.floats(-500 * DAY, 500 * DAY))
rights = st.tuples(st.just("right"), st.just(0.0))
truths = st.tuples(st.just("server"), st.just(0.0))
lies = st.tuples(st.just("server"), st.floats(-500 * DAY, 500 * DAY))


@pytest.mark.clause("R1")
@given(st.lists(st.one_of(passes, turns, rights, truths, lies), max_size=12))
def test_what_runs_ages_whatever_is_done_to_the_clocks(steps: list[Step]) -> None:
    """Nothing is kept longer than its retention by a machine that stayed on; nothing makes it earlier."""
    world = World()
    before, real, off = world.age.highest, world.real, 0.0

    def judge(_name: str, _value: float) -> None:
        nonlocal before, real, off
        age = world.age
        passed = (world.real - real) - (world.switched_off - off)
        assert age.highest - before >= passed - SECOND
        assert age.ends >= age.highest
        before, real, off = age.highest, world.real, world.switched_off
        world.write()

    world.play(steps, judge)


@pytest.mark.clause("R1")
@given(st.lists(st.one_of(passes, turns, rights, truths), max_size=12), spans)
@example([("off_and_turned", 29 * DAY)] * 12, 1.0)
@example([("turn", 200 * DAY), ("right", 0.0), ("server", 0.0), *[("off_and_turned", 29 * DAY)] * 12], 1.0)
def test_a_servers_word_ages_what_a_closed_app_keeps(steps: list[Step], closed: float) -> None:
    """Whatever was done to the clocks: what is older than it may be is hidden at its first word, and then destroyed."""
    world = World()
    recorded: list[tuple[float, float]] = []

    def judge(name: str, _value: float) -> None:
        if name == "server" and abs(world.off_by) < DAY:
            recorded.append((world.real, world.age.highest))

    world.play(steps, judge)
    world.off_and_turned(closed)
    world.server(0.0)
    assert world.age.ends >= world.real - SECOND
    for real, stamp in recorded:
        assert world.age.ends - stamp >= world.real - real - BOUND
    for _ in range(3):
        world.run(DAY)
        world.server(0.0)
    assert not world.age.warned
    for real, stamp in recorded:
        assert world.age.highest - stamp >= world.real - real - BOUND


@pytest.mark.clause("R1")
@given(
    st.lists(st.one_of(passes, rights, truths).filter(lambda step: step[0] != "off_and_turned"), max_size=8),
    st.floats(-500 * DAY, 5_000 * DAY),
    st.lists(st.one_of(passes, rights, truths).filter(lambda step: step[0] != "off_and_turned"), max_size=8),
)
def test_attack_one_lie_of_a_server(before: list[Step], lie: float, after: list[Step]) -> None:
    """It makes nothing older than it is by more than 31 days, and by nothing where it says more; hidden is not gone."""
    world, most = World(), max(lie, 0.0) if lie <= 31 * DAY else 0.0

    def judge(name: str, value: float) -> None:
        assert world.age.highest <= world.real + most + SECOND
        if name == "server" and value == 0.0:
            assert world.age.ends <= world.real + most + SECOND

    world.play(before, judge)
    world.server(lie)
    world.play(after, judge)
    assert world.age.highest <= world.real + most + SECOND
    world.server(0.0)
    assert world.age.ends <= world.real + most + SECOND


@pytest.mark.clause("R1")
@given(st.lists(st.tuples(st.floats(0.0, 2 * HOUR), st.floats(-500 * DAY, 5_000 * DAY)), max_size=10))
def test_attack_a_server_that_lies_all_day(answers: list[tuple[float, float]]) -> None:
    world = World()
    for passed, lie in answers:
        world.run(min(passed, START + DAY - SECOND - world.real))
        world.server(lie)
        assert world.age.highest <= world.real + 31 * DAY + SECOND
    world.run(HOUR)
    world.server(0.0)
    assert world.age.ends <= world.real + 31 * DAY + SECOND


@pytest.mark.clause("R1")
@given(
    st.floats(401 * DAY, 20_000 * DAY),
    st.lists(
        st.tuples(st.sampled_from(["run", "idle", "suspend", "closed", "killed"]), st.floats(0.0, 20 * HOUR)),
        max_size=3,
    ),
    st.floats(-450 * DAY, 5_000 * DAY),
    st.booleans(),
)
def test_attack_a_leap_that_is_taken_back_destroys_nothing(
    leap: float, steps: list[Step], again: float, told: bool
) -> None:
    world = World()
    world.run(30 * DAY)
    world.turn(leap)
    for name, seconds in steps:
        getattr(world, name)(seconds)
        assert world.age.highest <= world.real + SECOND
        assert world.age.ends >= world.clock.time() - SECOND
        if told:
            world.server(0.0)
    if leap + again > 401 * DAY:
        world.turn(again)  # anew: it has not stayed there
        assert world.age.highest <= world.real + SECOND
    world.right(0.0)
    assert world.age.highest <= world.real + SECOND
    assert world.age.ends <= world.real + SECOND


@pytest.mark.clause("X2")
@given(st.lists(st.one_of(passes, turns, rights, truths, lies), max_size=12))
def test_nothing_begins_early(steps: list[Step]) -> None:
    """Unless the wall clock and a server lie at once, and both ahead: a server that is believed in nothing else."""
    world = World()
    for name, value in steps:
        if name == "server" and value > 0 and world.off_by > 0:
            continue
        getattr(world, name)(value)
        assert world.age.begins(world.clock.time()) <= world.real + SECOND
        assert world.age.earliest(world.clock.time()) <= world.real + SECOND


@pytest.mark.clause("X1")
@given(st.lists(st.one_of(passes, turns, rights, truths, lies), max_size=12), st.floats(-500 * DAY, 500 * DAY))
def test_what_is_signed_is_fresh_again_once_the_clock_is_right(steps: list[Step], off_by: float) -> None:
    """After any wrong clock, the first opening's included, and after any lie once the server tells the truth."""
    world, lied = World(off_by), False
    for name, value in steps:
        if name == "server" and value > 0 and world.off_by > 0:
            continue
        if name == "server":
            lied = value > 0 or (lied and (value < 0 or abs(world.off_by) > DAY))
        getattr(world, name)(value)
    world.right(0.0)
    if lied:
        world.server(0.0)
    assert world.age.fresh(world.clock.time()) <= world.real + SECOND


@pytest.mark.clause("X1")
@given(
    st.lists(st.one_of(passes, turns, rights), max_size=4),
    st.lists(
        st.one_of(passes, st.tuples(st.just("turn"), st.floats(-500 * DAY, 0.0)), lies.filter(lambda s: s[1] < 0)),
        max_size=8,
    ),
)
def test_attack_old_dates_bring_nothing_to_life(before: list[Step], after: list[Step]) -> None:
    """What had expired when the clock and the server were right stays so, whatever both say later."""
    world = World()
    world.play(before)
    world.right(0.0)
    world.server(0.0)
    seen = world.real
    world.play(after)
    assert world.age.fresh(world.clock.time()) >= seen - SECOND
