"""An app's events, checked against the policy when the vault opens, so that nothing undeclared exists at run time."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rocketvpn_sdk.errors import EventUndeclared
from rocketvpn_sdk.policy.checks import event_problems
from rocketvpn_sdk.policy.document import Policy

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "secret": (str,),
    "email": (str,),
    "enum": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "time": (float, int),
    "version": (str,),
    "ip_address": (str,),
}


class EventShape(msgspec.Struct, frozen=True):
    """What an event class declares: its name, its one purpose, and its fields with their Python types."""

    name: str
    purpose: str
    fields: tuple[tuple[str, tuple[type, ...]], ...]
    """Field id and the types its annotation allows, ``None`` left out."""


def check_events(policy: Policy, shapes: Iterable[EventShape]) -> None:
    """Check that the policy allows every event.

    Raises:
        EventUndeclared: an undeclared purpose or field, a field used for another purpose, a type that does not fit, or
            two events of one name.
    """
    seen: set[str] = set()
    for shape in shapes:
        if shape.name in seen:
            raise EventUndeclared(event=shape.name, problem="two event classes have this name")
        seen.add(shape.name)
        names = [name for name, _ in shape.fields]
        for problem in event_problems(policy.document, shape.purpose, names):
            raise EventUndeclared(event=shape.name, problem=f"it {problem}")
        for name, types in shape.fields:
            expected = _PYTHON_TYPES[policy.fields[name].type.kind]
            if not types or not set(types) <= set(expected):
                wanted = " or ".join(kind.__name__ for kind in expected)
                raise EventUndeclared(event=shape.name, problem=f"its field {name!r} must be annotated as {wanted}")
        rule = policy.events.get(shape.name)
        if rule and (rule.purpose != shape.purpose or not set(names) <= set(rule.fields)):
            raise EventUndeclared(
                event=shape.name, problem="the policy declares this event with another purpose or fields"
            )
