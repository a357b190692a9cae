"""What holds on this device now: who agreed to what, and the one question that everyone asks."""

from rocketvpn_sdk.consent.consent import Consent
from rocketvpn_sdk.consent.ending import unset
from rocketvpn_sdk.consent.guardian import carry_guardian
from rocketvpn_sdk.consent.notices import ConsentNotice
from rocketvpn_sdk.consent.outcome import ConsentChange, ConsentStatus, GuardianAsked, PurposeStatus
from rocketvpn_sdk.consent.permit import Permit
from rocketvpn_sdk.consent.record import ConsentReceipt
from rocketvpn_sdk.consent.versions import InForce, Versions, policy_documents

__all__ = [
    "Consent",
    "ConsentChange",
    "ConsentNotice",
    "ConsentReceipt",
    "ConsentStatus",
    "GuardianAsked",
    "InForce",
    "Permit",
    "PurposeStatus",
    "Versions",
    "carry_guardian",
    "policy_documents",
    "unset",
]
