"""B6, B10: one authenticated call on a warm connection, and one decision."""

from __future__ import annotations

import base64
import json
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Row
from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.policy import ON_DEVICE, State, bundled_policy, decide
from rocketvpn_sdk.testing import MemorySecrets

_KEY = base64.b64encode(bytes(range(32))).decode()


def calling(count: int) -> Iterator[Row]:
    """A POST through the whole path against a bare client's POST of the same request, alternating call by call.

    The bare client is given requests that were signed beforehand, and the server, a process of its own, serves both.
    """
    with tempfile.TemporaryDirectory() as name, _server(Path(name) / "server") as settings:
        config = Config(
            settings["server"],
            settings["app_id"],
            data_dir=Path(name) / "vault",
            secrets=MemorySecrets(),
            trust=Path(settings["trust"]),
            policy=bundled_policy().with_hosts("operator", tuple(settings["hosts"])),
        )
        context = ssl.create_default_context(cafile=settings["trust"])
        with RocketVPN.open(config) as rocket, httpx.Client(verify=context, trust_env=False) as bare:
            rocket.device.bind("RV-2026-0001")
            rocket.call("tunnel.register", public_key=_KEY)
            url, body = f"{settings['server']}/v1/tunnels", json.dumps({"public_key": _KEY}).encode()
            signed = _signed(rocket, url, body, count + 1)

            def ours() -> None:
                rocket.call("tunnel.register", public_key=_KEY)

            def theirs() -> None:
                bare.post(url, content=body, headers=next(signed)).raise_for_status()

            theirs()
            took, spent = _interleaved(count, ours, theirs)
    yield Row("B6", "authenticated POST, warm", "ms", took[0], "bare httpx POST", took[1], "≤ 1.2×", 1.2)
    note = (
        "CPU time of the client alone; the peer's signatures were made before, so it signs, checks and records nothing"
    )
    yield Row("B6", "… the client's own part", "ms", spent[0], "bare httpx POST", spent[1], "≤ 1.3×", 1.3, note)


@contextmanager
def _server(folder: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "rocketvpn_sdk.cli", "sandbox", "--folder", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield tomllib.loads(Path(ready["config"]).read_text("utf-8"))
        finally:
            process.terminate()


def _signed(rocket: RocketVPN, url: str, body: bytes, count: int) -> Iterator[dict[str, str]]:
    """Return the headers of ``count`` requests, signed beforehand as ours are."""
    signer = rocket._components.api.session.signer("tunnel.register")
    headers = [
        signer.headers("POST", url, body) | {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'}
        for _ in range(count)
    ]
    return iter(headers)


def _interleaved(count: int, *works: Callable[[], None]) -> tuple[list[float], list[float]]:
    """Return the median of each work's time, and of this process's CPU time for it, in milliseconds."""
    took: list[list[float]] = [[] for _ in works]
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(count):
        for times, costs, work in zip(took, spent, works, strict=True):
            before, used = time.perf_counter(), time.process_time()
            work()
            times.append((time.perf_counter() - before) * 1e3)
            costs.append((time.process_time() - used) * 1e3)
    return _medians(took), _medians(spent)


def _medians(figures: list[list[float]]) -> list[float]:
    return [statistics.median(each[len(each) // 10 :]) for each in figures]


def deciding(count: int) -> Iterator[Row]:
    """One decision of the policy."""
    policy, state = bundled_policy(), State()
    before = time.perf_counter()
    for _ in range(count):
        decide(policy, state, "region", "service", ON_DEVICE, 1e9)
    yield Row("B10", "policy.decide", "µs", (time.perf_counter() - before) / count * 1e6, goal="≤ 2 µs", limit=2.0)
