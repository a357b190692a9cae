"""For the tests of an app that embeds the SDK: fakes that implement the real interfaces, and a server to talk to.

What needs an extra is imported from its own module:

- ``rocketvpn_sdk.testing.sandbox``: ``running_sandbox`` (extra ``sandbox``)
- ``rocketvpn_sdk.testing.contracts``: ``SecretStoreContract`` (pytest)
"""

from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.secrets import MemorySecrets

__all__ = ["FakeClock", "MemorySecrets"]
