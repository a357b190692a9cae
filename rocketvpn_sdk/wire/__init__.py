"""The typed values that the SDK and a server exchange; docs/openapi.yaml is the contract for both sides.

Touches: nothing. Start with ``base``.

Dates and times are RFC 3339; an unknown enum value fails to decode, extra members are ignored (RFC 9457 §3.2 asks it of
problems, and a server may grow).
"""

from __future__ import annotations

from rocketvpn_sdk.wire.authorization import (
    AuthorizationCode,
    AuthorizationError,
    CodeChallenge,
    ServerMetadata,
    TokenResponse,
)
from rocketvpn_sdk.wire.base import (
    ACR_ADDRESS,
    ACR_DEVICE,
    ACR_EMAIL_CODE,
    ACR_OWNER,
    BYTES,
    DEVICE_CLAIM,
    FORM,
    JSON,
    JWT,
    MERGE_PATCH_JSON,
    METADATA_PATH,
    OHTTP_REQUEST,
    OHTTP_RESPONSE,
    PROBLEM_JSON,
    Moment,
    Wire,
)
from rocketvpn_sdk.wire.consents import (
    ConsentState,
    ConsentUpdate,
    GuardianAbout,
    GuardianCode,
    GuardianConfirmation,
    GuardianRequest,
    HeldConsent,
    HeldConsents,
    NewGuardianRequest,
)
from rocketvpn_sdk.wire.data import DisclosureItem, DisclosureList, HeldField, Hold, PendingValue, ServerData
from rocketvpn_sdk.wire.diagnostics import OBLIVIOUS_TARGET, ObliviousGateway, ReportErasure
from rocketvpn_sdk.wire.order import Device, DeviceList, Order, OrderChange
from rocketvpn_sdk.wire.problems import Problem, ProblemItem
from rocketvpn_sdk.wire.recovery import RECOVERY_LABEL, NewRecoveryCode, RecoveryCodeMade
from rocketvpn_sdk.wire.releases import (
    RELEASES_TARGET,
    Channel,
    FilePart,
    ListedRelease,
    Manifest,
    ManifestFile,
    Platform,
    PlatformFiles,
    ReleaseList,
    SignedFile,
    Version,
)
from rocketvpn_sdk.wire.rights import (
    HeldBack,
    NewOwnerRequest,
    NewRightsRequest,
    ReceiptClaims,
    RightsRequest,
    RightsRequests,
    RightsStatus,
    Scope,
)
from rocketvpn_sdk.wire.tickets import Erasure, ErasureTicket, ErasureTicketList, NewErasureTicket, TicketScope
from rocketvpn_sdk.wire.tunnel import TunnelPeer, TunnelRequest

__all__ = [
    "ACR_ADDRESS",
    "ACR_DEVICE",
    "ACR_EMAIL_CODE",
    "ACR_OWNER",
    "BYTES",
    "DEVICE_CLAIM",
    "FORM",
    "JSON",
    "JWT",
    "MERGE_PATCH_JSON",
    "METADATA_PATH",
    "OBLIVIOUS_TARGET",
    "OHTTP_REQUEST",
    "OHTTP_RESPONSE",
    "PROBLEM_JSON",
    "RECOVERY_LABEL",
    "RELEASES_TARGET",
    "AuthorizationCode",
    "AuthorizationError",
    "Channel",
    "CodeChallenge",
    "ConsentState",
    "ConsentUpdate",
    "Device",
    "DeviceList",
    "DisclosureItem",
    "DisclosureList",
    "Erasure",
    "ErasureTicket",
    "ErasureTicketList",
    "FilePart",
    "GuardianAbout",
    "GuardianCode",
    "GuardianConfirmation",
    "GuardianRequest",
    "HeldBack",
    "HeldConsent",
    "HeldConsents",
    "HeldField",
    "Hold",
    "ListedRelease",
    "Manifest",
    "ManifestFile",
    "Moment",
    "NewErasureTicket",
    "NewGuardianRequest",
    "NewOwnerRequest",
    "NewRecoveryCode",
    "NewRightsRequest",
    "ObliviousGateway",
    "Order",
    "OrderChange",
    "PendingValue",
    "Platform",
    "PlatformFiles",
    "Problem",
    "ProblemItem",
    "ReceiptClaims",
    "RecoveryCodeMade",
    "ReleaseList",
    "ReportErasure",
    "RightsRequest",
    "RightsRequests",
    "RightsStatus",
    "Scope",
    "ServerData",
    "ServerMetadata",
    "SignedFile",
    "TicketScope",
    "TokenResponse",
    "TunnelPeer",
    "TunnelRequest",
    "Version",
    "Wire",
]
