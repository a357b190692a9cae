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


def test_the_defaults_suit_a_desktop_app() -> None:
    """Apps rely on them: another number is a change that people have to be told of."""
    assert msgspec.structs.asdict(Limits()) == {
        "connect_timeout": 5.0, "read_timeout": 10.0, "write_timeout": 10.0, "total_timeout": 30.0,
        "max_response_bytes": 1024 * 1024, "max_download_bytes": 512 * 1024 * 1024, "slowest_download": 4096,
        "report_delay": 21600.0, "max_json_depth": 16, "retry_attempts": 3, "retry_share": 0.1,
        "retry_burst": 10.0, "code_answers": 5, "batch_records": 256, "flush_interval": 1.0, "flush_patience": 0.25,
        "locked_records": 1000, "log_bytes": 16 * 1024 * 1024, "secret_timeout": 60.0, "busy_timeout": 10.0,
        "keyring_settle": 15.0, "close_timeout": 5.0,
    }  # fmt: skip
