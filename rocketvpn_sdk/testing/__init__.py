"""Fakes, a server and a pytest plug-in for the tests of an app that embeds the SDK; the fakes are real implementations.

Touches: ``vault``, ``transport``, ``sandbox``. Start with ``plugin``.

With pytest, the fixtures of ``plugin`` are there by themselves. What needs an extra is imported from its own module:

- ``rocketvpn_sdk.testing.sandbox``: ``running_sandbox`` (extra ``sandbox``)
- ``rocketvpn_sdk.testing.contracts``: ``SecretStoreContract`` (pytest)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rocketvpn_sdk.testing.clock import FakeClock
    from rocketvpn_sdk.testing.secrets import MemorySecrets

__all__ = ["FakeClock", "MemorySecrets"]


def __getattr__(name: str) -> Any:
    """Load what is asked for: pytest imports this package in every run, for the plug-in."""
    match name:
        case "FakeClock":
            from rocketvpn_sdk.testing.clock import FakeClock

            return FakeClock
        case "MemorySecrets":
            from rocketvpn_sdk.testing.secrets import MemorySecrets

            return MemorySecrets
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
