"""What one policy allows with its purposes, recipients and fields that another does not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Field, Policy, Purpose, Recipient
from rocketvpn_sdk.policy.findings.finding import Cell, Finding, cells
from rocketvpn_sdk.policy.findings.rows import Kind
from rocketvpn_sdk.policy.members import KEEP
from rocketvpn_sdk.policy.transform_order import at_least_as_strong, takes_no_more

_NEARNESS = ("operator", "affiliate", "third_party")

_Named = TypeVar("_Named", Field, Purpose, Recipient)


def uses(old: Policy, new: Policy) -> Iterator[Finding]:
    """Yield what ``new`` declares and ``old`` does not cover, in the order of the document."""
    yield from _purposes(old, new)
    yield from _recipients(old, new)
    for field in new.document.field:
        before = old.fields.get(field.id)
        if before is None:
            yield from _new_field(old, new, field)
        else:
            yield from _uses(before, field)
            yield from _nature(before, field)


def necessary_in_both(old: Policy, new: Policy, purpose: str) -> bool:
    """Whether neither version asks before something is done for ``purpose``."""
    return purpose in old.purposes and all(policy.purposes[purpose].necessity == "necessary" for policy in (old, new))


def trusted_in_both(old: Policy, new: Policy, recipient: str) -> bool:
    """Whether ``recipient`` is nobody new, and in neither version a third party."""
    return recipient == ON_DEVICE or (
        recipient in old.recipients and all(policy.recipients[recipient].kind != "third_party" for policy in (old, new))
    )


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
        # In every language that could have been shown; one that was added was not.
        said = [language for language, text in before.sentence.items() if purpose.sentence.get(language, text) != text]
        if said:
            language = wording.FALLBACK if wording.FALLBACK in said else said[0]
            texts = (wording.quoted(part.sentence, language) for part in (before, purpose))
            yield Finding("purpose_reworded", "P1", "", purpose.id, "", *texts)


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
        yield from _contract(before, recipient)
        if before.country and before.country != recipient.country:
            moved: Kind = "country_changed" if recipient.country else "country_withheld"
            yield Finding(moved, "S2", "", "", recipient.id, before.country, recipient.country)


def _contract(before: Recipient, recipient: Recipient) -> Iterator[Finding]:
    """Yield where the contract that ``before`` has holds its recipient to less from now on, or to something else."""
    was, becomes = before.contract, recipient.contract
    if was is None:
        return
    if becomes is None:
        yield Finding("contract_removed", "S2", "", "", recipient.id, wording.contracted(was))
    elif (was.sha256, was.signed) != (becomes.sha256, becomes.signed):
        yield Finding(
            "contract_changed", "S2", "", "", recipient.id, wording.contracted(was), wording.contracted(becomes)
        )
    if becomes is not None and was.review_by < becomes.review_by:
        yield Finding("review_later", "S2", "", "", recipient.id, str(was.review_by), str(becomes.review_by))


# ---------------------------------------------------------------- fields


def _new_field(old: Policy, new: Policy, field: Field) -> Iterator[Finding]:
    for purpose, recipient in cells(field):
        necessary = (
            field.source == "user"
            and not field.optional
            and necessary_in_both(old, new, purpose)
            and trusted_in_both(old, new, recipient)
            and not _could_refuse(old, new, field)
            and not _sent_exactly(new, field)
        )
        kind: Kind = "newly_necessary" if necessary else "field_added"
        yield Finding(kind, field.clause, field.id, purpose, recipient)


def _sent_exactly(new: Policy, field: Field) -> bool:
    """Whether a call sends as it is what is minimised elsewhere: more than one agrees to with the field."""
    return field.transform != KEEP and any(field.id in operation.exact for operation in new.document.operation)


def _could_refuse(old: Policy, new: Policy, field: Field) -> bool:
    # Else an optional field would become a necessary one by getting a new name.
    for before in old.document.field:
        refusable = before.optional or all(old.purposes[name].necessity == "consent" for name in before.purposes)
        if before.dpv == field.dpv and (refusable or before.id not in new.fields):
            return True
    return False


def _uses(before: Field, field: Field) -> Iterator[Finding]:
    known = set(cells(before))
    for cell in cells(field):
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
    nothing_either_way = field.transform.name == before.transform.name == "drop"
    if not nothing_either_way and not takes_no_more(field.type, before.type):
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
        for purpose, recipient in cells(field) or [("", "")]:
            yield Finding(kind, rule, field.id, purpose, recipient, was, becomes)
