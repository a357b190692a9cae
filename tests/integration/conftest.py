"""A sandbox for each module, over real TLS, and a fresh machine for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World

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
