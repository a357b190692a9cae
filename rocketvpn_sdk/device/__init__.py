"""The devices of an order: bind this one, list them, unbind one."""

from rocketvpn_sdk.device.binding import Devices
from rocketvpn_sdk.identity import Binding

__all__ = ["Binding", "Devices"]
