"""B6, B10: one authenticated call on a warm connection, and one decision."""

from __future__ import annotations

import base64
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from bench.measure import Row
from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.policy import ON_DEVICE, State, bundled_policy, decide
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.testing.sandbox import running_sandbox


def calling(count: int) -> Iterator[Row]:
    """A POST through the whole path against a bare client's POST to the same server, alternating call by call."""
    key = base64.b64encode(bytes(range(32))).decode()
    with tempfile.TemporaryDirectory() as name, running_sandbox(Path(name) / "server") as sandbox:
        config = Config(
            sandbox.url,
            "org.example.vpn",
            data_dir=Path(name) / "vault",
            secrets=MemorySecrets(),
            trust=sandbox.ca_file,
            policy=sandbox.policy,
        )
        context = ssl.create_default_context(cafile=str(sandbox.ca_file))
        with RocketVPN.open(config) as rocket, httpx.Client(verify=context, trust_env=False) as bare:
            rocket.device.bind(sandbox.order())

            def ours() -> None:
                rocket.call("tunnel.register", public_key=key)

            def theirs() -> None:
                # The same server and body; it answers 401 at once, so the peer's figure is the lower bound of a call.
                bare.post(f"{sandbox.url}/v1/tunnels", json={"public_key": key})

            figures = _interleaved(count, ours, theirs)
    note = "the bare POST is refused (401) before the server does any work"
    yield Row("B6", "authenticated POST, warm", "ms", figures[0], "bare httpx POST", figures[1], "≤ 1.2×", 1.2, note)


def _interleaved(count: int, *works: Callable[[], None]) -> list[float]:
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(count):
        for figures, work in zip(spent, works, strict=True):
            before = time.perf_counter()
            work()
            figures.append((time.perf_counter() - before) * 1e3)
    return [statistics.median(figures[len(figures) // 10 :]) for figures in spent]


def deciding(count: int) -> Iterator[Row]:
    """One decision of the policy."""
    policy, state = bundled_policy(), State()
    before = time.perf_counter()
    for _ in range(count):
        decide(policy, state, "region", "service", ON_DEVICE, 1e9)
    yield Row("B10", "policy.decide", "µs", (time.perf_counter() - before) / count * 1e6, goal="≤ 2 µs", limit=2.0)
