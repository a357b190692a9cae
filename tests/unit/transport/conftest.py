from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.calls import Line


@pytest.fixture(autouse=True)
def _no_waiting(no_pauses: None) -> None:
    """Retry as in earnest, without the pauses."""


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.api.close()
