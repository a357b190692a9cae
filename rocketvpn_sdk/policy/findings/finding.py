"""What one difference is, before it is put together with others and described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Policy
from rocketvpn_sdk.policy.findings.rows import About, Kind


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
    feature: str = ""

    @property
    def about(self) -> About:
        """What it is about, as far as it says."""
        if self.field:
            return "field"
        if self.feature:
            return "feature"
        return "call" if self.operation else "purpose" if self.purpose else "recipient" if self.recipient else "promise"


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
