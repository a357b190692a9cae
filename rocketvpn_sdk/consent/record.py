"""Consent records and receipts: ISO/IEC TS 27560:2023 as W3C's DPV writes it, in JSON-LD. Pure.

Names and states are those of "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using DPV" (Final Community
Group Report, 15 February 2026) and of DPV 2.3; section numbers below are that guide's. What was shown is part of the
record: the notice with its language and time, and the policy's version and SHA-256.

Two of the guide's required fields have no source in a policy: the law's jurisdiction (8.3.9) is said to be unnamed
instead of guessed, and the controller's postal address (8.4.4.1) is left to its contact page.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from rocketvpn_sdk.clock import iso_utc
from rocketvpn_sdk.consent.ledger import ConsentState
from rocketvpn_sdk.consent.notices import ConsentNotice, receivers_of
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Duration, EventShape, Field, Policy, Recipient, wording
from rocketvpn_sdk.policy.in_use import used_fields
from rocketvpn_sdk.policy.values import BOUND

RECORD_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#record"
RECEIPT_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt"
_NAMES = (
    "dct:conformsTo",
    "dpv:hasDataController",
    "dpv:hasLegalBasis",
    "dpv:hasLocation",
    "dpv:hasNecessity",
    "dpv:hasRecipient",
    "dpv:hasThirdParty",
    "dpv:isExercisedAt",
    "dpv:isIndicatedBy",
    "skos:broader",
)
"""Members whose strings are names (IRIs), not texts."""
CONTEXT: Mapping[str, Any] = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    **{name: {"@type": "@id"} for name in _NAMES},
}
STATUS: Mapping[ConsentState, str] = {
    "granted": "dpv:ConsentGiven",
    "denied": "dpv:ConsentRefused",
    "withdrawn": "dpv:ConsentWithdrawn",
    "expired": "dpv:ConsentExpired",
    # A change of the policy or of the user's age took away what it rested on: nobody withdrew it.
    "unset": "dpv:ConsentInvalidated",
}
EVENTS = "dpv:hasConsentStatus"


class ConsentReceipt(MaskedRepr, frozen=True, kw_only=True):
    """A copy of a consent record, for the user to keep."""

    __masked__: ClassVar[tuple[str, ...]] = ("document",)

    record_id: str
    """A UUID."""
    purpose: str
    recipient: str | None
    document: dict[str, Any]
    """A ``dpv:ConsentReceipt`` in JSON-LD."""

    def json(self) -> str:
        """Return the document as JSON, for a file."""
        return msgspec.json.format(msgspec.json.encode(self.document), indent=2).decode()


def new_record(
    policy: Policy, notice: ConsentNotice, *, record: str, subject: str, events: tuple[EventShape, ...] = ()
) -> dict[str, Any]:
    """Return a record without any event yet.

    Args:
        policy: the version that ``notice`` shows.
        notice: what the user was shown.
        record: the record's id, a UUID.
        subject: stands for the user, a UUID.
        events: those of the app, as for the notice.
    """
    receivers = receivers_of(policy, notice.purpose, notice.recipient, events)
    fields = used_fields(policy, notice.purpose, notice.recipient, events)
    operators = [part.id for part in policy.document.recipient if part.kind == "operator"]
    operator = operators[0] if operators else policy.document.recipient[0].id
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{record}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": RECORD_SCHEMA,  # 8.1.1
        "dct:identifier": record,  # 8.1.2
        "dpv:hasDataSubject": {"@id": f"urn:uuid:{subject}", "@type": "dpv:DataSubject"},  # 8.1.3
        "dpv:hasNotice": _notice(policy, notice),  # 8.2
        "dpv:hasProcess": _process(policy, notice, operator, fields, receivers),  # 8.3
        "dpv:hasEntity": _entities(policy, notice, operator, receivers),  # 8.4
        "dpv:hasLegalBasis": "dpv:ExpressedConsent",  # 8.5.1
        EVENTS: [],  # 8.5
    }


def with_event(
    document: dict[str, Any], state: ConsentState, *, at: float, until: float | None = None, by: str = "dpv:DataSubject"
) -> dict[str, Any]:
    """Return the record with one more event.

    Args:
        document: the record.
        state: what holds from now on.
        at: seconds since the epoch (8.5.3).
        until: when it expires; ``None``: not before it is withdrawn (8.5.4).
        by: who expressed it (8.5.5).
    """
    event = {
        "@type": STATUS[state],
        "dpv:isIndicatedAtTime": iso_utc(at),
        "dpv:isIndicatedBy": by,
        "dpv:hasDuration": _event_duration(until),
    }
    return {**document, EVENTS: [*document[EVENTS], event], "dct:modified": iso_utc(at)}


def receipt_of(document: dict[str, Any], *, now: float) -> ConsentReceipt:
    """Return a receipt for a record: a copy of all of it, with an id of its own (section 9)."""
    inner = {name: value for name, value in document.items() if name != "@context"}
    receipt = str(uuid.uuid4())
    wrapped = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{receipt}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": RECEIPT_SCHEMA,  # 9.1.1
        "dpv:hasIdentifier": receipt,  # 9.1.2
        "dct:created": iso_utc(now),  # 9.1.4
        "dpv:hasRecordOfActivity": inner,  # 9.1.3
    }
    purpose = document["dpv:hasProcess"]["dpv:hasPurpose"]["dct:identifier"]
    third = document["dpv:hasProcess"].get("dpv:hasThirdParty")
    return ConsentReceipt(
        record_id=document["dct:identifier"],
        purpose=purpose,
        recipient=None if third is None else third.removeprefix("_:"),
        document=msgspec.to_builtins(wrapped),  # a copy in all its parts: callers share the record
    )


def named_by_hash(sha256: str) -> str:
    """Return the name of a text by its SHA-256 in hexadecimal digits: an ``ni`` URI (RFC 6920 §3)."""
    return f"ni:///sha-256;{urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b'=').decode()}"


def _notice(policy: Policy, notice: ConsentNotice) -> dict[str, Any]:
    text = notice.text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {
        "@id": named_by_hash(digest),
        "@type": "dpv:ConsentNotice",
        "dct:language": notice.language,  # 8.2.2
        "dct:date": iso_utc(notice.made_at.timestamp()),
        "dct:description": text,
        "schema:sha256": digest,
        "dct:isPartOf": {
            "@id": named_by_hash(notice.sha256),
            "@type": "dpv:PrivacyNotice",
            "dct:identifier": policy.document.policy_id,
            "schema:version": str(notice.policy_version),
            "schema:sha256": notice.sha256,
        },
    }


def _process(
    policy: Policy, notice: ConsentNotice, operator: str, fields: tuple[Field, ...], receivers: tuple[Recipient, ...]
) -> dict[str, Any]:
    purpose = policy.purposes[notice.purpose]
    process: dict[str, Any] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": "dpv:Purpose",
            "skos:broader": purpose.dpv,
            "dct:identifier": purpose.id,
            "dct:description": wording.text_in(purpose.sentence, notice.language),
        },
        "dpv:hasPersonalData": [_personal_data(field, notice.language) for field in fields],
        "dpv:hasStorageCondition": list(_storage(fields)),
        "dpv:hasDataController": _entity(operator),
        "dpv:hasRecipient": [_entity(part.id) for part in receivers],
        "dpv:hasConsentControl": {"@type": "dpv:WithdrawConsent", "dct:description": notice.withdraw},
        # No policy names one; a made-up one would be worse than none.
        "dpv:hasJurisdiction": {"@type": "dpv:Location", "dct:description": "The policy names none."},
        "dpv:hasRight": [
            {"@type": "dpv:DataSubjectRight", "dct:title": right, "dpv:isExercisedAt": policy.contact}
            for right in policy.document.rights.offered
        ],
    }
    if notice.recipient is not None:
        process["dpv:hasThirdParty"] = _entity(notice.recipient)
    return process


def _personal_data(field: Field, language: str) -> dict[str, Any]:
    return {
        "@type": "dpv:PersonalData",
        "skos:broader": field.dpv,
        "dct:identifier": field.id,
        "dct:description": wording.text_in(field.sentence, language),
        "dpv:hasNecessity": "dpv:Optional" if field.optional else "dpv:Required",
    }


def _storage(fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    """Say for each field where it rests and how long (8.3.4.2)."""
    return [
        {
            "@type": ["dpv:StorageLocation", "dpv:StorageDuration"],
            "dct:identifier": field.id,
            "dpv:hasLocation": location,
            "dpv:hasDuration": _retention(kept),
        }
        for field in fields
        for location, kept in (
            ("dpv:WithinDevice", field.retention.device),
            ("dpv:RemoteLocation", field.retention.server),
        )
        if kept is not None
    ]


def _retention(kept: Duration) -> Any:
    if kept.text == BOUND:
        return {"@type": "dpv:UntilEventDuration", "rdf:value": wording.lasting(kept)}
    return kept.text


def _event_duration(until: float | None) -> dict[str, str]:
    if until is None:
        return {"@type": "dpv:UntilEventDuration", "rdf:value": "Withdrawal"}
    return {"@type": "dpv:UntilTimeDuration", "rdf:value": iso_utc(until)}


def _entities(
    policy: Policy, notice: ConsentNotice, operator: str, receivers: tuple[Recipient, ...]
) -> list[dict[str, Any]]:
    parts = {part.id: part for part in (policy.recipients[operator], *receivers)}
    roles = {"operator": "dpv:DataController", "affiliate": "dpv:Recipient", "third_party": "dpv:ThirdParty"}
    return [
        {
            "@id": _entity(part.id),
            "@type": roles[part.kind],
            "dpv:hasIdentifier": part.id,
            "dpv:hasName": wording.text_in(part.sentence, notice.language),
            "schema:contactPoint": {"@type": "schema:ContactPoint", "schema:url": policy.contact},
        }
        for part in parts.values()
    ]


def _entity(name: str) -> str:
    return f"_:{name}"  # a name within this document (a blank node): a policy has no IRIs for who receives something
