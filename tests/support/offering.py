"""Offers of another service, and what has to be agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.wire import ListedOffer, OfferList

CONSENTS: Sequence[tuple[str, str | None]] = (("cross_service", None), ("cross_service", "partner"))
"""What has to be agreed to before an offer is taken: that offers are shown, and that the company learns of it."""
_TODAY = datetime.now(UTC).date()
OFFER = ListedOffer(
    id="files-trial",
    title={"en": "Rocket Files", "de": "Rocket-Dateien"},
    text={"en": "Three months of storage."},
    opens=_TODAY - timedelta(1),
    closes=_TODAY + timedelta(30),
)


def offer(**changes: Any) -> ListedOffer:
    """Return the offer with other values."""
    return msgspec.structs.replace(OFFER, **changes)


def offered_by(sandbox: Sandbox, **changes: Any) -> OfferList:
    """Return a list with one offer that the sandbox serves, ready to be signed."""
    return OfferList(offers=(offer(**({"server": sandbox.url} | changes)),))
