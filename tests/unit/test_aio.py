"""Whatever the synchronous client offers, the awaited one offers with the same arguments."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from rocketvpn_sdk import Config, RocketVPN, aio
from rocketvpn_sdk.aio import AsyncRocketVPN, groups
from rocketvpn_sdk.aio.running import AsyncGroup, Runner
from rocketvpn_sdk.features import Features
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.groups.device import Devices
from rocketvpn_sdk.groups.diagnostics import Diagnostics
from rocketvpn_sdk.groups.offers import Offers
from rocketvpn_sdk.groups.policy import Policies
from rocketvpn_sdk.groups.queue import WaitingRequests
from rocketvpn_sdk.groups.surveys import Surveys
from rocketvpn_sdk.groups.updates import Updates
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.rights import Rights
from rocketvpn_sdk.rights.owner import OwnerRights
from rocketvpn_sdk.testing import MemorySecrets

PAIRS = {
    AsyncRocketVPN: RocketVPN,
    groups.AsyncConsents: Consents,
    groups.AsyncDevices: Devices,
    groups.AsyncDiagnostics: Diagnostics,
    groups.AsyncFeatures: Features,
    groups.AsyncJournal: Journal,
    groups.AsyncOffers: Offers,
    groups.AsyncPolicies: Policies,
    groups.AsyncQueue: WaitingRequests,
    groups.AsyncRights: Rights,
    groups.AsyncOwnerRights: OwnerRights,
    groups.AsyncSurveys: Surveys,
    groups.AsyncUpdates: Updates,
}
NOT_AWAITED = {
    "network_changed",
    "record",
    "known",
    "handler",
    "queue_handler",
    "structlog_processor",
    "changes",
    "events",
}
GROUPS = {name for name, member in inspect.getmembers(RocketVPN) if isinstance(member, property)} | {"journal", "queue"}
INSIDE = {"compiled", "inventory", "keep", "must_not_wait", "limits", "narrowed", "purge_daily", "register"}
INSIDE |= {"reentrancy", "scrubber", "shredded", "unlocked", "unsealed", "flush_soon", "close"}
"""What a journal has for the rest of the SDK."""


def public(kind: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def offered(kind: type) -> set[str]:
    names = set(public(kind))
    if kind is Journal:
        return names - INSIDE
    return names - GROUPS | {"events"} if kind is RocketVPN else names


@pytest.mark.parametrize(("awaited", "plain"), PAIRS.items(), ids=lambda kind: kind.__name__)
def test_every_public_call_is_mirrored(awaited: type, plain: type) -> None:
    assert set(public(awaited)) - set(public(AsyncGroup)) == offered(plain)


@pytest.mark.parametrize(("awaited", "plain"), PAIRS.items(), ids=lambda kind: kind.__name__)
def test_every_call_that_can_wait_is_awaited_and_takes_the_same(awaited: type, plain: type) -> None:
    for name, member in public(awaited).items() - public(AsyncGroup).items():
        waits = inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)
        if plain is Policies or name not in NOT_AWAITED:
            assert waits, name
        other = inspect.getattr_static(plain, name, None)
        if inspect.isfunction(other) and inspect.isfunction(member) and name not in ("open", "as_owner"):
            assert list(inspect.signature(member).parameters) == list(inspect.signature(other).parameters), name
            assert member.__doc__, name


def test_each_group_has_its_awaited_form(tmp_path: Path) -> None:
    config = Config("https://x.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=MemorySecrets())
    with RocketVPN.open(config) as rocket:
        awaited = vars(AsyncRocketVPN(Runner(), lambda: rocket))
        for name in GROUPS:
            assert PAIRS[type(awaited[name])] is type(getattr(rocket, name)), name
            assert awaited[name].plain() is getattr(rocket, name), name


def test_the_public_name_is_this() -> None:
    assert aio.__all__ == ["AsyncRocketVPN"]
    assert aio.AsyncRocketVPN is AsyncRocketVPN
    assert list(inspect.signature(AsyncRocketVPN.open).parameters) == ["config", "unlock", "authenticator"]
    assert inspect.signature(AsyncRocketVPN.open).parameters["config"].annotation in (Config, "Config")
