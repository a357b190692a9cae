"""What the stores are told is what the policy says, in the stores' own words."""

from __future__ import annotations

import csv
import io
import plistlib
import re

import pytest
from hypothesis import given
from support.policies import edited, sharing_policy, sharing_text, with_call
from support.small_policies import policies

from rocketvpn_sdk.policy import Policy, bundled_policy, parse_policy
from rocketvpn_sdk.policy.labels import (
    android,
    android_answers,
    android_csv,
    apple,
    apple_manifest,
    apple_plist,
    unmapped,
)

POLICY = bundled_policy()
SHARING = sharing_policy()

APPLE_TYPES = {
    f"NSPrivacyCollectedDataType{name}"
    for name in (
        "Name", "EmailAddress", "PhoneNumber", "PhysicalAddress", "OtherUserContactInfo", "Health", "Fitness",
        "PaymentInfo", "CreditInfo", "OtherFinancialInfo", "PreciseLocation", "CoarseLocation", "SensitiveInfo",
        "Contacts", "EmailsOrTextMessages", "PhotosorVideos", "AudioData", "GameplayContent", "CustomerSupport",
        "OtherUserContent", "BrowsingHistory", "SearchHistory", "UserID", "DeviceID", "PurchaseHistory",
        "ProductInteraction", "AdvertisingData", "OtherUsageData", "CrashData", "PerformanceData",
        "OtherDiagnosticData", "EnvironmentScanning", "Hands", "Head", "OtherDataTypes",
    )
}  # fmt: skip
APPLE_PURPOSES = {
    f"NSPrivacyCollectedDataTypePurpose{name}"
    for name in (
        "ThirdPartyAdvertising", "DeveloperAdvertising", "Analytics", "ProductPersonalization", "AppFunctionality",
        "Other",
    )
}  # fmt: skip
PLAY_TYPES = {
    "PSL_DATA_TYPES_PERSONAL": {"PSL_NAME", "PSL_EMAIL", "PSL_USER_ACCOUNT", "PSL_ADDRESS", "PSL_PHONE",
                                "PSL_OTHER_PERSONAL"},
    "PSL_DATA_TYPES_FINANCIAL": {"PSL_PURCHASE_HISTORY", "PSL_OTHER"},
    "PSL_DATA_TYPES_LOCATION": {"PSL_APPROX_LOCATION", "PSL_PRECISE_LOCATION"},
    "PSL_DATA_TYPES_APP_PERFORMANCE": {"PSL_CRASH_LOGS", "PSL_PERFORMANCE_DIAGNOSTICS", "PSL_OTHER_PERFORMANCE"},
    "PSL_DATA_TYPES_APP_ACTIVITY": {"PSL_USER_INTERACTION", "PSL_USER_GENERATED_CONTENT", "PSL_OTHER_APP_ACTIVITY"},
    "PSL_DATA_TYPES_IDENTIFIERS": {"PSL_DEVICE_ID"},
}  # fmt: skip
PLAY_PURPOSES = {
    "PSL_APP_FUNCTIONALITY", "PSL_ANALYTICS", "PSL_DEVELOPER_COMMUNICATIONS", "PSL_FRAUD_PREVENTION_SECURITY",
    "PSL_ADVERTISING", "PSL_PERSONALIZATION", "PSL_ACCOUNT_MANAGEMENT",
}  # fmt: skip


def manifest(policy: Policy) -> dict[str, dict[str, object]]:
    entries = apple_manifest(policy)["NSPrivacyCollectedDataTypes"]
    return {each["NSPrivacyCollectedDataType"].removeprefix("NSPrivacyCollectedDataType"): each for each in entries}


def answers(policy: Policy) -> dict[tuple[str, str], str]:
    return {(each.question, each.response): each.value for each in android_answers(policy)}


def with_field(text: str, **keys: str) -> Policy:
    """Return the policy of ``text`` with a field more, and a call that carries it."""
    values = {
        "id": '"extra"', "category": '"account"', "clause": '"C3"', "source": '"user"',
        "type": '{ kind = "text", max = 60 }', "transform": '"keep"', "purposes": '["service"]',
        "recipients": '["operator"]', "retention": '{ server = "P1D" }', "dpv": '"pd:Extra"',
        "sentence": '{ en = "Something." }',
    } | keys  # fmt: skip
    field = "[[field]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
    if 'fields = ["extra"]' not in text:
        text = with_call(text, "extra", purpose=values["purposes"].strip('[]"'), fields='["extra"]')
    return parse_policy(f"{text}\n{field}")


# ---------------------------------------------------------------- both


@pytest.mark.clause("P1")
def test_the_stores_are_told_of_what_calls_carry_and_of_nothing_else():
    told = {name for kind in android(POLICY) for name in kind.fields}
    carried = {name for operation in POLICY.document.operation for name in operation.fields}
    signs = {"device_public_key", "session_token"}
    seen = {"public_address", "relay_address", "partner_address"}  # dropped here, and yet a server sees it
    assert told == carried | signs | seen
    # What the operator holds and no call of this software carries.
    assert {"payment_record", "bound_on", "device_name", "tunnel_address", "disclosure_record"}.isdisjoint(told)
    used_at_once = {name for name in told if POLICY.fields[name].retention.server.seconds == 0}
    assert used_at_once == {"guardian_contact", "relay_address", "sealed_message"}
    assert {name for kind in apple(POLICY) for name in kind.fields} == told - used_at_once


@pytest.mark.clause("P1")
def test_the_stores_are_told_of_the_purposes_that_calls_have_and_of_no_other():
    assert set(POLICY.fields["recorded_at"].purposes) == {"service", "security", "improvement", "software"}
    alone = parse_policy(edited("field", "recorded_at", "pd:Historical", "pd:Transaction"))
    (kind,) = (kind for kind in apple(alone) if "recorded_at" in kind.fields)
    assert (kind.fields, kind.purposes, kind.linked) == (("recorded_at",), ("Analytics",), False)
    # The partner is told which offer is taken, and not by whom; what the operator holds serves what is necessary.
    (across,) = (kind for kind in apple(POLICY) if "ProductPersonalization" in kind.purposes)
    assert {"offer_id", "partner_address"} <= set(across.fields)
    assert (across.shared, across.tracking) == (True, False)
    (email,) = (kind for kind in android(POLICY) if kind.kind == "PSL_EMAIL")
    assert email.purposes == ("PSL_APP_FUNCTIONALITY", "PSL_FRAUD_PREVENTION_SECURITY")


def test_every_term_of_the_policy_that_ships_has_its_word():
    assert unmapped(POLICY) == ()


def test_a_term_without_a_word_is_something_other_and_is_named():
    text = edited("purpose", "surveys", "dpv:ImproveExistingProductsAndServices", "dpv:Fun")
    policy = with_field(text, purposes='["surveys"]')
    assert unmapped(policy) == ("pd:Extra", "dpv:Fun")
    (of_apple,) = (kind for kind in apple(policy) if "extra" in kind.fields)
    assert (of_apple.kind, "Other" in of_apple.purposes) == ("OtherDataTypes", True)
    (of_play,) = (kind for kind in android(policy) if "extra" in kind.fields)
    assert (of_play.kind, "PSL_APP_FUNCTIONALITY" in of_play.purposes) == ("PSL_OTHER_PERSONAL", True)


@given(policies)
def test_any_policy_has_labels_in_the_stores_words(policy: Policy):
    plistlib.loads(apple_plist(policy))
    list(csv.reader(io.StringIO(android_csv(policy))))
    for kind in apple(policy):
        assert f"NSPrivacyCollectedDataType{kind.kind}" in APPLE_TYPES
        assert {f"NSPrivacyCollectedDataTypePurpose{each}" for each in kind.purposes} <= APPLE_PURPOSES
        assert kind.purposes
        assert not kind.ephemeral
    for kind in android(policy):
        assert kind.kind in set().union(*PLAY_TYPES.values())
        assert set(kind.purposes) <= PLAY_PURPOSES


# ---------------------------------------------------------------- Apple


def test_the_manifest_is_a_property_list_with_apple_s_keys_and_words():
    read = plistlib.loads(apple_plist(POLICY))
    assert read == apple_manifest(POLICY)
    assert set(read) == {"NSPrivacyTracking", "NSPrivacyTrackingDomains", "NSPrivacyCollectedDataTypes"}
    assert (read["NSPrivacyTracking"], read["NSPrivacyTrackingDomains"]) == (False, [])
    for each in read["NSPrivacyCollectedDataTypes"]:
        assert set(each) == {
            "NSPrivacyCollectedDataType", "NSPrivacyCollectedDataTypeLinked", "NSPrivacyCollectedDataTypeTracking",
            "NSPrivacyCollectedDataTypePurposes",
        }  # fmt: skip
        assert each["NSPrivacyCollectedDataType"] in APPLE_TYPES
        assert set(each["NSPrivacyCollectedDataTypePurposes"]) <= APPLE_PURPOSES
    assert apple_plist(POLICY).startswith(b"<?xml")


def test_the_manifest_of_the_policy_that_ships():
    found = manifest(POLICY)
    assert list(found) == [
        "DeviceID", "EmailAddress", "OtherDataTypes", "OtherDiagnosticData", "OtherUsageData", "OtherUserContent",
        "ProductInteraction", "UserID",
    ]  # fmt: skip
    assert found["EmailAddress"] == {
        "NSPrivacyCollectedDataType": "NSPrivacyCollectedDataTypeEmailAddress",
        "NSPrivacyCollectedDataTypeLinked": True,
        "NSPrivacyCollectedDataTypeTracking": False,
        "NSPrivacyCollectedDataTypePurposes": [
            "NSPrivacyCollectedDataTypePurposeAppFunctionality", "NSPrivacyCollectedDataTypePurposeOther",
        ],
    }  # fmt: skip
    unlinked = {name for name, each in found.items() if not each["NSPrivacyCollectedDataTypeLinked"]}
    assert unlinked == {"OtherDiagnosticData", "OtherUserContent", "ProductInteraction"}  # what goes without a name


def test_what_a_server_uses_at_once_and_does_not_keep_is_not_collected_for_apple():
    policy = with_field(sharing_text(), dpv='"pd:Location"', retention='{ server = "PT0S" }')
    assert not any("extra" in kind.fields for kind in apple(policy))
    (kind,) = (kind for kind in android(policy) if "extra" in kind.fields)
    assert not kind.ephemeral  # others of this kind are kept


def test_what_no_call_ties_to_anybody_is_not_linked():
    text = sharing_text() + (
        '\n[[operation]]\nid = "feel"\nmethod = "POST"\npath = "/feel"\npurpose = "service"\nrecipient = "operator"\n'
        'identity = "none"\nfields = ["extra"]\nsentence.en = "A call."\n'
    )
    text = text.replace("[[operation]]", "[[operation]]", 1)
    unlinked = with_field(text, dpv='"pd:Tracking"')
    only = [kind for kind in apple(unlinked) if kind.fields == ("extra",)]
    assert only == []  # others of this kind are tied to the order
    (email,) = (kind for kind in apple(parse_policy(sharing_text())) if kind.kind == "EmailAddress")
    assert email.linked
    alone = with_field(
        edited("field", "payment_record", "pd:Transaction", "pd:Historical", text=text), dpv='"pd:Transaction"'
    )
    (kind,) = (kind for kind in apple(alone) if kind.kind == "PurchaseHistory")
    assert (kind.fields, kind.linked) == (("extra",), False)
    tied = with_field(
        edited("field", "payment_record", "pd:Transaction", "pd:Historical", text=text)
        .replace('identity = "none"\nfields = ["extra"]', 'identity = "device"\nfields = ["extra"]'),
        dpv='"pd:Transaction"',
    )  # fmt: skip
    (kind,) = (kind for kind in apple(tied) if kind.kind == "PurchaseHistory")
    assert kind.linked


@pytest.mark.clause("S1", "U6")
def test_a_third_party_that_adapts_what_it_shows_is_tracking_and_its_hosts_are_named():
    assert apple_manifest(SHARING)["NSPrivacyTracking"] is False
    text = with_call(sharing_text(), "sister.suggest", purpose="cross_service", fields='["level"]')
    policy = parse_policy(edited("field", "level", '"improvement"', '"cross_service"', text=text))
    found = apple_manifest(policy)
    assert (found["NSPrivacyTracking"], found["NSPrivacyTrackingDomains"]) == (True, ["acme.example"])
    (entry,) = (each for kind, each in manifest(policy).items() if kind == "OtherDiagnosticData")
    assert entry["NSPrivacyCollectedDataTypeTracking"] is True
    assert manifest(policy)["EmailAddress"]["NSPrivacyCollectedDataTypeTracking"] is False
    text = with_call(sharing_text().replace('["region", "duration"]', '["region"]'), "sister.suggest",
                     purpose="cross_service", fields='["duration"]')  # fmt: skip
    alone = parse_policy(edited("field", "duration", '"improvement"', '"cross_service"', text=text))
    assert apple_manifest(alone)["NSPrivacyTracking"] is False  # nobody else gets it


# ---------------------------------------------------------------- Google


def test_the_answers_use_the_consoles_ids():
    for question, response in answers(SHARING):
        head, *rest = question.split(":")
        if head in PLAY_TYPES:
            assert response in PLAY_TYPES[head]
        elif head == "PSL_DATA_USAGE_RESPONSES":
            assert rest[0] in set().union(*PLAY_TYPES.values())
            allowed = {
                "PSL_DATA_USAGE_COLLECTION_AND_SHARING": {
                    "PSL_DATA_USAGE_ONLY_COLLECTED", "PSL_DATA_USAGE_ONLY_SHARED",
                },
                "PSL_DATA_USAGE_EPHEMERAL": {""},
                "DATA_USAGE_USER_CONTROL": {
                    "PSL_DATA_USAGE_USER_CONTROL_OPTIONAL", "PSL_DATA_USAGE_USER_CONTROL_REQUIRED",
                },
                "DATA_USAGE_COLLECTION_PURPOSE": PLAY_PURPOSES,
                "DATA_USAGE_SHARING_PURPOSE": PLAY_PURPOSES,
            }  # fmt: skip
            assert response in allowed[rest[1]]
        else:
            assert (question, response) in {
                ("PSL_DATA_COLLECTION_COLLECTS_PERSONAL_DATA", ""),
                ("PSL_DATA_COLLECTION_ENCRYPTED_IN_TRANSIT", ""),
                ("PSL_SUPPORT_DATA_DELETION_BY_USER", "DATA_DELETION_YES"),
            }


def test_the_file_has_the_consoles_columns_and_one_line_an_answer():
    rows = list(csv.reader(io.StringIO(android_csv(SHARING))))
    assert rows[0] == [
        "Question ID (machine readable)", "Response ID (machine readable)", "Response value", "Answer requirement",
        "Human-friendly question label",
    ]  # fmt: skip
    assert {len(row) for row in rows} == {5}
    assert {(row[0], row[1]): row[2] for row in rows[1:]} == answers(SHARING)
    assert len(rows) == 1 + len(answers(SHARING))
    assert android_csv(SHARING).endswith("\r\n")
    assert all(row[4] for row in rows[1:])


def test_an_email_address_is_optional_and_shared_with_whom_the_policy_says():
    about = "PSL_DATA_USAGE_RESPONSES:PSL_EMAIL"
    found = answers(POLICY)
    assert found["PSL_DATA_TYPES_PERSONAL", "PSL_EMAIL"] == "true"
    assert found[f"{about}:PSL_DATA_USAGE_COLLECTION_AND_SHARING", "PSL_DATA_USAGE_ONLY_COLLECTED"] == "true"
    assert found[f"{about}:PSL_DATA_USAGE_EPHEMERAL", ""] == "false"
    assert found[f"{about}:DATA_USAGE_USER_CONTROL", "PSL_DATA_USAGE_USER_CONTROL_OPTIONAL"] == "true"
    relayed = {question for question, response in found if "SHARED" in response or "SHARING_PURPOSE" in question}
    assert {question.split(":")[1] for question in relayed} == {
        "PSL_DEVICE_ID",
        "PSL_OTHER_PERSONAL",
        "PSL_PERFORMANCE_DIAGNOSTICS",
    }
    shared = answers(SHARING)
    assert shared[f"{about}:PSL_DATA_USAGE_COLLECTION_AND_SHARING", "PSL_DATA_USAGE_ONLY_SHARED"] == "true"
    assert shared[f"{about}:DATA_USAGE_SHARING_PURPOSE", "PSL_ANALYTICS"] == "true"


@pytest.mark.parametrize(("kind", "optional"), [("affiliate", True), ("operator", False)])
def test_an_affiliate_is_somebody_else_for_google(kind: str, optional: bool):
    text = edited("recipient", "sister", '"affiliate"', f'"{kind}"', text=sharing_text())
    text = text.replace('"operator", "acme", "sister"', '"operator", "sister"')
    assert any(each.shared for each in android(parse_policy(text))) is optional


def test_what_needs_a_consent_for_all_of_its_purposes_is_optional():
    policy = with_field(sharing_text(), dpv='"pd:AccountIdentifier"', purposes='["surveys"]')
    (user,) = (kind for kind in android(policy) if kind.kind == "PSL_USER_ACCOUNT")
    assert (user.fields, user.optional) == (("order_number", "extra"), False)
    alone = with_field(
        edited("field", "payment_record", "pd:Transaction", "pd:Historical"), dpv='"pd:Transaction"',
        purposes='["surveys"]', retention='{ server = "PT0S" }',
    )  # fmt: skip
    (bought,) = (kind for kind in android(alone) if kind.kind == "PSL_PURCHASE_HISTORY")
    assert (bought.fields, bought.optional, bought.ephemeral) == (("extra",), True, True)
    assert answers(alone)["PSL_DATA_USAGE_RESPONSES:PSL_PURCHASE_HISTORY:PSL_DATA_USAGE_EPHEMERAL", ""] == "true"


@pytest.mark.clause("A3")
def test_deletion_is_offered_as_the_policy_offers_it():
    assert answers(POLICY)["PSL_SUPPORT_DATA_DELETION_BY_USER", "DATA_DELETION_YES"] == "true"
    without = parse_policy(edited("rights", "", '"deletion", ', ""))
    assert answers(without)["PSL_SUPPORT_DATA_DELETION_BY_USER", "DATA_DELETION_NO"] == "true"


def test_a_policy_that_sends_nothing_collects_nothing():
    text = re.sub(r"recipients = \[.*?\]", "recipients = []", sharing_text())
    text = re.sub(r"(?ms)^\[\[operation\]\].*?(?=^\[|\Z)", "", text)
    text = text.replace("[minors]", "[minors]")
    policy = parse_policy("operation = []\n" + text)
    assert answers(policy)["PSL_DATA_COLLECTION_COLLECTS_PERSONAL_DATA", ""] == "false"
    assert apple_manifest(policy)["NSPrivacyCollectedDataTypes"] == []
