"""The random number by which this device decides when it takes an update. It never leaves the device."""

from __future__ import annotations

import secrets

import msgspec

from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.transport.interfaces import Documents
from rocketvpn_sdk.updates.releases import PLACES

ROLLOUT = "rollout"
"""The name of the document that holds the number."""
_FIELD, _PURPOSE = "rollout_number", "software"


class RolloutNumber(msgspec.Struct, frozen=True):
    """A number from 0 to 99."""

    number: int


def rollout_number(documents: Documents, permit: Permit) -> int:
    """Return this device's number; drawn the first time. Where the policy lets none be kept, it is the last one."""
    if not permit.field(_FIELD, _PURPOSE).allowed:
        return PLACES - 1
    held = documents.get(ROLLOUT, RolloutNumber)
    if held is None:
        documents.put(ROLLOUT, RolloutNumber(secrets.randbelow(PLACES)))
        # Another process may have drawn one at the same moment: the one that rests in the vault counts.
        held = documents.get(ROLLOUT, RolloutNumber)
    return PLACES - 1 if held is None else held.number
