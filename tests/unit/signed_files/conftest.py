"""A device that keeps signed files, and its operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.delegations import TOP, Delegator
from support.signed_files import Shelf

from rocketvpn_sdk.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shelf(tmp_path: Path, clock: FakeClock) -> Shelf:
    return Shelf(tmp_path, clock)


@pytest.fixture
def operator(shelf: Shelf) -> Delegator:
    """An operator whose role ``releases`` lists one file; not served yet."""
    operator = Delegator(shelf.folder / "server")
    operator.delegate(TOP, "releases", "releases/*")
    operator.add("releases", "releases/app.bin", b"app")
    return operator
