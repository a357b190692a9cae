"""Reports of how the app runs (policy clause U3): where they go, and the request to erase them.

The reports themselves are OTLP/HTTP in JSON, the format of OpenTelemetry: ``diagnostics.otlp`` writes it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from rocketvpn_sdk.wire.base import Wire
from rocketvpn_sdk.wire.releases import Origin

OBLIVIOUS_TARGET = "oblivious/gateway.json"
"""The signed file that names the relay and the gateway's key: the same for every device."""

Base64 = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{4,4096}={0,2}\Z", max_length=4098)]
Handle = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]


class ObliviousGateway(Wire, frozen=True, kw_only=True):
    """Where sealed messages go, and with which key they are sealed (RFC 9458 §3)."""

    relay: Origin
    """Of the relay; one of the hosts that the policy names."""
    keys: Base64
    """``application/ohttp-keys``: the gateway's keys, the preferred one first."""


class ReportErasure(Wire, frozen=True, kw_only=True):
    """Which reports are to be erased."""

    erasure_handle: Handle
    """The random number that went with the reports of a week."""
