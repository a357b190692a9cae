"""Promises of a policy that no use and no call shows: features, rights, proofs, notice, age, languages. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.document import Field, Policy, right_of
from rocketvpn_sdk.policy.findings.finding import Finding
from rocketvpn_sdk.text import listed

_RIGHTS = {
    "access": "A1",
    "correction": "A2",
    "deletion": "A3",
    "portability": "A1",
    "withdrawal": "U7",
    "disclosures": "S3",
}


def promises(old: Policy, new: Policy) -> Iterator[Finding]:
    """Yield what ``old`` promises and ``new`` does not."""
    before, after = old.document, new.document
    yield from _features(old, new)
    for right in before.rights.offered:
        if right not in after.rights.offered:
            yield Finding("right_removed", _RIGHTS[right], before=right)
    for demand in before.rights.step_up:
        kept = all(right_of(demand) in document.rights.offered for document in (before, after))
        if kept and not _demanded(demand, after.rights.step_up):
            yield Finding("step_up_removed", "A4", before=demand)
    if after.notice_days < before.notice_days:
        yield Finding("notice_shorter", "X2", before=str(before.notice_days), after=str(after.notice_days))
    if after.minors.age < before.minors.age:
        yield Finding("minor_age_lowered", "M1", before=str(before.minors.age), after=str(after.minors.age))
    for language in before.title:
        if language not in after.title:
            yield Finding("language_removed", "P1", before=language)


def _features(old: Policy, new: Policy) -> Iterator[Finding]:
    """Yield what works under ``old`` and needs under ``new`` something more that the user can refuse (P2)."""
    for name, before in old.features.items():
        after = new.features.get(name)
        if after is None:
            yield Finding("feature_removed", "P2", feature=name)
            continue
        purposes = [new.purposes[part] for part in after.purposes if part not in before.purposes]
        fields = [new.fields[part] for part in after.fields if part not in before.fields]
        refusable = [
            *(purpose.sentence for purpose in purposes if purpose.necessity == "consent"),
            *(field.sentence for field in fields if _refusable(new, field)),
        ]
        if refusable:
            said = listed([wording.quoted(sentence, wording.FALLBACK) for sentence in refusable])
            yield Finding("feature_needs_more", "P2", after=said, feature=name)


def _refusable(policy: Policy, field: Field) -> bool:
    """Whether the user can do without giving ``field``: leave it out, or not agree to the only ones who get it."""
    third = [policy.recipients[name].kind == "third_party" for name in field.recipients]
    return field.optional or (bool(third) and all(third))


def _demanded(demand: str, demands: tuple[str, ...]) -> bool:
    """Whether ``demands`` ask for a proof wherever ``demand`` surely does: a right alone leaves to the server where."""
    return demand in demands or any(each.startswith(f"{demand}.") for each in demands)
