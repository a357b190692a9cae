"""What one policy allows, asks or promises that another does not, finding by finding; ``change`` puts them together."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.policy.document import Policy
from rocketvpn_sdk.policy.findings.calls import calls
from rocketvpn_sdk.policy.findings.fields import uses
from rocketvpn_sdk.policy.findings.finding import Finding, affected
from rocketvpn_sdk.policy.findings.promises import promises
from rocketvpn_sdk.policy.findings.rows import NECESSARY, OPPOSITE, Kind

__all__ = ["NECESSARY", "OPPOSITE", "Finding", "Kind", "affected", "widenings"]


def widenings(old: Policy, new: Policy) -> Iterator[Finding]:
    """Yield what ``new`` has that ``old`` does not cover, in the order of the document."""
    found = list(uses(old, new))
    yield from found
    needed = {(each.field, each.purpose, each.recipient) for each in found if each.kind in NECESSARY}
    yield from calls(old, new, needed)
    yield from promises(old, new)
