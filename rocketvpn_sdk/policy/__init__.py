"""The privacy policy as values and pure rules: what may be collected, kept and sent.

Touches: disk. Start with ``decide``.

On disk it only reads a policy: the bundled one, or the file that ``load_policy`` is given. What every start needs is
loaded at once; comparing and explaining, when they are first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.policy.catalogue import EventShape, check_events
from rocketvpn_sdk.policy.combined import (
    Protection,
    decide_all,
    longest_kept,
    protection,
    purpose_allowed_all,
    vocabulary,
)
from rocketvpn_sdk.policy.decide import ON_DEVICE, ConsentChoice, Decision, State, decide, purpose_allowed
from rocketvpn_sdk.policy.document import Field, Operation, Policy, Purpose, Recipient
from rocketvpn_sdk.policy.reading import bundled_policy, load_policy, parse_policy
from rocketvpn_sdk.policy.values import Duration, Transform

if TYPE_CHECKING:
    from types import ModuleType

    from rocketvpn_sdk.policy.change import Difference, PolicyChange, compare
    from rocketvpn_sdk.policy.explaining import Explanation, explain

__all__ = [
    "ON_DEVICE",
    "ConsentChoice",
    "Decision",
    "Difference",
    "Duration",
    "EventShape",
    "Explanation",
    "Field",
    "Operation",
    "Policy",
    "PolicyChange",
    "Protection",
    "Purpose",
    "Recipient",
    "State",
    "Transform",
    "bundled_policy",
    "check_events",
    "compare",
    "decide",
    "decide_all",
    "explain",
    "load_policy",
    "longest_kept",
    "parse_policy",
    "protection",
    "purpose_allowed",
    "purpose_allowed_all",
    "vocabulary",
]


def __getattr__(name: str) -> Any:
    value = globals()[name] = getattr(_home(name), name)
    return value


def _home(name: str) -> ModuleType:
    """Import the module that has ``name``; written out, since PyInstaller and Nuitka look for import statements."""
    match name:
        case "Difference" | "PolicyChange" | "compare":
            from rocketvpn_sdk.policy import change

            return change
        case "Explanation" | "explain":
            from rocketvpn_sdk.policy import explaining

            return explaining
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
