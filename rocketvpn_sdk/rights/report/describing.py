"""What the policy says about a field that is held, in the language of the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Duration, Policy, wording
from rocketvpn_sdk.policy.decide import blocked_recipients
from rocketvpn_sdk.policy.document import Category, Field, Purpose, Recipient
from rocketvpn_sdk.rights.report.model import HeldValue, Place, Safeguard, Term
from rocketvpn_sdk.text import translate

UNKNOWN = "unknown"
"""How long something is kept that the policy does not declare, or does not let be kept there."""

Part = TypeVar("Part")


class Describer:
    """Puts what the policy says beside what is held.

    Args:
        policies: the versions in force, the binding one first. That one describes; a newer one only what is new in it,
            and where it keeps something for less time, that holds already (X2).
        language: BCP 47, of the policy's own sentences.
    """

    def __init__(self, policies: tuple[Policy, ...], language: str) -> None:
        self.policies = policies
        self.policy = policies[0]
        titles = self.policy.document.title
        self.language = next((tag for tag in (language, language.partition("-")[0]) if tag in titles), wording.FALLBACK)

    def held(self, field_id: str, place: Place, **values: Any) -> HeldValue:
        """Return a held field with what the policy says about it; ``values`` go before that."""
        field = self.field(field_id)
        if field is None:
            # The server holds something that the policy does not know: shown all the same, and as what it is.
            sentence = translate("The policy does not declare this; ask the operator why it is held.")
            facts: dict[str, Any] = {"category": "", "sentence": sentence, "purposes": (), "recipients": ()}
            facts["undeclared"] = ("field",)
            values["correctable"] = False
            return HeldValue(**{"field": field_id, "place": place, "kept": UNKNOWN, **facts, **values})
        kept = self.kept(field_id, place)
        return HeldValue(
            **{
                "field": field_id,
                "place": place,
                "category": field.category,
                "sentence": self.text(field.sentence),
                "purposes": tuple(self.purpose(purpose) for purpose in field.purposes),
                "recipients": () if place == "device" else field.recipients,
                "kept": UNKNOWN if kept is None else kept.text,
                "correctable": place == "server" and field.correctable,
                **values,
            }
        )

    def there(self, held: Iterable[wire.HeldField], **values: Any) -> tuple[HeldValue, ...]:
        """Return what the server says it holds, with what the policy says about it; ``values`` go before both."""
        return tuple(
            self.held(
                field.id,
                "server",
                **{
                    "value": None if field.code_needed else field.value,
                    "code_needed": field.code_needed,
                    "since": field.since,
                    "until": field.until,
                    "recipients": tuple(field.recipients),
                    "correctable": field.correctable and self._correctable(field.id),
                    "hold": field.hold,
                    "pending": field.pending,
                    "undeclared": self._undeclared(field),
                    **values,
                },
            )
            for field in held
        )

    def _correctable(self, field_id: str) -> bool:
        declared = self.field(field_id)
        return declared is not None and declared.correctable and declared.retention.server is not None

    def _undeclared(self, said: wire.HeldField) -> tuple[str, ...]:
        """Return what the server says of a field that the version which binds it does not declare."""
        declared = self.field(said.id)
        if declared is None:
            return ("field",)
        holds = {
            "place": declared.retention.server is not None,
            "until": said.hold is not None or said.code_needed or _in_time(said, declared.retention.server),
            "recipients": set(declared.recipients).issuperset(said.recipients),
        }
        return tuple(part for part, held in holds.items() if not held)

    def text(self, sentence: dict[str, str]) -> str:
        """Return one of the policy's sentences."""
        return wording.text_in(sentence, self.language)

    def purpose(self, purpose: str) -> str:
        """Return what a purpose is, or its id where the policy no longer has it."""
        known = self._first(lambda policy: policy.purposes, purpose)
        return self.text(known.sentence) if known else purpose

    def operation(self, operation: str) -> str:
        """Return what a call is for, or its id where the policy no longer has it."""
        known = self._first(lambda policy: policy.operations, operation)
        return self.text(known.sentence) if known else operation

    def field(self, field_id: str) -> Field | None:
        """Return what is declared about a field; ``None``: no version in force has it."""
        return self._first(lambda policy: policy.fields, field_id)

    def kept(self, field_id: str, place: Place) -> Duration | None:
        """Return how long a field is kept at most by every version in force; ``None``: none says so."""
        declared = [policy.fields[field_id].retention for policy in self.policies if field_id in policy.fields]
        return min((kept for each in declared if (kept := getattr(each, place)) is not None), default=None)

    def terms(self, kind: Callable[[Policy], Iterable[Purpose | Recipient | Category]]) -> tuple[Term, ...]:
        """Return every word of one kind that the versions in force have."""
        parts: dict[str, Purpose | Recipient | Category] = {}
        for policy in self.policies:
            for part in kind(policy):
                parts.setdefault(part.id, part)
        return tuple(map(self.term, parts.values()))

    def safeguards(self, now: float) -> tuple[Safeguard, ...]:
        """Return what holds each recipient of the newest version to it; one that any version blocks is blocked."""
        overdue = {part.id for part in blocked_recipients(self.policies, now)}
        return tuple(
            Safeguard(
                recipient=part.id,
                kind=part.kind,
                sentence=self.text(part.sentence),
                safeguard=self.text(part.safeguard),
                contract=part.contract,
                country=part.country,
                blocked=part.id in overdue,
            )
            for part in self.policies[-1].document.recipient
        )

    def _first(self, parts: Callable[[Policy], Mapping[str, Part]], name: str) -> Part | None:
        """Return a part as the first version has it that knows it."""
        return next((known[name] for known in map(parts, self.policies) if name in known), None)

    def term(self, part: Purpose | Recipient | Category) -> Term:
        """Return a word of the policy, and what it stands for."""
        return Term(part.id, self.text(part.sentence))


def _in_time(said: wire.HeldField, kept: Duration | None) -> bool:
    """Return whether the server means to erase a field when the policy says; days are coarse, so one more may pass."""
    if kept is None or not math.isfinite(kept.seconds):
        return True
    if said.until is None or said.since is None:
        return False
    return said.until.timestamp() <= said.since.timestamp() + kept.seconds + DAY
