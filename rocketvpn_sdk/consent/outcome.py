"""What the consent calls answer: how things stand, and what a decision changed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from rocketvpn_sdk.consent.guardian import About
from rocketvpn_sdk.consent.ledger import ConsentState
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.text import translate

ServerKnows = Literal["not_needed", "waiting", "told"]
"""Whether the server knows a decision: this device is not bound, it waits in the queue, or the server answered."""

_SENTENCES: dict[ConsentState, str] = {
    "granted": "It holds from now on.",
    "denied": "It is refused; you are not asked again until something asks you.",
    "withdrawn": "It is withdrawn. What this device held for it is destroyed.",
    "expired": "It has expired. What this device held for it is destroyed.",
    "unset": "Nobody has decided.",
}
_UNCHANGED = "There was nothing to withdraw: nobody had agreed to it."


class ConsentChange(MaskedRepr, frozen=True, kw_only=True):
    """What a decision came to. On the device it is done when the call returns, offline too."""

    __masked__ = ("state",)

    purpose: str
    recipient: str | None
    state: ConsentState
    changed: bool
    """False: it was so before, and nothing was written."""
    keys_destroyed: int = 0
    rotation_owed: bool = False
    """The keys are dropped, but the secret store could not be reached to put their root out of reach too."""
    server: ServerKnows = "not_needed"

    @property
    def sentence(self) -> str:
        """What happened, in a sentence."""
        return translate(_SENTENCES[self.state] if self.changed else _UNCHANGED)


class PurposeStatus(MaskedRepr, frozen=True, kw_only=True):
    """How it stands with one purpose, or one third party for a purpose."""

    __masked__ = ("state",)

    purpose: str
    recipient: str | None
    state: ConsentState
    effective: bool
    """Whether it allows anything now: a consent of somebody under age counts only with a guardian's agreement."""
    since: datetime | None = None
    until: datetime | None = None
    policy_version: int | None = None
    """What was shown."""
    server: ServerKnows = "not_needed"


class ConsentStatus(MaskedRepr, frozen=True, kw_only=True):
    """How it stands with everything that is optional."""

    __masked__ = ("adult", "guardian", "guardian_asked")

    adult: bool | None
    """``None``: not asked yet, and treated as under age."""
    guardian: bool
    """Whether a guardian's agreement to a policy in force holds."""
    guardian_asked: About | None
    """What a guardian was asked and has not answered yet."""
    policy_version: int
    """The newest: what a notice would show."""
    purposes: tuple[PurposeStatus, ...]


class GuardianAsked(msgspec.Struct, frozen=True, kw_only=True):
    """That the server sent a guardian a code."""

    about: About
    policy_version: int
    sha256: str
    """What the guardian is shown."""
    expires_at: datetime
    """When the code ends."""
