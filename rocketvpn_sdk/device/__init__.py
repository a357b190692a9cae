"""``rocket.device``: bind this device to an order, list the order's devices, unbind one.

Touches: ``vault``, ``transport``. Start with ``binding``.
"""

from rocketvpn_sdk.device.binding import Devices
from rocketvpn_sdk.identity import Binding

__all__ = ["Binding", "Devices"]
