"""The one question everyone asks: ``policy.decide``, with what holds on this device now."""

from __future__ import annotations

from collections.abc import Callable

from rocketvpn_sdk.policy import ON_DEVICE, Decision, Policy, State, decide, purpose_allowed


class Permit:
    """Binds the rules to today's state. Holds no state of its own.

    Args:
        policy: returns the policy in force.
        state: returns the consents, age and mode in force.
        now: returns the time, in seconds since the epoch, by which things end.
        changes: returns a number that grows when this process changed what holds, for those who keep an answer.
    """

    def __init__(
        self,
        policy: Callable[[], Policy],
        state: Callable[[], State],
        now: Callable[[], float],
        changes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._policy = policy
        self._state = state
        self._now = now
        self.changes = changes

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    def field(self, field: str, purpose: str, recipient: str = ON_DEVICE) -> Decision:
        """Decide about ``field``; see ``policy.decide``."""
        return decide(self._policy(), self._state(), field, purpose, recipient, self._now())

    def purpose(self, purpose: str, recipient: str) -> Decision:
        """Decide about a call for ``purpose`` that carries no field; see ``policy.purpose_allowed``."""
        return purpose_allowed(self._policy(), self._state(), purpose, recipient, self._now())
