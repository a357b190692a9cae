"""A guardian's agreement: to which text of the policy, since when, and for which text it still counts (M1, M2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault.transaction import Transaction

GUARDIAN = "guardian"
REQUEST = "guardian/request"

About = Literal["agreement", "age"]
"""What a guardian is asked: to agree to the policy, or to say that the user is of age now."""


class Guardian(MaskedRepr, frozen=True, kw_only=True):
    """That a guardian agreed; not who it was."""

    version: int
    """Of the policy that the guardian confirmed."""
    sha256: str
    """Of the same."""
    at: float
    """Seconds since the epoch."""
    request: str
    """The server's id of the request, with which the agreement is taken back there."""
    carried: str = ""
    """The SHA-256 of a later version that took nothing from the user, for which it counts as well."""

    def counts(self, policies: Collection[Policy]) -> bool:
        """Whether it is about one of ``policies``, those in force."""
        return (self.carried or self.sha256) in {policy.sha256 for policy in policies}


class GuardianRequestState(MaskedRepr, frozen=True, kw_only=True):
    """That a guardian was asked, and the code has not come back yet; not who was asked."""

    request: str
    """The server's id."""
    about: About
    version: int
    sha256: str
    """What the guardian was shown."""
    expires_at: float
    """When the code ends, in seconds since the epoch."""
    key: str
    """The idempotency key of the confirmation: an answer that got lost can be asked for again."""
    code_digits: int | None = None


def carry_guardian(transaction: Transaction, old_sha256: str, new_sha256: str) -> None:
    """Let a guardian's agreement to one text count for a later one that takes nothing from the user (X3).

    Part of the transaction in which the later version binds; the caller owes the rotation.
    """
    guardian = transaction.get(GUARDIAN, Guardian)
    if guardian is not None and (guardian.carried or guardian.sha256) == old_sha256:
        transaction.put(GUARDIAN, msgspec.structs.replace(guardian, carried=new_sha256))
