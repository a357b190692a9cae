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


class PendingValue(MaskedRepr, Wire, frozen=True, kw_only=True):
    """A value that a correction asked for and that does not count yet."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    value: Any
    """Masked by the server where another device asked for it."""
    state: Literal["code_needed", "waiting"]
    """``code_needed``: until the code that was sent to it is given back; ``waiting``: for every device to object."""
    until: Moment
    """When it is forgotten (``code_needed``), or counts (``waiting``)."""


class HeldField(MaskedRepr, Wire, frozen=True, kw_only=True):
    """One field of the policy, as the server holds it."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    id: str
    """The field's id in the policy."""
    value: Any
    """``None``: it is a secret of which only a hash is held, or it is withheld; see ``code_needed``."""
    code_needed: bool = False
    """It is withheld from a device that is a ``member`` of its order: after a code from an e-mail, it is shown.

    Whether there is anything is then said as well.
    """
    since: Moment | None = None
    """``None`` where it is withheld."""
    until: Moment | None = None
    """When the server will erase it; ``None``: while the device is bound."""
    recipients: list[str] = []
    hold: Hold | None = None
    correctable: bool = False
    belongs: Literal["device", "order"] | None = None
    """What this value goes with, where the policy says something else of its field."""
    pending: PendingValue | None = None
    """What is to take its place."""


class ServerData(Wire, frozen=True, kw_only=True):
    """``GET /v1/data``: everything the server holds about this order and device."""

    fields: list[HeldField]


class DisclosureItem(MaskedRepr, Wire, frozen=True, kw_only=True):
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


class DisclosureList(Wire, frozen=True, kw_only=True):
    """``GET /v1/disclosures``: everything of the kind, oldest first."""

    disclosures: list[DisclosureItem]
