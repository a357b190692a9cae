"""Combines the policy versions in force: only what all of them allow, and everything that any of them promises (X2).

While a reduction of rights has been announced and does not bind yet, the device does what both versions allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

from rocketvpn_sdk.policy.decide import ON_DEVICE, Decision, State, decide, purpose_allowed
from rocketvpn_sdk.policy.document import Policy, Right, right_of
from rocketvpn_sdk.policy.transform_order import DROP, strongest

_Item = TypeVar("_Item")
_NO_POLICY = Decision(False, DROP, 0.0, "X1", "No policy is in force.")


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """The promises of all policies in force, combined: whatever one of them promises holds."""

    offered: tuple[Right, ...]
    step_up: tuple[str, ...]
    """Of ``offered``: those that ask for a fresh proof of who is asking (A4)."""
    correctable: tuple[str, ...]
    """Ids of fields."""
    notice_days: int
    minor_age: int
    """In years: who is younger is a minor."""


def decide_all(
    policies: Sequence[Policy],
    state: State,
    field: str,
    purpose: str,
    recipient: str,
    now: float,
    accepted: AbstractSet[tuple[str, str, str]] = frozenset(),
) -> Decision:
    """Decide as ``decide`` does, with all of ``policies`` in force: the strictest of what they say.

    Allowed only where each allows it; kept for the shortest time; minimised at least as strongly as each asks. Where
    two ways to minimise cannot be compared, a value is dropped before it is kept, and not sent at all.

    Args:
        policies: the version that binds, and a newer one that does not yet. With none, the answer is no.
        state: what holds on this device.
        field: its id.
        purpose: its id.
        recipient: its id, or ``ON_DEVICE``.
        now: seconds since the epoch.
        accepted: (field, purpose, recipient) of ``PolicyChange.cells`` that the user accepted ahead of time: only the
            policies that declare the field are asked about them.
    """
    if len(policies) == 1:
        return decide(policies[0], state, field, purpose, recipient, now)
    if (field, purpose, recipient) in accepted:
        policies = [policy for policy in policies if field in policy.fields] or policies
    decisions = [decide(policy, state, field, purpose, recipient, now) for policy in policies]
    return _strictest(decisions, sending=recipient != ON_DEVICE)


def purpose_allowed_all(policies: Sequence[Policy], state: State, purpose: str, recipient: str, now: float) -> Decision:
    """Decide as ``purpose_allowed`` does, with all of ``policies`` in force; with none, the answer is no."""
    if len(policies) == 1:
        return purpose_allowed(policies[0], state, purpose, recipient, now)
    decisions = [purpose_allowed(policy, state, purpose, recipient, now) for policy in policies]
    return _strictest(decisions, sending=True)


def protection(policies: Sequence[Policy]) -> Protection:
    """Return what ``policies``, at least one, promise together: every right of any, the longest notice, the higher age.

    Raises:
        ValueError: there is no policy.
    """
    if not policies:
        raise ValueError("no policy is in force")
    documents = [policy.document for policy in policies]
    return Protection(
        offered=_union(document.rights.offered for document in documents),
        step_up=_union(
            tuple(each for each in document.rights.step_up if right_of(each) in document.rights.offered)
            for document in documents
        ),
        correctable=_union(policy.correctable for policy in policies),
        notice_days=max(document.notice_days for document in documents),
        minor_age=max(document.minors.age for document in documents),
    )


def vocabulary(policies: Sequence[Policy]) -> frozenset[str]:
    """Return the words that may stay in log lines: those that each of ``policies`` declares."""
    if len(policies) == 1:
        return policies[0].vocabulary
    return frozenset.intersection(*(policy.vocabulary for policy in policies)) if policies else frozenset()


def longest_kept(policies: Sequence[Policy], purpose: str) -> float:
    """Return for how many seconds, at most, a record for ``purpose`` is kept on this device with ``policies`` in force.

    In each version that is the time of the field that is kept longest there, of those that the device observes for the
    purpose; of several versions the shortest counts. 0: one of them has no such field, or does not know the purpose.

    Raises:
        ValueError: there is no policy.
    """
    if not policies:
        raise ValueError("no policy is in force")
    return min(
        max(
            (
                field.retention.device.seconds
                for field in policy.document.field
                if field.source == "observed" and purpose in field.purposes and field.retention.device is not None
            ),
            default=0.0,
        )
        for policy in policies
    )


def _union(parts: Iterable[tuple[_Item, ...]]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))


def _strictest(decisions: Sequence[Decision], *, sending: bool) -> Decision:
    if not decisions:
        return _NO_POLICY
    first, *others = decisions
    for decision in others:
        if not (first.allowed and decision.allowed):
            return decision if first.allowed else first
        first = _both(first, decision, sending=sending)
    return first


def _both(one: Decision, other: Decision, *, sending: bool) -> Decision:
    transform = strongest(one.transform, other.transform)
    if sending and transform not in (one.transform, other.transform):  # they cannot be compared
        said = "Two versions of the policy minimise this in ways that do not go together; it waits for the newer one."
        return Decision(False, DROP, 0.0, "X2", said)
    ends = [math.inf if decision.keep_until is None else decision.keep_until for decision in (one, other)]
    return Decision(True, transform, None if min(ends) == math.inf else min(ends), one.rule, one.sentence)
