"""What this device holds, beside the documents of its vault."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.features import Features
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.policy_versions import Versions
from rocketvpn_sdk.witness import WitnessRecord


class LocalData(msgspec.Struct, frozen=True):
    """The components that hold data on this device."""

    journal: Journal
    consent: Consents
    versions: Versions
    witness: WitnessRecord
    features: Features
