"""``AsyncRocketVPN``: the calls of ``RocketVPN``, awaited, with real cancellation; for asyncio.

Touches: ``vault``, ``transport``. Start with ``client``.
"""

from rocketvpn_sdk.aio.client import AsyncRocketVPN

__all__ = ["AsyncRocketVPN"]
