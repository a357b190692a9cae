"""Requests about the user's data, in the words of the Data Rights Protocol 1.0, and the receipts of what was erased."""

from __future__ import annotations

from datetime import date
from typing import Literal

from rocketvpn_sdk.wire.base import Moment, Wire

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
    waits_until: Moment | None = None
    """Nobody could be asked for a code: it is carried out then, and can be called off by each device of the order."""
    asked_by: Literal["this_device", "another_device"] = "this_device"


class NewOwnerRequest(Wire, frozen=True, kw_only=True):
    """``POST /v1/owner/data-rights-requests``: of the order's owner, who needs no device of it."""

    exercise: Literal["deletion"]
    scope: Literal["device", "account"]
    device_id: str | None = None
    """Which device, where the scope is one."""


class RightsRequests(Wire, frozen=True, kw_only=True):
    """``GET /v1/data-rights-requests``: what this device asked for, oldest first, while it is kept."""

    requests: list[RightsRequest]


class HeldBack(Wire, frozen=True, kw_only=True):
    """A field that a server did not erase, and why (R2)."""

    field: str
    basis: Literal["law", "court", "authority"]
    until: date


class ReceiptClaims(Wire, frozen=True, kw_only=True):
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
