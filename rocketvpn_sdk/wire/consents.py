"""Consents, and what a guardian is asked."""

from __future__ import annotations

from typing import ClassVar, Literal

from rocketvpn_sdk.masking import MaskedRepr, SecretStruct
from rocketvpn_sdk.wire.base import Moment, Wire

ConsentState = Literal["unset", "granted", "denied", "withdrawn", "expired"]
"""``unset``: it ended because the policy or the user's age changed."""

GuardianAbout = Literal["agreement", "age"]
"""What a guardian is asked: to agree to the policy, or to say that the user is of age now."""


class ConsentUpdate(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``PUT /v1/consents/{purpose}``: what holds on this device now."""

    __masked__: ClassVar[tuple[str, ...]] = ("state",)

    record_id: str
    """Of the consent record on the device, a UUID."""
    state: ConsentState
    policy_version: int
    policy_sha256: str
    """Of the text that was shown, 64 hexadecimal digits."""
    at: Moment
    recipient: str | None = None
    """The third party that it is about, if it is about one."""


class HeldConsent(MaskedRepr, Wire, frozen=True, kw_only=True):
    """A consent as the server holds it."""

    __masked__: ClassVar[tuple[str, ...]] = ("state",)

    purpose: str
    record_id: str
    state: ConsentState
    policy_version: int
    policy_sha256: str
    at: Moment
    recipient: str | None = None


class HeldConsents(Wire, frozen=True, kw_only=True):
    """``GET /v1/consents/{purpose}``: for the purpose itself, and for each third party."""

    consents: list[HeldConsent]


class NewGuardianRequest(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``POST /v1/guardian-requests``: send a code to ``contact``, used for that and not kept."""

    __masked__: ClassVar[tuple[str, ...]] = ("contact",)

    contact: str
    about: GuardianAbout
    language: str
    """Of the guardian's text, BCP 47."""
    policy_version: int
    policy_sha256: str


class GuardianRequest(Wire, frozen=True, kw_only=True):
    """A request to a guardian that waits for its code."""

    request_id: str
    about: GuardianAbout
    policy_version: int
    policy_sha256: str
    expires_at: Moment
    code_digits: int | None = None
    """The code is this many decimal digits; ``None``: the server does not say."""


class GuardianCode(SecretStruct, Wire, frozen=True, kw_only=True):
    """``POST /v1/guardian-requests/{request_id}/confirm``."""

    code: str


class GuardianConfirmation(Wire, frozen=True, kw_only=True):
    """That the code was right, and which text the guardian was shown."""

    request_id: str
    about: GuardianAbout
    policy_version: int
    policy_sha256: str
    confirmed_at: Moment
