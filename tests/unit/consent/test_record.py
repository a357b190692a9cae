"""Consent records as the guide of W3C's DPV group asks for them (15 February 2026, DPV 2.3)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.policies import sharing_policy

from rocketvpn_sdk.consent.notices import make_notice
from rocketvpn_sdk.consent.record import CONTEXT, EVENTS, STATUS, named_by_hash, new_record, receipt_of, with_event
from rocketvpn_sdk.policy import Policy, bundled_policy

NOW = 1_800_000_000.0
ID, SUBJECT = "6f1c9c1e-6f0b-4a8e-9d6a-8d1b6b1d2c3e", "0d9b9d0c-8f4c-4a57-9d4b-2a6d5b0f9a11"

DPV_2_3 = {
    "dpv:ConsentExpired", "dpv:ConsentGiven", "dpv:ConsentInvalidated", "dpv:ConsentNotice", "dpv:ConsentReceipt",
    "dpv:ConsentRecord", "dpv:ConsentRefused", "dpv:ConsentWithdrawn", "dpv:DataController", "dpv:DataSubject",
    "dpv:DataSubjectRight", "dpv:EnforceSecurity", "dpv:ExpressedConsent", "dpv:ImproveExistingProductsAndServices",
    "dpv:Location", "dpv:Optional", "dpv:Personalisation", "dpv:PersonalData", "dpv:PrivacyNotice", "dpv:Process",
    "dpv:Purpose", "dpv:Recipient", "dpv:RemoteLocation", "dpv:Required", "dpv:RightsFulfilment",
    "dpv:ServiceProvision", "dpv:StorageDuration", "dpv:StorageLocation", "dpv:TechnicalServiceProvision",
    "dpv:ThirdParty", "dpv:UntilEventDuration", "dpv:UntilTimeDuration", "dpv:WithdrawConsent", "dpv:WithinDevice",
    "dpv:hasConsentControl", "dpv:hasConsentStatus", "dpv:hasDataController", "dpv:hasDataSubject", "dpv:hasDuration",
    "dpv:hasEntity", "dpv:hasIdentifier", "dpv:hasJurisdiction", "dpv:hasLegalBasis", "dpv:hasLocation",
    "dpv:hasName", "dpv:hasNecessity", "dpv:hasNotice", "dpv:hasPersonalData", "dpv:hasProcess", "dpv:hasPurpose",
    "dpv:hasRecipient", "dpv:hasRecordOfActivity", "dpv:hasRight", "dpv:hasStorageCondition", "dpv:hasThirdParty",
    "dpv:isExercisedAt", "dpv:isIndicatedAtTime", "dpv:isIndicatedBy", "dpv:GuardianOfDataSubject",
}  # fmt: skip
"""Terms of DPV 2.3, each looked up in its dpv.ttl."""


def record(policy: Policy | None = None, purpose: str = "improvement", recipient: str | None = None) -> dict[str, Any]:
    policy = policy or bundled_policy()
    notice = make_notice(policy, purpose, recipient, "en", NOW)
    return with_event(new_record(policy, notice, record=ID, subject=SUBJECT), "granted", at=NOW)


def words(value: Any) -> Iterator[str]:
    """Yield every string and name in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from words(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from words(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.clause("U7")
def test_every_required_field_of_the_guide_is_there():
    made = record()
    assert made["@type"] == "dpv:ConsentRecord"
    assert made["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#record"
    assert made["dct:identifier"] == ID
    assert made["dpv:hasDataSubject"]["@type"] == "dpv:DataSubject"
    assert made["dpv:hasNotice"]["dct:language"] == "en"
    process = made["dpv:hasProcess"]
    for name in (
        "dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasStorageCondition", "dpv:hasDataController",
        "dpv:hasRecipient", "dpv:hasConsentControl", "dpv:hasJurisdiction", "dpv:hasRight",
    ):  # fmt: skip
        assert process[name], name
    for entity in made["dpv:hasEntity"]:
        assert entity["dpv:hasName"]
        assert entity["dpv:hasIdentifier"]
        assert entity["schema:contactPoint"]
    assert made["dpv:hasLegalBasis"] == "dpv:ExpressedConsent"
    (event,) = made[EVENTS]
    assert set(event) == {"@type", "dpv:isIndicatedAtTime", "dpv:isIndicatedBy", "dpv:hasDuration"}
    assert event["dpv:isIndicatedAtTime"] == "2027-01-15T08:00:00Z"


@pytest.mark.clause("M2", "X2")
def test_what_was_shown_is_part_of_the_record():
    policy = bundled_policy()
    shown = record()["dpv:hasNotice"]
    assert hashlib.sha256(shown["dct:description"].encode()).hexdigest() == shown["schema:sha256"]
    assert shown["dct:description"] == make_notice(policy, "improvement", None, "en", NOW).text
    assert shown["dct:date"] == "2027-01-15T08:00:00Z"
    whole = shown["dct:isPartOf"]
    assert (whole["schema:version"], whole["schema:sha256"]) == (str(policy.version), policy.sha256)


def test_a_text_is_named_by_its_hash():
    # RFC 6920 §8.1 has this example, of the text "Hello World!".
    digest = hashlib.sha256(b"Hello World!").hexdigest()
    assert named_by_hash(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
    assert base64.urlsafe_b64decode(named_by_hash(digest).partition(";")[2] + "=").hex() == digest


def test_every_term_is_one_of_dpv_2_3():
    made = [record(), record(sharing_policy(), "surveys", "acme"), record(sharing_policy(), "service", "acme")]
    documents = [*made, receipt_of(made[0], now=NOW).document]
    by = "dpv:GuardianOfDataSubject"
    documents += [with_event(made[0], state, at=NOW, until=NOW + 1, by=by) for state in STATUS]
    used = {word for document in documents for word in words(document) if re.fullmatch(r"dpv:\w+", word)}
    assert used - DPV_2_3 == set()


def test_every_prefix_is_bound():
    used = {match[1] for word in words(record()) if (match := re.match(r"(\w+):\w", word))}
    assert used - set(CONTEXT) <= {"_", "https", "ni", "urn"}


def test_events_are_added_and_never_rewritten():
    before = record()
    after = with_event(before, "withdrawn", at=NOW + 60)
    assert len(before[EVENTS]) == 1
    assert after[EVENTS][0] == before[EVENTS][0]
    assert after[EVENTS][1]["@type"] == "dpv:ConsentWithdrawn"
    assert after["dct:modified"] == "2027-01-15T08:01:00Z"


def test_an_end_is_part_of_the_event():
    made = with_event(record(), "granted", at=NOW, until=NOW + 86_400)
    begin, end = (event["dpv:hasDuration"] for event in made[EVENTS])
    assert begin == {"@type": "dpv:UntilEventDuration", "rdf:value": "Withdrawal"}
    assert end == {"@type": "dpv:UntilTimeDuration", "rdf:value": "2027-01-16T08:00:00Z"}


@pytest.mark.clause("S1")
def test_a_third_party_s_record_has_what_it_receives_and_names_it():
    process = record(sharing_policy(), "surveys", "acme")["dpv:hasProcess"]
    assert process["dpv:hasThirdParty"] == "_:acme"
    assert process["dpv:hasRecipient"] == ["_:acme"]
    assert [data["dct:identifier"] for data in process["dpv:hasPersonalData"]] == ["contact_email"]


def test_a_receipt_is_a_copy_with_an_id_of_its_own():
    made = record(sharing_policy(), "surveys", "acme")
    receipt = receipt_of(made, now=NOW)
    document = json.loads(receipt.json())
    assert document["@type"] == "dpv:ConsentReceipt"
    assert document["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#receipt"
    assert document["dpv:hasIdentifier"] != ID
    assert document["dct:created"] == "2027-01-15T08:00:00Z"
    inner = document["dpv:hasRecordOfActivity"]
    assert inner == {name: value for name, value in json.loads(json.dumps(made)).items() if name != "@context"}
    assert (receipt.record_id, receipt.purpose, receipt.recipient) == (ID, "surveys", "acme")
    assert "document=…" in repr(receipt)


@pytest.mark.clause("U7")
def test_where_each_field_rests_and_how_long_is_part_of_the_record() -> None:
    made = record(sharing_policy(), "surveys", "acme")["dpv:hasProcess"]["dpv:hasStorageCondition"]
    bound = {"@type": "dpv:UntilEventDuration", "rdf:value": "while this device is bound to the order"}
    assert [(each["dct:identifier"], each["dpv:hasLocation"], each["dpv:hasDuration"]) for each in made] == [
        ("contact_email", "dpv:RemoteLocation", bound)
    ]
    kept = record()["dpv:hasProcess"]["dpv:hasStorageCondition"]
    assert {("level", "dpv:WithinDevice", "P30D"), ("level", "dpv:RemoteLocation", "P30D")} <= {
        (each["dct:identifier"], each["dpv:hasLocation"], str(each["dpv:hasDuration"])) for each in kept
    }
