"""On a thread that the app names, a logging call waits for nothing; and lines of any length cost bounded memory."""

from __future__ import annotations

import logging
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import Config, Event, Limits, RocketVPN, hashed, public
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused
from rocketvpn_sdk.testing import MemorySecrets

LONG = 4_000_000


class Attempt(Event, name="session.attempt", purpose="service"):
    region: str


def opened(folder: Path, **options: Any) -> RocketVPN:
    limits = Limits(flush_patience=1e6, flush_interval=1e6, batch_records=8)
    return RocketVPN.open(
        Config(
            "https://api.rocketvpn.example",
            "org.example.vpn",
            data_dir=folder,
            secrets=MemorySecrets(),
            events=[Attempt],
            limits=limits,
            **options,
        )
    )


def done_while_the_disk_is_stuck(rocket: RocketVPN, name: str, work: Callable[[], object]) -> bool:
    """Return whether ``work`` came to its end on a thread called ``name``, while nothing could be sealed."""
    with rocket._components.journal._log._writing:  # type: ignore[attr-defined] # the real vault's log
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        thread.join(3 if name == "worker" else 60)
        ended = not thread.is_alive()
    thread.join(60)
    assert not thread.is_alive()
    return ended


def logger_to(handler: logging.Handler) -> logging.Logger:
    log = logging.Logger("app.gui", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
    log.addHandler(handler)
    return log


@pytest.mark.parametrize("way", ["config", "handler"])
def test_an_error_waits_for_the_disk_on_no_named_thread(tmp_path: Path, way: str) -> None:
    options = {"never_wait": ["gui"]}
    with opened(tmp_path / "vault", **(options if way == "config" else {})) as rocket:
        log = logger_to(rocket.journal.handler(**(options if way == "handler" else {})))
        assert done_while_the_disk_is_stuck(rocket, "gui", lambda: log.error("it is down"))
        assert not done_while_the_disk_is_stuck(rocket, "worker", lambda: log.error("it is down again"))
        assert [entry.fields["message"] for entry in rocket.journal.read()] == ["it is down", "it is down again"]


def test_more_than_the_disk_takes_is_dropped_there_and_counted(tmp_path: Path) -> None:
    def work() -> None:
        for number in range(400):
            log.info("line %d", number)
            rocket.journal.record(Attempt(region="de-fra"))

    with opened(tmp_path / "vault", never_wait=["gui"]) as rocket:
        log = logger_to(rocket.journal.handler())
        assert done_while_the_disk_is_stuck(rocket, "gui", work)
        stats = rocket.journal.stats()
        assert stats.dropped > 400
        assert stats.records + stats.dropped == 800
        assert stats.records >= 8 * 16


@pytest.mark.parametrize("mode", ["private", "scrubbed"])
def test_two_hundred_lines_of_four_megabytes_cost_bounded_memory(tmp_path: Path, mode: str) -> None:
    long = f"{'x' * 50} " * (LONG // 51)
    with opened(tmp_path / "vault", log_text=mode, never_wait=["MainThread"]) as rocket:
        log = logger_to(rocket.journal.handler())
        rocket.journal._flusher.hurry = lambda: None  # type: ignore[method-assign] # they wait, as many as may
        tracemalloc.start()
        try:
            for number in range(40):
                log.info(long)
                log.info("a value: %s", long)
                log.info("marked: %s %s", public(long), hashed(long))
                log.info("named %(one)s", {"one": long, long: number})
                log.error("failed", exc_info=ValueError(long, [long], {long: long}))
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 3_000_000
        assert most < held + 10 * LONG  # what is made of one line, for a moment: its text, and that of its exception
        rocket.journal.flush()
        assert all(len(str(entry.fields["message"])) <= 4096 for entry in rocket.journal.read())


@pytest.mark.parametrize("value", ["MainThread", [1], None])
def test_names_of_threads_are_a_list_of_texts(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ConfigurationError, match="never_wait"):
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path, never_wait=value)
    with opened(tmp_path / "vault") as rocket, pytest.raises(ValueRefused):
        rocket.journal.handler(never_wait=value)


def test_what_is_kept_of_text_is_one_of_two(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="log_text"):
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path, log_text="plain")  # type: ignore[arg-type] # what a user could pass
