"""For which devices something is: decided by what the device knows of itself (U5, U6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.audience import Device, meant_for
from rocketvpn_sdk.wire import Audience, ListedOffer

pytestmark = pytest.mark.clause("U5", "U6")


def offer(**audience: Any) -> ListedOffer:
    return ListedOffer(
        id="o",
        title={"en": "T"},
        text={"en": "X"},
        opens=date(2026, 11, 1),
        closes=date(2026, 11, 30),
        audience=Audience(**audience),
    )


def device(**changes: Any) -> Device:
    known: dict[str, Any] = {
        "platform": "linux",
        "app_version": "1.4.2",
        "number": 0,
        "today": date(2026, 11, 15),
    }
    return Device(**(known | changes))


@pytest.mark.parametrize(
    ("audience", "changes", "fits"),
    [
        ({}, {}, True),
        ({}, {"platform": None, "app_version": None}, True),
        ({"platforms": ("linux", "macos")}, {}, True),
        ({"platforms": ("windows",)}, {}, False),
        ({"platforms": ("linux",)}, {"platform": None}, False),
        ({"from_version": "1.4.2"}, {}, True),
        ({"from_version": "1.10"}, {}, False),
        ({"from_version": "1.4"}, {"app_version": None}, False),
        ({"below_version": "1.4.3"}, {}, True),
        ({"below_version": "1.4.2"}, {}, False),
        ({"below_version": "1.4.2"}, {"app_version": "1.4.2-beta1"}, True),
        ({"share": 0}, {}, False),
        ({}, {"today": date(2026, 11, 1)}, True),
        ({}, {"today": date(2026, 11, 30)}, True),
        ({}, {"today": date(2026, 10, 31)}, False),
        ({}, {"today": date(2026, 12, 1)}, False),
    ],
)
def test_an_audience_fits_or_not(audience: dict[str, Any], changes: dict[str, Any], fits: bool):
    assert bool(meant_for(device(**changes), [offer(**audience)])) is fits


@given(st.integers(0, 100))
def test_of_a_hundred_numbers_as_many_are_picked_as_the_share_says(share: int):
    picked = [number for number in range(100) if meant_for(device(number=number), [offer(share=share)])]
    assert len(picked) == share
