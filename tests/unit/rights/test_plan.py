"""A plan against an oracle of its own, over random policies and random holdings (A3, R2)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.forms import GATE
from support.small_policies import FIELDS, build, plans

from rocketvpn_sdk import wire
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rights.plan import allowed_there, divide

NOW = datetime(2026, 11, 2, tzinfo=UTC)
NAMES = (*FIELDS, "undeclared")

holds = st.none() | st.builds(
    wire.Hold, basis=st.sampled_from(["law", "court", "authority"]), until=st.dates(date(2027, 1, 1), date(2030, 1, 1))
)
held = st.builds(
    wire.HeldField,
    id=st.sampled_from(NAMES),
    value=st.none(),
    since=st.just(NOW),
    hold=holds,
    belongs=st.sampled_from([None, None, "device", "order"]),
)
scopes: st.SearchStrategy[wire.Scope] = st.sampled_from(["device", "account"])


def goes_there(policy: Policy, scope: str, value: wire.HeldField) -> bool:
    """Whether a value goes, by the sentences of docs/policy.md and no code of the plan's."""
    if value.hold is not None:
        return False
    if scope == "account":
        return True
    said = value.belongs
    if said is None:
        said = next((field.belongs for field in policy.document.field if field.id == value.id), "order")
    return said == "device"


@pytest.mark.clause("A3", "R2")
@settings(max_examples=200 if GATE else 15)  # a policy takes 15 ms to read
@given(plans, scopes, st.frozensets(st.sampled_from(NAMES)), st.lists(held, max_size=8))
def test_what_goes_and_what_stays_are_all_that_is_held_and_never_the_same(
    drawn: dict[tuple[str, ...], Any], scope: wire.Scope, here: frozenset[str], there: list[wire.HeldField]
) -> None:
    policy = build(drawn)
    goes, stays = divide((policy,), scope, here=here, there=there)
    assert not {field.field for field in goes} & {field.field for field in stays}
    going = {(field.field, place) for field in goes for place in field.places}
    going |= {(field.field, place) for field in stays for place in field.goes_from}
    staying = {(field.field, place) for field in stays for place in field.places}
    assert not going & staying
    assert going | staying == {(name, "device") for name in here} | {(value.id, "server") for value in there}
    assert {name for name, place in going if place == "device"} == here
    kept = {value.id for value in there if not goes_there(policy, scope, value)}
    assert {name for name, _ in staying} == kept  # of what goes only in part, the rest stays
    for field in stays:
        values = [value for value in there if value.id == field.field]
        until = max((value.hold.until for value in values if value.hold), default=None)
        assert field.until == until
        assert (field.basis == "order") == (until is None)
    assert [len(fields) for fields in (goes, stays)] == [
        len({each.field for each in fields}) for fields in (goes, stays)
    ]


@pytest.mark.clause("A3")
@settings(max_examples=100 if GATE else 10)
@given(plans, st.sampled_from(["logs", "device", "account"]))
def test_what_the_server_may_hold_is_what_the_policy_lets_it_hold(
    drawn: dict[tuple[str, ...], Any], scope: wire.Scope
) -> None:
    policy = build(drawn)
    said = {field.field for field in allowed_there((policy,), scope)}
    for field in policy.document.field:
        may = field.retention.server is not None and str(field.transform) != "drop"
        reached = {"logs": field.source == "observed", "device": field.belongs == "device", "account": True}[scope]
        assert (field.id in said) == (may and reached)


@pytest.mark.clause("A3")
def test_the_binding_version_says_what_goes_with_a_device() -> None:
    drawn = _some_plan()
    binding = build(drawn | {("field", "age", "belongs"): "order"})
    pending = build(drawn | {("field", "age", "belongs"): "device"})
    value = wire.HeldField(id="age", value=None, since=NOW)
    assert [kept.field for kept in divide((binding, pending), "device", here=(), there=[value])[1]] == ["age"]
    assert divide((pending, binding), "device", here=(), there=[value])[1] == ()
    told = msgspec.structs.replace(value, belongs="device")  # the server's own word about a value has the last say
    assert divide((binding, pending), "device", here=(), there=[told])[1] == ()


def _some_plan() -> dict[tuple[str, ...], Any]:
    from support.small_policies import ASPECTS, PURPOSES, RECIPIENTS

    chosen: dict[tuple[str, ...], Any] = {
        ("notice_days",): 30, ("minor_age",): 18, ("german",): True, ("offered",): ["access"], ("step_up",): [],
    }  # fmt: skip
    values = {
        "there": True, "necessity": "necessary", "dpv": "dpv:A", "kind": "operator", "safeguard": "A contract.",
        "hosts": ["a.example"], "source": "sdk", "optional": False, "correctable": False, "max": 99,
        "transform": "keep", "purposes": list(PURPOSES), "recipients": list(RECIPIENTS), "device": "bound",
        "server": "bound", "purpose": "service", "recipient": "operator", "identity": "none", "fields": [],
        "belongs": "order",
    }  # fmt: skip
    return {aspect: chosen.get(aspect, values.get(aspect[-1])) for aspect in ASPECTS}
