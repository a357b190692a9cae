"""The journal on a vault of its own, flushed by the test alone: what is kept, refused, dropped, waiting, and read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.app_events import Crashed, SessionConnected
from support.policies import edited
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import EventUndeclared, ValueRefused, VaultLocked
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.journal import Event, Journal
from rocketvpn_sdk.journal.event import LogMessage
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import ConsentChoice, Policy, State, bundled_policy, parse_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Queue, SealedLog
from rocketvpn_sdk.vault.partitions import PartitionChoice

START = 1_800_000_000.0
GRANTED = State(adult=True, consents={"improvement": ConsentChoice("granted")})


class Desk:
    """A journal whose consents a test sets, and which nothing flushes by itself."""

    def __init__(self, folder: Path, *, unlock: bool = True, **limits: Any) -> None:
        self.clock = FakeClock(START)
        self.secrets = UnreliableSecrets()
        self.vault = open_vault(folder, self.secrets, self.clock, unlock=unlock)
        self.state, self.changes, self.asked = State(), 0, 0
        self.in_force = PolicyState(bundled_policy())
        permit = Permit(lambda: self.in_force, self._state, self.clock.time, lambda: self.changes)
        self.log = SealedLog(self.vault, "log")
        bounds = Limits(**{"batch_records": 4, "flush_interval": 1e6, "flush_patience": 0.0, **limits})
        self.context = Context(
            vault=self.vault,
            clock=self.clock,
            limits=bounds,
            events=EventBus(),
            permit=permit,
            queue=Queue(self.vault),
        )
        self.journal = Journal(self.context, self.log)
        self.journal.register([SessionConnected, Crashed])

    def _state(self) -> State:
        self.asked += 1
        return self.state

    def connected(self, region: str = "de-fra", times: int = 1) -> None:
        for _ in range(times):
            self.journal.record(SessionConnected(region=region, protocol="wireguard", duration=77))

    def crashed(self) -> None:
        self.journal.record(Crashed(failure="timeout"))

    def counts(self) -> tuple[int, int, int, int]:
        """Return how many records are kept, wait, were dropped, were refused."""
        stats = self.journal.stats()
        return stats.records, stats.waiting, stats.dropped, stats.refused

    def keys(self) -> int:
        """Return how many keys there are."""
        with self.vault.read() as (transaction, _):
            return int(transaction.db.execute("SELECT count(*) FROM keys WHERE wrapped IS NOT NULL").fetchone()[0])

    def read(self, **which: Any) -> list[tuple[str, float]]:
        return [(entry.event, entry.at.timestamp() - START) for entry in self.journal.read(**which)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "vault")
    yield desk
    desk.journal.close(0.0)
    desk.vault.close()


# ---------------------------------------------------------------- what may be kept


@pytest.mark.clause("U1", "U3")
def test_each_record_is_kept_or_refused_and_counted_once(desk: Desk) -> None:
    desk.connected()
    desk.crashed()
    assert desk.journal.unsealed == 2
    desk.journal.flush()
    assert desk.journal.unsealed == 0
    assert desk.counts() == (1, 0, 0, 1)  # nobody agreed to the second
    desk.crashed()  # known by now: it does not even wait
    assert desk.journal.unsealed == 0
    assert desk.counts() == (1, 0, 0, 2)


@pytest.mark.clause("U3")
def test_an_answer_is_used_again_for_a_minute_or_until_something_changed(desk: Desk) -> None:
    desk.crashed()
    desk.journal.flush()
    desk.state = GRANTED
    desk.clock.advance(59.5)
    desk.crashed()  # refused by the old answer
    assert desk.journal.unsealed == 0
    desk.clock.advance(0.5)
    desk.crashed()  # too old: asked again
    assert desk.journal.unsealed == 1
    desk.journal.flush()
    assert desk.counts() == (1, 0, 0, 2)
    desk.state, desk.changes = State(), 1
    desk.crashed()  # no answer of before the change is used
    assert desk.journal.unsealed == 1
    desk.journal.flush()
    assert desk.counts() == (1, 0, 0, 3)
    desk.clock.turn(-10)  # an answer from a time that has not come is none
    desk.state = GRANTED
    desk.crashed()
    desk.journal.flush()
    assert desk.counts() == (2, 0, 0, 3)


@pytest.mark.clause("U3")
def test_what_waits_is_held_against_what_holds_when_it_is_sealed(desk: Desk) -> None:
    desk.state = GRANTED
    desk.crashed()
    desk.journal.flush()
    desk.crashed()  # by an answer that is still fresh, straight into the log's memory
    desk.connected()
    assert desk.log.buffered == 2
    desk.state, desk.changes = State(), 1
    desk.journal.flush()
    assert desk.counts() == (2, 0, 0, 1)
    assert [event for event, _ in desk.read()] == ["app.crashed", "session.connected"]


@pytest.mark.clause("U1")
def test_what_is_shredded_drops_answers_and_what_waits_for_what_ended(desk: Desk) -> None:
    desk.state = GRANTED
    desk.crashed()
    desk.connected()
    desk.journal.flush()
    desk.crashed()
    desk.connected()
    desk.clock.advance(1)
    with desk.vault.shredding() as transaction:
        transaction.shred([PartitionChoice(purpose="improvement")])
    desk.journal.shredded()
    assert desk.journal.unsealed == 1
    desk.crashed()  # nothing that was answered before counts: it waits, and is asked about
    assert desk.journal.unsealed == 2
    desk.state = State()
    desk.journal.flush()
    assert [event for event, _ in desk.read()] == ["session.connected"] * 2
    assert desk.counts() == (2, 0, 1, 1)


@pytest.mark.clause("U1")
def test_what_waits_as_the_app_gave_it_ends_with_its_purpose(desk: Desk) -> None:
    line = LogMessage(level="INFO", logger="app", message="a line")
    desk.journal.record(line)  # free text waits until there is time for it
    desk.crashed()
    desk.clock.advance(1)
    with desk.vault.shredding() as transaction:
        transaction.shred([PartitionChoice(purpose="service")])
    desk.journal.record(line)
    desk.journal.shredded()
    assert desk.journal.unsealed == 2
    desk.state = GRANTED
    desk.journal.flush()
    assert desk.counts() == (2, 0, 1, 0)
    assert sorted(event for event, _ in desk.read()) == ["app.crashed", "log.message"]


@pytest.mark.clause("C2", "X2")
def test_what_waits_is_minimised_again_when_another_version_is_in_force(desk: Desk) -> None:
    desk.connected()
    desk.state = GRANTED
    desk.journal.flush()
    for _ in range(2):
        desk.connected()
        desk.crashed()
    old = parse_policy(edited("field", "duration", "bucket(10, 60, 300, ", "bucket(300, "))
    desk.in_force, desk.changes = PolicyState(bundled_policy(), replace_version(old)), 1
    desk.journal.flush()
    desk.connected()
    durations = [entry.fields["duration"] for entry in desk.journal.read(event="session.connected")]
    assert durations == [60, 0, 0, 0]  # what is sealed stays as it is
    assert len(desk.read(event="app.crashed")) == 2
    assert desk.counts()[2:] == (0, 0)


def replace_version(policy: Policy) -> Policy:
    """Return the same as the next version."""
    return Policy(replace(policy.document, version=policy.version + 1))


# ---------------------------------------------------------------- bounds


def test_more_than_a_few_batches_do_not_wait_in_memory(desk: Desk) -> None:
    """A flush that does not come in time: the rest is dropped and counted."""
    desk.journal._flusher.wait = lambda timeout: False  # type: ignore[method-assign] # the disk takes nothing in time
    desk.journal._flusher.arm = desk.journal._flusher.hurry = lambda: None  # type: ignore[method-assign] # no thread
    desk.connected(times=20)
    assert desk.journal.unsealed == 16
    assert desk.counts() == (16, 0, 4, 0)


def test_while_the_vault_is_locked_so_many_are_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "vault", unlock=False, locked_records=3)
    with pytest.raises(VaultLocked):
        desk.journal.stats()
    with pytest.raises(VaultLocked):
        desk.journal.read()
    with pytest.raises(VaultLocked):
        desk.journal.inventory()
    desk.connected(times=5)
    desk.journal.flush()
    assert desk.journal.unsealed == 3
    desk.vault.unlock()
    desk.journal.unlocked()
    assert desk.counts() == (3, 0, 2, 0)
    desk.journal.close(0.0)
    desk.vault.close()


def test_a_closed_vault_takes_nothing_and_keeps_nobody_waiting(desk: Desk) -> None:
    desk.connected()
    desk.vault.close()
    desk.connected()
    assert desk.journal.unsealed == 1


# ---------------------------------------------------------------- reading


def test_reading_takes_what_was_asked_for(desk: Desk) -> None:
    desk.state = GRANTED
    steps = list(range(0, 5 * 3600, 3600))
    for _ in steps:
        desk.connected()
        desk.crashed()
        desk.clock.advance(3600)
    hours = sorted({at for _, at in desk.read()})
    assert len(desk.read()) == 10
    assert [at for _, at in desk.read(event="app.crashed")] == [at for at in hours for _ in (0,)]
    middle = utc(START + hours[2])
    assert {at for _, at in desk.read(since=middle)} == set(hours[2:])
    assert {at for _, at in desk.read(until=middle)} == set(hours[:2])
    assert desk.read(limit=3) == desk.read()[-3:]
    assert desk.read(limit=0) == desk.read(limit=-1) == []
    assert len(desk.read(limit=99)) == 10
    assert desk.read(event="log.message") == []


def test_log_lines_are_read_from_their_level_on(desk: Desk) -> None:
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    for level in levels:
        desk.journal.record(LogMessage(level=level, logger="app", message="a line"))
    desk.connected()
    for number, level in enumerate(levels):
        found = [entry.fields["level"] for entry in desk.journal.read(level=level)]
        assert found == levels[number:]
    assert len(list(desk.journal.read())) == 6
    with pytest.raises(ValueRefused, match="DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        desk.journal.read(level="TRACE")


def test_statistics_are_of_what_is_there(desk: Desk) -> None:
    assert (desk.journal.stats().oldest, desk.journal.stats().newest, desk.journal.stats().bytes) == (None, None, 0)
    assert desk.journal.stats().next_purge is None
    desk.connected(times=2)
    desk.clock.advance(7200)
    desk.connected()
    desk.journal.flush()
    stats = desk.journal.stats()
    entries = list(desk.journal.read())
    assert (stats.oldest, stats.newest) == (entries[0].at, entries[-1].at)
    assert stats.by_event == {"session.connected": 3}
    assert stats.bytes > 0
    assert stats.next_purge is not None
    assert stats.next_purge > stats.newest


@pytest.mark.clause("R1")
def test_a_purge_is_made_when_a_day_has_gone_by_and_not_before(desk: Desk) -> None:
    desk.connected()
    desk.journal.flush()
    desk.journal.purge()
    ends = desk.journal.stats().next_purge
    assert ends is not None
    desk.clock.advance(ends.timestamp() - START - 1)
    assert desk.journal.purge() == 0
    desk.clock.advance(2)
    assert desk.journal.purge() == 1
    assert desk.journal.stats().next_purge is None
    assert desk.vault.status().rotation_owed_since is None
    assert desk.read() == []


@pytest.mark.clause("R1")
@pytest.mark.parametrize("how", ["purge_daily", "read", "inventory"])
def test_each_way_to_look_destroys_what_is_past_its_time_once_a_day(desk: Desk, how: str) -> None:
    desk.journal.purge()
    before = desk.keys()
    desk.connected()
    desk.journal.flush()
    assert desk.keys() == before + 1
    ends = desk.journal.stats().next_purge
    assert ends is not None
    for _ in range(round((ends.timestamp() - START) // DAY) + 1):
        desk.clock.advance(DAY)
        getattr(desk.journal, how)()
    assert desk.keys() == before


# ---------------------------------------------------------------- what is no event


class Unannounced(Event, name="not.announced", purpose="service"):
    region: str


class Nameless(Event):
    region: str


@pytest.mark.parametrize(
    ("event", "named"), [(Unannounced(region="de-fra"), "not.announced"), (Nameless(region="de-fra"), "Nameless")]
)
def test_an_event_that_was_not_announced_is_named(desk: Desk, event: Event, named: str) -> None:
    with pytest.raises(EventUndeclared) as refused:
        desk.journal.record(event)
    assert refused.value.params["event"] == named


def test_what_is_no_event_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueRefused):
        desk.journal.record("session.connected")  # type: ignore[arg-type] # that is the point


# ---------------------------------------------------------------- what the device knows of itself


def said(desk: Desk, text: str) -> str:
    desk.journal.record(LogMessage(level="INFO", logger="app", message=text))
    desk.journal.flush()
    return list(desk.journal.read())[-1].fields["message"]


@pytest.mark.clause("C2")
def test_names_that_the_app_hands_over_are_taken_out_from_then_on(desk: Desk) -> None:
    assert said(desk, "tunnel Casa Russo is up") == "tunnel Casa Russo is up"
    desk.journal.known("Casa Russo", "Chiara")
    assert said(desk, "tunnel CASA-RUSSO is up, chiara") == "tunnel [removed] is up, [removed]"
    with pytest.raises(ValueRefused):
        desk.journal.known(7)  # type: ignore[arg-type] # what must be refused


@pytest.mark.clause("C2")
def test_the_addresses_of_the_interfaces_are_looked_at_again_after_a_minute(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocketvpn_sdk.platforms.interface_addresses", lambda: frozenset({"3c:a6:2f:0b:9e:d1"}))
    assert said(desk, "adapter 3ca62f0b9ed1") == "adapter [removed]"
    monkeypatch.setattr("rocketvpn_sdk.platforms.interface_addresses", lambda: frozenset({"02:00:5e:10:00:0a"}))
    assert said(desk, "adapter 02005e10000a") == "adapter 02005e10000a"
    desk.clock.advance(61)
    assert said(desk, "adapter 02005e10000a, 3ca62f0b9ed1") == "adapter [removed], [removed]"
