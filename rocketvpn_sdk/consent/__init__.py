"""Who agreed to what on this device: consents, age and guardians.

Touches: ``vault``. Start with ``decisions``.

What every start needs is loaded at once; what decides, shows and records, when it is first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.consent.current_consents import CurrentConsents

if TYPE_CHECKING:
    from types import ModuleType

    from rocketvpn_sdk.consent.notices import ConsentNotice
    from rocketvpn_sdk.consent.outcome import ConsentChange, ConsentStatus, GuardianAsked, PurposeStatus
    from rocketvpn_sdk.consent.record import ConsentReceipt

__all__ = [
    "ConsentChange",
    "ConsentNotice",
    "ConsentReceipt",
    "ConsentStatus",
    "CurrentConsents",
    "GuardianAsked",
    "PurposeStatus",
]


def __getattr__(name: str) -> Any:
    value = globals()[name] = getattr(_home(name), name)
    return value


def _home(name: str) -> ModuleType:
    """Import the module that has ``name``; written out, since PyInstaller and Nuitka look for import statements."""
    match name:
        case "ConsentNotice":
            from rocketvpn_sdk.consent import notices

            return notices
        case "ConsentChange" | "ConsentStatus" | "GuardianAsked" | "PurposeStatus":
            from rocketvpn_sdk.consent import outcome

            return outcome
        case "ConsentReceipt":
            from rocketvpn_sdk.consent import record

            return record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
