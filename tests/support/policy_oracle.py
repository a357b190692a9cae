"""What two policies mean, found out by asking: concrete records and bodies, held against what the comparison says.

Nothing here is shared with the comparison or the guard, and nothing is decided here by a rule of theirs: an act is
allowed under a version if the guard lets that very body out, or the journal keeps that very value, under that version.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import ConsentChoice, EventShape, Policy, PolicyChange, State, compare
from rocketvpn_sdk.policy.document import Contract, FieldType, Operation
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.transport import OWN_OPERATIONS
from rocketvpn_sdk.transport.guard import Outgoing, check
from rocketvpn_sdk.transport.values import flatten
from support.policy_pairs import HOST, PURPOSES, RECIPIENTS

NOW = 1_800_000_000.0
KEY = b"k" * 32
SCRUBBER = Scrubber()
IDENTITIES = ("none", "key", "device", "user")
FOLLOWING = {"rights", "security", "software"}
VALUES: dict[str, tuple[Any, ...]] = {
    "text": ("a", "see me", "abcdefgh", "abcdefghijkl", "A1", "x" * 4000, "x" * 5000, "192.0.2.7", ""),
    "secret": ("a", "S3cret!", "abcdefghij", "a b"), "email": ("k@x.example", "kim@x.example"),
    "enum": ("a", "b", "see me", "c"), "integer": (0, 5, 6, 7, 9, 20, 45, 60, -1), "boolean": (True, False),
    "time": (1800000059.25, 1800000000, 1799996400, "2026-11-01T10:31:45Z", "2026-11-01T10:31:00Z", "2026-11-01"),
    "version": ("1", "1.2", "1.2.3", "\u0661.\u0662"), "ip_address": ("192.0.2.7", "192.0.2.0", "fe80::1%I live here"),
}  # fmt: skip
TEXTS = ("a", "b", "abcdefgh", "1.2", "S3cret", "2026-11-01", "192.0.2.0", "A1")
"""Some that a path can hold."""
EVERY = tuple(value for values in VALUES.values() for value in values)
ALL = {
    name: ConsentChoice("granted")
    for name in (*PURPOSES, *(f"{purpose}/{recipient}" for purpose in PURPOSES for recipient in RECIPIENTS))
}


class Act(NamedTuple):
    """One concrete thing: a body that goes out, or a value that is kept."""

    what: str
    """``send`` or ``keep``."""
    name: str
    """The operation, or the field."""
    purpose: str
    recipient: str
    identity: str
    fields: tuple[str, ...]
    values: tuple[tuple[str, Any], ...]
    until: float = 0.0


class Verdict(NamedTuple):
    """What was found out about a pair."""

    bugs: tuple[str, ...]
    acts: int
    """How many were tried."""
    overcautious: bool
    """A widening was said, and nothing was found that anybody could do more, or that is promised less."""


def permit(state: State, *policies: Policy, change: PolicyChange | None = None, accept: bool = False) -> Permit:
    """Return what holds with ``policies`` in force, the binding one first."""
    held = PolicyState(*policies, change, accepted=change.cells if accept and change else frozenset())
    return Permit(lambda: held, lambda: state, lambda: NOW)


# ---------------------------------------------------------------- asking


def sent(asked: Permit, name: str, values: dict[str, Any]) -> Act | None:
    """Return what leaves when the call ``name`` with ``values`` is made; ``None``: nothing."""
    declared = asked.policies[-1].operations.get(name)
    if declared is None:
        return None
    places = set(re.findall(r"{(\w+)}", declared.path))
    if not places <= values.keys() or not all(isinstance(values[place], str) for place in places):
        return None
    body = {member: value for member, value in values.items() if member not in places}
    try:
        outgoing = Outgoing(
            operation=name,
            scheme="https",
            host=HOST,
            members=flatten(name, body),
            carries=bool(body),
            parameters={place: values[place] for place in places},
        )
        passed = check(asked.held(), outgoing)
    except RocketVPNError:
        return None
    left = tuple(sorted((values | dict(passed.changed)).items()))
    return Act("send", name, declared.purpose, declared.recipient, declared.identity, passed.fields, left)


def kept(asked: Permit, field: str, purpose: str, value: Any) -> Act | None:
    """Return what stays on the device when ``value`` is recorded as ``field`` for ``purpose``; ``None``: nothing."""
    event = CompiledEvent(asked.policies, EventShape("any.event", purpose, ((field, (object,)),)), SCRUBBER)
    # A record has its time as well; here it stands for itself.
    if not asked.field(field, purpose).allowed:
        return None
    left = event.minimise(event.bounded((value,)), KEY)[field]
    until = asked.field(field, purpose).keep_until
    ends = math.inf if until is None else until
    return None if left is None else Act("keep", field, purpose, "", "", (field,), ((field, left),), ends)


def covered(act: Act, asked: Permit, here: Permit, values: dict[str, Any], *, purpose: bool = True) -> bool:
    """Whether ``asked`` allows as much as ``act``, which came of ``values`` by ``here``: for as long, by no other name.

    It lets the very same out; or, of the same values, something from which the same follows by ``here``.

    ``purpose``: and for the same, as the same fields; while two versions hold, each judges by what it declares.
    """
    if act.what == "keep":
        for value in (act.values[0][1], values[act.name]):
            there = kept(asked, act.name, act.purpose, value)
            if there is not None and act.until <= there.until:
                again = kept(here, act.name, act.purpose, there.values[0][1])
                if act.values in (there.values, again.values if again else None):
                    return True
        return False
    for given in (dict(act.values), values, *_from_inside(act, here)):
        there, missing = _as_far(asked, act.name, given)
        if there is None or there.recipient != act.recipient or (purpose and there.purpose != act.purpose):
            continue
        if IDENTITIES.index(act.identity) > IDENTITIES.index(there.identity):
            continue
        if purpose and not set(act.fields) <= set(there.fields):
            continue  # the same words as another field
        left = {name: value for name, value in there.values if name not in missing}
        again = sent(here, act.name, left)
        if tuple(sorted(left.items())) == act.values or (again is not None and again.values == act.values):
            return True
    return False


def _from_inside(act: Act, here: Permit) -> Iterator[dict[str, Any]]:
    """Yield values from which the very ``act`` comes by ``here``, in place of a range's lower end below all values.

    A whole number from 5 to 60, of which the range that begins at 0 goes, can only have been 5 or more.
    """
    policy = here.policies[-1]
    for name, value in act.values:
        field = policy.fields.get(policy.operations[act.name].names.get(name, name))
        if field is None or field.type.kind != "integer":
            continue
        least = field.type.min or 0
        listed = value if isinstance(value, tuple) else (value,)
        below = [isinstance(each, int) and each < least for each in listed]
        if not any(below):
            continue
        choices = (VALUES["integer"] if low else (each,) for each, low in zip(listed, below, strict=True))
        for inside in product(*choices):
            given = dict(act.values) | {name: inside if isinstance(value, tuple) else inside[0]}
            there = sent(here, act.name, given)
            if there is not None and there.values == act.values:
                yield given


def _as_far(asked: Permit, name: str, given: dict[str, Any]) -> tuple[Act | None, set[str]]:
    """Return what leaves of ``given``, with something where the path needs more, and what that is.

    What carries less is no more.
    """
    declared = asked.policies[-1].operations.get(name)
    missing = set(re.findall(r"{(\w+)}", declared.path)) - given.keys() if declared else set[str]()
    fillers = TEXTS if missing else (None,)
    tried = (sent(asked, name, given | dict.fromkeys(missing, filler)) for filler in fillers)
    return next((act for act in tried if act is not None), None), missing


# ---------------------------------------------------------------- what there is to ask


def bodies(rng: Random, *policies: Policy) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield calls with values of chance: by what any of ``policies`` declares, and a little beyond."""
    for name in dict.fromkeys(name for policy in policies for name in policy.operations):
        declared = [(policy, policy.operations[name]) for policy in policies if name in policy.operations]
        yield name, {}
        for _ in range(2):
            values: dict[str, Any] = {}
            for policy, operation in declared:
                every = (*operation.fields, *operation.names, *operation.protocol_types)
                for member in every if rng.random() < 0.3 else rng.sample(every, min(len(every), rng.randint(0, 2))):
                    values[member] = _value(rng, _kind(policy, operation, member))
                for place in re.findall(r"{(\w+)}", operation.path):
                    values[place] = _value(rng, _kind(policy, operation, place), single=True)
            yield name, values


def _kind(policy: Policy, operation: Operation, member: str) -> FieldType | None:
    if member in operation.protocol_types:
        return operation.protocol_types[member]
    field = policy.fields.get(operation.names.get(member, member))
    return field.type if field else None


def _value(rng: Random, kind: FieldType | None, *, single: bool = False) -> Any:
    values = VALUES[kind.kind] if kind is not None and rng.random() < 0.9 else EVERY
    if single or rng.random() < (0.8 if kind is None or kind.most is None else 0.1):
        return rng.choice(values)
    return tuple(rng.choice(values) for _ in range(rng.randint(1, 3)))


def records(rng: Random, *policies: Policy) -> Iterator[tuple[str, str, Any]]:
    """Yield a field, a purpose and a value of chance."""
    for name in dict.fromkeys(name for policy in policies for name in policy.fields):
        fields = [policy.fields[name] for policy in policies if name in policy.fields]
        for field in fields:
            yield name, rng.choice(field.purposes), _value(rng, field.type, single=rng.random() < 0.9)


def states(rng: Random) -> Iterator[State]:
    """Yield who agreed to everything, and somebody of chance."""
    yield State(consents=ALL, adult=True)
    some = {name: consent for name, consent in ALL.items() if rng.random() < 0.5}
    yield State(
        consents=some, adult=rng.choice((True, False, None)), guardian=rng.random() < 0.3, collect=rng.random() < 0.7
    )


def promised_less(old: Policy, new: Policy) -> bool:
    """Whether something that no act shows got worse: written from the words of docs/policy.md."""
    before, after = old.document, new.document
    reworded = any(
        part.sentence.get(language) not in (None, text)
        for purpose in before.purpose
        for part in after.purpose
        if part.id == purpose.id
        for language, text in purpose.sentence.items()
    )
    return bool(
        reworded
        or set(before.rights.offered) - set(after.rights.offered)
        or any(
            demand.split(".")[0] in set(before.rights.offered) & set(after.rights.offered)
            and not any(other == demand or other.split(".")[0] == demand for other in after.rights.step_up)
            for demand in before.rights.step_up
        )
        or after.notice_days < before.notice_days
        or after.minors.age < before.minors.age
        or set(before.title) - set(after.title)
        or any(
            (part.belongs, field.belongs) == ("device", "order")
            for part in before.field
            for field in after.field
            if part.id == field.id
        )
        or any(
            part.safeguard != before_part.safeguard
            or before_part.country not in ("", part.country)
            or _bound_less(before_part.contract, part.contract)
            for before_part in before.recipient
            for part in after.recipient
            if part.id == before_part.id
        )
        or {part.id for part in before.feature} - {part.id for part in after.feature}
        or any(
            _works_without_less(
                new, set(part.purposes) - set(old_part.purposes), set(part.fields) - set(old_part.fields)
            )
            for old_part in before.feature
            for part in after.feature
            if part.id == old_part.id
        )
    )


def _bound_less(was: Contract | None, becomes: Contract | None) -> bool:
    """Whether a recipient's contract is gone, another one, or looked at later."""
    if was is None:
        return False
    return becomes is None or replace(becomes, review_by=was.review_by) != was or becomes.review_by > was.review_by


def _works_without_less(new: Policy, purposes: set[str], fields: set[str]) -> bool:
    """Whether the user can refuse one of ``purposes`` or ``fields``, which a feature needs now."""
    return any(new.purposes[name].necessity == "consent" for name in purposes) or any(
        new.fields[name].optional
        or {new.recipients[each].kind for each in new.fields[name].recipients} == {"third_party"}
        for name in fields
    )


# ---------------------------------------------------------------- judging


def judge(rng: Random, old: Policy, new: Policy) -> Verdict:
    """Hold what ``compare`` says about a pair against what guard and journal do under old, both, and new."""
    change = compare(old, new)
    silent = not change.widened and not change.newly_necessary
    bugs: list[str] = []
    tried, more = 0, False
    for state in states(rng):
        asked = {
            "old": permit(state, old),
            "new": permit(state, new),
            "both": permit(state, old, new, change=change),
        }
        if change.cells:
            asked["accepted"] = permit(state, old, new, change=change, accept=True)
        for values, acts in _answers(rng, asked, old, new):
            tried += 1
            found = acts["new"]
            if found is not None and found != acts["old"] and _more(found, asked, "new", values, old):
                more = True
                if silent:
                    bugs.append(f"silent, and more under new: {found}")
                bugs += _by_old_consent(found, state, change, old, new, values)
            bugs += _while_pending(acts, asked, values, old, change)
    less = promised_less(old, new)
    if silent and less:
        bugs.append("silent, and less is promised")
    return Verdict(tuple(bugs), tried, bool(change.widened) and not more and not less)


def _more(act: Act, asked: dict[str, Permit], version: str, values: dict[str, Any], old: Policy) -> bool:
    """Whether the old version does not allow what came of ``values`` by ``version``."""
    alike = covered(act, asked["old"], asked[version], values, purpose=version == "new")
    declared = asked["new"].policies[-1].operations.get(act.name)
    return not alike and not (declared and _follows(act, permit(State(consents=ALL, adult=True), old), declared))


def _answers(
    rng: Random, asked: dict[str, Permit], old: Policy, new: Policy
) -> Iterator[tuple[dict[str, Any], dict[str, Act | None]]]:
    for name, values in bodies(rng, old, new):
        yield values, {version: sent(permit, name, values) for version, permit in asked.items()}
    for field, purpose, value in records(rng, old, new):
        yield {field: value}, {version: kept(permit, field, purpose, value) for version, permit in asked.items()}


def _while_pending(
    acts: dict[str, Act | None], asked: dict[str, Permit], values: dict[str, Any], old: Policy, change: PolicyChange
) -> Iterator[str]:
    both, accepted = acts["both"], acts.get("accepted")
    if both is not None and both != acts["old"] and _more(both, asked, "both", values, old):
        yield f"while pending, and not under old: {both}"
    for version in ("both", "accepted"):
        act = acts.get(version)
        if act is not None and act != acts["new"] and not covered(act, asked["new"], asked[version], values):
            yield f"while pending, and not under new: {act}"
    if accepted is not None and both is None:
        taken = {name for each in change.newly_necessary for name in (each.field, *each.operations) if name}
        if not taken & {accepted.name, *accepted.fields}:
            yield f"accepted, and is not newly necessary: {accepted}"


def _by_old_consent(
    act: Act, state: State, change: PolicyChange, old: Policy, new: Policy, values: dict[str, Any]
) -> Iterator[str]:
    """Yield what consents that were given to the old text still allow once the new one binds."""
    purpose = new.purposes[act.purpose]
    if purpose.necessity != "consent" or act.purpose not in old.purposes:
        return
    left = {name: consent for name, consent in state.consents.items() if name not in change.reconsent}
    after = permit(State(consents=left, adult=state.adult, guardian=state.guardian, collect=state.collect), new)
    if covered(act, after, permit(state, new), values):
        yield f"by a consent to less: {act}"


def _follows(act: Act, asked: Permit, declared: Operation) -> bool:
    """Whether the act is of the third exception: the SDK's own call, with nothing that such calls did not have.

    No field and no recipient, nor a field under more names; no word that no such call takes under its name; and no more
    about who calls than one says.
    """
    if act.what != "send" or act.name not in OWN_OPERATIONS or act.purpose not in FOLLOWING:
        return False
    old = asked.policies[-1]
    own = [each for each in old.document.operation if each.id in OWN_OPERATIONS and each.recipient == act.recipient]
    if not own or act.purpose not in old.purposes:
        return False
    if max(IDENTITIES.index(each.identity) for each in own) < IDENTITIES.index(act.identity):
        return False
    carried = Counter(declared.names.get(name, name) for name, _ in act.values if name not in declared.protocol_types)
    there = [Counter((*each.fields, *each.names.values())) for each in own]
    if any(all(count > each[field] for each in there) for field, count in carried.items()):
        return False
    return all(
        any(name in each.protocol_types and _as_far(asked, each.id, {name: value})[0] is not None for each in own)
        for name, value in act.values
        if name in declared.protocol_types
    )
