"""What all values on the wire share, and the words of the standards that are no values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

DEVICE_CLAIM = "content_sha256"
"""The DPoP claim that binds a write's body (RFC 9449 §11.7 invites such claims)."""

PROBLEM_JSON = "application/problem+json"
MERGE_PATCH_JSON = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
JWT = "application/jwt"
BYTES = "application/octet-stream"
OHTTP_REQUEST, OHTTP_RESPONSE = "message/ohttp-req", "message/ohttp-res"
"""Sealed messages (RFC 9458 §6)."""

METADATA_PATH = "/.well-known/oauth-authorization-server"
"""RFC 8414 §3."""

ACR_DEVICE = "urn:rocketvpn:acr:device"
"""The device's key alone."""
ACR_EMAIL_CODE = "urn:rocketvpn:acr:email-code"
"""The device's key and a code sent by e-mail, entered lately."""
ACR_OWNER = "urn:rocketvpn:acr:owner"
"""The order's number and a code sent to its e-mail address, by whatever key: for seeing and deleting, no more."""
ACR_ADDRESS = "urn:rocketvpn:acr:address"
"""A code sent to the address that this device wants its order to have; given back, the address counts."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 wants a zone; a time without one would mean something else on every device."""


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The base of every value on the wire."""
