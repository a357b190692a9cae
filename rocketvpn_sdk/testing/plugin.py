"""A pytest plug-in: fixtures for the tests of an app that embeds the SDK. pytest finds it by itself.

::

    def test_binding(rocketvpn, rocketvpn_sandbox):
        rocketvpn.device.bind(rocketvpn_sandbox.order())
        assert rocketvpn.device.order().devices_used == 1

An app says what is its own by fixtures of the same names: ``rocketvpn_policy`` for its policy, ``rocketvpn_options``
for the rest. Where ``rocketvpn`` does not fit (with asyncio, say), open a client with ``rocketvpn_config``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # pytest imports this module in every run: what a test needs is loaded with its first fixture
    from rocketvpn_sdk import Config, Policy, RocketVPN
    from rocketvpn_sdk.sandbox import Sandbox
    from rocketvpn_sdk.testing import FakeClock

_NO_EXTRA = "The fixture rocketvpn_sandbox needs the extra 'sandbox': pip install 'rocketvpn-sdk[sandbox]'"


@pytest.fixture
def rocketvpn_clock() -> FakeClock:
    """The clock of the client and the sandbox: it stands still until ``advance(seconds)``."""
    from rocketvpn_sdk.testing import FakeClock

    return FakeClock()


@pytest.fixture
def rocketvpn_policy() -> Policy:
    """The policy that holds; override it to return the app's own."""
    from rocketvpn_sdk.policy import bundled_policy

    return bundled_policy()


@pytest.fixture
def rocketvpn_options() -> Mapping[str, Any]:
    """Further arguments of ``Config``; override it, to return ``{"events": [SessionConnected]}`` say."""
    return {}


@pytest.fixture
def rocketvpn_sandbox(
    tmp_path_factory: pytest.TempPathFactory, rocketvpn_clock: FakeClock, rocketvpn_policy: Policy
) -> Iterator[Sandbox]:
    """A server of the test's own, over TLS on this machine."""
    try:
        from rocketvpn_sdk.testing.sandbox import running_sandbox
    except ImportError as error:
        pytest.fail(f"{_NO_EXTRA} ({error.name} is missing)", pytrace=False)
    folder = tmp_path_factory.mktemp("rocketvpn") / "sandbox"
    with running_sandbox(folder, clock=rocketvpn_clock, policy=rocketvpn_policy) as sandbox:
        yield sandbox


@pytest.fixture
def rocketvpn_config(
    tmp_path_factory: pytest.TempPathFactory,
    rocketvpn_sandbox: Sandbox,
    rocketvpn_clock: FakeClock,
    rocketvpn_options: Mapping[str, Any],
) -> Config:
    """What opens a client of the sandbox: its key is in memory, and a code from an e-mail is typed in by itself."""
    from rocketvpn_sdk import Config
    from rocketvpn_sdk.testing import MemorySecrets

    arguments: dict[str, Any] = {
        "server": rocketvpn_sandbox.url,
        "app_id": "org.example.vpn",
        "data_dir": tmp_path_factory.mktemp("rocketvpn") / "vault",
        "secrets": MemorySecrets(),
        "trust": rocketvpn_sandbox.ca_file,
        "trusted_root": rocketvpn_sandbox.trusted_root,
        "policy": rocketvpn_sandbox.policy,
        "authenticator": lambda _: rocketvpn_sandbox.mail.last_code(),
        "clock": rocketvpn_clock,
    }
    return Config(**(arguments | dict(rocketvpn_options)))


@pytest.fixture
def rocketvpn(rocketvpn_config: Config) -> Iterator[RocketVPN]:
    """A client that is open and unlocked, and not bound to an order yet."""
    from rocketvpn_sdk import RocketVPN

    with RocketVPN.open(rocketvpn_config) as rocket:
        yield rocket
