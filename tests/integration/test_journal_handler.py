"""The journal's handler inside Python's ``logging``, whose insides differ from version to version."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from rocketvpn_sdk import Config, Limits, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    secrets = MemorySecrets()
    with RocketVPN.open(
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=secrets)
    ) as rocket:
        yield rocket


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    logger = logging.getLogger("app.handled")
    logger.setLevel(logging.INFO)
    monkeypatch.setattr(logger, "propagate", False)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


def messages(rocket: RocketVPN) -> list[str]:
    return [entry.fields["message"] for entry in rocket.journal.read()]


def test_a_logging_call_arrives(rocket: RocketVPN, logger: logging.Logger) -> None:
    logger.addHandler(rocket.journal.handler())
    logger.info("tunnel is up")
    assert messages(rocket) == ["tunnel is up"]


@pytest.mark.parametrize("way", ["memory", "queue"])
def test_it_works_behind_another_handler(rocket: RocketVPN, logger: logging.Logger, way: str) -> None:
    handler = rocket.journal.handler()
    if way == "memory":
        logger.addHandler(logging.handlers.MemoryHandler(1, target=handler))
        logger.info("tunnel is up")
    else:
        waiting: queue.Queue[logging.LogRecord] = queue.Queue()
        logger.addHandler(logging.handlers.QueueHandler(waiting))
        listener = logging.handlers.QueueListener(waiting, handler)
        listener.start()
        logger.info("tunnel is up")
        listener.stop()
    assert messages(rocket) == ["tunnel is up"]


def test_a_logging_call_does_not_wait_for_the_handlers_lock(rocket: RocketVPN, logger: logging.Logger) -> None:
    """Whoever holds that lock may be waiting for the journal's own: a call that took both could wait for ever."""
    handler = rocket.journal.handler()
    logger.addHandler(handler)
    handler.acquire()
    try:
        caller = threading.Thread(target=logger.info, args=("tunnel is up",), daemon=True)
        caller.start()
        caller.join(60)
        assert not caller.is_alive()
    finally:
        handler.release()
    assert messages(rocket) == ["tunnel is up"]


def test_a_filter_can_drop_a_line(rocket: RocketVPN, logger: logging.Logger) -> None:
    handler = rocket.journal.handler()
    handler.addFilter(lambda record: record.levelno >= logging.WARNING)
    logger.addHandler(handler)
    logger.info("left out")
    logger.warning("kept")
    assert messages(rocket) == ["kept"]


def test_a_filter_can_put_another_line_in_its_place(rocket: RocketVPN, logger: logging.Logger) -> None:
    def instead(record: logging.LogRecord) -> logging.LogRecord:
        return logging.makeLogRecord({**record.__dict__, "msg": "another", "args": ()})

    handler = rocket.journal.handler()
    handler.addFilter(instead)
    logger.addHandler(handler)
    logger.info("tunnel is up")
    assert messages(rocket) == ["another" if sys.version_info >= (3, 12) else "tunnel is up"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def test_an_exception_whose_text_cannot_be_had_is_recorded_all_the_same(
    rocket: RocketVPN, logger: logging.Logger
) -> None:
    handler = rocket.journal.handler()
    logger.addHandler(handler)
    try:
        raise Unspeakable
    except Unspeakable:
        logger.exception("tunnel is down")
    (entry,) = rocket.journal.read()
    assert entry.fields["message"] == "tunnel is down"
    assert f"{__name__}.Unspeakable() [" in entry.fields["exception"]  # nobody asked for its text
    assert handler.failed == 0


@pytest.mark.parametrize("locked", [False, True])
def test_what_waits_in_memory_is_no_longer_than_what_is_kept(tmp_path: Path, locked: bool) -> None:
    """Twenty lines of a megabyte each would else wait as they are, a thousand of them while the vault is locked."""
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        limits=Limits(flush_interval=3600.0),
    )
    with RocketVPN.open(config, unlock=not locked) as rocket:
        handler = rocket.journal.handler()  # called by itself: pytest keeps what goes through a logger
        tracemalloc.start()
        try:
            for number in range(20):
                line = f"servers: {f'x{number} ' * 300_000}"
                handler.handle(logging.makeLogRecord({"name": "app", "levelno": logging.INFO, "msg": line}))
            del line
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 2_000_000
        rocket.unlock()
        kept = messages(rocket)
        assert all(line.startswith(f"servers: x{number} ") for number, line in enumerate(kept))
        assert {len(line) > 4_000 for line in kept} == {True}


def test_flushing_the_handler_seals_what_waits(tmp_path: Path, logger: logging.Logger) -> None:
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        limits=Limits(flush_interval=3600.0),
    )
    with RocketVPN.open(config) as rocket, RocketVPN.open(config) as other:
        handler = rocket.journal.handler()
        logger.addHandler(handler)
        logger.info("tunnel is up")
        assert messages(other) == []
        handler.flush()
        assert messages(other) == ["tunnel is up"]
