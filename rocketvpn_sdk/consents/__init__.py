"""``rocket.consent``: consents, age and guardians, and telling the server about them.

Touches: ``vault``, ``transport``. Start with ``consents``.

It imports ``transport`` late.
"""

from rocketvpn_sdk.consents.consents import Consents

__all__ = ["Consents"]
