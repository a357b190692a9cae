"""Which changes of what holds also end what was recorded before them.

What allows more: what was recorded before, without leave, no later leave lets be kept. Another process may still have
it in memory. So each opening ends what waits there, in its own transaction, as a deletion does: for every purpose,
since a mark can be read without the key, and what was agreed to is nobody's business.

What asks for a consent that was not needed before: nobody has given it for what is kept.
"""

from __future__ import annotations

from rocketvpn_sdk.consent.policy_state import PolicyState
from rocketvpn_sdk.vault.partitions import PartitionChoice

RECORDED = PartitionChoice(stream="log")
"""What the app records; all else is asked for when it is written."""


def allows_more(before: PolicyState, after: PolicyState) -> bool:
    """Whether more may be recorded under the versions of ``after`` than under those of ``before``."""
    if before.pending is None or before.change is None:
        return False  # one more version in force allows no more
    if after.newest is not before.pending:
        return True  # another one came in its place, and may give back what that one took
    if after.pending is None:
        return bool(before.change.reduces_rights or before.change.newly_necessary)
    return bool(after.accepted - before.accepted)


def newly_asked(before: PolicyState, after: PolicyState) -> frozenset[str]:
    """Return the purposes that needed no consent under ``before``, and need one under a version of ``after``."""
    known = {purpose.id for purpose in before.binding.document.purpose}
    return frozenset((_asked(after) - _asked(before)) & known)


def _asked(held: PolicyState) -> set[str]:
    parts = (purpose for policy in held.policies for purpose in policy.document.purpose)
    return {purpose.id for purpose in parts if purpose.necessity == "consent"}
