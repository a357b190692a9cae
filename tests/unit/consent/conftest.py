"""A consent setup for each test, and one whose user said to be of age."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.consent_setup import ConsentSetup


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[ConsentSetup]:
    setup = ConsentSetup(tmp_path / "vault")
    yield setup
    setup.vault.close()


@pytest.fixture
def adult(setup: ConsentSetup) -> ConsentSetup:
    setup.consent.declare_age(adult=True)
    return setup
