"""The journal: minimised, sealed, read back, gone in time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from support.app_events import Crashed, NetworkChanged, SessionConnected

from rocketvpn_sdk import Config, Event, Limits, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import EventUndeclared, SecretStoreLocked, ValueRefused, VaultBusy, VaultLocked
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

NOON = datetime(2027, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON.timestamp())


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected, NetworkChanged, Crashed],
        clock=clock,
    )


@pytest.fixture
def rocket(config: Config):
    with RocketVPN.open(config) as rocket:
        yield rocket


@pytest.fixture
def logger(rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch):
    logger = logging.getLogger("app.tunnel")
    logger.setLevel(logging.DEBUG)
    monkeypatch.setattr(logger, "propagate", False)
    handler = rocket.journal.handler()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    assert handler.failed == 0


@pytest.mark.clause("C2")
def test_an_event_is_minimised_before_it_is_kept(rocket: RocketVPN) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    rocket.journal.record(
        NetworkChanged(
            local_address="203.0.113.77",
            remote_host="secret.example.com",
            traffic=5_000_000,
            platform_version="14.5.1-beta",
        )
    )
    connected, changed = rocket.journal.read()
    assert connected.fields == {"region": "de-fra", "protocol": "wireguard", "duration": 60}
    assert connected.at == NOON.replace(second=0)
    assert changed.fields["local_address"] == "203.0.113.0"
    assert changed.fields["platform_version"] == "14.5"
    assert changed.fields["traffic"] == 1_048_576
    assert "secret" not in str(changed.fields["remote_host"])


def test_a_value_that_the_policy_does_not_declare_is_not_kept(rocket: RocketVPN) -> None:
    rocket.journal.record(SessionConnected(region="home of kim", protocol="wireguard", duration=-1))
    (entry,) = rocket.journal.read()
    assert entry.fields["region"] is None
    assert entry.fields["duration"] is None


@pytest.mark.clause("U3")
def test_without_consent_nothing_is_kept_for_improvement(rocket: RocketVPN) -> None:
    rocket.journal.record(Crashed(failure="timeout"))
    assert list(rocket.journal.read()) == []
    assert rocket.journal.stats().refused == 1


@pytest.mark.clause("P2")
def test_collect_false_keeps_no_journal(config: Config) -> None:
    nothing = Config(
        config.server,
        config.app_id,
        data_dir=config.data_dir,
        secrets=config.secrets,
        events=config.events,
        collect=False,
    )
    with RocketVPN.open(nothing) as rocket:
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        handler = rocket.journal.handler()
        handler.emit(logging.LogRecord("app", logging.ERROR, "", 1, "boom", None, None))
        assert list(rocket.journal.read()) == []
        assert rocket.journal.stats().refused == 2


def test_an_event_class_that_was_not_announced_is_an_error(rocket: RocketVPN) -> None:
    class Sneaky(Event, name="sneaky.event", purpose="service"):
        region: str

    with pytest.raises(EventUndeclared, match="Config"):
        rocket.journal.record(Sneaky(region="de-fra"))


def test_what_may_be_kept_is_asked_once_a_flush_however_many_classes_there_are(config: Config, tmp_path: Path) -> None:
    def statements(events: list[type[Event]], folder: str) -> int:
        said: list[str] = []
        with RocketVPN.open(msgspec.structs.replace(config, events=events, data_dir=tmp_path / folder)) as rocket:
            for number in range(20):
                rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number))
            rocket._components.vault._store.db.set_trace_callback(said.append)
            rocket.journal.flush()
            rocket._components.vault._store.db.set_trace_callback(None)
            assert len(list(rocket.journal.read())) == 20
        return len(said)

    few, many = statements([SessionConnected], "few"), statements([SessionConnected, NetworkChanged, Crashed], "many")
    assert 0 < many == few


@pytest.mark.parametrize("given", [{"name": "half.said"}, {"purpose": "service"}, {}])
def test_an_event_class_without_a_name_or_a_purpose_is_an_error(config: Config, given: dict[str, str]) -> None:
    class Half(Event, **given):
        region: str

    with (
        pytest.raises(EventUndeclared, match="its class needs name"),
        RocketVPN.open(msgspec.structs.replace(config, events=[Half])),
    ):
        pass


def test_log_lines_are_scrubbed(rocket: RocketVPN, logger: logging.Logger) -> None:
    logger.warning("connect %s from %s", "203.0.113.9", "ann@example.org")
    (entry,) = rocket.journal.read(event="log.message")
    assert entry.fields["level"] == "WARNING"
    assert entry.fields["logger"] == "app.tunnel"
    assert entry.fields["message"] == "connect [ip] from [email]"
    assert entry.fields["exception"] is None
    assert "connect" not in repr(entry)


def test_an_exception_keeps_its_type_and_lines_and_loses_its_secrets(rocket: RocketVPN, logger: logging.Logger) -> None:
    address = "203.0.113.9"
    try:
        raise ConnectionError(f"no route to {address} for kim@example.org")
    except ConnectionError:
        logger.exception("tunnel down")
    (entry,) = rocket.journal.read()
    text = entry.fields["exception"]
    assert "ConnectionError" in text
    assert "test_journal.py:" in text
    assert "203.0.113.9" not in text
    assert "kim@example.org" not in text


def test_a_line_that_cannot_be_formatted_never_raises_into_the_app(rocket: RocketVPN) -> None:
    logger = logging.getLogger("app.broken")
    logger.propagate = False
    handler = rocket.journal.handler("INFO")
    logger.addHandler(handler)
    logger.error("%d bytes", "not a number")
    logger.removeHandler(handler)
    assert handler.failed == 0
    assert [entry.fields["message"] for entry in rocket.journal.read()] == ["[text] bytes"]


@pytest.fixture
def scrubbing(config: Config) -> Iterator[RocketVPN]:
    with RocketVPN.open(msgspec.structs.replace(config, log_text="scrubbed")) as rocket:
        yield rocket


def test_the_sdks_own_lines_are_left_out_and_lines_from_within_another_are_kept_or_counted(
    scrubbing: RocketVPN,
) -> None:
    rocket = scrubbing  # in private mode no value is made into text
    handler = rocket.journal.handler()
    names = ("rocketvpn_sdk.vault", "some_library", "app.chatty")
    own, library, app = (logging.getLogger(name) for name in names)
    for logger in (own, library, app):
        logger.propagate = False
        logger.addHandler(handler)

    class Chatty:
        def __str__(self) -> str:
            library.error("from within %s", Deeper())
            return "chatty"

    class Deeper:
        def __str__(self) -> str:
            library.error("from within that")
            return "another line"

    own.error("our own")
    app.error("%s", Chatty())
    for logger in (own, library, app):
        logger.removeHandler(handler)
        logger.propagate = True
    assert [entry.fields["message"] for entry in rocket.journal.read()] == ["from within another line", "chatty"]
    assert handler.failed == 1


def test_a_line_that_is_logged_while_we_seal_is_counted_and_never_without_end(tmp_path: Path) -> None:
    """By an app's own clock, say, or by a signal handler."""

    class Chatty(FakeClock):
        talks = False

        def time(self) -> float:
            if self.talks:
                logger.info("what time is it?")
            return super().time()

    logger = logging.getLogger("app.clock")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    clock = Chatty()
    config = Config(
        *("https://api.rocketvpn.example", "org.example.vpn"),
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        clock=clock,
        limits=Limits(flush_interval=1e6),
    )
    with RocketVPN.open(config) as rocket:
        handler = rocket.journal.handler()
        logger.addHandler(handler)
        clock.talks = True
        logger.info("once")
        rocket.journal.flush()
        clock.talks = False
        logger.removeHandler(handler)
        messages = [entry.fields["message"] for entry in rocket.journal.read()]
    assert sorted(messages) == ["once", "what time is it?"]
    assert handler.failed > 1


def test_reading_by_time_event_and_limit(rocket: RocketVPN, clock: FakeClock) -> None:
    for number in range(5):
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number * 100))
        rocket.journal.record(NetworkChanged(traffic=number))
        clock.advance(60)
    journal = rocket.journal
    minute = NOON.replace(second=0)
    assert len(list(journal.read(event="session.connected"))) == 5
    assert len(list(journal.read(since=minute.replace(minute=2)))) == 6
    assert len(list(journal.read(since=minute.replace(minute=1), until=minute.replace(minute=3)))) == 4
    newest = list(journal.read(limit=3))
    assert [entry.at.minute for entry in newest] == [3, 4, 4]
    assert list(journal.read(limit=0)) == []
    stats = journal.stats()
    assert (stats.records, stats.by_event["network.changed"], stats.oldest) == (10, 5, minute)


def test_reading_by_level(rocket: RocketVPN, logger: logging.Logger) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)("%s line", level)
    assert [entry.fields["level"] for entry in rocket.journal.read(level="WARNING")] == ["WARNING", "ERROR", "CRITICAL"]
    assert len(list(rocket.journal.read(level="DEBUG"))) == 5
    with pytest.raises(ValueRefused, match="DEBUG, INFO"):
        rocket.journal.read(level="LOUD")


@pytest.mark.clause("R1")
def test_a_purge_destroys_what_is_past_its_time(rocket: RocketVPN, clock: FakeClock) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    rocket.journal.flush()
    clock.advance(31 * DAY)
    rocket.journal.record(SessionConnected(region="nl-ams", protocol="wireguard", duration=1))
    assert rocket.journal.purge() == 1
    assert [entry.fields["region"] for entry in rocket.journal.read()] == ["nl-ams"]
    assert rocket.status().vault.rotation_owed_since is None


@pytest.mark.clause("R1")
def test_opening_purges_what_fell_due_while_closed(config: Config, clock: FakeClock) -> None:
    with RocketVPN.open(config) as rocket:
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    clock.advance(31 * DAY)
    with RocketVPN.open(config) as rocket:
        assert rocket.status().vault.rotation_owed_since is not None  # before anybody looks into the log
        assert rocket.journal.stats().records == 0
        rocket.sync()
        assert rocket.status().vault.rotation_owed_since is None


def test_records_wait_in_memory_until_the_vault_is_unlocked(config: Config) -> None:
    few = Config(
        config.server,
        config.app_id,
        data_dir=config.data_dir,
        secrets=config.secrets,
        events=config.events,
        clock=config.clock,
        limits=Limits(locked_records=3),
    )
    with RocketVPN.open(few, unlock=False) as rocket:
        for number in range(5):
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number))
        rocket.journal.flush()
        with pytest.raises(VaultLocked):
            rocket.journal.read()
        assert config.secrets.names() == ()
        rocket.unlock()
        stats = rocket.journal.stats()
        assert (stats.records, stats.dropped) == (3, 2)


def test_a_locked_keyring_at_opening_loses_no_line(config: Config) -> None:
    class Locked(MemorySecrets):
        locked = True

        def get(self, name: str) -> bytes | None:
            if self.locked:
                raise SecretStoreLocked(store=self.label, problem="its prompt was dismissed")
            return super().get(name)

        def set(self, name: str, secret: bytes) -> None:
            self.get(name)
            super().set(name, secret)

    secrets = Locked()
    locked = Config(config.server, config.app_id, data_dir=config.data_dir, secrets=secrets, events=config.events)
    with RocketVPN.open(locked, unlock=False) as rocket:
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        with pytest.raises(SecretStoreLocked):
            rocket.unlock()
        secrets.locked = False
        rocket.unlock()
        assert rocket.journal.stats().records == 1


def test_many_threads_lose_nothing(rocket: RocketVPN, logger: logging.Logger) -> None:
    def work(name: int) -> None:
        for number in range(300):
            logger.info("worker %d step %d", name, number)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rocket.journal.stats().records == 1200


def test_what_was_flushed_is_there_for_another_process(config: Config, rocket: RocketVPN) -> None:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    rocket.journal.flush()
    with RocketVPN.open(config) as other:
        assert other.journal.stats().records == 1


@pytest.mark.parametrize("text", ["caf\udce9.txt", "\ud800", "x" * 5000 + "\udfff"], ids=["name", "alone", "end"])
def test_a_line_with_half_a_character_stops_nothing(rocket: RocketVPN, text: str) -> None:
    handler = rocket.journal.handler()  # no logger: what keeps logged lines for a test's report must not see these
    for message in (f"file {text}", "and on"):
        handler.handle(logging.makeLogRecord({"msg": message, "levelno": logging.INFO, "levelname": "INFO"}))
    rocket.journal.flush()
    first, second = rocket.journal.read()
    assert handler.failed == 0
    assert first.fields["message"].startswith("file ")
    assert second.fields["message"] == "and on"
    assert rocket.journal.stats().dropped == 0


def test_a_flush_that_ends_in_an_unforeseen_error_is_not_the_last(config: Config) -> None:
    quick = msgspec.structs.replace(config, limits=Limits(flush_interval=0.01))
    with RocketVPN.open(quick) as rocket:
        inner, failed, flushed = rocket.journal.flush, threading.Event(), threading.Event()

        def flush() -> None:
            if not failed.is_set():
                failed.set()
                raise RuntimeError
            inner()
            flushed.set()

        rocket.journal.flush = flush  # type: ignore[method-assign] # to fail once
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        assert failed.wait(60)
        assert flushed.wait(60)  # what waited is tried again, though nothing more was recorded
    with RocketVPN.open(config) as rocket:
        assert rocket.journal.stats().records == 1


def test_a_key_that_cannot_be_had_once_loses_no_record(
    rocket: RocketVPN, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> bytes:
        raise VaultBusy(seconds=1)

    monkeypatch.setattr(rocket.journal._log, "pseudonym_key", busy)
    logger.info("before")
    rocket.journal.record(NetworkChanged(remote_host="a.example"))
    logger.info("after")
    with pytest.raises(VaultBusy):
        rocket.journal.flush()
    monkeypatch.undo()
    assert [entry.event for entry in rocket.journal.read()] == ["log.message", "network.changed", "log.message"]


def test_an_error_line_after_closing_holds_nobody_up(config: Config) -> None:
    patient = msgspec.structs.replace(config, limits=Limits(flush_patience=3_600.0))
    with RocketVPN.open(patient) as rocket:
        handler = rocket.journal.handler()
    handler.handle(logging.LogRecord("app", logging.ERROR, "", 1, "too late", None, None))  # it comes back
    assert handler.failed == 0


def test_an_error_line_is_flushed_at_once(config: Config) -> None:
    patient = msgspec.structs.replace(config, limits=Limits(flush_interval=3600.0, flush_patience=60.0))
    with RocketVPN.open(patient) as rocket, RocketVPN.open(config) as other:
        handler = rocket.journal.handler()
        handler.handle(logging.LogRecord("app", logging.INFO, "", 1, "all is well", None, None))
        handler.handle(logging.LogRecord("app", logging.ERROR, "", 1, "it broke", None, None))
        assert other.journal.stats().records == 2


def test_a_full_batch_is_sealed_without_waiting_for_the_interval(config: Config) -> None:
    patient = msgspec.structs.replace(config, limits=Limits(flush_interval=3600.0, batch_records=8))
    with RocketVPN.open(patient) as rocket:
        flushed = threading.Event()
        inner = rocket.journal.flush
        rocket.journal.flush = lambda: (inner(), flushed.set())  # type: ignore[method-assign] # to see when it ran
        for number in range(9):
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number))
        assert flushed.wait(60)


def test_a_vault_that_answers_nobody_holds_an_app_up_once_and_drops_what_does_not_fit(config: Config) -> None:
    few = msgspec.structs.replace(config, limits=Limits(batch_records=4, flush_patience=0.05))
    with RocketVPN.open(few) as rocket:
        handler = rocket.journal.handler()
        waited: list[float] = []
        inner = rocket.journal._flusher.wait

        def wait(seconds: float) -> bool:
            waited.append(seconds)
            return inner(seconds)

        rocket.journal._flusher.wait = wait  # type: ignore[method-assign] # to count
        with rocket._components.vault._lock:  # as if a keyring was asking its user
            for number in range(200):
                handler.handle(logging.LogRecord("app", logging.ERROR, "", 1, "line %d", (number,), None))
        assert waited == [0.05]  # once, and not 200 times
        rocket.journal.flush()
        stats = rocket.journal.stats()
        assert stats.dropped > 100
        assert stats.records + stats.dropped == 200
        handler.handle(logging.LogRecord("app", logging.ERROR, "", 1, "afterwards", None, None))
        assert rocket.journal.stats().records == stats.records + 1
        assert handler.failed == 0


def test_the_flusher_seals_by_itself_after_its_interval(config: Config) -> None:
    flushed = threading.Event()
    quick = Config(
        config.server,
        config.app_id,
        data_dir=config.data_dir,
        secrets=config.secrets,
        events=config.events,
        limits=Limits(flush_interval=0.01),
    )
    with RocketVPN.open(quick) as rocket:
        inner = rocket.journal.flush
        rocket.journal.flush = lambda: (inner(), flushed.set())  # type: ignore[method-assign] # to see when it ran
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        assert flushed.wait(60)
        assert rocket.journal._log.buffered == 0


def test_a_disk_that_takes_nothing_raises_to_explicit_calls_and_never_to_logging(
    rocket: RocketVPN, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: object, **kwargs: object) -> None:
        raise VaultBusy(seconds=1)

    monkeypatch.setattr(rocket.journal._vault, "write", busy)
    logger.info("kept in memory")
    with pytest.raises(VaultBusy):
        rocket.journal.flush()
    monkeypatch.undo()
    assert rocket.journal.stats().records == 1


@pytest.mark.clause("R1")
def test_stats_say_how_much_how_old_and_when_the_next_goes(rocket: RocketVPN) -> None:
    empty = rocket.journal.stats()
    assert (empty.records, empty.bytes, empty.next_purge, empty.oldest) == (0, 0, None, None)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    stats = rocket.journal.stats()
    assert stats.bytes >= 256
    assert stats.next_purge is not None
    assert NOON + timedelta(days=29) <= stats.next_purge <= NOON + timedelta(days=30)


def test_a_full_log_loses_its_oldest_records_and_says_how_many(config: Config, clock: FakeClock) -> None:
    small = Config(
        config.server,
        config.app_id,
        data_dir=config.data_dir,
        secrets=config.secrets,
        events=config.events,
        clock=clock,
        limits=Limits(log_bytes=8_000, batch_records=16),
    )
    with RocketVPN.open(small) as rocket:
        for number in range(64 * 16 * 2):
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number))
            clock.advance(60)
        stats = rocket.journal.stats()
        assert stats.bytes <= 8_000 + 64 * 300
        assert stats.capped > 0
        assert stats.records + stats.capped == 64 * 16 * 2
        entries = list(rocket.journal.read())
        assert entries[-1].at == datetime.fromtimestamp(clock.time() - 60, UTC).replace(second=0)
        assert rocket.status().vault.rotation_owed_since is not None
    with RocketVPN.open(small) as again:
        still = again.journal.stats()
        assert still.capped >= stats.capped  # closing may have removed more
        assert still.records + still.capped == 64 * 16 * 2
