"""The privacy policy as values and pure rules: nothing here opens a file of the user's or a socket."""

from rocketvpn_sdk.policy.catalogue import EventShape, check_events
from rocketvpn_sdk.policy.decide import ON_DEVICE, Consent, Decision, State, decide, purpose_allowed
from rocketvpn_sdk.policy.document import (
    Field,
    Operation,
    Policy,
    Purpose,
    Recipient,
    bundled_policy,
    load_policy,
    parse_policy,
)
from rocketvpn_sdk.policy.values import Duration, Transform

__all__ = [
    "ON_DEVICE",
    "Consent",
    "Decision",
    "Duration",
    "EventShape",
    "Field",
    "Operation",
    "Policy",
    "Purpose",
    "Recipient",
    "State",
    "Transform",
    "bundled_policy",
    "check_events",
    "decide",
    "load_policy",
    "parse_policy",
    "purpose_allowed",
]
