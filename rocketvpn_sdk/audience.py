"""Chooses, on the device, whether a signed survey or offer is for it. Nobody is told. Pure.

Touches: nothing. Start with ``Device``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

import msgspec

from rocketvpn_sdk.updates.releases import order, place
from rocketvpn_sdk.wire import ListedOffer, ListedSurvey
from rocketvpn_sdk.wire.releases import Platform


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at of this device; none of it is sent."""

    platform: Platform | None
    """``None``: the policy does not let it be used for this."""
    app_version: str | None
    """``None``: the app did not say, or the policy does not let it be used for this."""
    number: int
    """A random number from 0 to 99."""
    today: date


E = TypeVar("E", ListedSurvey, ListedOffer)


def meant_for(device: Device, entries: Iterable[E]) -> list[E]:
    """Return the ``entries`` that are for ``device`` today."""
    return [entry for entry in entries if entry.opens <= device.today <= entry.closes and _fits(entry, device)]


def _fits(entry: ListedSurvey | ListedOffer, device: Device) -> bool:
    wanted = entry.audience
    if wanted.platforms and device.platform not in wanted.platforms:
        return False
    if place(device.number, entry.id) >= wanted.share:
        return False
    if wanted.from_version is None and wanted.below_version is None:
        return True
    if device.app_version is None:
        return False
    installed = order(device.app_version)
    if wanted.from_version is not None and installed < order(wanted.from_version):
        return False
    return wanted.below_version is None or installed < order(wanted.below_version)
