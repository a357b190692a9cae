"""Planning a deletion: what this device holds, what the server says that it holds, and what the policy says of it."""

from __future__ import annotations

from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import RocketVPNError, VaultDamaged, VaultError
from rocketvpn_sdk.rights.plan import (
    CONSEQUENCES,
    NOT_TOLD,
    DeletionPlan,
    allowed_in_log,
    allowed_there,
    divide,
)
from rocketvpn_sdk.rights.view import View
from rocketvpn_sdk.transport import Api


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said about a deletion that is being planned."""

    asked: bool = True
    problem: str | None = None
    held: tuple[wire.HeldField, ...] = ()
    devices: tuple[str, ...] = ()
    paid_until: date | None = None


class Planning:
    """Plans deletions.

    Args:
        api: the calls.
        clock: the time.
        view: what this device holds.
    """

    def __init__(self, api: Api, clock: Clock, view: View) -> None:
        self._api, self._clock, self._view = api, clock, view

    def plan(self, scope: wire.Scope) -> DeletionPlan:
        """Return the plan: the logic of ``rights.plan_delete``."""
        told, policies = self._view.bound(), self._api.policies
        # The server first: asking it leaves traces here, which go as well.
        said = self._ask_server(scope) if told and scope != "logs" else _Said(asked=False)
        goes, stays = divide(policies, scope, here=self._here(scope), there=said.held)
        return DeletionPlan(
            scope=scope,
            made_at=utc(self._clock.time()),
            goes=goes,
            stays=stays,
            other_devices=said.devices,
            server_asked=said.asked,
            server_problem=said.problem,
            server_told=told,
            server_holds=tuple(sorted(field.field for field in goes if "server" in field.places)),
            server_may_hold=allowed_there(policies, scope) if told and not said.asked else (),
            consequences=CONSEQUENCES[scope] if told or scope == "logs" else NOT_TOLD,
            service_ends=told and scope == "account",
            paid_until=said.paid_until,
        )

    def _here(self, scope: wire.Scope) -> frozenset[str]:
        try:
            log = self._view.held_in_log()
        except VaultDamaged:  # no reason to keep it: the plan says what may be in it
            log = allowed_in_log(self._api.policies)
        return log if scope == "logs" else log | self._view.held_beside_log()

    def _ask_server(self, scope: wire.Scope) -> _Said:
        try:
            held = self._api.call("data.view", answer=wire.ServerData, interactive=False).value.fields
            devices = self._api.call("devices.list", answer=wire.DeviceList, interactive=False).value.devices
            order = self._api.call("order.read", answer=wire.Order, interactive=False).value
        except VaultError:
            raise
        except RocketVPNError as error:
            return _Said(asked=False, problem=error.code)
        if scope == "device":
            return _Said(held=tuple(held))
        others = tuple(device.name for device in devices if not device.current)
        return _Said(held=tuple(held), devices=others, paid_until=order.paid_until)
