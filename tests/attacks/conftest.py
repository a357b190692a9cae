"""What several attacks stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from support.fronted import counted_acts

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox


@pytest.fixture(scope="module")
def acts() -> Iterator[Counter[tuple[str, str]]]:
    """How often the server acted on each request."""
    with counted_acts() as acts:
        yield acts


@pytest.fixture(scope="module")
def sandbox(acts: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server of the module's own, whose acts are counted."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server") as sandbox:
        yield sandbox
        sandbox.faults.clear()
