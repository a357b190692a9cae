"""Who is calling: RFC 8414, RFC 6749, RFC 9449, and OAuth 2.0 for First-Party Applications."""

from __future__ import annotations

from typing import ClassVar, Literal

from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.wire.base import ACR_DEVICE, Moment, Wire
from rocketvpn_sdk.wire.order import Device, OrderChange


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


class CodeChallenge(Wire, frozen=True, kw_only=True):
    """What the server wants before it goes on: a code sent by ``kind`` to ``hint``."""

    kind: Literal["email_code"]
    hint: str
    """Where the code went, masked by the server, e.g. ``k…@example.org``."""
    expires_at: Moment
    code_digits: int | None = None
    """The code is this many decimal digits; ``None``: the server does not say."""
    recovery: bool = False
    """Whether the order's recovery code, as ``recovery_code``, will do in its place."""


class AuthorizationCode(SecretStruct, Wire, frozen=True, kw_only=True):
    """A granted authorization challenge."""

    authorization_code: str


class AuthorizationError(SecretStruct, Wire, frozen=True, kw_only=True):
    """An authorization challenge not granted (OAuth 2.0 for First-Party Applications §5.2.2), or any OAuth error.

    ``error`` is ``insufficient_authorization`` with ``auth_session`` and ``challenge``; ``redirect_to_web``;
    ``invalid_session``, ``invalid_grant``, ``invalid_request``, ``invalid_dpop_proof``, ``use_dpop_nonce``; or one of
    our codes, e.g. ``device-limit-reached`` with ``devices``.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("auth_session",)

    error: str
    error_description: str = ""
    auth_session: str | None = None
    challenge: CodeChallenge | None = None
    devices: list[Device] = []
    attempts_left: int | None = None


class TokenResponse(SecretStruct, Wire, frozen=True, kw_only=True):
    """RFC 6749 §5.1, DPoP-bound (RFC 9449 §5)."""

    __masked__: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token")

    access_token: str
    token_type: Literal["DPoP"]
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    acr: str = ACR_DEVICE
    order_changes: list[OrderChange] = []
    """As in ``Order.changes``: a device learns of them with each token."""
