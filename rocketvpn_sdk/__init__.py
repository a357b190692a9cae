"""Rocket VPN's privacy policy as code on the user's own device.

The public names are loaded when they are first used (PEP 562), so that importing the package costs next to nothing.
"""

from __future__ import annotations

from rocketvpn_sdk._version import __version__

TYPE_CHECKING = False  # type checkers take it for true; `typing` would be most of what this import costs
if TYPE_CHECKING:
    from typing import Any

    from rocketvpn_sdk import errors
    from rocketvpn_sdk.client import RocketVPN, Status
    from rocketvpn_sdk.config import Config
    from rocketvpn_sdk.journal import Entry, Event
    from rocketvpn_sdk.limits import Limits
    from rocketvpn_sdk.policy import Policy, load_policy
    from rocketvpn_sdk.rights import DeletionConfirmed, DeletionPlan, Outcome, Receipt, Report
    from rocketvpn_sdk.vault import KeyringSecrets, PassphraseSecrets, SecretStore

_HOMES = {
    "Config": "config",
    "DeletionConfirmed": "rights",
    "DeletionPlan": "rights",
    "Entry": "journal",
    "Event": "journal",
    "KeyringSecrets": "vault",
    "Limits": "limits",
    "Outcome": "rights",
    "PassphraseSecrets": "vault",
    "Policy": "policy",
    "Receipt": "rights",
    "Report": "rights",
    "RocketVPN": "client",
    "SecretStore": "vault",
    "Status": "client",
    "load_policy": "policy",
}

__all__ = [
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
    "load_policy",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "errors":
        return import_module("rocketvpn_sdk.errors")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"rocketvpn_sdk.{home}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
