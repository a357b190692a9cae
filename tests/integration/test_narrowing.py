"""What is stored already is kept no longer than the versions in force let it be (X2, R1)."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.app_events import Crashed, NetworkChanged, SessionConnected
from support.policies import TEXT, edited, first_version
from support.vaults import open_vault

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import VaultFull
from rocketvpn_sdk.journal.lifetimes import Lifetimes
from rocketvpn_sdk.policy import Duration, Policy, bundled_policy, parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, sealing
from rocketvpn_sdk.vault.partitions import Partition
from rocketvpn_sdk.vault.transaction import PartitionRow, partition_rows
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
    return Policy(msgspec.structs.replace(document, version=2, effective=date(2028, 1, 1)))


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
    features = tuple(part for part in document.feature if purpose not in part.purposes)
    return Policy(msgspec.structs.replace(document, version=2, field=fields, feature=features, **parts))


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
    with rocket._components.vault.read() as (transaction, _):
        return transaction.db.execute("SELECT count(*) FROM keys WHERE lane != 0 AND wrapped IS NOT NULL").fetchone()[0]


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
    rocket._components.versions.offer(narrower(*edits))
    assert rocket.policy.current.version == (1 if edits else 2)
    assert ages(rocket, clock) == [0]  # before any purge
    assert rocket.journal.stats().records == 1
    assert keys(rocket) == before
    assert rocket.journal.purge() == before - 1
    assert (keys(rocket), ages(rocket, clock)) == (1, [0])
    assert rocket.journal.purge() == 0


def test_what_was_purged_does_not_come_back_with_a_longer_time(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock, 20)
    rocket._components.versions.offer(narrower())
    rocket.journal.purge()
    rocket._components.versions.offer(
        Policy(msgspec.structs.replace(bundled_policy().document, version=5, effective=date(2027, 3, 1)))
    )
    notice = rocket.policy.notice()
    assert notice is not None
    rocket.policy.shown(notice)
    clock.advance(6 * DAY)
    assert ages(rocket, clock) == [6]
    assert verify(rocket._components.vault).blocks


@pytest.mark.clause("X2", "U7")
@pytest.mark.parametrize("edits", [[], [WIDER]], ids=["it binds at once", "it waits for its notice"])
def test_what_was_kept_for_a_purpose_that_is_asked_for_now_is_gone(
    rocket: RocketVPN, clock: FakeClock, edits: list[tuple[str, str, str, str]]
) -> None:
    record(rocket, clock, 1)
    rocket.journal.record(EVENT)  # and this one is not sealed yet
    text = edited("purpose", "service", 'necessity = "necessary"', 'necessity = "consent"')
    for edit in edits:
        text = edited(*edit, text=text)
    document = parse_policy(text).document
    rocket._components.versions.offer(Policy(msgspec.structs.replace(document, version=2, effective=date(2028, 1, 1))))
    rocket.journal.record(EVENT)
    assert ages(rocket, clock) == []
    assert keys(rocket) == 0
    assert rocket.journal.stats().records == 0


def test_the_next_opening_purges_it(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        record(rocket, clock, 20)
        rocket._components.versions.offer(narrower())
        assert keys(rocket) == 2
    with RocketVPN.open(config) as rocket:
        assert keys(rocket) == 1
        assert ages(rocket, clock) == [0]


def test_the_next_purge_is_announced_by_the_shorter_time(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock)
    before = rocket.journal.stats().next_purge
    rocket._components.versions.offer(narrower())
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
        rocket._components.versions.offer(without("improvement"))
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]
        assert rocket.journal.purge() == 1
        rocket.journal.record(Crashed(failure="timeout"))
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]
    with RocketVPN.open(config) as rocket:
        assert [entry.event for entry in rocket.journal.read()] == ["session.connected"]


def test_the_same_version_destroys_nothing(rocket: RocketVPN, clock: FakeClock) -> None:
    record(rocket, clock, 3)
    again = Policy(msgspec.structs.replace(bundled_policy().document, version=2))
    rocket._components.versions.offer(again)
    assert rocket.journal.purge() == 0
    assert ages(rocket, clock) == [3, 0]


def test_only_the_log_is_meant(tmp_path: Path, clock: FakeClock) -> None:
    vault = open_vault(tmp_path / "vault", MemorySecrets(), clock)
    for stream in ("log", "sent"):
        log = SealedLog(vault, stream)
        log.append("service", Duration("P90D"), stream)
        log.commit()
    clock.advance(40 * DAY)
    kept = Lifetimes((bundled_policy(),), "log").partition
    with vault.write() as transaction:
        assert {row.partition.stream: kept(row.partition) / DAY for row in partition_rows(transaction.db)} == {
            "log": 30,
            "sent": 90,
        }
        assert transaction.expire(vault.age().highest, kept) == 1
    assert [record for _, record in SealedLog(vault, "sent").read()] == ["sent"]
    vault.close()


def test_a_partition_is_never_kept_longer_than_it_was_made_for() -> None:
    kept = Lifetimes((bundled_policy(),), "log").partition
    assert kept(Partition("log", "service", "P1D")) == DAY
    assert kept(Partition("log", "service", "bound")) == 30 * DAY
    assert kept(Partition("log", "nothing", "P1D")) == 0


# ---------------------------------------------------------------- fields whose times differ


MIXED = NetworkChanged(local_address="203.0.113.77", traffic=5_000_000, platform_version="14.5")
"""Its fields may be kept for 7, 14 and 30 days."""


def shorter_lines(time: str = "P1D") -> Policy:
    text = edited("field", "message", 'device = "P14D"', f'device = "{time}"')
    return Policy(msgspec.structs.replace(parse_policy(text).document, version=2))


def log(rocket: RocketVPN, line: str) -> None:
    logger, handler = logging.getLogger("app.narrowing"), rocket.journal.handler()
    logger.addHandler(handler)
    logger.warning(line)
    logger.removeHandler(handler)


def test_a_record_lives_as_long_as_its_shortest_lived_field(config: Config, clock: FakeClock) -> None:
    events = (NetworkChanged, SessionConnected)
    with RocketVPN.open(msgspec.structs.replace(config, events=events)) as rocket:
        rocket.journal.record(MIXED)
        rocket.journal.record(EVENT)
        rocket.journal.flush()
        assert {row.partition.retention for row in live_partitions(rocket)} == {
            "P7D",
            "P30D",
        }  # from the first moment on
        for day in range(32):
            found = {entry.event for entry in rocket.journal.read()}
            if day < 6:
                assert "network.changed" in found
            if day < 29:
                assert "session.connected" in found
            assert (day < 7) or ("network.changed" not in found)
            rocket.journal.purge()
            assert keys(rocket) == len(found)
            clock.advance(DAY)
        assert keys(rocket) == 0


def test_a_process_that_runs_for_days_destroys_each_key_in_time(rocket: RocketVPN, clock: FakeClock) -> None:
    """Nobody reads, and nobody asks for a purge: what a running app does by itself has to do."""
    for _ in range(45):
        rocket.journal.record(EVENT)
        rocket.journal.flush()
        clock.advance(DAY)
        rocket.journal._flush_quietly()  # as the thread that seals does
        with rocket._components.vault.read() as (transaction, _):
            epochs = [
                epoch
                for (epoch,) in transaction.db.execute("SELECT epoch FROM keys WHERE lane != 0 AND wrapped IS NOT NULL")
            ]
        assert all(clock.time() - epoch <= 31 * DAY for epoch in epochs)
    assert 29 <= len(epochs) <= 31


def test_what_another_process_had_in_memory_is_moved_too(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket, RocketVPN.open(config) as other:
        log(other, "in memory")
        other.journal._bring_in()  # with the time that held until now
        rocket._components.versions.offer(shorter_lines())
        rocket.journal.narrowed()
        other.journal._log.commit()
        assert [entry.event for entry in rocket.journal.read()] == ["log.message"]
        rocket.journal.purge()
        assert [row.partition.retention for row in live_partitions(rocket)] == ["P1D"]
        clock.advance(DAY)
        assert list(rocket.journal.read()) == list(other.journal.read()) == []


def live_partitions(rocket: RocketVPN) -> list[PartitionRow]:
    with rocket._components.vault.read() as (transaction, _):
        found = transaction.db.execute(
            "SELECT DISTINCT lane FROM keys WHERE lane != 0 AND wrapped IS NOT NULL"
        ).fetchall()
        return [row for row in partition_rows(transaction.db) if (row.id,) in found and row.partition.stream == "log"]


def test_a_move_that_was_interrupted_goes_on_and_doubles_nothing(
    rocket: RocketVPN, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(3):
        log(rocket, f"line {day}")
        rocket.journal.flush()
        clock.advance(DAY / 2)  # two keys
    expected = [entry.fields["message"] for entry in rocket.journal.read()]
    put_over, left = SealedLog.put_over, [1]

    def dies(self: SealedLog, *arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise VaultFull(folder="here")
        put_over(self, *arguments)

    monkeypatch.setattr(SealedLog, "put_over", dies)
    rocket._components.versions.offer(shorter_lines("P3D"))
    with pytest.raises(VaultFull):
        rocket.journal.narrowed()
    assert {row.partition.retention for row in live_partitions(rocket)} == {"P3D", "P14D"}
    assert [entry.fields["message"] for entry in rocket.journal.read()] == expected
    verify(rocket._components.vault)
    monkeypatch.undo()
    rocket.journal.purge()
    assert {row.partition.retention for row in live_partitions(rocket)} == {"P3D"}
    assert [entry.fields["message"] for entry in rocket.journal.read()] == expected
    assert verify(rocket._components.vault).records == rocket.journal.stats().records


def test_what_was_looked_at_is_not_looked_at_again(
    rocket: RocketVPN, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        for _ in range(256):
            rocket.journal.record(EVENT)
        rocket.journal.flush()
    opened: list[int] = []
    open_block = sealing.open_block
    monkeypatch.setattr(sealing, "open_block", lambda *a, **k: opened.append(1) or open_block(*a, **k))
    rocket.journal.purge()
    first = len(opened)
    rocket.journal.purge()
    assert first >= 20
    assert len(opened) - first <= 1
    rocket._components.versions.offer(shorter_lines())
    rocket.journal.purge()
    assert len(opened) >= 2 * first


def test_another_process_s_old_copy_of_a_moved_key_opens_nothing(
    rocket: RocketVPN, clock: FakeClock, config: Config
) -> None:
    """The root is replaced after a move: a copy of the folder from before opens nothing with the keyring of after."""
    log(rocket, "line")
    rocket.journal.flush()
    before = set(rocket._components.config.resolved_secrets.names())
    rocket._components.versions.offer(shorter_lines())
    rocket.journal.narrowed()
    assert rocket.status().vault.rotation_owed_since is not None
    rocket.journal.purge()
    rocket.sync()
    assert not {name for name in before if not name.endswith("generation")} & set(
        rocket._components.config.resolved_secrets.names()
    )


# ---------------------------------------------------------------- two versions with different types


def test_a_value_that_one_of_two_versions_does_not_know_is_not_kept(rocket: RocketVPN) -> None:
    without_frankfurt = ("field", "region", '"de-fra", ', "")
    wider = ("field", "level", 'device = "P30D"', 'device = "P90D"')
    policy = parse_policy(edited(*wider, text=edited(*without_frankfurt))).document
    rocket._components.versions.offer(Policy(msgspec.structs.replace(policy, version=2)))
    assert rocket.policy.pending is not None
    rocket.journal.record(EVENT)
    rocket.journal.record(SessionConnected(region="at-vie", protocol="wireguard", duration=77))
    assert [entry.fields["region"] for entry in rocket.journal.read()] == [None, "at-vie"]


def test_a_text_for_which_two_versions_have_different_room_is_kept_in_the_smaller(rocket: RocketVPN) -> None:
    wider = ("field", "level", 'device = "P30D"', 'device = "P90D"')
    policy = parse_policy(edited(*wider, text=edited("field", "logger", "max = 120", "max = 8"))).document
    log(rocket, "before")
    rocket.journal.flush()
    rocket._components.versions.offer(Policy(msgspec.structs.replace(policy, version=2)))
    assert rocket.policy.pending is not None
    log(rocket, "after")
    first, second = [entry.fields["logger"] for entry in rocket.journal.read()]
    assert first == "app.narrowing"
    assert second
    assert len(second) <= 8


OPTIONAL = ("field", "duration", "dpv", "optional = true\ndpv")
COARSER = ("field", "duration", "bucket(10, 60, 300, 1800, 7200, 28800)", "bucket(28800)")
WITHOUT_FRANKFURT = ("field", "region", '"de-fra", ', "")


@pytest.mark.parametrize(
    ("edit", "kept"),
    [(COARSER, [{"duration": 0}]), (WITHOUT_FRANKFURT, [{"region": None}]), (OPTIONAL, [])],
    ids=["a stronger transform", "a narrower type", "not allowed any more, though others of its purpose are"],
)
def test_an_old_answer_keeps_nothing_by_a_version_that_another_process_narrowed(
    config: Config, edit: tuple[str, str, str, str], kept: list[dict[str, Any]]
) -> None:
    with RocketVPN.open(config) as rocket, RocketVPN.open(config) as other:
        other.journal.record(SessionConnected(region="at-vie", protocol="wireguard", duration=30_000))
        other.journal.flush()
        document = parse_policy(edited(*edit)).document
        rocket._components.versions.offer(Policy(msgspec.structs.replace(document, version=document.version + 1)))
        rocket.journal.narrowed()
        other.journal.record(EVENT)  # by the answer of before
        assert other.journal._log.buffered == 1
        other.journal.flush()
        entries = [entry.fields for entry in rocket.journal.read() if entry.fields["region"] != "at-vie"]
    assert [entry | change for entry, change in zip(entries, kept, strict=True)] == entries
