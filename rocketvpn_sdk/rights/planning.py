"""Planning a deletion: what this device holds, what the server says that it holds, and what the policy says of it."""

from __future__ import annotations

from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import AuthenticationRequired, CallCancelled, RocketVPNError, VaultDamaged, VaultError
from rocketvpn_sdk.rights.plan import (
    CONSEQUENCES,
    NOT_TOLD,
    DeletionPlan,
    allowed_in_log,
    allowed_there,
    divide,
    planned,
)
from rocketvpn_sdk.rights.view import View
from rocketvpn_sdk.transport import Api


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said about a deletion that is being planned."""

    asked: bool = True
    problem: str | None = None
    held: tuple[wire.HeldField, ...] = ()
    withheld: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    paid_until: date | None = None
    waits_days: int = 0


class Planning:
    """Plans deletions.

    Args:
        context: says what time it is, and whether this device is bound.
        api: the calls.
        view: what this device holds.
    """

    def __init__(self, context: Context, api: Api, view: View) -> None:
        self._context, self._api, self._view = context, api, view

    def plan(self, scope: wire.Scope, *, with_code: bool = False) -> DeletionPlan:
        """Return the plan: the logic of ``rights.plan_delete``."""
        told, policies = self._context.credentials() is not None, self._context.permit.policies
        if with_code and scope == "account":
            self._view.verify("devices.list")
        # The server first: asking it leaves traces here, which go as well.
        said = self._ask_server(scope) if told and scope != "logs" else _Said(asked=False)
        goes, stays = divide(policies, scope, here=self._here(scope), there=said.held)
        return DeletionPlan(
            scope=scope,
            made_at=utc(self._context.clock.time()),
            goes=goes,
            stays=stays,
            other_devices=said.devices,
            server_asked=said.asked,
            server_problem=said.problem,
            server_told=told,
            server_holds=tuple(sorted(field.field for field in goes if "server" in field.places)),
            server_may_hold=allowed_there(policies, scope) if told and not said.asked else (),
            withheld=planned(policies, dict.fromkeys(said.withheld, ("server",))),
            consequences=CONSEQUENCES[scope] if told or scope == "logs" else NOT_TOLD,
            service_ends=told and scope == "account",
            paid_until=said.paid_until,
            waits_days=said.waits_days,
        )

    def _here(self, scope: wire.Scope) -> frozenset[str]:
        try:
            log = self._view.held_in_log()
        except VaultDamaged:  # no reason to keep it: the plan says what may be in it
            log = allowed_in_log(self._context.permit.policies)
        return log if scope == "logs" else log | self._view.held_beside_log()

    def _ask_server(self, scope: wire.Scope) -> _Said:
        try:
            said = self._api.call("data.view", answer=wire.ServerData, interactive=False).value.fields
            order = self._api.call("order.read", answer=wire.Order, interactive=False).value
            others = self._others() if scope == "account" else ()
        except (VaultError, CallCancelled):
            raise
        except RocketVPNError as error:
            return _Said(asked=False, problem=error.code)
        held = tuple(field for field in said if not field.code_needed)
        if scope == "device":
            return _Said(held=held)
        return _Said(
            held=held,
            withheld=tuple(dict.fromkeys(field.id for field in said if field.code_needed)),
            devices=others,
            paid_until=order.paid_until,
            waits_days=order.deletion_waits_days,
        )

    def _others(self) -> tuple[str, ...]:
        """Return the names of the order's other devices; none where that needs a code."""
        try:
            devices = self._api.call("devices.list", answer=wire.DeviceList, interactive=False).value.devices
        except AuthenticationRequired:
            return ()
        return tuple(device.name for device in devices if not device.current)
