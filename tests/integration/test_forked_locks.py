"""A forked child has none of its parent's threads: no lock of ours may wait there for one that is not."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.app_events import SessionConnected

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.Condition)
PARTS = ("rocketvpn_sdk.transport.", "rocketvpn_sdk.vault.sealed_log")
"""Where somebody who forks goes on: a record in the child, a call of the child's."""
BEHIND_THE_VAULT = {"RetryBudget._lock", "SocketBackend._lock", "Resolver._lock", "Slots._changed"}
"""A call of the child's comes to them after it asked the vault, which is the parent's and refuses."""


def locks_in(thing: Any) -> Iterator[tuple[str, Any]]:
    for name, value in vars(thing).items():
        if isinstance(value, LOCKS):
            yield f"{type(thing).__qualname__}.{name}", value


def ours() -> list[Any]:
    return [
        each for each in gc.get_objects() if str(type(each).__module__).startswith(PARTS) and hasattr(each, "__dict__")
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_no_lock_of_ours_is_held_in_a_child_by_a_thread_that_it_does_not_have(tmp_path: Path) -> None:
    """All of them are held at the moment of the fork, as a thread in a call or in a commit may have any."""
    config = Config(
        "https://localhost:9",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected],
        clock=FakeClock(),
    )
    with RocketVPN.open(config) as rocket:
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=7))
        assert rocket._components.api
        assert rocket._components.delivery
        parts = ours()
        held = [found for part in parts for found in locks_in(part)]
        assert {"InFlight._changed", "Session.lock", "SealedLog._writing"} <= {name for name, _ in held}
        ready, leave = threading.Event(), threading.Event()

        def hold() -> None:
            for _, lock in held:
                assert lock.acquire(blocking=False)
            ready.set()
            leave.wait(60)
            for _, lock in reversed(held):
                lock.release()

        thread = threading.Thread(target=hold)
        thread.start()
        assert ready.wait(60)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)
            stuck = sorted(
                {name for part in parts for name, lock in locks_in(part) if not lock.acquire(blocking=False)}
            )
            os.write(write, "\n".join(stuck).encode())
            os._exit(0)
        os.close(write)
        leave.set()
        thread.join()
        with os.fdopen(read) as said:
            assert set(said.read().splitlines()) <= BEHIND_THE_VAULT
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
