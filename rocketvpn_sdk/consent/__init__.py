"""What holds on this device now: who agreed to what, and the one question that everyone asks.

What every start needs is loaded at once; what decides, shows and records, when it is first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.consent.in_force import InForce
from rocketvpn_sdk.consent.permit import Permit
from rocketvpn_sdk.consent.standing import Standing
from rocketvpn_sdk.consent.versions import Versions, policy_documents

if TYPE_CHECKING:
    from rocketvpn_sdk.consent.consent import Consent
    from rocketvpn_sdk.consent.ending import unset
    from rocketvpn_sdk.consent.guardian import carry_guardian
    from rocketvpn_sdk.consent.notices import ConsentNotice
    from rocketvpn_sdk.consent.outcome import ConsentChange, ConsentStatus, GuardianAsked, PurposeStatus
    from rocketvpn_sdk.consent.record import ConsentReceipt

_HOMES = {
    "Consent": "consent",
    "ConsentChange": "outcome",
    "ConsentNotice": "notices",
    "ConsentReceipt": "record",
    "ConsentStatus": "outcome",
    "GuardianAsked": "outcome",
    "PurposeStatus": "outcome",
    "carry_guardian": "guardian",
    "unset": "ending",
}

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
    "Standing",
    "Versions",
    "carry_guardian",
    "policy_documents",
    "unset",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"rocketvpn_sdk.consent.{home}"), name)
    return value
