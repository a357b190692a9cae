"""What a new version of the policy takes from the user, and what it gives (X2). Pure.

A policy is a finite set of tuples: which field, for which purpose, by whom, minimised how, kept how long, on whose say;
and promises beside them: rights, notice, age. What is in the new set and not covered by the old one *widens* it, and
reduces the user's rights. So does what cannot be compared. The other way round it *narrows*.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rocketvpn_sdk.policy.describe import describe_finding
from rocketvpn_sdk.policy.document import Policy
from rocketvpn_sdk.policy.findings import NECESSARY, OPPOSITE, Finding, Kind, affected, widenings
from rocketvpn_sdk.policy.own_calls import call_cell


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changed, with the names it concerns; empty where it concerns all or none."""

    kind: Kind
    rule: str
    """The clause of the policy that it touches."""
    field: str = ""
    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    """``device`` stands for this device itself."""
    operations: tuple[str, ...] = ()
    """The calls, where it is about some."""
    feature: str = ""
    """The feature, where it is about one."""
    before: str = ""
    """In words, or the name of a right or language."""
    after: str = ""
    sentence: str


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two versions, from the user's side."""

    widened: tuple[Difference, ...] = ()
    """Binds only after it was shown and ``notice_days`` have passed."""
    narrowed: tuple[Difference, ...] = ()
    """Binds at once."""
    newly_necessary: tuple[Difference, ...] = ()
    """New fields and calls without which something does not work. The user may accept them at once; until then that
    waits."""
    cells: frozenset[tuple[str, str, str]] = frozenset()
    """Field, purpose and recipient of what is newly necessary: what ``decide_all`` takes once it was accepted. For a
    call, what ``own.call_cell`` returns."""
    reconsent: frozenset[str] = frozenset()
    """Keys of ``State.consents`` that cover more than what was agreed to; unset again once the new version binds."""
    reworded: frozenset[str] = frozenset()
    """Those of them for which nothing but their purpose's words changed: unset only where these are others in the
    language that was shown (``consent.ending.reworded``)."""

    @property
    def reduces_rights(self) -> bool:
        """Whether the change has to be announced before it takes effect (X2)."""
        return bool(self.widened)


def compare(old: Policy, new: Policy, *, language: str = "en") -> PolicyChange:
    """Compare two versions of a policy.

    Nothing is widened exactly if, in every state of the device, the new policy allows no use that the old one forbids,
    keeps nothing longer, minimises as strongly, and promises as much. Three things never count: a recipient's new host
    names; the order in which things are written; and a field new to the policy that the user types in, that is
    not optional, for a purpose that was necessary before, to nobody new: ``newly_necessary`` lists it.

    Sentences are for people and are not compared, except a recipient's safeguard, which is nothing but words.

    Args:
        old: the version that binds.
        new: the newest version.
        language: BCP 47, for the parts of sentences that the documents hold; English where they lack it.
    """
    wider = tuple(widenings(old, new))
    reductions = [finding for finding in wider if finding.kind not in NECESSARY]
    necessary = [finding for finding in wider if finding.kind in NECESSARY]
    narrower = [_reversed(finding) for finding in widenings(new, old) if finding.kind in OPPOSITE]

    reconsent = frozenset(_consents(new, reductions))

    def described(findings: Iterable[Finding]) -> tuple[Difference, ...]:
        return tuple(_described(group, old, new, language) for group in _grouped(findings))

    return PolicyChange(
        widened=described(reductions),
        narrowed=described(narrower),
        newly_necessary=described(necessary),
        cells=frozenset(_cell(finding, new) for finding in necessary),
        reconsent=reconsent,
        reworded=reconsent.difference(_consents(new, (each for each in reductions if each.kind != "purpose_reworded"))),
    )


def _cell(finding: Finding, new: Policy) -> tuple[str, str, str]:
    if finding.operation:
        return call_cell(new.operations[finding.operation])
    return finding.field, finding.purpose, finding.recipient


def _reversed(finding: Finding) -> Finding:
    """Return what widens from new to old as what narrows from old to new."""
    return finding._replace(kind=OPPOSITE[finding.kind], before=finding.after, after=finding.before)


def _grouped(findings: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Put together what differs in purpose or recipient alone: one sentence, not twenty."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        apart = () if finding.field else (finding.purpose, finding.recipient, finding.operation, finding.feature)
        key = (finding.kind, finding.rule, finding.field, finding.before, finding.after, *apart)
        groups.setdefault(key, []).append(finding)
    return groups.values()


def _described(group: list[Finding], old: Policy, new: Policy, language: str) -> Difference:
    first = group[0]
    purposes = tuple(dict.fromkeys(finding.purpose for finding in group if finding.purpose))
    recipients = tuple(dict.fromkeys(finding.recipient for finding in group if finding.recipient))
    operations = tuple(dict.fromkeys(finding.operation for finding in group if finding.operation))
    return Difference(
        kind=first.kind,
        rule=first.rule,
        field=first.field,
        purposes=purposes,
        recipients=recipients,
        operations=operations,
        feature=first.feature,
        before=first.before,
        after=first.after,
        sentence=describe_finding(first, purposes, recipients, operations, (new, old), language),
    )


def _consents(new: Policy, reductions: Iterable[Finding]) -> Iterable[str]:
    for finding in reductions:
        for purpose, recipient in affected(new, finding):
            if new.purposes[purpose].necessity == "consent":
                yield purpose
            if recipient in new.recipients and new.recipients[recipient].kind == "third_party":
                yield f"{purpose}/{recipient}"
