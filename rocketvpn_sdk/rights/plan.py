"""A deletion, before it happens: what goes, what stays and until when, what stops working."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy

Place = Literal["device", "server"]
Belongs = Literal["device", "order"]
Basis = Literal["law", "court", "authority", "order"]
"""Why something stays: a law or an order of the state (R2), or that the user's own order goes on."""


class PlannedField(msgspec.Struct, frozen=True):
    """A field that goes from wherever it is held."""

    field: str
    sentence: str
    places: tuple[Place, ...]


class KeptField(msgspec.Struct, frozen=True):
    """A field of which something stays, on which basis, and until when (R2)."""

    field: str
    sentence: str
    basis: Basis
    until: date | None
    """``None``: while the order lasts."""
    places: tuple[Place, ...] = ("server",)
    """Where it stays."""
    goes_from: tuple[Place, ...] = ()
    """Where it is held as well and goes: this device keeps nothing."""


class DeletionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What ``delete`` would do. Nothing has happened yet."""

    scope: wire.Scope
    made_at: datetime
    goes: tuple[PlannedField, ...]
    """What is held and goes altogether: here, what the vault holds now; at the server, what it said it holds."""
    stays: tuple[KeptField, ...]
    """What is held and stays somewhere; where else it goes from stands with it. No field is in ``goes`` as well."""
    other_devices: tuple[str, ...]
    """Names of further devices that it reaches; where the server withholds them, none are named."""
    server_asked: bool
    """Whether the server was asked, which it is not about ``logs``: if not, ``stays`` may be incomplete."""
    server_problem: str | None = None
    """The code of what kept it from being asked; ``None``: nothing did, or there was nothing to ask."""
    server_told: bool = True
    """Whether the server will be told. A device that is not bound cannot tell it: only what is here goes then, and the
    order's owner has the rest deleted with ``rights.as_owner``."""
    server_holds: tuple[str, ...] = ()
    """Of what goes, what the server said it holds, as ids: its receipt is to name them."""
    server_may_hold: tuple[PlannedField, ...] = ()
    """What the policy lets the server hold of what goes, where it will be told and was not asked: it is not known."""
    withheld: tuple[PlannedField, ...] = ()
    """What the server shows only after a code from an e-mail: it goes too, but for what a law holds back."""
    consequences: tuple[str, ...]
    """What stops working, in sentences."""
    service_ends: bool
    """Whether the paid service ends with it."""
    paid_until: date | None = None
    """Where the service ends: until when it was paid, as the server says; ``None``: it was not asked."""
    waits_days: int = 0
    """So long does the server wait with all but this device: the order has no confirmed address, so nobody can be asked
    for a code. Until then each device of the order is told, and can call it off."""


def divide(
    policies: tuple[Policy, ...], scope: wire.Scope, *, here: Iterable[str], there: Iterable[wire.HeldField]
) -> tuple[tuple[PlannedField, ...], tuple[KeptField, ...]]:
    """Return what goes altogether and what stays somewhere, of what is held: each field is in one of the two.

    Args:
        policies: the versions in force, the binding one first: a field that several have is said in its words.
        scope: how far the deletion reaches.
        here: the ids of what this device holds in that scope; all of it goes.
        there: what the server says it holds. A field of which only a part goes there counts as one that stays.
    """
    here, held = frozenset(here), tuple(there)
    bases: dict[str, tuple[Basis, date | None]] = {}
    for field in held:
        if field.hold is not None:
            known = bases.get(field.id, (None, None))[1]
            bases[field.id] = field.hold.basis, max(known or field.hold.until, field.hold.until)
    for field in held:
        if scope == "device" and belongs(policies, field.id, field.belongs) == "order":
            bases.setdefault(field.id, ("order", None))
    stays = tuple(
        KeptField(name, sentence_of(policies, name), *bases[name], goes_from=("device",) if name in here else ())
        for name in sorted(bases)
    )
    at_server = {field.id for field in held}
    going: dict[str, tuple[Place, ...]] = {}
    for name in (here | at_server) - set(bases):
        if name not in at_server:
            going[name] = ("device",)
        else:
            going[name] = ("device", "server") if name in here else ("server",)
    return planned(policies, going), stays


def allowed_there(policies: tuple[Policy, ...], scope: wire.Scope) -> tuple[PlannedField, ...]:
    """Return what the policy lets a server hold of what a deletion of ``scope`` reaches: it could not be asked."""
    names = dict.fromkeys(name for policy in policies for name in policy.fields)
    reached = [name for name in names if _may_be(policies, name, "server") and _is_in(policies, scope, name)]
    return planned(policies, dict.fromkeys(reached, ("server",)))


def allowed_in_log(policies: tuple[Policy, ...]) -> frozenset[str]:
    """Return what the policy lets the app's log on this device hold: it is damaged, and cannot be read."""
    names = {name for policy in policies for name in policy.fields}
    return frozenset(name for name in names if _may_be(policies, name, "device") and _is_in(policies, "logs", name))


def belongs(policies: tuple[Policy, ...], name: str, said: Belongs | None = None) -> Belongs:
    """Return what a field at the server goes with: as the server ``said``, else as the first version that has it."""
    if said is not None:
        return said
    return next((policy.fields[name].belongs for policy in policies if name in policy.fields), "order")


def _is_in(policies: tuple[Policy, ...], scope: wire.Scope, name: str) -> bool:
    if scope == "logs":
        return any(policy.fields[name].source == "observed" for policy in policies if name in policy.fields)
    return scope == "account" or belongs(policies, name) == "device"


def _may_be(policies: tuple[Policy, ...], name: str, place: Place) -> bool:
    """Return whether a version in force lets a field rest at a place."""
    declared = (policy.fields[name] for policy in policies if name in policy.fields)
    return any(getattr(field.retention, place) is not None and field.transform.name != "drop" for field in declared)


def planned(policies: tuple[Policy, ...], places: Mapping[str, tuple[Place, ...]]) -> tuple[PlannedField, ...]:
    """Return what goes from where, in the policy's order, by the id of each field."""
    order = {name: number for number, name in enumerate(name for policy in policies for name in policy.fields)}
    names = sorted(places, key=lambda name: (order.get(name, len(order)), name))
    return tuple(PlannedField(name, sentence_of(policies, name), places[name]) for name in names)


def sentence_of(policies: tuple[Policy, ...], name: str) -> str:
    """Return what the first version that has a field says it is; empty: none has it."""
    return next((policy.fields[name].sentence["en"] for policy in policies if name in policy.fields), "")


CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "logs": (
        "The app's log on this device is gone, and the record of the app's other connections; nothing else changes.",
    ),
    "device": (
        "This device can no longer use the VPN until it is bound again.",
        "Your other devices and your order stay as they are; the paid service goes on.",
        "Panic tickets that this device made stop working, but those for the whole account.",
    ),
    "account": (
        "None of your devices can use the VPN any more.",
        "The paid service ends; what was paid is not given back by this.",
        "Panic tickets of your order stop working: there is nothing left for them to erase.",
    ),
}
NOT_TOLD = (
    "What is stored on this device is gone.",
    "The server is not told, since this device is not bound to an order: what it may hold, it goes on holding.",
    "The order's owner can have it deleted there, with the order number and a code from an e-mail.",
)
"""What a deletion of more than the log does where the server cannot be told."""
