"""The operator's signed files: the policy, the keys of receipts, surveys, releases (policy clauses X1, U4).

Touches: disk, ``vault``, ``transport``. Start with ``trust``.

Importing it brings neither httpx nor python-tuf; the first ``refresh`` or ``read`` brings the latter.
"""

from rocketvpn_sdk.signed_files.folder import beside, remove
from rocketvpn_sdk.signed_files.trust import TrustedFiles

__all__ = ["TrustedFiles", "beside", "remove"]
