from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from support.clauses import CLAUSES
from support.policies import NEWEST, TEXT, VERSION, edited, sharing_policy

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy import Duration, Policy, Transform, bundled_policy, load_policy, parse_policy
from rocketvpn_sdk.transport import OWN_OPERATIONS

POLICY = bundled_policy()


def clauses_in(policy: Policy) -> set[str]:
    return {part.clause for part in (*policy.document.field, *policy.document.purpose)}


# ---------------------------------------------------------------- the document that ships


def test_the_policy_that_ships_is_valid_and_read_once():
    assert bundled_policy() is POLICY
    assert parse_policy(TEXT).document == POLICY.document
    assert (POLICY.version, repr(POLICY)) == (NEWEST, f"Policy('rocketvpn', version={NEWEST})")


def test_every_clause_that_a_part_names_exists():
    assert clauses_in(POLICY) <= set(CLAUSES)


def test_every_clause_about_data_has_a_field_or_a_purpose():
    # The others (P, S, T, M3, X3) are about what is done, not about what is held.
    wanted = {"C1", "C2", "C3", "U1", "U2", "U3", "U4", "U5", "U6", "U7", "A1", "A3", "A4", "M1", "M2", "R1", "R2"}
    assert wanted | {"X1", "X2"} <= clauses_in(POLICY)


@pytest.mark.clause("P1")
def test_everything_has_a_plain_sentence():
    tables = ("category", "purpose", "recipient", "field", "event", "operation")
    parts = [part for table in tables for part in getattr(POLICY.document, table)]
    assert len(parts) > 60
    for part in parts:
        assert part.sentence["en"].endswith("."), part.id
        assert part.id not in part.sentence["en"].split() or "_" not in part.id, f"{part.id} is explained by itself"


@pytest.mark.clause("P2")
def test_what_is_optional_is_named_and_nothing_that_a_feature_needs_is():
    assert {field.id for field in POLICY.document.field if field.optional} == {
        "contact_email",
        "language",
        "guardian_contact",
        "survey_text",
    }
    features = [operation for operation in POLICY.document.operation if operation.id != "data.correct"]
    needed = {name for operation in features for name in operation.fields}
    assert needed.isdisjoint({"contact_email", "language"})


@pytest.mark.clause("P3")
def test_questions_have_an_address():
    assert POLICY.contact == "https://rocketv.org/"


@pytest.mark.clause("C1")
def test_the_order_and_the_device_are_what_binds():
    operation = POLICY.operations["authorize.challenge"]
    assert set(operation.fields) == {"order_number", "device_id", "verification_code", "recovery_code"}
    assert operation.identity == "key"
    assert operation.field_of("replace") == operation.field_of("device_id") == "device_id"


@pytest.mark.clause("C2")
@pytest.mark.parametrize("field", ["browser_cookie", "public_address"])
def test_cookies_and_the_public_address_are_dropped(field: str):
    facts = POLICY.fields[field]
    assert facts.transform == Transform("drop")
    assert facts.retention.device == Duration("PT0S")
    assert not any(field in (*operation.fields, *operation.names.values()) for operation in POLICY.document.operation)
    assert not any(field in event.fields for event in POLICY.document.event)


@pytest.mark.clause("C2")
def test_what_is_observed_is_minimised_unless_it_is_a_choice_of_few():
    for field in POLICY.document.field:
        if field.source == "observed" and field.transform == Transform("keep"):
            assert field.type.kind in {"enum", "integer", "boolean"}, field.id


@pytest.mark.clause("C3", "A2")
def test_an_address_and_a_language_are_optional_and_correctable():
    assert POLICY.correctable == ("contact_email", "language")
    for field in POLICY.correctable:
        facts = POLICY.fields[field]
        assert (facts.optional, facts.source, facts.clause) == (True, "user", "C3")
        assert field in POLICY.operations["data.correct"].fields


@pytest.mark.clause("U1", "U2", "U3", "U4", "U5", "U6")
def test_the_purposes_and_which_of_them_need_a_consent():
    found = {(part.clause, part.id): part.necessity for part in POLICY.document.purpose}
    assert found == {
        ("U1", "service"): "necessary",
        ("U2", "security"): "necessary",
        ("U3", "improvement"): "consent",
        ("U4", "software"): "necessary",
        ("U5", "surveys"): "consent",
        ("U6", "cross_service"): "consent",
        ("A1", "rights"): "necessary",
    }


@pytest.mark.clause("A1", "A2", "A3")
def test_the_rights_are_offered_and_have_their_calls():
    assert set(POLICY.document.rights.offered) >= {"access", "correction", "deletion", "withdrawal", "disclosures"}
    for operation in ("data.view", "data.correct", "rights.request", "rights.status", "rights.receipt"):
        assert POLICY.operations[operation].purpose == "rights"


@pytest.mark.clause("A4")
def test_a_deletion_asks_who_is_asking():
    rights = POLICY.document.rights
    assert "deletion.account" in rights.step_up
    assert {demand.partition(".")[0] for demand in rights.step_up} <= set(rights.offered)


@pytest.mark.clause("A4")
@pytest.mark.parametrize("demand", ["deletion.logs", "erasure", "deletion.", ".account", "deletion.account.", ""])
def test_what_no_right_and_no_scope_is_cannot_be_asked_for(demand: str):
    with pytest.raises(PolicyInvalid, match=r"device\|account"):
        parse_policy(edited("rights", "", '"deletion.account"', f'"{demand}"'))


@pytest.mark.clause("S1", "S2")
def test_besides_the_operator_a_relay_and_a_partner_receive_little_and_each_has_a_safeguard():
    assert {each.id: each.kind for each in POLICY.document.recipient} == {
        "operator": "operator",
        "relay": "third_party",
        "partner": "third_party",
    }
    assert all(each.safeguard["en"] for each in POLICY.document.recipient)
    relayed = {field.id for field in POLICY.document.field if "relay" in field.recipients}
    assert relayed == {"sealed_message", "relay_address"}
    taken = {field.id for field in POLICY.document.field if "partner" in field.recipients}
    assert taken == {"offer_id", "partner_address"}
    assert {name for field in POLICY.document.field for name in field.recipients} == {"operator", "relay", "partner"}


@pytest.mark.clause("R1")
def test_no_field_is_kept_longer_than_its_category_allows():
    caps = {part.id: part.cap for part in POLICY.document.category}
    for field in POLICY.document.field:
        cap = caps[field.category]
        assert field.retention.device is not None or field.retention.server is not None, field.id
        for kept, allowed in ((field.retention.device, cap.device), (field.retention.server, cap.server)):
            assert kept is None or not allowed < kept, field.id
    assert caps["log"].device < Duration("P91D")
    assert caps["connection"].device < Duration("P15D")


@pytest.mark.clause("M1", "M3")
def test_minors_and_guardians_are_spoken_to():
    minors = POLICY.document.minors
    assert minors.age == 18
    assert "guardian" in minors.advice["en"]
    assert "withdraw" in minors.guardian["en"]
    assert POLICY.fields["age_flag"].type.kind == "boolean"  # a yes or no, never a birth date
    assert POLICY.fields["age_flag"].recipients == ()


def test_every_operation_s_fields_exist_and_may_be_used_so():
    for operation in POLICY.document.operation:
        for name in (*operation.fields, *operation.names.values()):
            assert operation.purpose in POLICY.fields[name].purposes, (operation.id, name)
            assert operation.recipient in POLICY.fields[name].recipients, (operation.id, name)


def test_the_calls_of_the_sdk_itself_are_declared():
    assert set(OWN_OPERATIONS) <= set(POLICY.operations)


def test_secrets_are_never_part_of_an_event():
    secret = {field.id for field in POLICY.document.field if field.type.kind == "secret"}
    assert secret == {
        "device_key",
        "session_token",
        "verification_code",
        "recovery_code",
        "guardian_code",
        "erasure_ticket",
    }
    assert all(secret.isdisjoint(event.fields) for event in POLICY.document.event)
    assert POLICY.fields["device_key"].recipients == ()


# ---------------------------------------------------------------- a policy as a value


def test_other_hosts_for_one_recipient_change_nothing_else():
    policy = sharing_policy()
    other = policy.with_hosts("operator", ("localhost:8443",))
    assert other.recipients["operator"].hosts == ("localhost:8443",)
    assert other.recipients["acme"] == policy.recipients["acme"]
    assert other.document.field == policy.document.field
    assert policy.recipients["operator"].hosts == ("api.rocketvpn.example",)


def test_a_document_cannot_be_changed():
    with pytest.raises(AttributeError):
        POLICY.document.version = 2
    with pytest.raises(AttributeError):
        POLICY.fields["message"].transform = Transform("keep")


def test_the_same_text_is_the_same_document_and_survives_a_round_trip():
    plain = msgspec.to_builtins(POLICY.document, enc_hook=str)
    assert plain["field"][0]["transform"] == "keep"
    assert parse_policy(TEXT.replace("\n", "\r\n")).document == POLICY.document


# ---------------------------------------------------------------- reading it


def test_a_policy_is_read_from_a_file(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text(edited("", "", VERSION, "version = 7"), "utf-8")
    assert load_policy(file).version == 7


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text(edited("", "", VERSION, "version = 0"), "utf-8")
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(file)
    assert caught.value.params["path"] == str(file)
    assert caught.value.params["line"] == file.read_text("utf-8").split("\n").index("version = 0") + 1


@pytest.mark.parametrize("content", [None, b"policy_id = '\xff'", "folder"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | str | None):
    file = tmp_path / "own.toml"
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(PolicyInvalid, match="cannot be read") as caught:
        load_policy(file)
    assert (caught.value.params["path"], caught.value.params["line"]) == (str(file), 0)
    assert caught.value.__cause__ is None
