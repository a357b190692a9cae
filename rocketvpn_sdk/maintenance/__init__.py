"""What is due from time to time, for ``RocketVPN.sync`` and for the worker of ``Config(background=True)``.

Touches: ``vault``, ``transport``. Start with ``maintenance``.
"""

from rocketvpn_sdk.maintenance.maintenance import Maintenance, Status
from rocketvpn_sdk.maintenance.safeguards import SafeguardExpired
from rocketvpn_sdk.maintenance.worker import BackgroundStatus

__all__ = ["BackgroundStatus", "Maintenance", "SafeguardExpired", "Status"]
