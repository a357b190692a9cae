"""What the user said about themselves: so far, whether they are of age (M1)."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.errors import NotAllowed
from rocketvpn_sdk.policy import State
from rocketvpn_sdk.vault import Vault

PERSON = "person"


class Person(msgspec.Struct, frozen=True):
    """The answer to one question; never a birth date."""

    adult: bool


class Consent:
    """``rocket.consent``: what holds on this device today.

    Args:
        vault: where it rests.
        collect: ``Config(collect=...)``.
    """

    def __init__(self, vault: Vault, *, collect: bool) -> None:
        self._vault = vault
        self._nobody = State(collect=collect)
        self._state = self._nobody
        self._stamp = -1
        self.changes = 0
        """How often this process changed what holds."""

    def declare_age(self, adult: bool) -> None:
        """Record whether the user is of age, as a yes or no. Until then, whatever is optional is refused.

        Raises:
            NotAllowed: somebody who said that they are under age cannot undo that by saying the opposite.
            VaultLocked: unlock first.
        """
        if adult and self.state().adult is False:
            raise NotAllowed(rule="M1", reason="Someone who said they are under 18 cannot simply take that back.")
        self._vault.put(PERSON, Person(adult))
        self.changes += 1

    def state(self) -> State:
        """Return what holds now; on a locked vault, that nobody said anything."""
        if not self._vault.unlocked:
            return self._nobody
        stamp = self._vault.stamp()
        if stamp != self._stamp:
            person = self._vault.get(PERSON, Person)
            self._state = msgspec.structs.replace(self._nobody, adult=person.adult if person else None)
            self._stamp = stamp
        return self._state
