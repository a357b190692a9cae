"""Which versions of the policy hold on this device, and what has to be shown before a newer one binds.

Touches: ``vault``. Start with ``store``.

A version that binds ends the consents that it widens, in the same transaction, so this component is above ``consent``.
"""

from rocketvpn_sdk.policy_versions.notices import PolicyNotice, notice_of
from rocketvpn_sdk.policy_versions.operator_notices import OperatorNotice, held_notices
from rocketvpn_sdk.policy_versions.state import PolicyState
from rocketvpn_sdk.policy_versions.store import Versions, policy_documents

__all__ = [
    "OperatorNotice",
    "PolicyNotice",
    "PolicyState",
    "Versions",
    "held_notices",
    "notice_of",
    "policy_documents",
]
