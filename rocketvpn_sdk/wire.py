"""What the SDK and a server say to each other, typed; docs/openapi.yaml is the contract, both sides share these values.

Dates and times are RFC 3339; an unknown enum value fails to decode, extra members are ignored (RFC 9457 §3.2 asks it of
problems, and a server may grow).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from rocketvpn_sdk.masking import MaskedRepr

DEVICE_CLAIM = "content_sha256"
"""The DPoP claim that binds a write's body (RFC 9449 §11.7 invites such claims)."""

PROBLEM_JSON = "application/problem+json"
MERGE_PATCH_JSON = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JWT = "application/jwt"
BYTES = "application/octet-stream"

METADATA_PATH = "/.well-known/oauth-authorization-server"
"""RFC 8414 §3."""

ACR_DEVICE = "urn:rocketvpn:acr:device"
"""The device's key alone."""
ACR_EMAIL_CODE = "urn:rocketvpn:acr:email-code"
"""The device's key and a code sent by e-mail, entered lately."""
ACR_OWNER = "urn:rocketvpn:acr:owner"
"""The order's number and a code sent to its e-mail address, by whatever key: for seeing and deleting, no more."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 wants a zone; a time without one would mean something else on every device."""


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of every value on the wire."""


# ---------------------------------------------------------------- authorization (RFC 8414, RFC 6749, RFC 9449)


class ServerMetadata(Wire, frozen=True, kw_only=True):
    """RFC 8414 authorization server metadata, as far as this SDK reads it."""

    issuer: str
    authorization_challenge_endpoint: str
    token_endpoint: str
    jwks_uri: str
    """Where the keys are that sign receipts."""
    dpop_signing_alg_values_supported: list[str]
    grant_types_supported: list[str] = []
    response_types_supported: list[str] = []
    token_endpoint_auth_methods_supported: list[str] = []


class Challenge(Wire, frozen=True, kw_only=True):
    """What the server wants before it goes on: a code sent by ``kind`` to ``hint``."""

    kind: Literal["email_code"]
    hint: str
    """Where the code went, masked by the server, e.g. ``k…@example.org``."""
    expires_at: Moment


class AuthorizationCode(MaskedRepr, Wire, frozen=True, kw_only=True):
    """A granted authorization challenge."""

    authorization_code: str


class AuthorizationError(MaskedRepr, Wire, frozen=True, kw_only=True):
    """An authorization challenge not granted (OAuth 2.0 for First-Party Applications §5.2.2), or any OAuth error.

    ``error`` is ``insufficient_authorization`` with ``auth_session`` and ``challenge``; ``redirect_to_web``;
    ``invalid_session``, ``invalid_grant``, ``invalid_request``, ``invalid_dpop_proof``, ``use_dpop_nonce``; or one of
    our codes, e.g. ``device-limit-reached`` with ``devices``.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("auth_session",)

    error: str
    error_description: str = ""
    auth_session: str | None = None
    challenge: Challenge | None = None
    devices: list[Device] = []
    attempts_left: int | None = None


class TokenResponse(MaskedRepr, Wire, frozen=True, kw_only=True):
    """RFC 6749 §5.1, DPoP-bound (RFC 9449 §5)."""

    __masked__: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token")

    access_token: str
    token_type: Literal["DPoP"]
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    acr: str = ACR_DEVICE


# ---------------------------------------------------------------- errors (RFC 9457)


class ProblemItem(Wire, frozen=True, kw_only=True):
    """One thing wrong in a request: ``pointer`` is a JSON Pointer into its body."""

    detail: str
    pointer: str = ""


class Problem(Wire, frozen=True, kw_only=True):
    """RFC 9457 problem details; ``type`` ends in ``/problems/<code>``."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[ProblemItem] = []
    devices: list[Device] = []

    @property
    def code(self) -> str:
        """The last segment of ``type``."""
        return self.type.rstrip("/").rpartition("/")[2]


# ---------------------------------------------------------------- the order and its devices


class Order(Wire, frozen=True, kw_only=True):
    """The order this device is bound to."""

    state: Literal["active", "grace", "expired", "cancelled"]
    paid_until: date
    devices_used: int
    devices_allowed: int


class Device(Wire, frozen=True, kw_only=True):
    """A device bound to the order; the server gives it a friendly name."""

    id: str
    name: str
    bound_on: date
    current: bool = False


class DeviceList(Wire, frozen=True, kw_only=True):
    """Every device of the order."""

    devices: list[Device]


# ---------------------------------------------------------------- the user's data and rights


class Hold(Wire, frozen=True, kw_only=True):
    """Why a server may not erase a field (policy clauses S3, R2)."""

    basis: Literal["law", "court", "authority"]
    until: date
    reason: str = ""


class HeldField(MaskedRepr, Wire, frozen=True, kw_only=True):
    """One field of the policy, as the server holds it."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    id: str
    """The field's id in the policy."""
    value: Any
    since: Moment
    until: Moment | None = None
    """When the server will erase it; ``None``: while the device is bound."""
    recipients: list[str] = []
    hold: Hold | None = None
    correctable: bool = False


class ServerData(Wire, frozen=True, kw_only=True):
    """``GET /v1/data``: everything the server holds about this order and device."""

    fields: list[HeldField]


RightsStatus = Literal["open", "in_progress", "fulfilled", "revoked", "denied", "expired"]
"""Data Rights Protocol 1.0, request statuses."""

Scope = Literal["logs", "device", "account"]
"""What a deletion reaches."""


class NewRightsRequest(Wire, frozen=True, kw_only=True):
    """``POST /v1/data-rights-requests``."""

    exercise: Literal["deletion", "access"]
    scope: Scope
    purpose: str | None = None


class RightsRequest(Wire, frozen=True, kw_only=True):
    """A data rights request and how far it is, in the words of the Data Rights Protocol 1.0."""

    request_id: str
    exercise: Literal["deletion", "access"]
    scope: Scope
    status: RightsStatus
    received_at: Moment
    expected_by: Moment | None = None
    reason: str | None = None
    processing_details: str = ""
    results_url: str | None = None
    expires_at: Moment | None = None


class NewOwnerRequest(Wire, frozen=True, kw_only=True):
    """``POST /v1/owner/data-rights-requests``: of the order's owner, who needs no device of it."""

    exercise: Literal["deletion"]
    scope: Literal["device", "account"]
    device_id: str | None = None
    """Which device, where the scope is one."""


class RightsRequests(Wire, frozen=True, kw_only=True):
    """``GET /v1/data-rights-requests``: what this device asked for, oldest first, while it is kept."""

    requests: list[RightsRequest]


class Disclosure(MaskedRepr, Wire, frozen=True, kw_only=True):
    """Something about the user that the operator gave to somebody.

    All but the day are text: what the policy does not know must reach the user too.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("recipient", "basis", "categories")

    recipient: str
    """A recipient's id in the policy, or a name."""
    kind: str
    """``operator``, ``affiliate``, ``third_party``, or another word."""
    basis: str
    """``consent``, ``law``, ``court``, ``authority`` (S1, S3), or another word."""
    categories: list[str]
    """Ids of the policy's categories or fields, or other words."""
    day: date


class Disclosures(Wire, frozen=True, kw_only=True):
    """``GET /v1/disclosures``: everything of the kind, oldest first."""

    disclosures: list[Disclosure]


class HeldBack(Wire, frozen=True, kw_only=True):
    """A field that a server did not erase, and why (R2)."""

    field: str
    basis: Literal["law", "court", "authority"]
    until: date


class Receipt(Wire, frozen=True, kw_only=True):
    """The claims of an erasure receipt, a JWS signed by the operator's receipt key."""

    iss: str
    jti: str
    """The request's id."""
    iat: int
    device_id: str
    """Which device asked, or was asked about; empty where the order's owner asked about the account."""
    scope: Scope
    erased: list[str]
    """Field ids."""
    recipients_told: list[str] = []
    held_back: list[HeldBack] = []


# ---------------------------------------------------------------- erasure tickets


TicketScope = Literal["device", "account"]
"""What a ticket erases."""


class NewErasureTicket(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``POST /v1/erasure-tickets``: let whoever shows the ticket have this erased."""

    __masked__: ClassVar[tuple[str, ...]] = ("ticket_id",)

    ticket_id: str
    """The fingerprint of its code: SHA-256, 64 hexadecimal digits. The code itself stays on paper."""
    scope: TicketScope


class ErasureTicket(Wire, frozen=True, kw_only=True):
    """A ticket that can be used."""

    ticket_id: str
    scope: TicketScope
    made_on: date
    current: bool = False
    """Whether this device made it."""


class ErasureTicketList(Wire, frozen=True, kw_only=True):
    """Every ticket of the order that can be used."""

    tickets: list[ErasureTicket]


class Erasure(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``POST /v1/erasures``: erase what the ticket is for."""

    ticket: str
    """Its code: 40 characters of Crockford's base32, in capitals, nothing between them."""


# ---------------------------------------------------------------- consents and guardians


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


class GuardianCode(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``POST /v1/guardian-requests/{request_id}/confirm``."""

    code: str


class GuardianConfirmation(Wire, frozen=True, kw_only=True):
    """That the code was right, and which text the guardian was shown."""

    request_id: str
    about: GuardianAbout
    policy_version: int
    policy_sha256: str
    confirmed_at: Moment


# ---------------------------------------------------------------- an operation of the app's own (the sandbox's example)


class TunnelRequest(Wire, frozen=True, kw_only=True):
    """``POST /v1/tunnels``: register a WireGuard public key (base64, 32 bytes)."""

    public_key: str
    region: str | None = None


class TunnelPeer(Wire, frozen=True, kw_only=True):
    """The peer to configure."""

    peer_public_key: str
    endpoint: str
    address: str
    dns: list[str]
    allowed_ips: list[str]
    keepalive: int
    """Seconds."""
