"""Describes a difference between two policies in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Policy, Text
from rocketvpn_sdk.text import listed, translate

if TYPE_CHECKING:
    from rocketvpn_sdk.policy.findings import Finding

_OF_FIELD = {
    "field_added": "New: {field}. What for: {purposes}. Who has it: {recipients}.",
    "field_removed": "No longer collected: {field}.",
    "newly_necessary": "Needed from now on: {field}. What for: {purposes}. Who has it: {recipients}.",
    "purpose_added": "Used for more: {field}. What for: {purposes}. Who has it: {recipients}.",
    "purpose_removed": "Used for less: {field}. No longer for: {purposes}.",
    "recipient_added": "Given to more: {field}. To whom: {recipients}. What for: {purposes}.",
    "recipient_removed": "Given to fewer: {field}. No longer to: {recipients}.",
    "kept_longer": "Kept longer on this device: {field}. Before: {before}. Now: {after}.",
    "kept_shorter": "Kept for less time on this device: {field}. Before: {before}. Now: {after}.",
    "kept_longer_on_server": "Kept longer by {recipients}: {field}. Before: {before}. Now: {after}.",
    "kept_shorter_on_server": "Kept for less time by {recipients}: {field}. Before: {before}. Now: {after}.",
    "minimised_less": "More is kept of it: {field}. Before: {before}. Now: {after}.",
    "minimised_more": "Less is kept of it: {field}. Before: {before}. Now: {after}.",
    "minimised_otherwise": "Something else is kept of it: {field}. Before: {before}. Now: {after}.",
    "source_changed": "It comes from elsewhere: {field}. Before: {before}. Now: {after}.",
    "meaning_changed": "It means something else: {field}. Before: {before}. Now: {after}.",
    "no_longer_correctable": "You can no longer correct it: {field}.",
    "correctable_added": "You can correct it now: {field}.",
    "no_longer_optional": "You can no longer leave it out: {field}.",
    "optional_added": "You can leave it out now: {field}.",
    "deleted_with_order": "Deleting a device no longer deletes it, only deleting the whole order does: {field}.",
    "deleted_with_device": "Deleting a device deletes it, too: {field}.",
    "sent_anew": "Sent from now on: {field}. To whom: {recipients}. What for: {purposes}.",
    "sent_no_more": "No longer sent: {field}. To whom it went: {recipients}. What for: {purposes}.",
    "sent_exactly": "Sent as it is, and no longer minimised first: {field}. With: {calls}.",
    "sent_minimised": "Minimised before it is sent: {field}. With: {calls}.",
    "identity_added": "Sent with more about who you are: {field}. To: {recipients}. Before: {before}. Now: {after}.",
    "identity_removed": "Sent with less about who you are: {field}. To: {recipients}. Before: {before}. Now: {after}.",
}
_OF_CALL = {
    "call_added": "A new call: {calls}. What for: {purposes}. To whom: {recipients}. What goes along: {after}.",
    "call_necessary": "Needed from now on, a new call: {calls}. What for: {purposes}. To whom: {recipients}."
    " What goes along: {after}.",
    "call_removed": "A call is no longer made: {calls}. What for: {purposes}. To whom: {recipients}.",
    "call_carries_more": "A call carries more: {calls}. Before: {before}. Now: {after}.",
    "call_carries_less": "A call carries less: {calls}. Before: {before}. Now: {after}.",
    "call_carries_other": "A call carries something else in the same place: {calls}. Before: {before}. Now: {after}.",
    "call_purpose_changed": "A call is made for something else: {calls}. Before: {before}. Now: {after}.",
    "call_recipient_changed": "A call goes to somebody else: {calls}. Before: {before}. Now: {after}.",
}
_OF_PARTS = {
    "purpose_added": "A new purpose: {purposes}.",
    "purpose_removed": "A purpose is gone: {purposes}.",
    "recipient_added": "A new recipient: {recipients}.",
    "recipient_removed": "A recipient is gone: {recipients}.",
    "meaning_changed": "A purpose means something else: {purposes}. Before: {before}. Now: {after}.",
    "purpose_reworded": "What a purpose is, is said otherwise: {purposes}. Before: {before}. Now: {after}.",
    "recipient_weaker": "A recipient is further from the operator: {recipients}. Before: {before}. Now: {after}.",
    "recipient_stronger": "A recipient is nearer to the operator: {recipients}. Before: {before}. Now: {after}.",
    "safeguard_changed": "Something else binds a recipient: {recipients}. Before: {before} Now: {after}",
    "identity_added": "Calls say more about you: {purposes}. To: {recipients}. Before: {before}. Now: {after}.",
    "identity_removed": "Calls say less about you: {purposes}. To: {recipients}. Before: {before}. Now: {after}.",
    "right_removed": "You lose a right: {before}.",
    "right_added": "You get a right: {after}.",
    "step_up_removed": "Whoever uses this right is no longer asked who they are: {before}.",
    "step_up_added": "Whoever uses this right is asked who they are: {after}.",
    "notice_shorter": "A change like this is announced later. Days ahead before: {before}. Now: {after}.",
    "notice_longer": "A change that takes rights is announced earlier. Days ahead before: {before}. Now: {after}.",
    "minor_age_lowered": "Young people are protected up to a lower age. Before: {before}. Now: {after}.",
    "minor_age_raised": "Young people are protected up to a higher age. Before: {before}. Now: {after}.",
    "language_removed": "The policy is no longer there in this language: {before}.",
    "language_added": "The policy is there in this language, too: {after}.",
}
_CONSENT = {
    ("consent_no_longer_asked", "purpose"): "You are no longer asked whether you agree: {purposes}.",
    ("consent_asked", "purpose"): "You are asked whether you agree: {purposes}.",
    ("consent_no_longer_asked", "recipient"): "You are no longer asked before something goes to: {recipients}.",
    ("consent_asked", "recipient"): "You are asked before anything goes to: {recipients}.",
}


def describe_finding(
    finding: Finding,
    purposes: Sequence[str],
    recipients: Sequence[str],
    operations: Sequence[str],
    policies: Sequence[Policy],
    language: str,
) -> str:
    """Return the sentence for ``finding``, about all of ``purposes``, ``recipients`` and ``operations``.

    Args:
        finding: what differs.
        purposes: ids.
        recipients: ids, or ``device``.
        operations: ids.
        policies: where to look for the sentences of the parts, in this order.
        language: BCP 47.
    """
    names = {
        "field": _field(finding.field, policies, language),
        "purposes": listed([_named("purposes", name, policies, language) for name in purposes] or [""]),
        "recipients": listed([_named("recipients", name, policies, language) for name in recipients] or [""]),
        "calls": listed([_named("operations", name, policies, language) for name in operations] or [""]),
        "before": _scoped(finding, finding.before),
        "after": _scoped(finding, finding.after),
    }
    return translate(_template(finding)).format(**names)


def _scoped(finding: Finding, text: str) -> str:
    """Return ``text``; of a right with its scope, both as words."""
    right, _, scope = text.partition(".")
    return f"{right} ({scope})" if scope and finding.kind in ("step_up_added", "step_up_removed") else text


def _template(finding: Finding) -> str:
    if finding.field:
        return _OF_FIELD[finding.kind]
    if finding.kind in _OF_CALL:
        return _OF_CALL[finding.kind]
    about = "purpose" if finding.purpose else "recipient"
    return _CONSENT.get((finding.kind, about)) or _OF_PARTS[finding.kind]


def _field(name: str, policies: Sequence[Policy], language: str) -> str:
    return _named("fields", name, policies, language) if name else ""


def _named(table: str, name: str, policies: Sequence[Policy], language: str) -> str:
    if name == ON_DEVICE and table == "recipients":
        return translate("this device")
    parts: list[Text] = [getattr(policy, table)[name].sentence for policy in policies if name in getattr(policy, table)]
    return wording.quoted(parts[0], language)
