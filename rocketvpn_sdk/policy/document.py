"""The policy document as frozen values: checked whole when it is read, and then never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, get_args

import msgspec

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.policy.canonical import LARGEST, canonical
from rocketvpn_sdk.policy.values import Duration, Transform

Whole = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
"""A whole number that JSON carries exactly: the signed form is JSON."""

Text = dict[str, str]
"""One sentence, by language (BCP 47)."""

Identity = Literal["none", "key", "device", "user"]
"""How a call says who it is: not at all; by a proof of the device's key; by the device's token; by the user's."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    # What has its default is left out of the canonical form: a key that a later version of this software adds, with a
    # default, then leaves the SHA-256 of every older document as it is.
    pass


class Cap(_Part, frozen=True, kw_only=True):
    """The longest retention that a category allows."""

    device: Duration
    server: Duration


class Category(_Part, frozen=True, kw_only=True):
    """A kind of information, and how long any of it may be kept."""

    id: str
    cap: Cap
    sentence: Text


class Purpose(_Part, frozen=True, kw_only=True):
    """Why something is done; ``necessity`` says whether that needs the user's consent."""

    id: str
    clause: str
    necessity: Literal["necessary", "consent"]
    dpv: str
    sentence: Text


class Contract(_Part, frozen=True, kw_only=True):
    """What a recipient signed to keep to this policy (S2)."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the contract's text, in hexadecimal digits."""
    signed: date
    review_by: date
    """The last day, in UTC, on which something is sent without the operator having looked at the contract again."""


class Recipient(_Part, frozen=True, kw_only=True):
    """Who may receive something; what it runs on; what holds it to this policy."""

    id: str
    kind: Literal["operator", "affiliate", "third_party"]
    hosts: tuple[str, ...]
    safeguard: Text
    contract: Contract | None = None
    """``None``: the policy names none. The operator has none, since this policy binds it."""
    country: Annotated[str, msgspec.Meta(pattern="^([A-Z]{2})?$")] = ""
    """Where it is, as two letters (ISO 3166-1); empty: the policy does not say."""
    sentence: Text


class FieldType(_Part, frozen=True, kw_only=True):
    """What the values of a field, or of a member of the protocol, look like.

    ``max`` is a length for texts, a bound for integers. ``most``: a list of up to so many such values; without it, one.
    """

    kind: Literal["text", "secret", "email", "enum", "integer", "boolean", "time", "version", "ip_address"]
    values: tuple[str, ...] = ()
    min: Whole | None = None
    max: Whole | None = None
    pattern: str = ""
    most: Whole | None = None


class RetentionRules(_Part, frozen=True, kw_only=True):
    """How long a field is kept, by place; a place without a duration does not keep it."""

    device: Duration | None = None
    server: Duration | None = None


class Field(_Part, frozen=True, kw_only=True):
    """One piece of information: why it is held, by whom, for how long, and how it is minimised first."""

    id: str
    category: str
    clause: str
    source: Literal["user", "observed", "sdk"]
    type: FieldType
    transform: Transform
    purposes: tuple[str, ...]
    recipients: tuple[str, ...]
    retention: RetentionRules
    correctable: bool = False
    optional: bool = False
    belongs: Literal["device", "order"] = "order"
    """What it goes with at a server: with the device that is deleted, or only with the whole order (A3)."""
    dpv: str
    sentence: Text


class Vocabulary(_Part, frozen=True, kw_only=True):
    """Words that stay in log lines as arguments, since the operator made them: states, regions, names of errors."""

    id: str
    values: tuple[str, ...]
    sentence: Text


class EventRule(_Part, frozen=True, kw_only=True):
    """An event that the policy itself names; an app may declare more over the same fields."""

    id: str
    purpose: str
    fields: tuple[str, ...]
    sentence: Text


class Operation(_Part, frozen=True, kw_only=True):
    """A call to a recipient: the only kind of thing that may leave the device."""

    id: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    purpose: str
    recipient: str
    identity: Identity
    fields: tuple[str, ...] = ()
    protocol: tuple[str, ...] | dict[str, FieldType] = ()
    """Members that carry no information about a person, each with its type. As a list, the older form: any short value,
    or a list of them."""
    names: dict[str, str] = {}
    """The field behind a member whose name differs."""
    exact: tuple[str, ...] = ()
    """Those of ``fields`` that are sent as they are; the others are minimised by their transform first."""
    sentence: Text

    def field_of(self, member: str) -> str:
        """Return the id of the field that the request's ``member`` carries."""
        return self.names.get(member, member)

    @property
    def protocol_types(self) -> Mapping[str, FieldType | None]:
        """The members of the protocol and their types; ``None``: what the older form takes."""
        return self.protocol if isinstance(self.protocol, dict) else dict.fromkeys(self.protocol)


class Feature(_Part, frozen=True, kw_only=True):
    """Something that the user can do, and what it does not work without (P2)."""

    id: str
    purposes: tuple[str, ...]
    fields: tuple[str, ...]
    sentence: Text


class MinorsRules(_Part, frozen=True, kw_only=True):
    """M1 to M3: the age, the advice, and the text for guardians."""

    age: Whole
    advice: Text
    guardian: Text


Right = Literal["access", "correction", "deletion", "portability", "withdrawal", "disclosures"]


StepUp = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(get_args(Right))})([.](device|account))?$")]
"""A right, with a dot and ``device`` or ``account`` behind it where only what belongs to that asks for a proof."""


def right_of(demand: str) -> str:
    """Return the right that an entry of ``step_up`` is about."""
    return demand.partition(".")[0]


class RightsRules(_Part, frozen=True, kw_only=True):
    """Which rights exist, and which of them ask for a fresh proof of who is asking (A4)."""

    offered: tuple[Right, ...]
    step_up: tuple[StepUp, ...]
    """``deletion.account``: anyone who deletes the account; ``deletion``: the server says which deletions."""


class Document(_Part, frozen=True, kw_only=True):
    """The document as it is written."""

    policy_id: str
    version: Whole
    published: date
    effective: date
    contact: str
    notice_days: Whole = 30
    title: Text
    category: tuple[Category, ...]
    purpose: tuple[Purpose, ...]
    recipient: tuple[Recipient, ...]
    field: tuple[Field, ...]
    vocabulary: tuple[Vocabulary, ...] = ()
    event: tuple[EventRule, ...] = ()
    operation: tuple[Operation, ...]
    feature: tuple[Feature, ...] = ()
    minors: MinorsRules
    rights: RightsRules


class Policy:
    """A checked policy document, with its parts by id. Immutable."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.purposes: Mapping[str, Purpose] = {part.id: part for part in document.purpose}
        self.recipients: Mapping[str, Recipient] = {part.id: part for part in document.recipient}
        self.fields: Mapping[str, Field] = {part.id: part for part in document.field}
        self.events: Mapping[str, EventRule] = {part.id: part for part in document.event}
        self.operations: Mapping[str, Operation] = {part.id: part for part in document.operation}
        self.features: Mapping[str, Feature] = {part.id: part for part in document.feature}

    @property
    def version(self) -> int:
        """The version, a whole number that only grows."""
        return self.document.version

    @property
    def contact(self) -> str:
        """Where questions go (P3)."""
        return self.document.contact

    def canonical_json(self) -> bytes:
        """Return the document as canonical JSON (RFC 8785), in UTF-8: the form that is signed.

        What has its default is left out. ``parse_policy`` reads it back to an equal policy with the same form.
        """
        return self._canonical

    @cached_property
    def _canonical(self) -> bytes:
        return canonical(msgspec.to_builtins(self.document, enc_hook=str))

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of ``canonical_json()``, 64 hexadecimal digits: what names this text and no other (M2, X2)."""
        return hashlib.sha256(self._canonical).hexdigest()

    @cached_property
    def identity(self) -> str:
        """The SHA-256 of the same without any recipient's host names: what two texts of one version share.

        An operator's servers may move; with any other word changed it is another version.
        """
        nowhere = tuple(msgspec.structs.replace(part, hosts=()) for part in self.document.recipient)
        return Policy(msgspec.structs.replace(self.document, recipient=nowhere)).sha256

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The words that may stay in log lines."""
        return frozenset(word for part in self.document.vocabulary for word in part.values)

    @cached_property
    def correctable(self) -> tuple[str, ...]:
        """The ids of the fields that the user can correct (A2)."""
        return tuple(field.id for field in self.document.field if field.correctable)

    @checked
    def with_hosts(self, recipient: str, hosts: tuple[str, ...]) -> Policy:
        """Return this policy with other ``hosts`` for ``recipient``: for a sandbox or an operator's own server."""
        parts = tuple(
            msgspec.structs.replace(part, hosts=hosts) if part.id == recipient else part
            for part in self.document.recipient
        )
        return Policy(msgspec.structs.replace(self.document, recipient=parts))

    def __repr__(self) -> str:
        return f"Policy({self.document.policy_id!r}, version={self.version})"
