"""What is stored already is kept no longer than the versions in force let it be (X2, R1)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from support.app_events import Crashed, SessionConnected
from support.policies import TEXT, edited, first_version
from support.vaults import open_vault

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.journal.retention import kept_by
from rocketvpn_sdk.policy import Duration, Policy, bundled_policy, parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog
from rocketvpn_sdk.vault.change import lane_rows
from rocketvpn_sdk.vault.lanes import Lane
from rocketvpn_sdk.vault.verify import verify

pytestmark = [pytest.mark.clause("R1"), pytest.mark.clause("X2")]

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC).timestamp()
WIDER = ("field", "duration", 'transform = "bucket(', 'transform = "keep"  # "bucket(')
EVENT = SessionConnected(region="de-fra", protocol="wireguard", duration=77)


def narrower(*edits: tuple[str, str, str, str]) -> Policy:
    """Return a version in which nothing that is observed is kept here for more than a week."""
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    for longer in ("P14D", "P30D"):
        text = text.replace(f'retention = {{ device = "{longer}"', 'retention = { device = "P7D"')
    document = parse_policy(text).document
    return Policy(msgspec.structs.replace(document, version=3, effective=date(2028, 1, 1)))


def without(purpose: str) -> Policy:
    """Return a version that does not know ``purpose``."""
    document = bundled_policy().document
    fields = tuple(
        msgspec.structs.replace(field, purposes=left)
        for field in document.field
        if (left := tuple(name for name in field.purposes if name != purpose))
    )
    parts = {
        name: tuple(part for part in getattr(document, name) if purpose not in (part.id, getattr(part, "purpose", "")))
        for name in ("purpose", "event", "operation")
    }
    return Policy(msgspec.structs.replace(document, version=3, field=fields, **parts))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected, Crashed],
        clock=clock,
        policy=first_version(),
    )


@pytest.fixture
def rocket(config: Config):
    with RocketVPN.open(config) as rocket:
        yield rocket


def ages(rocket: RocketVPN, clock: FakeClock) -> list[int]:
    return [round((clock.time() - entry.at.timestamp()) / DAY) for entry in rocket.journal.read()]


def keys(rocket: RocketVPN) -> int:
    with rocket._rooms.vault.read() as (change, _):
        return change.db.execute("SELECT count(*) FROM keys WHERE lane != 0 AND wrapped IS NOT NULL").fetchone()[0]


def record(rocket: RocketVPN, clock: FakeClock, *days: int) -> None:
    """Record an event now, and again after each of ``days``."""
    rocket.journal.record(EVENT)
    for step in days:
        rocket.journal.flush()
        clock.advance(step * DAY)
        rocket.journal.record(EVENT)
    rocket.journal.flush()


@pytest.mark.parametrize("edits", [[], [WIDER]], ids=["it binds at once", "it waits for its notice"])
def test_a_shorter_time_holds_for_what_is_stored_already(
    rocket: RocketVPN, clock: FakeClock, edits: list[tuple[str, str, str, str]]
) -> None:
    record(rocket, clock, 12, 8)
    assert ages(rocket, clock) == [20, 8, 0]
    before = keys(rocket)
    rocket._rooms.versions.offer(narrower(*edits))
    assert rocket.policy.current.version == (2 if edits else 3)
    assert ages(rocket, clock) == [0]  # before any purge
    assert rocket.journal.stats().records == 1
    assert keys(rocket) == before
    assert rocket.journal.purge() == before - 1
    assert (keys(rocket), ages(rocket, clock)) == (1, [0])
    assert rocket.journal.purge() == 0


def test_what_was_purged_does_not_come_back_with_a_longer_time(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock, 20)
    rocket._rooms.versions.offer(narrower())
    rocket.journal.purge()
    rocket._rooms.versions.offer(
        Policy(msgspec.structs.replace(bundled_policy().document, version=4, effective=date(2027, 3, 1)))
    )
    notice = rocket.policy.notice()
    assert notice is not None
    rocket.policy.shown(notice)
    clock.advance(6 * DAY)
    assert ages(rocket, clock) == [6]
    assert verify(rocket._rooms.vault).blocks


def test_the_next_opening_purges_it(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        record(rocket, clock, 20)
        rocket._rooms.versions.offer(narrower())
        assert keys(rocket) == 2
    with RocketVPN.open(config) as rocket:
        assert keys(rocket) == 1
        assert ages(rocket, clock) == [0]


def test_the_next_purge_is_announced_by_the_shorter_time(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock)
    before = rocket.journal.stats().next_purge
    rocket._rooms.versions.offer(narrower())
    after = rocket.journal.stats().next_purge
    assert before is not None
    assert after is not None
    assert (before - after).days == 23


@pytest.mark.clause("U7")
def test_what_was_kept_for_a_purpose_that_is_gone_is_gone_at_the_purge(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(True)
        rocket.consent.grant(rocket.consent.notice("improvement"))
        rocket.journal.record(Crashed(failure="timeout"))
        rocket.journal.record(EVENT)
        assert [entry.event for entry in rocket.journal.read()] == ["app.crashed", "session.connected"]
        rocket._rooms.versions.offer(without("improvement"))
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]
        assert rocket.journal.purge() == 1
        rocket.journal.record(Crashed(failure="timeout"))
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]
    with RocketVPN.open(config) as rocket:
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]


def test_the_same_version_destroys_nothing(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock, 3)
    again = Policy(msgspec.structs.replace(bundled_policy().document, version=3))
    rocket._rooms.versions.offer(again)
    assert rocket.journal.purge() == 0
    assert ages(rocket, clock) == [3, 0]


def test_only_the_log_is_meant(tmp_path: Path, clock: FakeClock) -> None:
    vault = open_vault(tmp_path / "vault", MemorySecrets(), clock)
    for stream in ("log", "sent"):
        log = SealedLog(vault, stream)
        log.append("service", Duration("P90D"), stream)
        log.commit()
    clock.advance(40 * DAY)
    kept = kept_by((bundled_policy(),), "log")
    with vault.write() as change:
        assert {row.lane.stream: kept(row.lane) / DAY for row in lane_rows(change.db)} == {"log": 30, "sent": 90}
        assert change.expire(vault.age().highest, kept) == 1
    assert [record for _, record in SealedLog(vault, "sent").read()] == ["sent"]
    vault.close()


def test_a_lane_is_never_kept_longer_than_it_was_made_for() -> None:
    kept = kept_by((bundled_policy(),), "log")
    assert kept(Lane("log", "service", "P1D")) == DAY
    assert kept(Lane("log", "service", "bound")) == 30 * DAY
    assert kept(Lane("log", "nothing", "P1D")) == 0
