"""How long a stored record lives, in a partition that was made for a longer life (R1)."""

from __future__ import annotations

import pytest
from support.policies import TEXT, edited

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.journal.lifetimes import Lifetimes
from rocketvpn_sdk.policy import Duration, parse_policy
from rocketvpn_sdk.vault.partitions import Partition, epoch_length, epoch_of

LANE = Partition("log", "service", "P30D")
LIVES = Lifetimes((parse_policy(TEXT),), "log")
BEGAN = epoch_of(LANE.seconds, 1_800_000_000.0)


def record(at: float, **fields: object) -> tuple[float, int, tuple[str, str, dict[str, object]]]:
    return at, 0, ("service", "app.line", fields)


def left(at: float, *, now: float, **fields: object) -> list[tuple[dict[str, object], str]]:
    found = LIVES.living(LANE, BEGAN, [record(at, **fields)], now)  # type: ignore[list-item] # a Stored is such a tuple
    return [(kept[2][2], partition.retention) for kept, partition, _ in found]


@pytest.mark.clause("R1")
@pytest.mark.parametrize(("days", "lifetimes"), [(0, True), (6, True), (9, False), (29, False)])
def test_a_record_lives_as_long_as_its_shortest_lived_field(days: int, lifetimes: bool):
    """``local_address`` is kept for seven days, in epochs of one day at most."""
    found = left(BEGAN + 60, now=BEGAN + 60 + days * DAY, region="de-fra", local_address="192.168.1.0")
    assert bool(found) is lifetimes
    if lifetimes:
        assert found == [({"region": "de-fra", "local_address": "192.168.1.0"}, "P7D")]


@pytest.mark.clause("R1")
def test_an_empty_field_shortens_nothing():
    found = left(BEGAN + 60, now=BEGAN + 20 * DAY, region="de-fra", local_address=None)
    assert found == [({"region": "de-fra", "local_address": None}, "P30D")]


@pytest.mark.clause("R1")
@pytest.mark.parametrize("at", [BEGAN - 900 * DAY, BEGAN + 900 * DAY])
def test_a_record_told_by_a_wrong_clock_is_as_old_as_its_epoch(at: float):
    assert left(at, now=BEGAN + epoch_length(7 * DAY), local_address="192.168.1.0")
    assert not left(at, now=BEGAN + 9 * DAY, local_address="192.168.1.0")


@pytest.mark.clause("R1", "X2")
def test_a_field_that_a_version_no_longer_keeps_is_gone_and_the_rest_stays():
    narrower = parse_policy(edited("field", "local_address", "truncate_ip", "drop"))
    lifetimes = Lifetimes((parse_policy(TEXT), narrower), "log")
    stored = [record(BEGAN + 60, region="de-fra", local_address="192.168.1.0")]
    ((kept, partition, _),) = lifetimes.living(LANE, BEGAN, stored, BEGAN + 60)  # type: ignore[arg-type] # as above
    assert (kept[2][2], partition.retention) == ({"region": "de-fra"}, "P30D")
    assert lifetimes.partition(LANE) == Duration("P30D").seconds
