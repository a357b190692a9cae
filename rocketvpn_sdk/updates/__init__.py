"""The operator's signed files: the policy, the keys of receipts, surveys, releases (policy clauses X1, U4).

Importing it brings neither httpx nor python-tuf; the first ``refresh`` or ``read`` brings the latter.
"""

from rocketvpn_sdk.updates.place import beside, remove
from rocketvpn_sdk.updates.policies import Policies, PolicyNotice
from rocketvpn_sdk.updates.trust import TrustedFiles

__all__ = ["Policies", "PolicyNotice", "TrustedFiles", "beside", "remove"]
