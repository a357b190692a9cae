"""Reads the consents, age and guardian that hold on this device now; all that recording needs of consents."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from rocketvpn_sdk.consent.age import PERSON, Person
from rocketvpn_sdk.consent.guardian import GUARDIAN, Guardian
from rocketvpn_sdk.consent.ledger import LEDGER, Ledger
from rocketvpn_sdk.policy import Policy, State
from rocketvpn_sdk.vault import Vault


class CurrentConsents:
    """The current consents, read from the vault; ``Decisions`` changes them. Thread-safe as the vault is.

    Args:
        vault: where it rests.
        collect: ``Config(collect=...)``.
        policies: returns the versions in force, the binding one first and the newest last.
    """

    def __init__(self, vault: Vault, *, collect: bool, policies: Callable[[], tuple[Policy, ...]]) -> None:
        self.vault = vault
        self.policies = policies
        self._nobody = State(collect=collect)
        self.changes = 0
        """How often this process changed a consent, the age or the guardian."""

    def state(self) -> State:
        """Return what holds now; on a locked vault, that nobody said anything."""
        if not self.vault.unlocked:
            return self._nobody
        person, guardian = self.vault.get(PERSON, Person), self.vault.get(GUARDIAN, Guardian)
        ledger = self.vault.get(LEDGER, Ledger)
        return msgspec.structs.replace(
            self._nobody,
            adult=person.adult if person else None,
            guardian=guardian is not None and guardian.counts(self.policies()),
            consents=ledger.held() if ledger else {},
        )
