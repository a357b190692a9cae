"""A term of the policy in plain sentences: what it is, why, how long, who sees it, and what the user can do (P1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from rocketvpn_sdk.errors import TermUnknown
from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.clauses import CLAUSES
from rocketvpn_sdk.policy.document import Field, Operation, Policy
from rocketvpn_sdk.policy.values import Transform
from rocketvpn_sdk.text import listed, translate

_NEAR = 4


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What one term means. Texts are sentences, except where it says otherwise; what does not apply is empty."""

    term: str
    """As the policy writes it."""
    kind: Literal["field", "purpose", "recipient", "category", "operation", "feature", "clause", "transform"]
    what: str
    why: tuple[str, ...] = ()
    """One sentence for each purpose."""
    who: tuple[str, ...] = ()
    """One sentence for each recipient; empty for what never leaves the device."""
    how: str = ""
    """What is left of it before it is stored or sent; of a call, what else goes along."""
    kept_here: str = ""
    kept_there: str = ""
    choices: tuple[str, ...] = ()
    """What the user can do about it: leave it out, agree, correct it."""
    fields: tuple[str, ...] = ()
    """Ids of the fields that it concerns; not for a field itself."""
    clauses: tuple[str, ...] = ()
    """Ids."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, one sentence after the other, in the order in which people ask."""
        parts = (self.what, *self.why, self.how, self.kept_here, self.kept_there, *self.who, *self.choices)
        return tuple(part for part in parts if part)


def explain(policy: Policy, term: str, *, language: str = "en") -> Explanation:
    """Explain ``term``: the id of a field, purpose, recipient, category, operation, feature or clause, or a transform.

    Upper and lower case, and spaces for underscores, make no difference. Where two things have one id, the first of
    that list is explained.

    Args:
        policy: where to look.
        term: e.g. ``contact_email``, ``surveys``, ``A2``, ``bucket`` or ``coarsen_time(minute)``.
        language: BCP 47, for the document's own sentences; English where it lacks them.

    Raises:
        TermUnknown: with the nearest ones.
    """
    wanted = _folded(term)
    for names, explainer in _EXPLAINERS:
        for name in names(policy):
            if _folded(name) == wanted:
                return explainer(policy, name, language)
    with_arguments = _transform(term)
    if with_arguments:
        return _explain_transform(policy, with_arguments, wording.minimised(Transform(with_arguments)))
    raise TermUnknown(term=term, near=", ".join(_near(policy, wanted) or policy.purposes))


def _near(policy: Policy, wanted: str) -> list[str]:
    from difflib import get_close_matches  # slow to import, and for mistakes alone

    known: dict[str, list[str]] = {}
    for name in (name for names, _ in _EXPLAINERS for name in names(policy)):
        # A word of a name counts for the whole: "emial" means contact_email.
        for word in {_folded(name), *re.split(r"[._]", _folded(name))}:
            known.setdefault(word, []).append(name)
    matches = get_close_matches(wanted, known, n=_NEAR)
    return list(dict.fromkeys(name for match in matches for name in known[match]))[:_NEAR]


def _folded(term: str) -> str:
    return "_".join(term.lower().split())


def _transform(term: str) -> str:
    try:
        return str(Transform(term))
    except ValueError:
        return ""


def _said(template: str, *parts: str) -> str:
    return translate(template).format(*parts)


def _field(policy: Policy, name: str, language: str) -> Explanation:
    field = policy.fields[name]
    here, there = field.retention.device, field.retention.server
    return Explanation(
        term=name,
        kind="field",
        what=wording.text_in(field.sentence, language),
        why=tuple(wording.text_in(policy.purposes[purpose].sentence, language) for purpose in field.purposes),
        who=tuple(wording.text_in(policy.recipients[each].sentence, language) for each in field.recipients),
        how=_said("What is stored of it: {}.", wording.minimised(field.transform)),
        kept_here=_said("How long on this device: {}.", wording.lasting(here)),
        kept_there=_said("How long on the server: {}.", wording.lasting(there)),
        choices=tuple(_choices(policy, field)),
        clauses=(field.clause,),
    )


def _choices(policy: Policy, field: Field) -> Iterable[str]:
    asked = [policy.purposes[purpose].necessity == "consent" for purpose in field.purposes]
    if not field.recipients:
        yield translate("It never leaves this device.")
    if field.transform.name == "drop":
        return  # neither needed nor given
    if field.optional:
        yield translate("You can leave it out; what does not need it works all the same.")
    elif all(asked):
        yield translate("It is used if you agree, and not before.")
    else:
        yield translate("It is necessary: what needs it does not work without it.")
    if any(asked) and not all(asked):
        yield translate("Some of what it is for needs your agreement; the rest does not.")
    if any(policy.recipients[each].kind == "third_party" for each in field.recipients):
        yield translate("A third party gets it if you agree to that one, and not before.")
    if field.correctable:
        yield translate("You can correct it.")


def _purpose(policy: Policy, name: str, language: str) -> Explanation:
    purpose = policy.purposes[name]
    fields = [field for field in policy.document.field if name in field.purposes]
    asked = purpose.necessity == "consent"
    return Explanation(
        term=name,
        kind="purpose",
        what=wording.text_in(purpose.sentence, language),
        who=_receivers(policy, fields, language),
        choices=(
            translate(
                "Nothing happens for it until you agree, and you can take that back at any time."
                if asked
                else "It is necessary: you are not asked, and without it the service does not work."
            ),
        ),
        fields=tuple(field.id for field in fields),
        clauses=(purpose.clause,),
    )


def _recipient(policy: Policy, name: str, language: str) -> Explanation:
    recipient = policy.recipients[name]
    fields = [field for field in policy.document.field if name in field.recipients]
    kinds = {
        "operator": "It runs the service.",
        "affiliate": "It belongs to the operator's group and is bound by this policy.",
        "third_party": "It is a third party: it gets something if you agree, for each purpose, and not before.",
    }
    return Explanation(
        term=name,
        kind="recipient",
        what=wording.text_in(recipient.sentence, language),
        why=tuple(
            wording.text_in(purpose.sentence, language)
            for purpose in policy.document.purpose
            if any(purpose.id in field.purposes for field in fields)
        ),
        choices=(
            translate(kinds[recipient.kind]),
            _said("What holds it to this policy: {}", wording.text_in(recipient.safeguard, language)),
            *wording.under_contract(recipient),
        ),
        fields=tuple(field.id for field in fields),
        clauses=("S1", "S2"),
    )


def _category(policy: Policy, name: str, language: str) -> Explanation:
    category = next(part for part in policy.document.category if part.id == name)
    fields = [field for field in policy.document.field if field.category == name]
    return Explanation(
        term=name,
        kind="category",
        what=wording.text_in(category.sentence, language),
        who=_receivers(policy, fields, language),
        kept_here=_said("How long at most on this device: {}.", wording.lasting(category.cap.device)),
        kept_there=_said("How long at most on the server: {}.", wording.lasting(category.cap.server)),
        fields=tuple(field.id for field in fields),
        clauses=tuple(dict.fromkeys(field.clause for field in fields)),
    )


def _operation(policy: Policy, name: str, language: str) -> Explanation:
    operation = policy.operations[name]
    purpose = policy.purposes[operation.purpose]
    who = {
        "none": "The call does not say who you are.",
        "key": "The call proves that it comes from this device's key.",
        "device": "The call says which device it comes from.",
        "user": "The call says that it comes from you.",
    }
    return Explanation(
        term=name,
        kind="operation",
        what=wording.text_in(operation.sentence, language),
        why=(wording.text_in(purpose.sentence, language),),
        how=_words_of(policy, operation, language),
        who=(wording.text_in(policy.recipients[operation.recipient].sentence, language),),
        choices=(translate(who[operation.identity]),),
        fields=operation.fields,
        clauses=(purpose.clause,),
    )


def _feature(policy: Policy, name: str, language: str) -> Explanation:
    feature = policy.features[name]
    return Explanation(
        term=name,
        kind="feature",
        what=wording.text_in(feature.sentence, language),
        why=tuple(wording.text_in(policy.purposes[purpose].sentence, language) for purpose in feature.purposes),
        choices=(translate("It does not work without these fields; what is not among them you can refuse."),),
        fields=feature.fields,
        clauses=("P2",),
    )


def _words_of(policy: Policy, operation: Operation, language: str) -> str:
    """Return what else goes along: the members that carry nothing about a person, and what is sent as it is."""
    words = [f"“{name.replace('_', ' ')}”" for name in operation.protocol_types]
    said: list[str] = []
    if words:
        said.append(_said("Words of its own go along, which say nothing about you: {}.", listed(words)))
    if operation.exact:
        exact = [wording.quoted(policy.fields[name].sentence, language) for name in operation.exact]
        said.append(_said("Sent as it is, and not minimised first: {}.", listed(exact)))
    return " ".join(said)


def _clause(policy: Policy, name: str, language: str) -> Explanation:
    fields = [field for field in policy.document.field if field.clause == name]
    purposes = [purpose for purpose in policy.document.purpose if purpose.clause == name]
    return Explanation(
        term=name,
        kind="clause",
        what=translate(CLAUSES[name]),
        why=tuple(wording.text_in(purpose.sentence, language) for purpose in purposes),
        fields=tuple(field.id for field in fields),
        clauses=(name,),
    )


def _named_transform(policy: Policy, name: str, language: str) -> Explanation:
    del language  # no document has sentences about these
    return _explain_transform(policy, name, wording.minimised_by(name))


def _explain_transform(policy: Policy, name: str, left: str) -> Explanation:
    return Explanation(
        term=name,
        kind="transform",
        what=_said("What is stored: {}.", left),
        fields=tuple(
            field.id for field in policy.document.field if name in (str(field.transform), field.transform.name)
        ),
        clauses=("C2",),
    )


def _receivers(policy: Policy, fields: Iterable[Field], language: str) -> tuple[str, ...]:
    names = dict.fromkeys(recipient for field in fields for recipient in field.recipients)
    return tuple(wording.text_in(policy.recipients[name].sentence, language) for name in names)


_Names = Callable[[Policy], Iterable[str]]
_Explainer = Callable[[Policy, str, str], Explanation]
_EXPLAINERS: tuple[tuple[_Names, _Explainer], ...] = (
    (lambda policy: policy.fields, _field),
    (lambda policy: policy.purposes, _purpose),
    (lambda policy: policy.recipients, _recipient),
    (lambda policy: [part.id for part in policy.document.category], _category),
    (lambda policy: policy.operations, _operation),
    (lambda policy: policy.features, _feature),
    (lambda _: CLAUSES, _clause),
    (lambda _: wording.TRANSFORMS, _named_transform),
)
