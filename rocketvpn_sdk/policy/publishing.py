"""What a policy's author should mend before a version is published; a version on a device loads all the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.policy.checks import Finding
from rocketvpn_sdk.policy.document import Document
from rocketvpn_sdk.policy.own_calls import call_problem


def check_publishing(document: Document) -> Iterator[Finding]:
    """Yield what loads and yet should not be published: recipients bound by words alone, and calls that cannot be made.

    ``document`` has passed ``check_references``.
    """
    for index, recipient in enumerate(document.recipient):
        if recipient.kind != "operator" and recipient.contract is None:
            yield "recipient", index, "safeguard", f"the recipient {recipient.id!r} has no contract (S2)"
        if recipient.kind != "operator" and not recipient.country:
            yield "recipient", index, "safeguard", f"the recipient {recipient.id!r} has no country (S2)"
    fields = {part.id: part for part in document.field}
    for index, operation in enumerate(document.operation):
        problem = call_problem(operation, fields)
        if problem:
            yield "operation", index, "identity", f"{operation.id!r} can never be called: {problem}"
