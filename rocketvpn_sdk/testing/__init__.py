"""Fakes and a server for the tests of an app that embeds the SDK; they implement the real interfaces.

Touches: ``vault``, ``sandbox``. Start with ``sandbox``.

What needs an extra is imported from its own module:

- ``rocketvpn_sdk.testing.sandbox``: ``running_sandbox`` (extra ``sandbox``)
- ``rocketvpn_sdk.testing.contracts``: ``SecretStoreContract`` (pytest)
"""

from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.secrets import MemorySecrets

__all__ = ["FakeClock", "MemorySecrets"]
