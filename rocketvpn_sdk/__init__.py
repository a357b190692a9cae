"""Rocket VPN's privacy policy as code on the user's own device.

The public names are loaded when they are first used (PEP 562), so that importing the package costs next to nothing.
"""

from __future__ import annotations

from rocketvpn_sdk._version import __version__

TYPE_CHECKING = False  # type checkers take it for true; `typing` would be most of what this import costs
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from rocketvpn_sdk import errors
    from rocketvpn_sdk.cancelling import CancelToken
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.config import Config
    from rocketvpn_sdk.entered import Challenge
    from rocketvpn_sdk.journal import Entry, Event, hashed, private, public
    from rocketvpn_sdk.limits import Limits
    from rocketvpn_sdk.maintenance import Status
    from rocketvpn_sdk.policy import Policy, load_policy
    from rocketvpn_sdk.rights import DeletionConfirmed, DeletionPlan, Outcome, Receipt, Report
    from rocketvpn_sdk.vault import KeyringSecrets, PassphraseSecrets, SecretStore

__all__ = [
    "CancelToken",
    "Challenge",
    "Config",
    "DeletionConfirmed",
    "DeletionPlan",
    "Entry",
    "Event",
    "KeyringSecrets",
    "Limits",
    "Outcome",
    "PassphraseSecrets",
    "Policy",
    "Receipt",
    "Report",
    "RocketVPN",
    "SecretStore",
    "Status",
    "__version__",
    "errors",
    "hashed",
    "load_policy",
    "private",
    "public",
]


def __getattr__(name: str) -> Any:
    value = globals()[name] = getattr(_home(name), name)
    return value


def _home(name: str) -> ModuleType:
    """Import the module that has ``name``; written out, since PyInstaller and Nuitka look for import statements."""
    match name:
        case "RocketVPN" | "Status":
            from rocketvpn_sdk import client

            return client
        case "CancelToken":
            from rocketvpn_sdk import cancelling

            return cancelling
        case "Challenge":
            from rocketvpn_sdk import entered

            return entered
        case "Config" | "Limits":
            from rocketvpn_sdk import config

            return config
        case "Entry" | "Event" | "hashed" | "private" | "public":
            from rocketvpn_sdk import journal

            return journal
        case "Policy" | "load_policy":
            from rocketvpn_sdk import policy

            return policy
        case "DeletionConfirmed" | "DeletionPlan" | "Outcome" | "Receipt" | "Report":
            from rocketvpn_sdk import rights

            return rights
        case "KeyringSecrets" | "PassphraseSecrets" | "SecretStore":
            from rocketvpn_sdk import vault

            return vault
        case "errors":
            import rocketvpn_sdk.errors

            return rocketvpn_sdk
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
