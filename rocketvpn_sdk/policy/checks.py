"""What must hold between the parts of a policy document: each finding is a load error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Protocol

from rocketvpn_sdk.policy.members import UNSENDABLE
from rocketvpn_sdk.policy.values import Duration

if TYPE_CHECKING:
    from rocketvpn_sdk.policy.document import Document, Feature, Field, FieldType, Operation, Recipient

Finding = tuple[str, int, str, str]
"""Table, its index, the key, and the problem."""

_SPOKEN = "en"
_ID = re.compile(r"[A-Za-z0-9_.-]+")
"""No slash: ``purpose/recipient`` names a consent to a third party."""
_ON_DEVICE = "device"
"""What ``decide.ON_DEVICE`` says: a recipient of this name would pass for the device itself."""
_TABLES = ("category", "purpose", "recipient", "field", "event", "operation", "feature", "vocabulary")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
"""No space, no ``@`` and no digit in front: a name that the operator gave, not a value."""
_EXACT_KINDS = ("enum", "integer", "boolean")
_TRANSFORM_FITS = {
    "truncate_ip": ("ip_address",),
    "coarsen_time": ("time",),
    "bucket": ("integer",),
    "version": ("version",),
    "pseudonym": ("text", "email", "ip_address"),
    "scrub": ("text",),
}


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def check_references(document: Document) -> Iterator[Finding]:
    """Yield what is wrong in ``document``, in the order in which it is written."""
    yield from _header(document)
    for table in _TABLES:
        yield from _unique(table, getattr(document, table))
    yield from _sentences(document)
    for index, recipient in enumerate(document.recipient):
        if not _languages(recipient.safeguard):
            yield "recipient", index, "safeguard", f"the recipient {recipient.id!r} has no safeguard (S2)"
        yield from _contract(index, recipient)
    for index, field in enumerate(document.field):
        yield from _field(document, index, field)
    yield from _vocabulary(document)
    for index, event in enumerate(document.event):
        for problem in event_problems(document, event.purpose, event.fields):
            yield "event", index, "fields", f"the event {event.id!r} {problem}"
    for index, operation in enumerate(document.operation):
        yield from _operation(document, index, operation)
    for index, feature in enumerate(document.feature):
        yield from _feature(document, index, feature)


def event_problems(document: Document, purpose: str, fields: Sequence[str]) -> Iterator[str]:
    """Yield why an event with ``purpose`` over ``fields`` is not one the policy allows."""
    if purpose not in {part.id for part in document.purpose}:
        yield f"names the purpose {purpose!r}, which the policy does not declare"
        return
    declared = {part.id: part for part in document.field}
    for name in fields:
        if name not in declared:
            yield f"has the field {name!r}, which the policy does not declare"
        elif purpose not in declared[name].purposes:
            yield f"uses the field {name!r} for {purpose!r}, which is none of its purposes"
        elif declared[name].retention.device is None:
            yield f"has the field {name!r}, which the policy does not keep on the device"
        elif declared[name].type.most is not None:
            yield f"has the field {name!r}, which is a list: an event keeps single values"


def _header(document: Document) -> Iterator[Finding]:
    if document.version < 1:
        yield "", 0, "version", "the version must be 1 or more"
    if document.effective < document.published:
        yield "", 0, "effective", "a policy cannot take effect before it is published"
    if document.notice_days < 0:
        yield "", 0, "notice_days", "the notice period must be 0 days or more"
    if not document.title.get(_SPOKEN, "").strip():
        yield "", 0, "title", f"the title must be there in {_SPOKEN!r}, the language that decisions and reports speak"


def _unique(table: str, parts: Sequence[_Named]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, part in enumerate(parts):
        if part.id in seen:
            yield table, index, "id", f"the {table} {part.id!r} is declared twice"
        if not _ID.fullmatch(part.id) or (table == "recipient" and part.id == _ON_DEVICE):
            yield table, index, "id", f"{part.id!r} cannot be the id of a {table}"
        seen.add(part.id)


def _sentences(document: Document) -> Iterator[Finding]:
    languages = set(document.title)
    for table in _TABLES:
        for index, part in enumerate(getattr(document, table)):
            missing = languages - _languages(part.sentence)
            if missing:
                yield (
                    table,
                    index,
                    "sentence",
                    f"the {table} {part.id!r} has no sentence in {', '.join(sorted(missing))}",
                )
    for key in ("advice", "guardian"):
        missing = languages - _languages(getattr(document.minors, key))
        if missing:
            yield "minors", 0, key, f"the {key} for minors is missing in {', '.join(sorted(missing))} (M3)"


def _languages(sentence: Mapping[str, str]) -> set[str]:
    return {language for language, text in sentence.items() if text.strip()}


def _field(document: Document, index: int, field: Field) -> Iterator[Finding]:
    purposes = {part.id for part in document.purpose}
    recipients = {part.id for part in document.recipient}
    caps = {part.id: part.cap for part in document.category}
    if not field.purposes:
        yield "field", index, "purposes", f"the field {field.id!r} has no purpose"
    for purpose in field.purposes:
        if purpose not in purposes:
            yield "field", index, "purposes", f"the purpose {purpose!r} is not declared"
    for recipient in field.recipients:
        if recipient not in recipients:
            yield "field", index, "recipients", f"the recipient {recipient!r} is not declared"
    if field.category not in caps:
        yield "field", index, "category", f"the category {field.category!r} is not declared"
        return
    for place in ("device", "server"):
        kept: Duration | None = getattr(field.retention, place)
        cap: Duration = getattr(caps[field.category], place)
        if kept is not None and cap < kept:
            yield (
                "field",
                index,
                "retention",
                f"{kept} on the {place} is longer than {field.category!r} allows ({cap})",
            )
    yield from _transform(index, field)


def _vocabulary(document: Document) -> Iterator[Finding]:
    for index, part in enumerate(document.vocabulary):
        for word in part.values:
            if not _WORD.fullmatch(word):
                problem = f"{word!r} is not a word: a letter, then letters, digits, _, . and -"
                yield "vocabulary", index, "values", problem


def _contract(index: int, recipient: Recipient) -> Iterator[Finding]:
    contract = recipient.contract
    if contract is None:
        return
    if recipient.kind == "operator":
        problem = "this policy binds the operator; a contract past its review would block the user's rights"
        yield "recipient", index, "contract", problem
    if contract.review_by < contract.signed:
        yield "recipient", index, "contract", "the contract is to be reviewed before it is signed"


def _feature(document: Document, index: int, feature: Feature) -> Iterator[Finding]:
    fields = {part.id: part for part in document.field}
    known = {part.id for part in document.purpose}
    used: set[str] = set()
    for name in feature.fields:
        if name not in fields:
            yield "feature", index, "fields", f"the field {name!r} is not declared"
        elif known.issuperset(feature.purposes):
            purposes = set(feature.purposes).intersection(fields[name].purposes)
            used |= purposes
            if not purposes:
                yield "feature", index, "fields", f"the field {name!r} is not there for any purpose of {feature.id!r}"
    for purpose in feature.purposes:
        if purpose not in known:
            yield "feature", index, "purposes", f"the purpose {purpose!r} is not declared"
        elif purpose not in used:
            yield "feature", index, "purposes", f"no field of {feature.id!r} is there for {purpose!r}"
    if not feature.purposes:
        yield "feature", index, "purposes", f"the feature {feature.id!r} has no purpose"


def _transform(index: int, field: Field) -> Iterator[Finding]:
    name, kind = field.transform.name, field.type.kind
    if name in _TRANSFORM_FITS and kind not in _TRANSFORM_FITS[name]:
        yield "field", index, "transform", f"{name} does not apply to a field of type {kind!r}"
    if name == "keep" and field.source == "observed" and kind not in _EXACT_KINDS:
        yield "field", index, "transform", f"an observed field of type {kind!r} cannot be kept as it is"
    for problem in _type(field.type):
        yield "field", index, "type", problem


def _type(kind: FieldType) -> Iterator[str]:
    if kind.kind == "enum" and not kind.values:
        yield "an enum needs its values"
    if kind.kind == "integer" and (kind.min is None or kind.max is None):
        yield "an integer needs min and max"
    if kind.most is not None and kind.most < 1:
        yield "a list of none needs no declaration: most must be 1 or more"
    try:
        re.compile(kind.pattern, re.ASCII)
    except (re.error, ValueError, OverflowError, RecursionError) as error:  # flags that do not go together, too large
        yield f"the pattern is not a regular expression: {error}"


def _operation(document: Document, index: int, operation: Operation) -> Iterator[Finding]:
    fields = {part.id: part for part in document.field}
    if operation.purpose not in {part.id for part in document.purpose}:
        yield "operation", index, "purpose", f"the purpose {operation.purpose!r} is not declared"
    if operation.recipient not in {part.id for part in document.recipient}:
        yield "operation", index, "recipient", f"the recipient {operation.recipient!r} is not declared"
    for name in operation.fields:
        if name not in fields:
            yield "operation", index, "fields", f"the field {name!r} is not declared"
        elif operation.purpose not in fields[name].purposes:
            yield "operation", index, "fields", f"the field {name!r} is not there for {operation.purpose!r}"
        elif operation.recipient not in fields[name].recipients:
            yield "operation", index, "fields", f"the field {name!r} may not go to {operation.recipient!r}"
    yield from _sending(index, operation, fields)
    yield from _members(index, operation)


def _sending(index: int, operation: Operation, fields: Mapping[str, Field]) -> Iterator[Finding]:
    for name in operation.fields:
        if name in fields and fields[name].transform.name in UNSENDABLE:
            yield "operation", index, "fields", f"the field {name!r} leaves nothing to send: {fields[name].transform}"
    for name in operation.exact:
        if name not in operation.fields:
            yield "operation", index, "exact", f"{name!r} is not in its fields"
    for problem in _protocol(operation, set(fields)):
        yield "operation", index, "protocol", problem


def _protocol(operation: Operation, fields: AbstractSet[str]) -> Iterator[str]:
    for name, kind in operation.protocol_types.items():
        if name in fields:
            yield f"the protocol's member {name!r} has the name of a field: declare it in fields"
        if name in operation.names:
            yield f"the protocol's member {name!r} stands for a field, too"
        if kind is None:
            continue
        if kind.kind == "text" and kind.max is None and not kind.pattern:
            yield f"the protocol's member {name!r} needs max or pattern"
        for problem in _type(kind):
            yield f"the protocol's member {name!r}: {problem}"


def _members(index: int, operation: Operation) -> Iterator[Finding]:
    for member, name in operation.names.items():
        if name not in operation.fields:
            yield (
                "operation",
                index,
                "names",
                f"the member {member!r} stands for {name!r}, which is not in its fields",
            )
    known = {*operation.fields, *operation.protocol_types, *operation.names}
    for member in re.findall(r"{(\w+)}", operation.path):
        if member not in known:
            yield "operation", index, "path", f"{{{member}}} in the path is not declared"
