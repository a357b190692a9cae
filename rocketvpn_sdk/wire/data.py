"""What the server holds about the user, and what it gave to others."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Literal

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.wire.base import Moment, Wire


class Hold(Wire, frozen=True, kw_only=True):
    """Why a server may not erase a field (policy clauses S3, R2)."""

    basis: Literal["law", "court", "authority"]
    until: date
    reason: str = ""


class HeldField(MaskedRepr, Wire, frozen=True, kw_only=True):
    """One field of the policy, as the server holds it."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    id: str
    """The field's id in the policy."""
    value: Any
    since: Moment
    until: Moment | None = None
    """When the server will erase it; ``None``: while the device is bound."""
    recipients: list[str] = []
    hold: Hold | None = None
    correctable: bool = False
    belongs: Literal["device", "order"] | None = None
    """What this value goes with, where the policy says something else of its field."""


class ServerData(Wire, frozen=True, kw_only=True):
    """``GET /v1/data``: everything the server holds about this order and device."""

    fields: list[HeldField]


class Disclosure(MaskedRepr, Wire, frozen=True, kw_only=True):
    """Something about the user that the operator gave to somebody.

    All but the day are text: what the policy does not know must reach the user too.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("recipient", "basis", "categories")

    recipient: str
    """A recipient's id in the policy, or a name."""
    kind: str
    """``operator``, ``affiliate``, ``third_party``, or another word."""
    basis: str
    """``consent``, ``law``, ``court``, ``authority`` (S1, S3), or another word."""
    categories: list[str]
    """Ids of the policy's categories or fields, or other words."""
    day: date


class Disclosures(Wire, frozen=True, kw_only=True):
    """``GET /v1/disclosures``: everything of the kind, oldest first."""

    disclosures: list[Disclosure]
