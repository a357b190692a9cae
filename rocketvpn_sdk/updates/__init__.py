"""``rocket.updates``: look for releases of the app, download one, certify what is installed (policy clause U4).

Touches: disk, ``vault``, ``transport``. Start with ``updates``.

On disk it writes downloads into the folder that the app names, and reads what is to be certified.
"""

from rocketvpn_sdk.updates.certify import Certified
from rocketvpn_sdk.updates.releases import Release, UpdateCheck
from rocketvpn_sdk.updates.rollout import ROLLOUT, RolloutNumber
from rocketvpn_sdk.updates.updates import Updates

__all__ = ["ROLLOUT", "Certified", "Release", "RolloutNumber", "UpdateCheck", "Updates"]
