"""Offers of other services that were taken or hidden: remembered until the consent to them ends (U6)."""

from __future__ import annotations

from typing import ClassVar

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy.decide import SIGNALLED
from rocketvpn_sdk.vault.transaction import Transaction

OFFERS = "offers"
"""The name of the document that holds ``OfferRecord``."""


class OfferRecord(MaskedRepr, frozen=True, kw_only=True):
    """What this device remembers of offers."""

    __masked__: ClassVar[tuple[str, ...]] = ("*",)

    number: int
    """From 0 to 99, at random: it decides for which offers this device is picked."""
    settled: tuple[str, ...] = ()
    """Those that were taken, or are not to be shown again."""


def end_offers(transaction: Transaction, purpose: str) -> None:
    """Forget every offer, if ``purpose`` is what they are shown for: the consent to it ended."""
    if purpose == SIGNALLED:
        transaction.drop(OFFERS)
