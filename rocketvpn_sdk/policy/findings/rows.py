"""The table of differences between two policies: what each is about, its name either way, and its sentences."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rocketvpn_sdk.text import marked as _

Kind = Literal[
    "call_added", "call_carries_less", "call_carries_more", "call_carries_other", "call_necessary",
    "call_purpose_changed", "call_recipient_changed", "call_removed", "consent_asked", "consent_no_longer_asked",
    "contract_added", "contract_changed", "contract_removed", "correctable_added", "country_changed", "country_told",
    "country_withheld", "deleted_with_device", "deleted_with_order", "feature_added", "feature_needs_less",
    "feature_needs_more", "feature_removed", "field_added", "field_removed", "identity_added", "identity_removed",
    "kept_longer",
    "kept_longer_on_server", "kept_shorter", "kept_shorter_on_server", "language_added", "language_removed",
    "meaning_changed", "minimised_less", "minimised_more", "minimised_otherwise", "minor_age_lowered",
    "minor_age_raised", "newly_necessary", "no_longer_correctable", "no_longer_optional", "notice_longer",
    "notice_shorter", "optional_added", "purpose_added", "purpose_removed", "purpose_reworded", "recipient_added",
    "recipient_removed", "recipient_stronger", "recipient_weaker", "review_later", "review_sooner", "right_added",
    "right_removed",
    "safeguard_changed", "sent_anew", "sent_exactly", "sent_minimised", "sent_no_more", "source_changed",
    "step_up_added", "step_up_removed",
]  # fmt: skip

About = Literal["field", "call", "purpose", "recipient", "feature", "promise"]


class Row(NamedTuple):
    """One kind of difference."""

    about: About
    wider: Kind
    """What it is called where the new policy has it and the old one does not cover it."""
    sentence: str
    narrower: Kind | None = None
    """What it is called the other way round; ``None``: neither way is better."""
    reverse: str = ""
    """The sentence of that."""


# fmt: off
ROWS = (
    Row("field", "field_added", _("New: {field}. What for: {purposes}. Who has it: {recipients}."),
        "field_removed", _("No longer collected: {field}.")),
    Row("field", "newly_necessary",
        _("Needed from now on: {field}. What for: {purposes}. Who has it: {recipients}."),
        "field_removed", _("No longer collected: {field}.")),
    Row("field", "purpose_added", _("Used for more: {field}. What for: {purposes}. Who has it: {recipients}."),
        "purpose_removed", _("Used for less: {field}. No longer for: {purposes}.")),
    Row("field", "recipient_added", _("Given to more: {field}. To whom: {recipients}. What for: {purposes}."),
        "recipient_removed", _("Given to fewer: {field}. No longer to: {recipients}.")),
    Row("field", "kept_longer", _("Kept longer on this device: {field}. Before: {before}. Now: {after}."),
        "kept_shorter", _("Kept for less time on this device: {field}. Before: {before}. Now: {after}.")),
    Row("field", "kept_longer_on_server",
        _("Kept longer by {recipients}: {field}. Before: {before}. Now: {after}."),
        "kept_shorter_on_server", _("Kept for less time by {recipients}: {field}. Before: {before}. Now: {after}.")),
    Row("field", "minimised_less", _("More is kept of it: {field}. Before: {before}. Now: {after}."),
        "minimised_more", _("Less is kept of it: {field}. Before: {before}. Now: {after}.")),
    Row("field", "minimised_otherwise", _("Something else is kept of it: {field}. Before: {before}. Now: {after}.")),
    Row("field", "source_changed", _("It comes from elsewhere: {field}. Before: {before}. Now: {after}.")),
    Row("field", "meaning_changed", _("It means something else: {field}. Before: {before}. Now: {after}.")),
    Row("field", "no_longer_correctable", _("You can no longer correct it: {field}."),
        "correctable_added", _("You can correct it now: {field}.")),
    Row("field", "no_longer_optional", _("You can no longer leave it out: {field}."),
        "optional_added", _("You can leave it out now: {field}.")),
    Row("field", "deleted_with_order",
        _("Deleting a device no longer deletes it, only deleting the whole order does: {field}."),
        "deleted_with_device", _("Deleting a device deletes it, too: {field}.")),
    Row("field", "sent_anew", _("Sent from now on: {field}. To whom: {recipients}. What for: {purposes}."),
        "sent_no_more", _("No longer sent: {field}. To whom it went: {recipients}. What for: {purposes}.")),
    Row("field", "sent_exactly", _("Sent as it is, and no longer minimised first: {field}. With: {calls}."),
        "sent_minimised", _("Minimised before it is sent: {field}. With: {calls}.")),
    Row("field", "identity_added",
        _("Sent with more about who you are: {field}. To: {recipients}. Before: {before}. Now: {after}."),
        "identity_removed",
        _("Sent with less about who you are: {field}. To: {recipients}. Before: {before}. Now: {after}.")),

    Row("call", "call_added",
        _("A new call: {calls}. What for: {purposes}. To whom: {recipients}. What goes along: {after}."),
        "call_removed", _("A call is no longer made: {calls}. What for: {purposes}. To whom: {recipients}.")),
    Row("call", "call_necessary",
        _("Needed from now on, a new call: {calls}. What for: {purposes}. To whom: {recipients}."
          " What goes along: {after}."),
        "call_removed", _("A call is no longer made: {calls}. What for: {purposes}. To whom: {recipients}.")),
    Row("call", "call_carries_more", _("A call carries more: {calls}. Before: {before}. Now: {after}."),
        "call_carries_less", _("A call carries less: {calls}. Before: {before}. Now: {after}.")),
    Row("call", "call_carries_other",
        _("A call carries something else in the same place: {calls}. Before: {before}. Now: {after}.")),
    Row("call", "call_purpose_changed",
        _("A call is made for something else: {calls}. Before: {before}. Now: {after}.")),
    Row("call", "call_recipient_changed",
        _("A call goes to somebody else: {calls}. Before: {before}. Now: {after}.")),
    Row("call", "identity_added",
        _("Calls say more about you: {purposes}. To: {recipients}. Before: {before}. Now: {after}."),
        "identity_removed",
        _("Calls say less about you: {purposes}. To: {recipients}. Before: {before}. Now: {after}.")),

    Row("purpose", "purpose_added", _("A new purpose: {purposes}."),
        "purpose_removed", _("A purpose is gone: {purposes}.")),
    Row("purpose", "meaning_changed",
        _("A purpose means something else: {purposes}. Before: {before}. Now: {after}.")),
    Row("purpose", "purpose_reworded",
        _("What a purpose is, is said otherwise: {purposes}. Before: {before}. Now: {after}.")),
    Row("purpose", "consent_no_longer_asked", _("You are no longer asked whether you agree: {purposes}."),
        "consent_asked", _("You are asked whether you agree: {purposes}.")),

    Row("recipient", "recipient_added", _("A new recipient: {recipients}."),
        "recipient_removed", _("A recipient is gone: {recipients}.")),
    Row("recipient", "recipient_weaker",
        _("A recipient is further from the operator: {recipients}. Before: {before}. Now: {after}."),
        "recipient_stronger",
        _("A recipient is nearer to the operator: {recipients}. Before: {before}. Now: {after}.")),
    Row("recipient", "safeguard_changed",
        _("Something else binds a recipient: {recipients}. Before: {before} Now: {after}")),
    Row("recipient", "contract_removed", _("A recipient has no contract any more: {recipients}. Before: {before}."),
        "contract_added", _("A recipient is bound by a contract now: {recipients}. Now: {after}.")),
    Row("recipient", "contract_changed",
        _("A recipient is bound by another contract: {recipients}. Before: {before}. Now: {after}.")),
    Row("recipient", "review_later",
        _("A recipient's contract is looked at later: {recipients}. Before: by {before}. Now: by {after}."),
        "review_sooner",
        _("A recipient's contract is looked at sooner: {recipients}. Before: by {before}. Now: by {after}.")),
    Row("recipient", "country_changed",
        _("A recipient is in another country: {recipients}. Before: {before}. Now: {after}.")),
    Row("recipient", "country_withheld",
        _("The policy no longer says in which country a recipient is: {recipients}. Before: {before}."),
        "country_told", _("The policy says in which country a recipient is: {recipients}. Now: {after}.")),
    Row("recipient", "consent_no_longer_asked",
        _("You are no longer asked before something goes to: {recipients}."),
        "consent_asked", _("You are asked before anything goes to: {recipients}.")),

    Row("feature", "feature_needs_more", _("Something needs more to work: {feature}. It needs now: {after}."),
        "feature_needs_less", _("Something needs less to work: {feature}. It no longer needs: {before}.")),
    Row("feature", "feature_removed", _("The policy no longer says what this needs to work: {feature}."),
        "feature_added", _("The policy says what this needs to work: {feature}.")),

    Row("promise", "right_removed", _("You lose a right: {before}."),
        "right_added", _("You get a right: {after}.")),
    Row("promise", "step_up_removed", _("Whoever uses this right is no longer asked who they are: {before}."),
        "step_up_added", _("Whoever uses this right is asked who they are: {after}.")),
    Row("promise", "notice_shorter",
        _("A change like this is announced later. Days ahead before: {before}. Now: {after}."),
        "notice_longer",
        _("A change that takes rights is announced earlier. Days ahead before: {before}. Now: {after}.")),
    Row("promise", "minor_age_lowered",
        _("Young people are protected up to a lower age. Before: {before}. Now: {after}."),
        "minor_age_raised",
        _("Young people are protected up to a higher age. Before: {before}. Now: {after}.")),
    Row("promise", "language_removed", _("The policy is no longer there in this language: {before}."),
        "language_added", _("The policy is there in this language, too: {after}.")),
)
# fmt: on

OPPOSITE: dict[Kind, Kind] = {row.wider: row.narrower for row in ROWS if row.narrower is not None}
"""What it is called when it goes the other way. What is missing here has no better direction."""

SENTENCES: dict[tuple[About, Kind], str] = {
    **{(row.about, row.wider): row.sentence for row in ROWS},
    **{(row.about, row.narrower): row.reverse for row in ROWS if row.narrower is not None},
}

NECESSARY: frozenset[Kind] = frozenset({"call_necessary", "newly_necessary"})
"""What the user may accept at once."""
