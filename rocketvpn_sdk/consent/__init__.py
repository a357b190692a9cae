"""What holds on this device now: who agreed to what, and the one question that everyone asks."""

from rocketvpn_sdk.consent.consent import Consent
from rocketvpn_sdk.consent.permit import Permit

__all__ = ["Consent", "Permit"]
