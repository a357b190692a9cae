"""What may be done now: ``policy.decide`` with the policy versions and consents that hold on this device.

Touches: nothing. Start with ``Permit``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rocketvpn_sdk.policy import (
    ON_DEVICE,
    Decision,
    Policy,
    State,
    decide,
    decide_all,
    purpose_allowed,
)
from rocketvpn_sdk.policy.decide import review_missed
from rocketvpn_sdk.policy_versions.state import Cell, PolicyState


class PermitSnapshot(NamedTuple):
    """The policies, consents and time of one moment, so that one call or record is judged by one state."""

    policies: tuple[Policy, ...]
    """Every version that holds, the binding one first."""
    state: State
    now: float
    """Seconds since the epoch."""
    accepted: frozenset[Cell]
    """Of ``PolicyChange.cells``: what was accepted ahead of its date."""

    def together(self, field: str, purpose: str, recipient: str) -> Decision:
        """Decide about ``field`` by all versions that hold; see ``policy.decide_all``."""
        return decide_all(self.policies, self.state, field, purpose, recipient, self.now, self.accepted)

    def field(self, policy: Policy, field: str, purpose: str, recipient: str) -> Decision:
        """Decide about ``field`` by one version alone; see ``policy.decide``."""
        return decide(policy, self.state, field, purpose, recipient, self.now)

    def purpose(self, policy: Policy, purpose: str, recipient: str) -> Decision:
        """Decide about a call by one version alone; see ``policy.purpose_allowed``."""
        return purpose_allowed(policy, self.state, purpose, recipient, self.now)

    def allows_as(self, other: PermitSnapshot) -> bool:
        """Whether the same is allowed as by ``other``: nothing was decided between the two, and nothing ran out."""
        if (self.policies, self.state, self.accepted) != (other.policies, other.state, other.accepted):
            return False
        receivers = (part for policy in self.policies for part in policy.document.recipient)
        return all(
            consent.live(self.now) == consent.live(other.now) for consent in self.state.consents.values()
        ) and all(review_missed(part, self.now) == review_missed(part, other.now) for part in receivers)


class Permit:
    """Binds the rules to today's state, which it reads again when its stamp has changed.

    Args:
        in_force: returns the versions of the policy that hold.
        state: returns the consents, age and mode in force.
        now: returns the time, in seconds since the epoch, by which things end.
        changes: returns a number that grows when this process changed what holds, for those who keep an answer.
        stamp: returns a number that changes whenever any process wrote what the first two read; ``None``: there is
            none now, and they are asked every time.
    """

    def __init__(
        self,
        in_force: Callable[[], PolicyState],
        state: Callable[[], State],
        now: Callable[[], float],
        changes: Callable[[], int] = lambda: 0,
        stamp: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._in_force = in_force
        self._state = state
        self._now = now
        self.changes = changes
        self._stamp = stamp
        self._read: tuple[int, PolicyState, State] | None = None
        """What holds as of a stamp: put in place as a whole, since several threads ask."""

    @property
    def policy(self) -> Policy:
        """The newest version: it names the hosts, and what calls there are; what they may carry, all versions decide.

        An operator that moves its servers must still be reachable for the user's rights and for the next version.
        """
        return self._in_force().newest

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every version that holds, the binding one first."""
        return self._in_force().policies

    def held(self) -> PermitSnapshot:
        """Return what holds now: versions and state of the same moment, anyone who writes meanwhile."""
        in_force, state = self._one_moment()
        return PermitSnapshot(in_force.policies, state, self._now(), in_force.accepted)

    def _one_moment(self) -> tuple[PolicyState, State]:
        stamp = self._stamp()
        while True:
            if stamp is not None and self._read is not None and self._read[0] == stamp:
                return self._read[1:]
            in_force, state = self._in_force(), self._state()
            before, stamp = stamp, self._stamp()
            if stamp == before:  # nobody wrote between the two
                if stamp is not None:
                    self._read = (stamp, in_force, state)
                return in_force, state

    def field(self, field: str, purpose: str, recipient: str = ON_DEVICE) -> Decision:
        """Decide about ``field``; see ``policy.decide_all``."""
        return self.held().together(field, purpose, recipient)
