"""`rocket.features`: which features work on this device, and which of the user's choices would make one work (P2).

Touches: ``vault``. Start with ``feature_status``.

What a feature needs stands in the policy; whether it may be used now, ``policy.decide_all`` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.consent.notices import asked_about
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import ON_DEVICE, ConsentChoice, Decision, EventShape, decide_all, wording
from rocketvpn_sdk.policy.document import Feature, Field
from rocketvpn_sdk.policy_versions import Versions
from rocketvpn_sdk.policy_versions.state import Cell
from rocketvpn_sdk.text import marked, translate

BOUND_ONLY = "session_token"
"""The field that a device has once it is bound: a feature that needs it works on a bound device alone."""

_AGREED = ConsentChoice("granted")
_AGE = marked("Say whether you are of age. If you are not, ask a parent or guardian to agree.")
_ACCEPT = marked("Accept what the new version of the privacy policy needs.")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the user can do so that a feature works."""

    kind: Literal["bind", "age", "guardian", "consent", "policy"]
    """``age``: say whether they are of age; ``policy``: accept at once what a new version of it needs."""
    purpose: str = ""
    """Of a consent: its id."""
    recipient: str | None = None
    """Of a consent to what a third party gets: its id."""
    sentence: str


class FeatureStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a feature works on this device."""

    feature: str
    """Its id in the policy."""
    sentence: str
    works: bool
    choices: tuple[Choice, ...] = ()
    """What the user can choose so that it works: all of these, and no more. Empty: it works, or no choice helps."""
    reason: str = ""
    """Why it does not work, in a sentence; empty: it works."""
    needs_given: tuple[str, ...] = ()
    """What the user can leave out, in sentences, and what it does not work without: whether the operator has it, this
    device does not know; ``rights.view`` asks."""
    purposes: tuple[str, ...]
    fields: tuple[str, ...]


class Situation(NamedTuple):
    """What a feature's status depends on."""

    held: PermitSnapshot
    bound: bool
    waiting: frozenset[Cell] = frozenset()
    """Of a pending version: what is newly necessary and was not accepted."""
    events: tuple[EventShape, ...] = ()
    """Those of the app."""


def feature_status(situation: Situation, language: str = "en") -> tuple[FeatureStatus, ...]:
    """Return the status of every feature of the newest version of the policy. Pure."""
    return tuple(_status(situation, part, language) for part in situation.held.policies[-1].document.feature)


def _status(situation: Situation, feature: Feature, language: str) -> FeatureStatus:
    newest = situation.held.policies[-1]
    optional = (field for name in feature.fields if (field := newest.fields[name]).optional)
    refusal = _refusal(situation, feature)
    choices = () if refusal is None else _choices(situation, feature, language)
    return FeatureStatus(
        feature=feature.id,
        sentence=wording.text_in(feature.sentence, language),
        works=refusal is None,
        choices=choices,
        reason=refusal or "",
        needs_given=tuple(wording.text_in(field.sentence, language) for field in optional),
        purposes=feature.purposes,
        fields=feature.fields,
    )


def _refusal(situation: Situation, feature: Feature) -> str | None:
    """Return why ``feature`` does not work; ``None``: nothing that this device knows is in its way."""
    if BOUND_ONLY in feature.fields and not situation.bound:
        return translate("This device is not bound to an order.")
    fields = situation.held.policies[-1].fields
    for name in feature.fields:
        for purpose in feature.purposes:
            if purpose in fields[name].purposes:
                decisions = [_decide(situation, name, purpose, place) for place in _places(fields[name])]
                if not any(decision.allowed for decision in decisions):
                    return decisions[0].sentence
    return None


def _decide(situation: Situation, field: str, purpose: str, recipient: str) -> Decision:
    held = situation.held
    return decide_all(held.policies, held.state, field, purpose, recipient, held.now, held.accepted)


def _places(field: Field) -> tuple[str, ...]:
    """Return where ``field`` is used: with one of those who get it, or on this device where nobody does."""
    return field.recipients if field.recipients and field.retention.server is not None else (ON_DEVICE,)


# ---------------------------------------------------------------- what would make it work


def _choices(situation: Situation, feature: Feature, language: str) -> tuple[Choice, ...]:
    """Return the choices that make ``feature`` work, without any that it works without; none: they do not help."""
    left = list(_open_choices(situation, feature, language))
    if _refusal(_after(situation, left), feature) is not None:
        return ()
    for choice in reversed(left.copy()):
        fewer = [each for each in left if each is not choice]
        if _refusal(_after(situation, fewer), feature) is None:  # more choices never allow less
            left = fewer
    return tuple(left)


def _open_choices(situation: Situation, feature: Feature, language: str) -> Iterator[Choice]:
    held = situation.held
    state, newest = held.state, held.policies[-1]
    if not situation.bound:
        yield Choice(kind="bind", sentence=translate("Bind this device to your order."))
    if state.adult is None and not state.guardian:
        yield Choice(kind="age", sentence=translate(_AGE))
    elif not state.adult and not state.guardian:
        yield Choice(kind="guardian", sentence=translate("Ask a parent or guardian to agree."))
    if situation.waiting:
        yield Choice(kind="policy", sentence=translate(_ACCEPT))
    for purpose, recipient in asked_about(newest, situation.events):
        consent = state.consents.get(_key(purpose, recipient))
        if purpose in feature.purposes and not (consent and consent.live(held.now)):
            why = wording.quoted(newest.purposes[purpose].sentence, language)
            said = translate("Agree to this: {}.").format(why)
            if recipient is not None:
                who = wording.quoted(newest.recipients[recipient].sentence, language)
                said = translate("Agree that this recipient gets something: {}. What for: {}.").format(who, why)
            yield Choice(kind="consent", purpose=purpose, recipient=recipient, sentence=said)


def _after(situation: Situation, choices: list[Choice]) -> Situation:
    """Return what ``situation`` becomes once the user has chosen ``choices``."""
    held, kinds = situation.held, {choice.kind for choice in choices}
    state = msgspec.structs.replace(
        held.state,
        adult=True if "age" in kinds else held.state.adult,
        guardian=held.state.guardian or "guardian" in kinds,
        consents={
            **held.state.consents,
            **{_key(each.purpose, each.recipient): _AGREED for each in choices if each.kind == "consent"},
        },
    )
    accepted = held.accepted | situation.waiting if "policy" in kinds else held.accepted
    return situation._replace(
        held=held._replace(state=state, accepted=accepted), bound=situation.bound or "bind" in kinds
    )


def _key(purpose: str, recipient: str | None) -> str:
    return purpose if recipient is None else f"{purpose}/{recipient}"


# ---------------------------------------------------------------- the public group


@checks_arguments
class Features:
    """``rocket.features``. Thread-safe.

    Args:
        context: what holds on this device.
        versions: those of the policy.
        events: those of the app.
    """

    def __init__(self, context: Context, versions: Versions, events: tuple[EventShape, ...]) -> None:
        self._context = context
        self._versions = versions
        self._events = events

    def status(self, language: str = "en") -> tuple[FeatureStatus, ...]:
        """Return for each feature whether it works, and if not, which choices would make it work.

        Args:
            language: BCP 47, for the policy's own sentences; English where the policy lacks it.

        Raises:
            VaultLocked: unlock first.
        """
        bound = self._context.binding() is not None
        waiting = self._versions.in_force().waiting
        situation = Situation(self._context.permit.held(), bound, waiting, self._events)
        return feature_status(situation, language)
