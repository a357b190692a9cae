"""``close()`` returns while another process holds the vault's file, and says what could not be written.

The other process holds it until the test lets go, and a wait for it would take an hour: where ``close`` is not bounded,
the test ends by its own time-out.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.app_events import SessionConnected
from support.world import World

from rocketvpn_sdk import Config, Limits, RocketVPN
from rocketvpn_sdk.client import Closed
from rocketvpn_sdk.errors import VaultBusy
from rocketvpn_sdk.testing import MemorySecrets

pytestmark = [pytest.mark.timeout(60), pytest.mark.clause("C1")]

AN_HOUR = 3600.0
SHORT = Limits(busy_timeout=AN_HOUR, close_timeout=0.3, flush_interval=AN_HOUR, flush_patience=0.0)
HOLDS = {
    "a writer": ("vault.db", ["BEGIN EXCLUSIVE"]),
    "the lock": ("lock.db", ["BEGIN EXCLUSIVE"]),
}
_HOLD = """
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for statement in json.loads(sys.argv[2]):
    db.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold a file of the vault; it lets go at the end, or when its standard input is closed."""
    name, statements = HOLDS[what]
    command = [sys.executable, "-c", _HOLD, str(folder / name), json.dumps(statements)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.stdin.close()


def config(tmp_path: Path, secrets: MemorySecrets, limits: Limits = SHORT, **more: Any) -> Config:
    return Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=secrets,
        events=[SessionConnected],
        limits=limits,
        **more,
    )


def record(rocket: RocketVPN, times: int) -> None:
    for number in range(times):
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=number))


@pytest.mark.parametrize("what", HOLDS)
@pytest.mark.parametrize("records", [0, 3])
def test_closing_returns_and_says_what_is_lost(tmp_path: Path, what: str, records: int) -> None:
    told: list[Closed] = []
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets()))
    rocket.events.subscribe(Closed, told.append)
    with held(tmp_path / "vault", what):
        record(rocket, records)
        closed = rocket.close()
        lost = 0 if what == "the lock" else records
        assert closed == Closed(unsealed=lost)
        assert told == ([closed] if lost else [])
        assert rocket.close() == closed, "calling it again says the same"
        assert len(told) == (1 if lost else 0), "and tells it once"
    assert rocket.status().vault.state == "closed"


def test_what_another_process_lets_go_of_in_time_is_written(tmp_path: Path) -> None:
    secrets, patient = MemorySecrets(), Limits(busy_timeout=AN_HOUR, close_timeout=AN_HOUR, flush_interval=AN_HOUR)
    rocket, closed = RocketVPN.open(config(tmp_path, secrets, patient)), list[Closed]()
    with held(tmp_path / "vault", "a writer") as process:
        record(rocket, 3)
        closing = threading.Thread(target=lambda: closed.append(rocket.close()), daemon=True)
        closing.start()
        assert process.stdin is not None
        process.stdin.close()
        closing.join()
    assert closed == [Closed(unsealed=0)]
    with RocketVPN.open(config(tmp_path, secrets)) as again:
        assert len(list(again.journal.read())) == 3


def test_a_thread_that_waits_already_ends_by_the_same_deadline(tmp_path: Path) -> None:
    """The thread that seals has begun to wait for the file, for an hour; what it took is counted."""
    limits = Limits(busy_timeout=AN_HOUR, close_timeout=0.3, flush_interval=0.0, flush_patience=0.0)
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets(), limits))
    logger = logging.getLogger("test.closing")
    handler = rocket.journal.handler()
    logger.addHandler(handler)
    try:
        with held(tmp_path / "vault", "a writer"):
            for number in range(5):
                logger.error("line %d", number)
            assert rocket.close() == Closed(unsealed=5)
    finally:
        logger.removeHandler(handler)


def test_a_call_of_another_thread_ends_by_the_same_deadline(tmp_path: Path) -> None:
    rocket, began = RocketVPN.open(config(tmp_path, MemorySecrets())), threading.Event()
    ended: list[BaseException] = []

    def write() -> None:
        began.set()
        try:
            rocket.consent.declare_age(True)
        except BaseException as error:  # noqa: BLE001 - looked at below
            ended.append(error)

    with held(tmp_path / "vault", "a writer"):
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        began.wait()
        rocket.close()
        thread.join()
    assert [type(error).__name__ for error in ended] in (["VaultBusy"], ["VaultClosed"])


def test_a_thread_inside_the_vault_is_not_waited_for(tmp_path: Path) -> None:
    """As if a keyring was asking its user, in a call of another thread."""
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets()))
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with rocket._components.vault._lock:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    inside.wait()
    record(rocket, 2)
    assert rocket.close() == Closed(unsealed=2)
    assert rocket._components.vault.closed
    leave.set()
    thread.join()


def test_more_than_memory_keeps_is_counted_too(tmp_path: Path) -> None:
    """Where too much waits, the last attempt gives up what it has: that is lost as well."""
    limits = Limits(
        busy_timeout=AN_HOUR, close_timeout=0.3, flush_interval=AN_HOUR, flush_patience=0.0, locked_records=2
    )
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets(), limits))
    with held(tmp_path / "vault", "a writer"):
        record(rocket, 7)
        assert rocket.close() == Closed(unsealed=7)


def test_what_was_recorded_before_an_unlocking_that_never_came_is_counted(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    RocketVPN.open(config(tmp_path, secrets)).close()
    rocket = RocketVPN.open(config(tmp_path, secrets), unlock=False)
    record(rocket, 4)
    assert rocket.close() == Closed(unsealed=4)


def test_who_closes_by_leaving_is_told_by_the_event(tmp_path: Path) -> None:
    told: list[Closed] = []
    with held_after_opening(tmp_path) as rocket:
        rocket.events.subscribe(Closed, told.append)
        record(rocket, 1)
    assert told == [Closed(unsealed=1)]


@contextmanager
def held_after_opening(tmp_path: Path) -> Iterator[RocketVPN]:
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets()))
    with held(tmp_path / "vault", "a writer"), rocket:
        yield rocket


def test_what_was_deleted_is_not_said_to_be_lost(world: World) -> None:
    told: list[Closed] = []
    rocket = RocketVPN.open(world.config())
    rocket.events.subscribe(Closed, told.append)
    rocket.device.bind(world.sandbox.order())
    record(rocket, 2)
    rocket.rights.delete(rocket.rights.plan_delete("device"))
    record(rocket, 1)
    assert rocket.close() == Closed(unsealed=0)
    assert told == []


def test_before_it_is_closed_each_wait_has_its_own_time(tmp_path: Path) -> None:
    rocket = RocketVPN.open(config(tmp_path, MemorySecrets(), Limits(busy_timeout=0.05)))
    with held(tmp_path / "vault", "a writer"):
        for _ in range(2):
            with pytest.raises(VaultBusy):
                rocket.consent.declare_age(True)
    rocket.consent.declare_age(True)
    rocket.close()
