"""Releases of the app: which one fits this device, its download, and the check of what is installed (clause U4).

Touches: disk, ``vault``, ``transport``. Start with ``releases``.

On disk it writes downloads into the folder that the app names, and reads what is to be certified.
"""

from rocketvpn_sdk.updates.certify import Certified
from rocketvpn_sdk.updates.releases import Release, UpdateCheck
from rocketvpn_sdk.updates.rollout import ROLLOUT, RolloutNumber

__all__ = ["ROLLOUT", "Certified", "Release", "RolloutNumber", "UpdateCheck"]
