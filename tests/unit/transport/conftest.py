from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina
from support.calls import Line


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retry as in earnest, without the pauses."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.api.close()
