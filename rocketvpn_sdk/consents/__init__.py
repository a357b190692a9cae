"""``rocket.consent``: consents, age and guardians, and what the server hears of them; the network is loaded late."""

from rocketvpn_sdk.consents.consents import Consents

__all__ = ["Consents"]
