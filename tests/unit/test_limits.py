"""Bounds: a number in its range, for each of them; what is none is refused before anything begins."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from rocketvpn_sdk import Limits
from rocketvpn_sdk.errors import ConfigurationError

FIELDS = {field.name: field.type for field in msgspec.structs.fields(Limits)}
NO_NUMBERS: list[Any] = [-1, -0.5, math.inf, -math.inf, math.nan, 1e30, "5", None, True, [5], 10**30]


@pytest.mark.parametrize("name", FIELDS)
def test_a_bound_that_is_no_number_in_its_range_is_refused(name: str) -> None:
    wrong = [*NO_NUMBERS, 2.5] if FIELDS[name] is int else NO_NUMBERS
    for value in wrong:
        with pytest.raises(ConfigurationError, match=name):
            Limits(**{name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_nothing_is_a_bound_too_and_so_is_any_whole_number(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0
    assert getattr(Limits(**{name: 1}), name) == 1
