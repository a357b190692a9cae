"""Describes a difference between two policies in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rocketvpn_sdk.policy import wording
from rocketvpn_sdk.policy.decide import ON_DEVICE
from rocketvpn_sdk.policy.document import Policy, Text
from rocketvpn_sdk.policy.findings.rows import SENTENCES
from rocketvpn_sdk.text import listed, translate

if TYPE_CHECKING:
    from rocketvpn_sdk.policy.findings import Finding


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
        "feature": _named("features", finding.feature, policies, language) if finding.feature else "",
        "before": _scoped(finding, finding.before),
        "after": _scoped(finding, finding.after),
    }
    return translate(SENTENCES[finding.about, finding.kind]).format(**names)


def _scoped(finding: Finding, text: str) -> str:
    """Return ``text``; of a right with its scope, both as words."""
    right, _, scope = text.partition(".")
    return f"{right} ({scope})" if scope and finding.kind in ("step_up_added", "step_up_removed") else text


def _field(name: str, policies: Sequence[Policy], language: str) -> str:
    return _named("fields", name, policies, language) if name else ""


def _named(table: str, name: str, policies: Sequence[Policy], language: str) -> str:
    if name == ON_DEVICE and table == "recipients":
        return translate("this device")
    parts: list[Text] = [getattr(policy, table)[name].sentence for policy in policies if name in getattr(policy, table)]
    return wording.quoted(parts[0], language)
