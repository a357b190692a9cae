"""B7, B8: what it costs to import, and to seal the first record, each in a process of its own; SANDBOX: its start.

B7 and B8 are CPU time, of whole processes: what else the machine does has no part in it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from support.dpop_client import Peer

from bench.measure import Row, alternate
from rocketvpn_sdk.sandbox import Sandbox

_BARE = "pass"
_FIRST_RECORD = """
import sys, pathlib
from rocketvpn_sdk import Config, RocketVPN, Event
from rocketvpn_sdk.testing import MemorySecrets
class Connected(Event, name="session.connected", purpose="service"):
    region: str
rocket = RocketVPN.open(Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=pathlib.Path(sys.argv[1]),
                               secrets=MemorySecrets(), events=[Connected]))
rocket.journal.record(Connected(region="de-fra"))
rocket.journal.flush()
"""
# Not `ru_maxrss`, which begins with what the process that started this one held.
_MEMORY = "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"


# An installed package has its byte code beside it; one that is run from its sources must be let write it.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _run(code: str) -> Callable[[], float]:
    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            before = _children()
            command = [sys.executable, "-c", code, f"{folder}/vault"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_ENVIRONMENT)
            return (_children() - before) * 1e3

    return work


def _children() -> float:
    """Return the CPU seconds of all processes that this one started and that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(code: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code + _MEMORY, str(Path(folder) / "vault")]
        return (
            float(
                subprocess.run(command, check=True, capture_output=True, text=True, env=_ENVIRONMENT).stdout.split()[-1]
            )
            / 1024
        )


def sandbox(rounds: int) -> Iterator[Row]:
    """A new sandbox, from nothing to its first answer over TLS."""

    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            before = time.perf_counter()
            with Sandbox(Path(folder) / "sandbox") as running, Peer(running.url, running.ca_file) as peer:
                peer.http.get("/v1/keys").raise_for_status()
                return time.perf_counter() - before

    found = alternate(rounds, sandbox=work)
    yield Row("SANDBOX", "a new sandbox's first answer", "s", found["sandbox"], goal="≤ 2 s", limit=2.0)


def starting(rounds: int) -> Iterator[Row]:
    """Whole processes, alternating."""
    for code in (_FIRST_RECORD, "import httpx"):
        _run(code)()  # writes the byte code, and warms the disk's cache
    found = alternate(
        rounds,
        bare=_run(_BARE),
        package=_run("import rocketvpn_sdk"),
        httpx=_run("import httpx"),
        first=_run(_FIRST_RECORD),
    )
    bare = found["bare"]
    package, httpx = found["package"] - bare, found["httpx"] - bare
    yield Row("B7", "import rocketvpn_sdk, beyond bare Python", "ms", package, goal="≤ 15 ms", limit=15.0)
    yield Row("B7", "import rocketvpn_sdk", "ms", package, "import httpx", httpx, "≤ 0.25×", 0.25)
    yield Row(
        "B8",
        "process start to first sealed record, CPU",
        "ms",
        found["first"],
        "import httpx",
        found["httpx"],
        "≤ 1.0×",
        1.0,
    )
    ours, theirs = _memory(_FIRST_RECORD), _memory("import httpx")
    yield Row("B8", "peak memory", "MiB", ours, "import httpx", theirs, "≤ 1.1×", 1.1)
