"""A sandbox for each module, over real TLS, and a fresh machine for each test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.relay import Relay
from support.world import PATIENT, World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox


@pytest.fixture(scope="module")
def _shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server") as sandbox:
        yield sandbox


@pytest.fixture
def world(_shared_sandbox: Sandbox, tmp_path: Path) -> Iterator[World]:
    """A user's machine; the sandbox is shared, so take a new order with ``world.sandbox.order()``."""
    yield World(_shared_sandbox, tmp_path / "vault")
    _shared_sandbox.faults.clear()


@pytest.fixture
def relay(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """A relay that every connection goes over."""
    relay = Relay(int(world.sandbox.url.rpartition(":")[2]))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, *_, **__: real("127.0.0.1", relay.port, 0, socket.SOCK_STREAM)
    )
    yield relay
    relay.close()


@pytest.fixture
def over_relay(world: World, relay: Relay) -> Iterator[RocketVPN]:
    """Bound, and with several connections that wait for a next call."""
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        rocket.device.bind(world.sandbox.order())
        made = relay.made
        while relay.made < made + 2:
            with ThreadPoolExecutor(4) as pool:
                for call in [pool.submit(rocket.device.order) for _ in range(4)]:
                    call.result()
        yield rocket
