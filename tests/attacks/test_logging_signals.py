"""A signal handler that logs, sent at every line of every function that runs while the SDK records: no call waits."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from support.app_events import SessionConnected
from support.forms import GATE

from rocketvpn_sdk import Config, Limits, RocketVPN
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no such signal")

STEPS, QUICK_STEPS = {"flush": 7, "read": 17}, {"flush": 31, "read": 71}
"""Every n-th line, of what runs many."""
WATCHED = (f"{os.sep}rocketvpn_sdk{os.sep}", threading.__file__)


class Sender:
    """Sends the signal at the n-th line that runs in a call of ours, or of ``threading`` from there."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.sent = False

    def __call__(self, frame: FrameType, what: str, arg: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in WATCHED):
            return None
        if what == "line" and not self.sent:
            self.left -= 1
            if self.left < 0:
                self.sent = True
                os.kill(os.getpid(), signal.SIGUSR1)
        return self


class App:
    """An app whose signal handler logs an error."""

    def __init__(self, folder: Path, *, waits: bool) -> None:
        config = Config(
            *("https://api.rocketvpn.example", "org.example.vpn"),
            data_dir=folder,
            secrets=MemorySecrets(),
            events=[SessionConnected],
            clock=FakeClock(),
            limits=Limits(flush_interval=1e6, flush_patience=0.0 if not waits else 60.0),
        )
        self.rocket = RocketVPN.open(config)
        self.logger = logging.getLogger("app.signals")
        self.logger.propagate = False
        self.logger.setLevel(logging.INFO)
        self.handler = self.rocket.journal.handler()
        self.logger.handlers = [self.handler]

    def event(self) -> None:
        self.rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))

    def line(self) -> None:
        self.logger.info("tunnel is up")

    def error(self) -> None:
        self.logger.error("tunnel is down")

    def flush(self) -> None:
        self.event()
        self.rocket.journal.flush()

    def read(self) -> None:
        self.line()
        list(self.rocket.journal.read())

    def terminated(self) -> int:
        return sum(entry.fields.get("message") == "terminate requested" for entry in self.rocket.journal.read())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path / "vault", waits=True)
    before = signal.signal(signal.SIGUSR1, lambda *_: app.logger.error("terminate requested"))
    yield app
    signal.signal(signal.SIGUSR1, before)
    app.logger.handlers = []
    app.rocket.close()


def interrupted(app: App, call: Callable[[], None], at: int) -> bool:
    """Make ``call`` and send the signal at its n-th line; return whether it had that many."""
    sender, before = Sender(at), sys.gettrace()
    sys.settrace(sender)
    try:
        call()
    finally:
        sys.settrace(before)
    return sender.sent


@pytest.mark.parametrize("name", ["event", "line", "error", "flush", "read"])
@pytest.mark.timeout(55)  # less than the patience of one call that waits for a flush which waits for it
def test_attack_a_signal_handler_logs_at_every_line_of_a_recording(app: App, name: str) -> None:
    """Each is kept, or counted where it came while its own thread was sealing."""
    kept = counted = sent = 0
    call, step = getattr(app, name), STEPS.get(name, 1) if GATE else QUICK_STEPS.get(name, 1)
    for at in range(0, 5_000, step):
        failed = app.handler.failed
        if not interrupted(app, call, at):
            break
        sent += 1
        counted += app.handler.failed - failed
    kept = app.terminated()
    assert sent > 10
    assert kept + counted == sent
    assert name == "flush" or counted == 0


@pytest.mark.timeout(55)
def test_attack_a_signal_handler_logs_while_the_thread_that_flushes_is_started(tmp_path: Path) -> None:
    """The very first record of a process, each time."""
    sent = 0
    for at in range(0, 400, 3 if GATE else 29):
        app = App(tmp_path / str(at), waits=True)
        before = signal.signal(signal.SIGUSR1, lambda *_, app=app: app.logger.error("terminate requested"))
        try:
            more = interrupted(app, app.event, at)
            sent += more
            assert app.terminated() == more
        finally:
            signal.signal(signal.SIGUSR1, before)
            app.rocket.close()
        if not more:
            break
    assert sent > 5
