"""A clock that was wrong, once or always, against a running server: what still works, and what is kept no longer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.forms import SOAK
from support.world import World

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import AuthenticationFailed, UpdateRefused
from rocketvpn_sdk.groups.policy import POLICY_TARGET
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock


@pytest.fixture
def there() -> FakeClock:
    """The server's clock, which is right."""
    return FakeClock()


@pytest.fixture
def clock() -> FakeClock:
    """The device's."""
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, there: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=there) as running:
        yield running


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path, clock: FakeClock) -> Config:
    return World(sandbox, tmp_path / "device").config(clock=clock)


def pass_both(seconds: float, *clocks: FakeClock) -> None:
    for each in clocks:
        each.advance(seconds)


def use_all(rocket: RocketVPN) -> None:
    """Whatever goes by whether something signed is still fresh."""
    assert rocket.policy.check() is None
    assert rocket.device.order().state == "active"
    told = rocket.rights.delete(rocket.rights.plan_delete("logs"))
    assert (told.server.state, told.server.problem) == ("confirmed", None)
    told = rocket.rights.delete(rocket.rights.plan_delete("device"))
    assert told.server.receipt is not None
    assert (told.here.done, told.server.state, told.server.receipt.vouched_by) == (True, "confirmed", "tuf")


@pytest.mark.clause("X1")
@pytest.mark.parametrize(
    ("days", "when"),
    [(days, when) for days in (3, 200, 399, 1000) for when in ("in use", "closed", "first opened")]
    if SOAK
    else [(200, "in use"), (3, "closed"), (399, "first opened")],
)
def test_a_clock_that_was_ahead_stops_nothing_once_it_is_right(
    config: Config, sandbox: Sandbox, clock: FakeClock, days: int, when: str
) -> None:
    if when == "first opened":
        clock.turn(days * DAY)
    with RocketVPN.open(config) as rocket:
        rocket.sync()
        if when == "first opened":
            clock.turn(-days * DAY)
        rocket.device.bind(sandbox.order())
        assert rocket.policy.check() is None
        if when == "in use":
            clock.turn(days * DAY)
            rocket.sync()
            clock.turn(-days * DAY)
    if when == "closed":
        clock.reboot()
        clock.turn(days * DAY)
        RocketVPN.open(config).close()
        clock.turn(-days * DAY)
    with RocketVPN.open(config) as rocket:
        use_all(rocket)


@pytest.mark.clause("A3")
@pytest.mark.parametrize("ahead", [0.9 * DAY, 3 * DAY, -0.9 * DAY, -3 * DAY] if SOAK else [0.9 * DAY, 3 * DAY])
def test_what_was_deleted_by_a_wrong_clock_is_confirmed_once_it_is_right(
    config: Config, sandbox: Sandbox, clock: FakeClock, there: FakeClock, ahead: float
) -> None:
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(sandbox.order())
        sandbox.faults.delay_deletions = True
        clock.turn(ahead)
        told = rocket.rights.delete(rocket.rights.plan_delete("logs"))
        assert told.here.done
        assert told.server.state in ("in_progress", "waiting_for_user")
        clock.turn(-ahead)
        pass_both(3600.0, clock, there)
        sandbox.faults.release_deletions()
        assert [server.state for server in rocket.rights.resume()] == ["confirmed"]


@pytest.mark.clause("X1")
def test_attack_old_files_and_a_clock_set_back(
    config: Config, sandbox: Sandbox, clock: FakeClock, there: FakeClock
) -> None:
    """Somebody holds back what is newer; the clock is set to when the old was new, and the server said it is not."""
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(sandbox.order())
        assert rocket.policy.check() is None
        sandbox.faults.freeze_updates = True
        pass_both(10 * DAY, clock, there)
        assert rocket.device.order().state == "active"
        clock.turn(-10 * DAY)
        with pytest.raises(UpdateRefused, match="expired"):
            rocket.policy.check()
    with RocketVPN.open(config) as rocket:
        with pytest.raises(UpdateRefused, match="expired"):
            rocket._components.files.read(POLICY_TARGET)
        sandbox.faults.freeze_updates = False
        assert rocket.policy.check() is None


@pytest.mark.clause("R1")
class TestSetBackBeforeEachOpening:
    """The machine is off for weeks, and somebody sets its clock back to the last use each time."""

    @pytest.fixture(autouse=True)
    def line(self, config: Config, sandbox: Sandbox) -> None:
        """Let there be a line of the log, which is kept for 14 days."""
        with RocketVPN.open(config) as rocket:
            rocket.device.bind(sandbox.order())
            handler, log = rocket.journal.handler(), logging.getLogger("clocks")
            log.addHandler(handler)
            log.warning("kept for at most 14 days")
            log.removeHandler(handler)

    def off(self, days: float, clock: FakeClock, there: FakeClock) -> None:
        clock.reboot(off=days * DAY)
        clock.turn(-days * DAY - 1)
        there.advance(days * DAY)

    def keys(self, rocket: RocketVPN) -> int:
        """Return how many keys of the log there still are."""
        with rocket._components.vault.read() as (transaction, _):
            query = (
                "SELECT count(*) FROM keys JOIN lanes ON lane = lanes.id WHERE stream = 'log' AND wrapped IS NOT NULL"
            )
            (count,) = transaction.db.execute(query).fetchone()
            return int(count)

    def test_a_servers_refusal_is_enough(self, config: Config, clock: FakeClock, there: FakeClock) -> None:
        """It says what time it is; no call of this device gets any other answer."""
        self.off(29, clock, there)
        with RocketVPN.open(config) as rocket:
            assert len(list(rocket.journal.read())) == 1
            with pytest.raises(AuthenticationFailed):
                rocket.device.order()
            assert list(rocket.journal.read()) == []
            assert self.keys(rocket) == 0

    def test_what_is_far_ahead_hides_and_a_day_later_destroys(
        self, config: Config, clock: FakeClock, there: FakeClock
    ) -> None:
        for _ in range(12):
            self.off(29, clock, there)
            with RocketVPN.open(config) as rocket:
                assert len(list(rocket.journal.read())) == 1
        with RocketVPN.open(config) as rocket:
            with pytest.raises(AuthenticationFailed):
                rocket.device.order()
            assert list(rocket.journal.read()) == []
            rocket.journal.purge()
            assert self.keys(rocket) == 1
            pass_both(DAY, clock, there)
            with suppress(AuthenticationFailed):
                rocket.device.order()
            assert list(rocket.journal.read()) == []
            assert self.keys(rocket) == 0

    def test_one_wrong_answer_destroys_nothing(
        self, config: Config, sandbox: Sandbox, clock: FakeClock, there: FakeClock
    ) -> None:
        with RocketVPN.open(config) as rocket:
            there.advance(300 * DAY)
            with pytest.raises(AuthenticationFailed):
                rocket.device.order()
            assert list(rocket.journal.read()) == []
        there.turn(-300 * DAY)
        with RocketVPN.open(config) as rocket:
            assert list(rocket.journal.read()) == []
            assert rocket.device.order().state == "active"
            assert len(list(rocket.journal.read())) == 1
            assert rocket.policy.check() is None

    def test_a_process_that_is_killed_after_the_answer_has_written_it_down(
        self, config: Config, clock: FakeClock, there: FakeClock
    ) -> None:
        self.off(29, clock, there)
        rocket = RocketVPN.open(config)
        with pytest.raises(AuthenticationFailed):
            rocket.device.order()
        with RocketVPN.open(config) as other:  # the first one is not closed, so that it writes nothing any more
            assert list(other.journal.read()) == []
        rocket.close()


@pytest.mark.clause("R1")
def test_a_machine_that_stayed_on_keeps_nothing_longer(config: Config, clock: FakeClock) -> None:
    """Closed or suspended, without a server, and with a clock that is set back each time."""
    with RocketVPN.open(config) as rocket:
        handler, log = rocket.journal.handler(), logging.getLogger("clocks")
        log.addHandler(handler)
        log.warning("kept for at most 14 days")
        log.removeHandler(handler)
    for pass_by in (clock.advance, clock.suspend, clock.advance):
        with RocketVPN.open(config) as rocket:
            assert len(list(rocket.journal.read())) == 1
        pass_by(5 * DAY)
        clock.turn(-5 * DAY - 1)
    with RocketVPN.open(config) as rocket:
        assert list(rocket.journal.read()) == []


@pytest.mark.clause("R1")
def test_a_process_that_is_killed_forgets_an_hour_at_most(config: Config, clock: FakeClock) -> None:
    start, killed = clock.time(), RocketVPN.open(config)
    clock.advance(5 * 3600)
    killed._maintenance.tidy()  # as the background worker does each hour
    clock.advance(1800)
    clock.turn(-6 * 3600)
    clock.reboot()
    with RocketVPN.open(config) as rocket:
        age = rocket.status().age
        assert age is not None
        assert age.highest == start + 5 * 3600
    killed.close()


@pytest.mark.clause("R1")
def test_a_process_that_runs_for_days_purges_also_after_it_was_suspended(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        handler, log = rocket.journal.handler(), logging.getLogger("clocks")
        log.addHandler(handler)
        log.warning("kept for at most 14 days")
        log.removeHandler(handler)
        rocket.journal.flush()
        keys = TestSetBackBeforeEachOpening().keys
        clock.suspend(13 * DAY)
        clock.turn(-13 * DAY)
        rocket.sync()
        assert keys(rocket) == 1
        clock.advance(DAY)
        rocket.sync()
        assert keys(rocket) == 0
