"""What ``view`` returns: everything held, here and at the server, in one typed value."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Policy

CAVEATS: tuple[str, ...] = (
    "The list of what was sent covers what went through this component; it cannot see what else the app does.",
    "What the server holds or deleted is the operator's word; only absence on this device can be proven on it.",
    "Any server that you connect to sees the internet address of your connection.",
    "No measure of security is perfect; what this software does and does not protect is written in its threat model.",
)


class HeldValue(MaskedRepr, frozen=True, kw_only=True):
    """One field of the policy that is held somewhere."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    field: str
    place: Literal["device", "server"]
    sentence: str
    value: Any
    """``None`` where it is a secret that is held but not shown, or where ``count`` says how many there are."""
    count: int | None = None
    purposes: tuple[str, ...]
    """Why, in sentences."""
    recipients: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    """At most until then; ``None``: while the device is bound, or see ``kept``."""
    kept: str
    """How long, as the policy has it: an ISO 8601 duration or ``bound``."""
    correctable: bool = False
    hold: wire.Hold | None = None


class SentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What left this device through this component, by operation."""

    operation: str
    sentence: str
    purpose: str
    recipient: str
    fields: tuple[str, ...]
    times: int
    last: datetime


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything held about this user, here and at the server (A1)."""

    made_at: datetime
    policy_id: str
    policy_version: int
    contact: str
    """Where questions go (P3)."""
    here: tuple[HeldValue, ...]
    there: tuple[HeldValue, ...]
    server_answered: bool
    server_problem: str | None
    """Why the server's part is missing, as an error's code."""
    sent: tuple[SentSummary, ...]
    caveats: tuple[str, ...] = CAVEATS


def describe(policy: Policy, field_id: str, place: Literal["device", "server"], **values: Any) -> HeldValue:
    """Return a held field with what the policy says about it."""
    field = policy.fields.get(field_id)
    if field is None:
        # The server holds something that the policy does not know: shown all the same, and as what it is.
        unknown = "The policy does not declare this; ask the operator why it is held."
        return HeldValue(
            field=field_id, place=place, sentence=unknown, purposes=(), recipients=(), kept="unknown", **values
        )
    kept = field.retention.device if place == "device" else field.retention.server
    recipients = ("this device only",) if place == "device" else field.recipients
    return HeldValue(
        **{
            "field": field_id,
            "place": place,
            "sentence": field.sentence["en"],
            "purposes": tuple(policy.purposes[purpose].sentence["en"] for purpose in field.purposes),
            "recipients": recipients,
            "kept": str(kept) if kept else "not kept there",
            "correctable": field.correctable,
            **values,
        }
    )
