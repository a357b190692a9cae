"""B11: an app that is open and does nothing, with the background worker on: how often it wakes, what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row

_APP = """
import sys
from pathlib import Path
from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.testing.secrets import MemorySecrets

class Started(Event, name="app.started", purpose="service"):
    attempt: int

config = Config("https://localhost:9", "org.example.vpn", data_dir=Path(sys.argv[1]) / "vault",
    secrets=MemorySecrets(), events=[Started], background=sys.argv[2] == "on")
with RocketVPN.open(config) as rocket:
    rocket.journal.record(Started(attempt=1))
    rocket.journal.flush()
    print("open", flush=True)
    sys.stdin.read()
"""
_SETTLE = 3.0
"""Seconds after opening that are not counted: what was recorded is being sealed."""


def idle(seconds: float) -> Iterator[Row]:
    """Count, over ``seconds``, how often any thread of an idle app is woken, and the CPU time that it takes."""
    off, on = _watch(seconds, "off"), _watch(seconds, "on")
    minutes = seconds / 60
    note = (
        f"counted over {seconds:.0f} s from /proc, all threads; with it off: {off[0]} wake-ups, {off[1] * 1000:.0f} ms"
    )
    yield Row("B11", "wake-ups a minute, idle, background on", "", on[0] / minutes, goal="≤ 1", limit=1.0, note=note)
    yield Row("B11", "CPU, idle, background on", "%", 100 * on[1] / seconds, goal="0.0 %", limit=0.05)


def _watch(seconds: float, background: str) -> tuple[int, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-c", _APP, folder, background], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as app,
    ):
        assert app.stdin is not None
        assert app.stdout is not None
        assert app.stdout.readline() == "open\n"
        time.sleep(_SETTLE)
        before = _wakeups(app.pid), _cpu(app.pid)
        time.sleep(seconds)
        after = _wakeups(app.pid), _cpu(app.pid)
        app.stdin.close()
    return after[0] - before[0], after[1] - before[1]


def _wakeups(pid: int) -> int:
    """Every thread that sleeps and is woken was switched away from of its own will once more."""
    statuses = (task / "status" for task in Path(f"/proc/{pid}/task").iterdir())
    lines = (line for status in statuses for line in status.read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
