"""What one difference is, before it is put together with others and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Policy

Kind = Literal[
    "call_added", "call_carries_less", "call_carries_more", "call_carries_other", "call_necessary",
    "call_purpose_changed", "call_recipient_changed", "call_removed", "consent_asked", "consent_no_longer_asked",
    "correctable_added", "deleted_with_device", "deleted_with_order", "field_added",
    "field_removed", "identity_added", "identity_removed", "kept_longer",
    "kept_longer_on_server", "kept_shorter", "kept_shorter_on_server", "language_added", "language_removed",
    "meaning_changed", "minimised_less", "minimised_more", "minimised_otherwise", "minor_age_lowered",
    "minor_age_raised", "newly_necessary", "no_longer_correctable", "no_longer_optional", "notice_longer",
    "notice_shorter", "optional_added", "purpose_added", "purpose_removed", "purpose_reworded", "recipient_added",
    "recipient_removed", "recipient_stronger", "recipient_weaker", "right_added", "right_removed",
    "safeguard_changed", "sent_anew", "sent_exactly", "sent_minimised", "sent_no_more", "source_changed",
    "step_up_added", "step_up_removed",
]  # fmt: skip

OPPOSITE: dict[Kind, Kind] = {
    "call_added": "call_removed",
    "call_carries_more": "call_carries_less",
    "call_necessary": "call_removed",
    "consent_no_longer_asked": "consent_asked",
    "deleted_with_order": "deleted_with_device",
    "field_added": "field_removed",
    "identity_added": "identity_removed",
    "kept_longer": "kept_shorter",
    "kept_longer_on_server": "kept_shorter_on_server",
    "language_removed": "language_added",
    "minimised_less": "minimised_more",
    "minor_age_lowered": "minor_age_raised",
    "newly_necessary": "field_removed",
    "no_longer_correctable": "correctable_added",
    "no_longer_optional": "optional_added",
    "notice_shorter": "notice_longer",
    "purpose_added": "purpose_removed",
    "recipient_added": "recipient_removed",
    "recipient_weaker": "recipient_stronger",
    "right_removed": "right_added",
    "sent_anew": "sent_no_more",
    "sent_exactly": "sent_minimised",
    "step_up_removed": "step_up_added",
}
"""What it is called when it goes the other way. What is missing here has no better direction."""

NECESSARY: frozenset[Kind] = frozenset({"call_necessary", "newly_necessary"})
"""What the user may accept at once."""


class Finding(NamedTuple):
    """One difference, for at most one purpose, one recipient and one call."""

    kind: Kind
    rule: str
    field: str = ""
    purpose: str = ""
    recipient: str = ""
    before: str = ""
    after: str = ""
    operation: str = ""


Cell = tuple[str, str]
"""A purpose and a recipient (or the device itself) for which a field may be used."""


def affected(policy: Policy, finding: Finding) -> Iterator[Cell]:
    """Yield the uses that ``policy`` has and ``finding`` touches, as (purpose, recipient)."""
    if finding.purpose and finding.recipient:
        yield finding.purpose, finding.recipient
        return
    if finding.purpose:
        yield finding.purpose, ON_DEVICE
    if finding.purpose or finding.recipient:
        for purpose, recipient in _pairs(policy):
            if finding.purpose == purpose or finding.recipient == recipient:
                yield purpose, recipient


def _pairs(policy: Policy) -> Iterator[Cell]:
    for field in policy.document.field:
        yield from cells(field)
    for operation in policy.document.operation:
        yield operation.purpose, operation.recipient


def cells(field: Field) -> list[Cell]:
    """Return every use of ``field`` that some state of the device allows."""
    places = [] if field.retention.device is None else [ON_DEVICE]
    places += [] if field.retention.server is None else field.recipients
    return [(purpose, place) for purpose in field.purposes for place in places]
