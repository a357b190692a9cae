"""What one policy allows, asks or promises that another does not, finding by finding; ``change`` puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Policy, Purpose, Recipient
from rocketvpn_sdk.policy.identities import IDENTITIES, counterpart, rank
from rocketvpn_sdk.policy.strength import at_least_as_strong, takes_no_more

Kind = Literal[
    "consent_asked", "consent_no_longer_asked", "correctable_added", "field_added", "field_removed", "identity_added",
    "identity_removed", "kept_longer", "kept_longer_on_server", "kept_shorter", "kept_shorter_on_server",
    "language_added", "language_removed", "meaning_changed", "minimised_less", "minimised_more", "minimised_otherwise",
    "minor_age_lowered", "minor_age_raised", "newly_necessary", "no_longer_correctable", "no_longer_optional",
    "notice_longer", "notice_shorter", "optional_added", "purpose_added", "purpose_removed", "recipient_added",
    "recipient_removed", "recipient_stronger", "recipient_weaker", "right_added", "right_removed", "safeguard_changed",
    "sent_anew", "sent_no_more", "source_changed", "step_up_added", "step_up_removed",
    "deleted_with_device", "deleted_with_order",
]  # fmt: skip

OPPOSITE: dict[Kind, Kind] = {
    "consent_no_longer_asked": "consent_asked",
    "deleted_with_order": "deleted_with_device",
    "field_added": "field_removed",
    "identity_added": "identity_removed",
    "kept_longer": "kept_shorter",
    "kept_longer_on_server": "kept_shorter_on_server",
    "language_removed": "language_added",
    "minimised_less": "minimised_more",
    "minor_age_lowered": "minor_age_raised",
    "newly_necessary": "field_removed",
    "no_longer_correctable": "correctable_added",
    "no_longer_optional": "optional_added",
    "notice_shorter": "notice_longer",
    "purpose_added": "purpose_removed",
    "recipient_added": "recipient_removed",
    "recipient_weaker": "recipient_stronger",
    "right_removed": "right_added",
    "sent_anew": "sent_no_more",
    "step_up_removed": "step_up_added",
}
"""What it is called when it goes the other way. What is missing here has no better direction."""

_RIGHTS = {
    "access": "A1",
    "correction": "A2",
    "deletion": "A3",
    "portability": "A1",
    "withdrawal": "U7",
    "disclosures": "S3",
}
_NEARNESS = ("operator", "affiliate", "third_party")


class Finding(NamedTuple):
    """One difference, for at most one purpose and one recipient."""

    kind: Kind
    rule: str
    field: str = ""
    purpose: str = ""
    recipient: str = ""
    before: str = ""
    after: str = ""


Cell = tuple[str, str]
"""A purpose and a recipient (or the device itself) for which a field may be used."""

_Flow = tuple[str, str, str]

_Named = TypeVar("_Named", Field, Purpose, Recipient)


def widenings(old: Policy, new: Policy) -> Iterator[Finding]:
    """Yield what ``new`` has that ``old`` does not cover, in the order of the document."""
    yield from _purposes(old, new)
    yield from _recipients(old, new)
    for field in new.document.field:
        before = old.fields.get(field.id)
        if before is None:
            yield from _new_field(old, new, field)
        else:
            yield from _uses(before, field)
            yield from _nature(before, field)
    yield from _sent(old, new)
    yield from _promises(old, new)


def affected(policy: Policy, finding: Finding) -> Iterator[Cell]:
    """Yield the uses that ``policy`` has and ``finding`` touches, as (purpose, recipient)."""
    if finding.purpose and finding.recipient:
        yield finding.purpose, finding.recipient
        return
    if finding.purpose:
        yield finding.purpose, ON_DEVICE
    if finding.purpose or finding.recipient:
        for purpose, recipient in _pairs(policy):
            if finding.purpose == purpose or finding.recipient == recipient:
                yield purpose, recipient


def _pairs(policy: Policy) -> Iterator[Cell]:
    for field in policy.document.field:
        yield from _cells(field)
    for operation in policy.document.operation:
        yield operation.purpose, operation.recipient


def _cells(field: Field) -> list[Cell]:
    """Return every use of ``field`` that some state of the device allows."""
    places = [] if field.retention.device is None else [ON_DEVICE]
    places += [] if field.retention.server is None else field.recipients
    return [(purpose, place) for purpose in field.purposes for place in places]


# ---------------------------------------------------------------- purposes and recipients


def _both(old: Iterable[_Named], new: Iterable[_Named]) -> Iterator[tuple[_Named | None, _Named]]:
    known = {part.id: part for part in old}
    for part in new:
        yield known.get(part.id), part


def _purposes(old: Policy, new: Policy) -> Iterator[Finding]:
    for before, purpose in _both(old.document.purpose, new.document.purpose):
        if before is None:
            yield Finding("purpose_added", "U7", purpose=purpose.id)
            continue
        if before.necessity == "consent" and purpose.necessity == "necessary":
            yield Finding("consent_no_longer_asked", purpose.clause, purpose=purpose.id)
        if before.dpv != purpose.dpv:
            yield Finding("meaning_changed", "P1", purpose=purpose.id, before=before.dpv, after=purpose.dpv)


def _recipients(old: Policy, new: Policy) -> Iterator[Finding]:
    for before, recipient in _both(old.document.recipient, new.document.recipient):
        if before is None:
            yield Finding("recipient_added", "S1", recipient=recipient.id)
            continue
        if _NEARNESS.index(before.kind) < _NEARNESS.index(recipient.kind):
            kind = recipient.kind.replace("_", " ")  # the one before cannot be a third party
            yield Finding("recipient_weaker", "S2", recipient=recipient.id, before=before.kind, after=kind)
        if before.kind == "third_party" and recipient.kind != "third_party":
            yield Finding("consent_no_longer_asked", "S1", recipient=recipient.id)
        if before.safeguard != recipient.safeguard:
            said = [wording.text_in(part.safeguard, wording.FALLBACK) for part in (before, recipient)]
            yield Finding("safeguard_changed", "S2", recipient=recipient.id, before=said[0], after=said[1])


# ---------------------------------------------------------------- fields


def _new_field(old: Policy, new: Policy, field: Field) -> Iterator[Finding]:
    for purpose, recipient in _cells(field):
        necessary = (
            field.source == "user"
            and not field.optional
            and _necessary_in_both(old, new, purpose)
            and _trusted_in_both(old, new, recipient)
            and not _could_refuse(old, new, field)
        )
        kind: Kind = "newly_necessary" if necessary else "field_added"
        yield Finding(kind, field.clause, field.id, purpose, recipient)


def _necessary_in_both(old: Policy, new: Policy, purpose: str) -> bool:
    return purpose in old.purposes and all(policy.purposes[purpose].necessity == "necessary" for policy in (old, new))


def _trusted_in_both(old: Policy, new: Policy, recipient: str) -> bool:
    return recipient == ON_DEVICE or (
        recipient in old.recipients and all(policy.recipients[recipient].kind != "third_party" for policy in (old, new))
    )


def _could_refuse(old: Policy, new: Policy, field: Field) -> bool:
    # Else an optional field would become a necessary one by getting a new name.
    for before in old.document.field:
        refusable = before.optional or all(old.purposes[name].necessity == "consent" for name in before.purposes)
        if before.dpv == field.dpv and (refusable or before.id not in new.fields):
            return True
    return False


def _uses(before: Field, field: Field) -> Iterator[Finding]:
    known = set(_cells(before))
    for cell in _cells(field):
        if cell not in known:
            yield _new_use(before, field, cell)
            continue
        yield from _kept(before, field, cell)
        if not at_least_as_strong(field.transform, before.transform):
            kind: Kind = (
                "minimised_less" if at_least_as_strong(before.transform, field.transform) else "minimised_otherwise"
            )
            words = wording.minimised(before.transform), wording.minimised(field.transform)
            yield Finding(kind, field.clause, field.id, *cell, *words)


def _new_use(before: Field, field: Field, cell: Cell) -> Finding:
    purpose, recipient = cell
    if purpose not in before.purposes:
        return Finding("purpose_added", "U7", field.id, purpose, recipient)
    if recipient == ON_DEVICE or recipient in before.recipients:
        return _longer(before, field, cell)
    return Finding("recipient_added", "S1", field.id, purpose, recipient)


def _kept(before: Field, field: Field, cell: Cell) -> Iterator[Finding]:
    place = "device" if cell[1] == ON_DEVICE else "server"
    if getattr(before.retention, place) < getattr(field.retention, place):
        yield _longer(before, field, cell)


def _longer(before: Field, field: Field, cell: Cell) -> Finding:
    if cell[1] == ON_DEVICE:
        lasting = wording.lasting(before.retention.device), wording.lasting(field.retention.device)
        return Finding("kept_longer", "R1", field.id, *cell, *lasting)
    lasting = wording.lasting(before.retention.server), wording.lasting(field.retention.server)
    return Finding("kept_longer_on_server", "R1", field.id, *cell, *lasting)


def _nature(before: Field, field: Field) -> Iterator[Finding]:
    """Yield what changed about a field as a whole, once for each of its uses."""
    found: list[tuple[Kind, str, str, str]] = []
    if field.transform.name != "drop" and not takes_no_more(field.type, before.type):
        kind: Kind = "minimised_less" if takes_no_more(before.type, field.type) else "minimised_otherwise"
        found.append((kind, field.clause, wording.taken(before.type), wording.taken(field.type)))
    if before.source != field.source:
        found.append(("source_changed", field.clause, before.source, field.source))
    if before.dpv != field.dpv:
        found.append(("meaning_changed", "P1", before.dpv, field.dpv))
    if before.correctable and not field.correctable:
        found.append(("no_longer_correctable", "A2", "", ""))
    if before.optional and not field.optional:
        found.append(("no_longer_optional", "P2", "", ""))
    if before.belongs == "device" and field.belongs == "order":
        found.append(("deleted_with_order", "A3", "", ""))
    for kind, rule, was, becomes in found:
        for purpose, recipient in _cells(field) or [("", "")]:
            yield Finding(kind, rule, field.id, purpose, recipient, was, becomes)


# ---------------------------------------------------------------- what is sent


def _sent(old: Policy, new: Policy) -> Iterator[Finding]:
    known, common, raised = _flows(old), _allowed(old) & _allowed(new), _raised(old, new)
    for flow, identity in _flows(new).items():
        field, purpose, recipient = flow
        anew = bool(field) and flow not in known
        if anew and flow in common:  # else the field's new use says so
            yield Finding("sent_anew", new.purposes[purpose].clause, *flow)
        before = identity if anew else known.get(flow, _most(known, purpose, recipient))
        was, becomes = (before, identity) if before < identity else raised.get(flow, (0, 0))
        if was < becomes and purpose in old.purposes and recipient in old.recipients:
            yield Finding("identity_added", "C1", *flow, IDENTITIES[was], IDENTITIES[becomes])


def _raised(old: Policy, new: Policy) -> dict[_Flow, tuple[int, int]]:
    """Return what goes by a call that was there and says more about who calls now; how much before, and now.

    Also where another call for the same says as much: this one did not, and what it is about is a matter of its own.
    """
    found: dict[_Flow, tuple[int, int]] = {}
    for operation in new.document.operation:
        before = counterpart(old, operation)
        if before is not None and rank(before) < rank(operation):
            for field in operation.fields or ("",):
                found.setdefault((field, operation.purpose, operation.recipient), (rank(before), rank(operation)))
    return found


def _allowed(policy: Policy) -> set[_Flow]:
    return {(field.id, *cell) for field in policy.document.field for cell in _cells(field)}


def _flows(policy: Policy) -> dict[_Flow, int]:
    """Return which field goes to whom for what, and how much the calls that carry it say about who calls.

    A call that carries no field counts as one with the empty name.
    """
    found: dict[_Flow, int] = {}
    for operation in policy.document.operation:
        for field in operation.fields or ("",):
            flow = field, operation.purpose, operation.recipient
            found[flow] = max(found.get(flow, 0), rank(operation))
    return found


def _most(flows: dict[_Flow, int], purpose: str, recipient: str) -> int:
    """Return how much any of the calls for ``purpose`` tells ``recipient`` about who calls."""
    return max((identity for flow, identity in flows.items() if flow[1:] == (purpose, recipient)), default=0)


# ---------------------------------------------------------------- promises


def _promises(old: Policy, new: Policy) -> Iterator[Finding]:
    before, after = old.document, new.document
    for right in before.rights.offered:
        if right not in after.rights.offered:
            yield Finding("right_removed", _RIGHTS[right], before=right)
        elif right in before.rights.step_up and right not in after.rights.step_up:
            yield Finding("step_up_removed", "A4", before=right)
    if after.notice_days < before.notice_days:
        yield Finding("notice_shorter", "X2", before=str(before.notice_days), after=str(after.notice_days))
    if after.minors.age < before.minors.age:
        yield Finding("minor_age_lowered", "M1", before=str(before.minors.age), after=str(after.minors.age))
    for language in before.title:
        if language not in after.title:
            yield Finding("language_removed", "P1", before=language)
