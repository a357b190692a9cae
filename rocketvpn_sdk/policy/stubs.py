"""Python source with the app's own events and operations as a policy declares them, for type checkers. Pure.

A policy says what a record or a call may hold, and not what it must: so everything but a parameter of a path can be
left out, and what the policy does not declare is an error of types.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterator

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy.document import EventRule, Field, FieldType, Operation, Policy
from rocketvpn_sdk.policy.members import members_of
from rocketvpn_sdk.policy.own_calls import OWN_OPERATIONS

_SDK_EVENTS = frozenset({"log.message"})
"""Events that have their class in the SDK."""
_KEY = "idempotency_key"
_TAKEN = frozenset({"self", "operation", _KEY})
"""Arguments of ``rocket.call`` itself: it can carry no member by such a name."""
_WIDTH = 112
_KINDS = {"integer": "int", "boolean": "bool", "time": "float | str"}
_HEAD = '''"""{title}

Written by `rocketvpn policy stubs`; do not edit it, write it again when the policy has changed.
"""

# ruff: noqa: F401 - which of these are needed depends on the policy

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from rocketvpn_sdk import Event, RocketVPN

if TYPE_CHECKING:
    from rocketvpn_sdk.aio import AsyncRocketVPN

{names}
'''
_TAIL = """

def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
"""


def stubs(policy: Policy) -> str:
    """Return the module.

    Raises:
        PolicyInvalid: two events or two operations would have one name in Python, or a member none at all.
    """
    document = policy.document
    events = [event for event in document.event if event.id not in _SDK_EVENTS]
    calls = [operation for operation in document.operation if operation.id not in OWN_OPERATIONS]
    carried = {name for event in events for name in event.fields} | {name for call in calls for name in call.fields}
    values = [field for field in document.field if field.type.kind == "enum" and field.id in carried]
    ids = [field.id for field in values] + [event.id for event in events]
    classes = [*map(_class_name, ids), "AsyncCalls", "Calls"]
    _require_different(policy, classes)
    _require_different(policy, [_name(operation.id) for operation in calls])
    names = "\n".join(_wrapped("__all__ = [", [f'"{name}"' for name in sorted(classes)], "]"))
    title = f"The events and calls of the policy {document.policy_id}, version {document.version}."
    parts = [_HEAD.format(title=title, names=names) + "".join(map(_values, values))]
    parts += [_event(policy, event) for event in events]
    parts += [_calls(policy, calls, awaited=awaited) for awaited in (False, True)]
    return "\n\n".join([*parts, _TAIL.lstrip("\n")])


def _require_different(policy: Policy, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PolicyInvalid(
            path=policy.document.policy_id, line=0, problem=f"two of its parts would be {twice!r} in Python"
        )


def _values(field: Field) -> str:
    lines = _wrapped(f"{_class_name(field.id)} = Literal[", [_literal(value) for value in field.type.values], "]")
    return "\n".join(["", *lines, ""])


def _event(policy: Policy, event: EventRule) -> str:
    head = f'class {_class_name(event.id)}(Event, name="{event.id}", purpose="{event.purpose}"):'
    fields = [policy.fields[field] for field in event.fields]
    lines = [f"    {field.id}: {_event_type(field)} | None = None" for field in fields]
    return "\n".join([head, *_docstring(event.sentence), "", *lines]) + "\n"


def _calls(policy: Policy, calls: list[Operation], *, awaited: bool) -> str:
    client, name = ("AsyncRocketVPN", "AsyncCalls") if awaited else ("RocketVPN", "Calls")
    lines = [
        f"class {name}:",
        f'    """The app\'s own operations{", awaited" if awaited else ""}."""',
        "",
        f"    def __init__(self, rocket: {client}) -> None:",
        "        self._rocket = rocket",
    ]
    for operation in calls:
        lines += ["", *_call(policy, operation, awaited=awaited)]
    return "\n".join(lines) + "\n"


def _call(policy: Policy, operation: Operation, *, awaited: bool) -> Iterator[str]:
    renamed = set(operation.names.values())
    members = {name: member for name, member in members_of(policy, operation).items() if name not in renamed}
    arguments = {name: _argument(policy, operation, name) for name in members}
    parameters = [
        f"{arguments[name]}: {_type(member.type, member.field)}{'' if member.path_only else ' | None = None'}"
        for name, member in sorted(members.items(), key=lambda item: not item[1].path_only)
    ]
    writes = operation.method != "GET"
    parameters += [f"{_KEY}: str | None = None"] if writes else []
    given = [f"{_KEY}={_KEY}"] if writes else []
    same = ", ".join(f"{name}={name}" for name in members if arguments[name] == name)
    other = ", ".join(f'"{name}": {arguments[name]}' for name in members if arguments[name] != name)
    passed = ", ".join([part for part in (same, f"**{{{other}}}" if other else "") if part])
    given += [f"**_given({passed})"] if members else []
    verb, wait = ("async def", "await ") if awaited else ("def", "")
    yield from _wrapped(
        f"    {verb} {_name(operation.id)}(", ["self", *(["*"] if parameters else []), *parameters], ") -> Any:"
    )
    yield from _docstring(operation.sentence, indent=8)
    yield from _wrapped(f"        return {wait}self._rocket.call(", [f'"{operation.id}"', *given], ")")


def _wrapped(before: str, parts: list[str], after: str) -> Iterator[str]:
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) <= _WIDTH:
        yield line
        return
    indent = " " * (len(before) - len(before.lstrip()))
    yield before
    yield from (f"{indent}    {part}," for part in parts)
    yield f"{indent}{after}"


def _docstring(sentence: dict[str, str], indent: int = 4) -> Iterator[str]:
    """Yield the sentence as a docstring; it is text from a document, and ends no string of the source."""
    text = " ".join(sentence.get("en", next(iter(sentence.values()), "")).split())
    plain = text.replace("\\", "/").replace('"', "'")
    lines = textwrap.wrap(plain, _WIDTH - indent - 6) or ["(no sentence)"]
    space = " " * indent
    yield f'{space}"""{lines[0]}' + ('"""' if len(lines) == 1 else "")
    yield from (f"{space}{line}" for line in lines[1:])
    if len(lines) > 1:
        yield f'{space}"""'


def _type(kind: FieldType | None, field: Field | None) -> str:
    """Return the type of a member; what has none in the older form of a policy can be any short value."""
    if kind is None:
        return "str | int | float | bool"
    if kind.kind == "enum":
        single = f"Literal[{', '.join(map(_literal, kind.values))}]" if field is None else _class_name(field.id)
    else:
        single = _KINDS.get(kind.kind, "str")
    return single if kind.most is None else f"Sequence[{single}]"


def _event_type(field: Field) -> str:
    kind = field.type
    return "float" if kind.kind == "time" else _type(kind, field)


def _literal(value: str) -> str:
    return f'"{value}"' if re.fullmatch(r"[ !#-\[\]-~]*", value) else ascii(value)


def _name(name: str) -> str:
    plain = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "unnamed"
    return f"{plain}_" if keyword.iskeyword(plain) else f"_{plain}" if plain[0].isdigit() else plain


def _class_name(name: str) -> str:
    joined = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name))
    return f"Event{joined}" if not joined or joined[0].isdigit() or keyword.iskeyword(joined) else joined


def _argument(policy: Policy, operation: Operation, name: str) -> str:
    """Return the name of the argument for a member.

    Raises:
        PolicyInvalid: ``rocket.call`` could not carry it.
    """
    if name in _TAKEN:
        problem = f"the member {name!r} of {operation.id!r} has the name of an argument of rocket.call"
        raise PolicyInvalid(path=policy.document.policy_id, line=0, problem=problem)
    return name if name.isidentifier() and not keyword.iskeyword(name) else _name(name)
