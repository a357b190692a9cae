"""The SDK's own calls, and which of them follow the newest verified version at once. Pure (X2).

An operator that changes how its server is asked must not block the user's rights, the proof of who asks, or the next
version of the policy itself. So such a call goes as the newest version has it, if it carries nothing more: no field, no
type and no recipient that the version that binds does not have in such calls already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rocketvpn_sdk.policy.document import Field, Operation, Policy
from rocketvpn_sdk.policy.identities import identity_problem, rank
from rocketvpn_sdk.policy.members import PARAMETER, members_of
from rocketvpn_sdk.policy.transform_order import takes_no_more

FOLLOWING = frozenset({"rights", "security", "software"})
"""Purposes of calls that follow the newest version."""

OWN_OPERATIONS = frozenset(
    {
        "authorize.challenge",
        "consents.put",
        "consents.read",
        "data.correct",
        "data.view",
        "devices.list",
        "devices.unbind",
        "diagnostics.erase",
        "diagnostics.relay",
        "diagnostics.relay_erasure",
        "diagnostics.send",
        "disclosures.read",
        "erasure.redeem",
        "guardian.confirm",
        "guardian.request",
        "guardian.withdraw",
        "offers.take",
        "order.read",
        "owner.delete",
        "owner.receipt",
        "owner.status",
        "owner.view",
        "recovery.make",
        "rights.cancel",
        "rights.list",
        "rights.receipt",
        "rights.request",
        "rights.status",
        "server.keys",
        "server.metadata",
        "surveys.answer",
        "surveys.relay",
        "tickets.list",
        "tickets.make",
        "tickets.revoke",
        "token.issue",
        "tuf.metadata",
        "tuf.target",
        "updates.download",
    }
)
"""The SDK's own: each has a typed call of its own, and none is open to ``rocket.call``."""

_PUBLIC_FILES = {"updates.download": frozenset({"platform", "app_version"})}
"""Calls that fetch a file which is the same for everybody, and the fields that its address may name."""


def call_problem(operation: Operation, fields: Mapping[str, Field]) -> str:
    """Return why no call of ``operation`` can ever be made; empty: nothing in the policy stops all of them.

    Args:
        operation: the call.
        fields: those of its policy, by id.
    """
    problem = identity_problem(operation, fields)
    if problem:
        return f"its identity {operation.identity!r} carries {problem}"
    if operation.identity in ("key", "user") and operation.id not in OWN_OPERATIONS:
        return f"only the SDK's own calls have the identity {operation.identity!r}"
    for name in map(operation.field_of, PARAMETER.findall(operation.path)):
        if name in fields and fields[name].retention.server is None:
            return f"its path carries {name!r}, which has no retention on a server"
    return ""


def call_cell(operation: Operation) -> tuple[str, str, str]:
    """Return what stands for a newly necessary call among ``PolicyChange.cells``: no field has such a name."""
    return f"call {operation.id}", operation.purpose, operation.recipient


def follows(old: Policy, operation: Operation) -> bool:
    """Whether ``operation``, as a newer version has it, may go while ``old`` still binds.

    It is one of the SDK's own, for rights, security or software, in both; every field of it already goes to the same
    recipient for the same purpose, under as many names; every member of the protocol is of a type that such a call to
    that recipient has under the same name; nothing goes more exactly, and it says no more about who calls.
    """
    known = old.operations.get(operation.id)
    before = known or operation
    if operation.id not in OWN_OPERATIONS or not {before.purpose, operation.purpose} <= FOLLOWING:
        return False
    own = [each for each in old.document.operation if each.id in OWN_OPERATIONS]
    way = operation.purpose, operation.recipient
    present: Counter[str] = Counter()
    for each in own:
        present |= _names(each) if (each.purpose, each.recipient) == way else Counter()
    same = [each for each in own if each.id == operation.id]
    limits = [rank(each) for each in same or own if same or (each.purpose, each.recipient) == way]
    return (
        operation.purpose in old.purposes
        and operation.recipient in old.recipients
        and before.recipient == operation.recipient
        and (_names_public_file(old, operation) or _carries_no_more(operation, known, present))
        and _words_known(old, own, operation)
        and rank(operation) <= max(limits, default=-1)
    )


def _carries_no_more(operation: Operation, known: Operation | None, present: Counter[str]) -> bool:
    exact = set(known.exact if known else ())
    return _names(operation) <= present and set(operation.exact) <= exact


def _names_public_file(old: Policy, operation: Operation) -> bool:
    """Whether ``operation`` is new, and what it carries is the name of a file that anybody may fetch.

    Nobody says who asks, and the values stand in the operator's signed list; where installed files are certified, the
    version is that of this device. ``old`` lets the same fields go to the same recipient for the same purpose, and
    lets ``tuf.target`` name files by any such text.
    """
    named = _PUBLIC_FILES.get(operation.id, frozenset())
    fields = [old.fields.get(name) for name in operation.fields]
    return (
        operation.id not in old.operations
        and (operation.method, operation.identity) == ("GET", "none")
        and named.issuperset(operation.fields)
        and all(
            field is not None and operation.purpose in field.purposes and operation.recipient in field.recipients
            for field in fields
        )
    )


def _names(operation: Operation) -> Counter[str]:
    """Return under how many names ``operation`` can carry each of its fields."""
    return Counter((*operation.fields, *operation.names.values()))


def _words_known(old: Policy, own: Iterable[Operation], operation: Operation) -> bool:
    known = [members_of(old, each) for each in own if each.recipient == operation.recipient]
    return all(
        any(
            name in each
            and each[name].field is None
            and takes_no_more(member.type, each[name].type)
            and each[name].path_only <= member.path_only
            for each in known
        )
        for name, member in members_of(old, operation).items()
        if member.field is None
    )
