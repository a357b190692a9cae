"""What the policy says about a field that is held, in the language of the report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rocketvpn_sdk import wire
from rocketvpn_sdk.messages import translate
from rocketvpn_sdk.policy import Policy, wording
from rocketvpn_sdk.policy.document import Category, Purpose, Recipient
from rocketvpn_sdk.rights.report.model import HeldValue, Place, Term

UNKNOWN = "unknown"
"""How long something is kept that the policy does not declare, or does not let be kept there."""


class Describer:
    """Puts what the policy says beside what is held.

    Args:
        policy: the version that applies.
        language: BCP 47, of the policy's own sentences.
    """

    def __init__(self, policy: Policy, language: str) -> None:
        self.policy = policy
        titles = policy.document.title
        self.language = next((tag for tag in (language, language.partition("-")[0]) if tag in titles), wording.FALLBACK)

    def held(self, field_id: str, place: Place, **values: Any) -> HeldValue:
        """Return a held field with what the policy says about it; ``values`` go before that."""
        field = self.policy.fields.get(field_id)
        if field is None:
            # The server holds something that the policy does not know: shown all the same, and as what it is.
            sentence = translate("The policy does not declare this; ask the operator why it is held.")
            facts: dict[str, Any] = {"category": "", "sentence": sentence, "purposes": (), "recipients": ()}
            return HeldValue(**{"field": field_id, "place": place, "kept": UNKNOWN, **facts, **values})
        kept = field.retention.device if place == "device" else field.retention.server
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
                    "value": field.value,
                    "since": field.since,
                    "until": field.until,
                    "recipients": tuple(field.recipients),
                    "correctable": field.correctable,
                    "hold": field.hold,
                    **values,
                },
            )
            for field in held
        )

    def text(self, sentence: dict[str, str]) -> str:
        """Return one of the policy's sentences."""
        return wording.text_in(sentence, self.language)

    def purpose(self, purpose: str) -> str:
        """Return what a purpose is, or its id where the policy no longer has it."""
        known = self.policy.purposes.get(purpose)
        return self.text(known.sentence) if known else purpose

    def operation(self, operation: str) -> str:
        """Return what a call is for, or its id where the policy no longer has it."""
        known = self.policy.operations.get(operation)
        return self.text(known.sentence) if known else operation

    def term(self, part: Purpose | Recipient | Category) -> Term:
        """Return a word of the policy, and what it stands for."""
        return Term(part.id, self.text(part.sentence))
