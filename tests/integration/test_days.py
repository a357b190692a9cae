"""A process that runs for weeks: what is due daily is done daily, whatever else the app does, and nothing piles up.

What is still there is read from the file, without the SDK.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.app_events import Crashed, NetworkChanged, SessionConnected

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ServerUnreachable, VaultBusy
from rocketvpn_sdk.maintenance.worker import Background
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

DAYS = 18
HOUR = 3600.0
_UNITS = {"D": DAY, "H": HOUR}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Config:
    """The worker's thread is the test's own, so that it sleeps as long as the clock is turned."""
    monkeypatch.setattr(Background, "start", lambda self: None)
    return Config(
        "https://localhost:9",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected, NetworkChanged, Crashed],
        clock=clock,
        background=True,
        trusted_root=getattr(request, "param", None),
    )


def record(rocket: RocketVPN) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    rocket.journal.record(NetworkChanged(local_address="203.0.113.77", traffic=5_000_000))


def lives_on(rocket: RocketVPN, clock: FakeClock, days: int, each_day: Callable[[int], None]) -> None:
    """Let the worker work for so many days; ``each_day`` is what the app does at the end of each."""
    worker, begun, done = rocket._maintenance.background, clock.time(), 0
    assert worker is not None

    def nap(event: threading.Event, seconds: float) -> None:
        nonlocal done
        clock.advance(seconds)
        if clock.time() - begun >= (done + 1) * DAY:
            done += 1
            each_day(done)
        if done == days:
            worker.end()

    worker._wait = nap
    worker.work()


def left(config: Config) -> int:
    """Return how many keys of the log there are, and blocks of it."""
    with closing(sqlite3.connect(config.folder / "vault.db")) as db:
        query = (
            "SELECT count(*) FROM keys JOIN lanes ON lanes.id = keys.lane WHERE wrapped IS NOT NULL AND stream = 'log'"
        )
        blocks = (
            "SELECT count(*) FROM blocks JOIN lanes ON lanes.id = blocks.lane WHERE stream = 'log' AND sealed NOT NULL"
        )
        return sum(db.execute(each).fetchone()[0] for each in (query, blocks))


def overdue(config: Config, clock: FakeClock) -> float:
    """Return for how long the oldest key of the log should have been gone, in seconds; 0: none should."""
    with closing(sqlite3.connect(config.folder / "vault.db")) as db:
        rows = db.execute(
            "SELECT retention, epoch FROM keys JOIN lanes ON lanes.id = keys.lane"
            " WHERE wrapped IS NOT NULL AND stream = 'log'"
        ).fetchall()
    ends = []
    for retention, epoch in rows:
        number, unit = re.fullmatch(r"PT?(\d+)([DH])", retention).groups()  # type: ignore[union-attr] # the form matches
        ends.append(epoch + int(number) * _UNITS[unit])
    return max(0.0, clock.time() - min(ends, default=clock.time()))


@pytest.mark.clause("R1")
def test_with_the_worker_no_key_outlives_its_time_by_more_than_a_day_and_each_purge_is_paid_for(
    config: Config, clock: FakeClock
) -> None:
    generations = set()
    with RocketVPN.open(config) as rocket:

        def day(number: int) -> None:
            assert overdue(config, clock) <= DAY + HOUR
            owed = rocket.status().vault.rotation_owed_since
            assert owed is None or clock.time() - owed <= 2 * HOUR
            with closing(sqlite3.connect(config.folder / "vault.db")) as db:
                generations.add(db.execute("SELECT generation FROM head").fetchone())
            record(rocket)
            rocket.journal.flush()

        lives_on(rocket, clock, DAYS, day)
        assert rocket.status().background is not None
        assert rocket.status().background.problems == {}
        assert overdue(config, clock) <= DAY + HOUR
        assert len(list(rocket.journal.read())) > 0
    assert 3 <= len(generations) <= DAYS + 1


@pytest.mark.clause("R1")
@pytest.mark.parametrize(
    "does",
    [
        lambda rocket: rocket.sync(),
        lambda rocket: list(rocket.journal.read()),
        lambda rocket: rocket.rights.view(),
        lambda rocket: rocket.journal.flush_soon(),
    ],
    ids=["syncs", "reads", "views", "only records"],
)
def test_without_the_worker_whatever_the_app_does_daily_purges(
    config: Config, clock: FakeClock, does: Callable[[RocketVPN], object]
) -> None:
    with RocketVPN.open(config) as rocket:
        longest = 0.0
        for _ in range(DAYS):
            record(rocket)
            clock.advance(DAY)
            does(rocket)
            longest = max(longest, overdue(config, clock))
        assert longest <= DAY
        assert rocket.journal.stats().records > 0


@pytest.mark.clause("R1")
def test_opening_alone_purges_whatever_comes_after(config: Config, clock: FakeClock) -> None:
    """Nothing is read, recorded or flushed, and the worker does not come to it."""
    with RocketVPN.open(config) as rocket:
        record(rocket)
    clock.advance(400 * DAY)
    with RocketVPN.open(config):  # not at its end only: it may be killed
        assert overdue(config, clock) == 0.0
        assert left(config) == 0


@pytest.mark.parametrize("config", [b"{}"], indirect=True, ids=["with a root to trust"])
def test_the_policy_is_asked_for_each_day_also_while_nobody_answers(
    config: Config, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def check() -> None:
        asked.append(clock.time())
        if len(asked) % 7 != 0:
            raise ServerUnreachable(host="localhost", problem="nobody is there")

    with RocketVPN.open(config) as rocket:
        begun = clock.time()
        monkeypatch.setattr(type(rocket.policy), "check", lambda self: check())
        lives_on(rocket, clock, 8, lambda number: None)
    gaps = [after - before for before, after in zip([begun, *asked], [*asked, clock.time()], strict=True)]
    assert max(gaps) <= 1.5 * DAY
    assert 6 <= len(asked) <= 80


def test_a_rotation_that_the_keyring_refused_for_days_is_paid_on_the_day_it_answers(
    config: Config, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RocketVPN.open(config) as rocket:
        vault = rocket._components.vault
        tried: list[float] = []

        def busy() -> None:
            tried.append(clock.time())
            raise VaultBusy(seconds=0)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vault, "rotate", busy)
            with vault.write() as transaction:
                transaction.request_rotation(clock.time())
            lives_on(rocket, clock, 5, lambda number: None)
        assert rocket.status().vault.rotation_owed_since is not None
        assert 5 <= len(tried) <= 80  # ever later, and at least once a day
        rocket._maintenance.background._stopped = False
        lives_on(rocket, clock, 2, lambda number: None)
        assert rocket.status().vault.rotation_owed_since is None
