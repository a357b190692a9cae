"""Planning a deletion: what the policy says of it, and what the server says that it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import RocketVPNError, VaultError
from rocketvpn_sdk.rights.plan import (
    CONSEQUENCES,
    NOT_TOLD,
    DeletionPlan,
    KeptField,
    places_of,
    sentence_of,
    stays_with_the_order,
)
from rocketvpn_sdk.transport import Api


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said about a deletion that is being planned."""

    asked: bool = True
    problem: str | None = None
    holds: tuple[str, ...] = ()
    stays: tuple[KeptField, ...] = ()
    devices: tuple[str, ...] = ()
    paid_until: date | None = None


class Planning:
    """Plans deletions.

    Args:
        api: the calls.
        clock: the time.
        bound: whether this device is bound.
    """

    def __init__(self, api: Api, clock: Clock, bound: Callable[[], bool]) -> None:
        self._api, self._clock, self._bound = api, clock, bound

    def plan(self, scope: wire.Scope) -> DeletionPlan:
        """Return the plan: the logic of ``rights.plan_delete``."""
        told = self._bound()
        said = self._ask_server(scope) if told and scope != "logs" else _Said(asked=False)
        return DeletionPlan(
            scope=scope,
            made_at=utc(self._clock.time()),
            goes=places_of(self._api.policies, scope, told=told),
            stays=said.stays,
            other_devices=said.devices,
            server_asked=said.asked,
            server_problem=said.problem,
            server_told=told,
            server_holds=said.holds,
            consequences=CONSEQUENCES[scope] if told or scope == "logs" else NOT_TOLD,
            service_ends=told and scope == "account",
            paid_until=said.paid_until,
        )

    def _ask_server(self, scope: wire.Scope) -> _Said:
        try:
            held = self._api.call("data.view", answer=wire.ServerData, interactive=False).value.fields
            devices = self._api.call("devices.list", answer=wire.DeviceList, interactive=False).value.devices
            order = self._api.call("order.read", answer=wire.Order, interactive=False).value
        except VaultError:
            raise
        except RocketVPNError as error:
            return _Said(asked=False, problem=error.code)
        stays = tuple(
            KeptField(field.id, sentence_of(self._api.policies, field.id), field.hold.basis, field.hold.until)
            for field in held
            if field.hold is not None
        )
        if scope == "device":
            named = {field.field for field in stays}
            own = frozenset(field.id for field in held) - named
            stays = (*stays, *stays_with_the_order(self._api.policies, own))
            return _Said(stays=stays, holds=_going(held, stays))
        others = tuple(device.name for device in devices if not device.current)
        return _Said(stays=stays, holds=_going(held, stays), devices=others, paid_until=order.paid_until)


def _going(held: list[wire.HeldField], stays: tuple[KeptField, ...]) -> tuple[str, ...]:
    kept = {field.field for field in stays}
    return tuple(sorted({field.id for field in held} - kept))
