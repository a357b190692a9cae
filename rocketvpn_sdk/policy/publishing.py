"""What a policy's author should mend before a version is published; a version on a device loads all the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rocketvpn_sdk.policy.checks import Finding
from rocketvpn_sdk.policy.document import Document, Field, Operation
from rocketvpn_sdk.policy.identities import IDENTITY_FIELDS


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
        for name in IDENTITY_FIELDS[operation.identity]:
            problem = _unusable(operation, fields.get(name))
            if problem:
                said = f"{operation.id!r} can never be called: its identity {operation.identity!r} carries {name!r}"
                yield "operation", index, "identity", f"{said}, which {problem}"


def _unusable(operation: Operation, field: Field | None) -> str:
    """Return why the guard stops ``operation`` because of ``field``, or an empty text."""
    if field is None:
        return "is not declared"
    if operation.purpose not in field.purposes:
        return f"is not there for {operation.purpose!r}"
    if operation.recipient not in field.recipients:
        return f"may not go to {operation.recipient!r}"
    return "has no retention on a server" if field.retention.server is None else ""
