"""The report equals the truth: a value planted for every field, against the whole content of vault and database.

Two tables below say, for each document of the vault and each column of the sandbox, which field of the policy it is. A
document or column that they do not know fails: whoever adds one says what it is, and shows it.
"""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any, NamedTuple

import msgspec
import pytest
from support.app_events import Crashed, NetworkChanged, SessionConnected
from support.vault_reader import Reader
from support.world import World, tunnel_key

from rocketvpn_sdk import Report, RocketVPN
from rocketvpn_sdk.policy import bundled_policy

EMAIL, GUARDIAN = "planted-kim@example.org", "planted-guardian@example.org"
LANGUAGE = "pt-BR"
LINE = "planted words of a log line"
FAILURE, REGION, PROTOCOL = "timeout", "pl-waw", "ikev2"

DOCUMENTS: dict[str, dict[str, str]] = {
    "binding": {
        "order_number": "order_number",
        "device_id": "device_id",
        "bound_on": "bound_on",
        "by_machine": "device_id",
    },
    "credentials": {
        "device_id": "device_id",
        "private_key": "device_key",
        "refresh_token": "session_token",
        "client_id": "=the app's own name, the same for all its users",
    },
    "pending_binding": {"order_number": "order_number", "device_id": "device_id", "private_key": "device_key"},
    "person": {"adult": "age_flag", "at": "age_flag"},
    "guardian": dict.fromkeys(("version", "sha256", "at", "request", "carried"), "guardian_confirmation"),
    "guardian/request": dict.fromkeys(
        ("request", "about", "version", "sha256", "expires_at", "key", "code_digits"), "guardian_confirmation"
    ),
    "consents": dict.fromkeys(("entries", "records", "subject"), "consent_record"),
    "consent/*": {"document": "consent_record"},
    "policy": {
        "binding": "policy_state",
        "newest": "policy_state",
        "shown": "notice_record",
        "accepted": "policy_state",
    },
    "policy/*": {"text": "policy_state"},
    "queue": {"ids": "queue_item"},
    "queue/*": dict.fromkeys(
        (
            "id",
            "operation",
            "body",
            "created_at",
            "begun_at",
            "idempotency_key",
            "state",
            "problem",
            "attempts",
            "counted_from",
            "got_on",
            "reference",
            "device_id",
            "subject",
            "due_at",
            "not_before",
            "superseded",
        ),
        "queue_item",
    ),
    "sent_key": {"key": "sent_record"},
    "reports": {
        "handles": "erasure_handle",
        "until": "=up to which record reports went, so that none goes twice",
        "taken": "=how many records of that very time were reported",
    },
    "surveys": {
        "number": "survey_record",
        "answered": "survey_record",
        "declined": "survey_record",
    },
    "offers": dict.fromkeys(("number", "settled"), "offer_record"),
    "operator-notices": {
        "listed": "=the operator's signed notices, the same for everybody",
        "shown": "notice_record",
    },
    "clock": {
        **dict.fromkeys(("highest", "saved_at", "leap_to", "leap_ran", "proven"), "clock_mark"),
        **dict.fromkeys(("vouched", "said", "word", "lead", "served", "booted_for"), "clock_mark"),
        "boot": "=the name that the system gave to the machine's run, at random, when it was started",
    },
    "journal": {"capped": "=a number in the report's log: how many were removed because it was full"},
}
"""By document and member: the field of the policy, or after ``=`` what it is else."""

STREAMS = {"log": "the fields of its records", "sent": "sent_record", "witness": "witness_record"}

_ONCE = "=goes within minutes, once it was used or is too old"
_PUT_OUT = "=a hash of the key of a device that was taken off, for 90 days, so that it can learn it; tied to no order"
_ANSWER = "=an answer that the device was given, for a day (a rights request: as long as that), in case it was lost"
_PROOF = "=hashes of a request's proof and of its key, for two minutes, so that nobody sends the request again"
_COUNT = (
    "=how often codes were asked for and were wrong, for seven days at most. The row names nobody; with the key in its"
    " folder, and an order's number, the operator can find it. It counts what strangers did as well, knows no device,"
    " and is left out of the view: whoever binds a device would see by it what others do"
)
_ORDER = "=of the order, not of its user; device.order() shows it"
_OWN = "=the server's own"
_ROW = "=the server's own: a random name for the row of an order or device, which says nothing about anybody"
COLUMNS: dict[str, dict[str, str]] = {
    "orders": {
        "number": "order_number",
        "row_id": _ROW,
        "device_limit": _ORDER,
        "paid_until": _ORDER,
        "created_on": "order_number",
        "contact_email": "contact_email",
        "contact_since": "contact_email",
        "language": "language",
        "language_since": "language",
        "language_by": _ROW,
    },
    "pending_addresses": {
        "order_number": "order_number",
        "device_id": "device_id",
        **dict.fromkeys(("row_id", "device_row"), _ROW),
        **dict.fromkeys(("address", "by_code", "asked_at", "counts_from", "expires_at"), "contact_email"),
    },
    "recovery_codes": {
        "order_number": "order_number",
        **dict.fromkeys(("code_hash", "made_on"), "recovery_code"),
    },
    "reports": dict.fromkeys(
        ("id_hash", "handle_hash", "body", "received_on", "expires_at"),
        "=reports of how apps ran, for 30 days; nobody knows whose they are, so that no view can show them",
    ),
    "survey_responses": dict.fromkeys(
        ("id_hash", "handle_hash", "survey", "body", "received_on", "expires_at"),
        "=answers to surveys, for 90 days; nobody knows whose they are, so that no view can show them",
    ),
    "payments": {
        "invoice": "payment_record",
        "order_number": "order_number",
        "record": "payment_record",
        "paid_on": "payment_record",
        "hold_until": "payment_record",
    },
    "devices": {
        "order_number": "order_number",
        "id": "device_id",
        "row_id": _ROW,
        "jkt": "device_public_key",
        "name": "device_name",
        "bound_on": "bound_on",
    },
    # That a code was entered on the device. The view has the device itself, with the same id, and no field for this.
    "proven_devices": {"order_number": "order_number", "device_id": "device_id", "device_row": _ROW},
    "refresh_tokens": {
        "token_hash": "session_token",
        "jkt": "device_public_key",
        "client_id": "=the app's own name",
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        "issued_on": "session_token",
    },
    "tunnels": {
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        "public_key": "tunnel_public_key",
        "address": "tunnel_address",
        "created_at": "tunnel_public_key",
        "expires_at": "tunnel_public_key",
    },
    "consents": {
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        **dict.fromkeys(
            ("purpose", "recipient", "record_id", "state", "policy_version", "policy_sha256", "at", "expires_at"),
            "consent_record",
        ),
    },
    "disclosures": {
        "order_number": "order_number",
        **dict.fromkeys(("id", "recipient", "kind", "basis", "categories", "day", "expires_at"), "disclosure_record"),
    },
    "tickets": {
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        **dict.fromkeys(
            ("ticket_id", "scope", "by_code", "made_on", "replay_hash", "receipt", "expires_at"), "erasure_ticket"
        ),
    },
    "guardian_requests": {
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        **dict.fromkeys(
            ("id_hash", "about", "policy_version", "policy_sha256", "code_hash", "tries", "used", "code_until"),
            "guardian_code",
        ),
        "expires_at": "guardian_code",
    },
    "guardian_confirmations": {
        "order_number": "order_number",
        "device_id": "device_id",
        "device_row": _ROW,
        **dict.fromkeys(("request_hash", "policy_version", "policy_sha256", "confirmed_at"), "guardian_confirmation"),
    },
    "rights_requests": {
        **dict.fromkeys(
            ("id", "jkt", "refresh_hash", "exercise", "scope", "status", "received_at", "expected_by", "expires_at"),
            "=in the report's requests",
        ),
        **dict.fromkeys(("asked_by", "device_row", "order_row"), _ROW),
        **dict.fromkeys(
            ("order_number", "device_id", "receipt", "carry_out_at", "erased_first"), "=in the report's requests"
        ),
    },
    **{
        table: dict.fromkeys(columns.split(), reason)
        for table, reason, columns in (
            ("removed_keys", _PUT_OUT, "key_hash expires_at"),
            ("code_budgets", _COUNT, "name since sent wrong used mailed expires_at"),
            ("proofs", _PROOF, "proof_hash key_hash expires_at"),
            (
                "auth_sessions",
                _ONCE,
                "id_hash jkt client_id kind budget long order_number device_id device_row replaces replaces_row "
                "code_hash tries max_age expires_at",
            ),
            (
                "auth_codes",
                _ONCE,
                "code_hash jkt client_id kind order_number device_id device_row replaces replaces_row verified "
                "max_age expires_at",
            ),
            ("access_tokens", _ONCE, "token_hash jkt order_number device_id device_row request_id acr expires_at"),
            (
                "idempotency",
                _ANSWER,
                "jkt key_hash fingerprint path order_number device_id device_row request_id claim status by_code "
                "headers body expires_at",
            ),
        )
    },
    "meta": dict.fromkeys(("name", "value"), _OWN),
}
"""By table and column, in the same way."""


class Truth(NamedTuple):
    """What there was when the report was made."""

    report: Report
    documents: dict[str, Any]
    records: list[tuple[str, str, float, Any]]
    rows: dict[str, list[dict[str, Any]]]
    planted: dict[str, dict[str, str]]
    """By place and field."""


@pytest.fixture(scope="module")
def truth(_shared_sandbox, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    world = World(_shared_sandbox, tmp_path_factory.mktemp("truth") / "vault")
    sandbox, key = world.sandbox, tunnel_key()
    order = sandbox.order(email=EMAIL)
    with RocketVPN.open(world.config(events=[SessionConnected, NetworkChanged, Crashed])) as rocket:
        rocket.device.bind(order)
        rocket.consent.declare_age(adult=True)
        rocket.rights.correct({"language": LANGUAGE})
        rocket.call("tunnel.register", public_key=key)
        rocket.consent.request_guardian(GUARDIAN)
        rocket.consent.confirm_guardian(sandbox.mail.last_code())
        rocket.consent.request_guardian(GUARDIAN)
        rocket.consent.grant(rocket.consent.notice("improvement"))
        _record(rocket)
        sandbox.faults.fail(50, status=503, retry_after=None)
        rocket.consent.withdraw("improvement")
        sandbox.faults.clear()
        report = rocket.rights.view(samples=10, with_code=True)
        rows = sandbox.rows()
        device = rocket.device.binding.device_id
    with closing(sqlite3.connect(world.folder / "vault.db")) as db:
        name = "/".join(part.hex() for part in db.execute("SELECT vault_id, root_id FROM head").fetchone())
    reader = Reader(world.folder / "vault.db", name, world.secrets.get(name))
    mine = next(row for row in rows["devices"] if row["id"] == device)
    tunnel = next(row for row in rows["tunnels"] if row["device_id"] == device)
    with closing(reader.db):
        documents, records = dict(reader.documents()), list(reader.records())
    both = {"order_number": order, "device_id": device, "device_public_key": mine["jkt"]}
    planted = {
        "device": {**both, "bound_on": documents["binding"]["bound_on"]},
        "server": {
            **both,
            "contact_email": EMAIL,
            "language": LANGUAGE,
            "device_name": mine["name"],
            "tunnel_public_key": key,
            "tunnel_address": tunnel["address"],
            "payment_record": next(row["record"] for row in rows["payments"] if row["order_number"] == order),
        },
    }
    return Truth(report, documents, records, rows, planted)


def _record(rocket: RocketVPN) -> None:
    rocket.journal.handler().handle(logging.LogRecord("planted.logger", logging.ERROR, "f", 1, LINE, None, None))
    rocket.journal.record(SessionConnected(region=REGION, protocol=PROTOCOL, duration=12))
    event = NetworkChanged(local_address="192.168.7.23", remote_host="wifi.example", traffic=1, platform_version="12.5")
    rocket.journal.record(event)
    rocket.journal.record(Crashed(failure=FAILURE))
    rocket.journal.flush()


def held(truth: Truth, place: str) -> list[Any]:
    return [*(truth.report.here if place == "device" else truth.report.there)]


# ---------------------------------------------------------------- every value, once a place


@pytest.mark.clause("A1")
@pytest.mark.parametrize("place", ["device", "server"])
def test_every_planted_value_is_in_the_report_exactly_once_for_each_place(truth: Truth, place: str) -> None:
    values = Counter(json.dumps(value.value, default=str) for value in held(truth, place))
    fields = {value.field: value for value in held(truth, place)}
    for field, planted in truth.planted[place].items():
        assert values[json.dumps(planted)] == 1, field
        assert str(fields[field].value) == planted


@pytest.mark.clause("A1", "C2")
def test_every_field_of_every_log_record_is_counted_and_sampled(truth: Truth) -> None:
    counts = Counter(
        field
        for stream, _, _, (_, _, fields) in (record for record in truth.records if record[0] == "log")
        for field, value in fields.items()
        if value is not None
    )
    logged = sum(stream == "log" for stream, *_ in truth.records)
    expected = {**counts, "recorded_at": logged, "event_name": logged}
    reported = {value.field: value.count for value in truth.report.here if value.count and value.category != "record"}
    assert reported == expected
    samples = [[entry.purpose, entry.event, entry.fields] for entry in truth.report.log_samples]
    stored = [record for stream, _, _, record in truth.records if stream == "log"]
    assert sorted(map(str, samples)) == sorted(map(str, stored))
    text = json.dumps(samples)
    assert all(text.count(planted) == 1 for planted in (LINE, REGION, PROTOCOL))


@pytest.mark.clause("A1")
def test_the_ledger_the_queue_and_the_choices_are_those_of_the_vault(truth: Truth) -> None:
    begun = Counter(record[2] for stream, _, _, record in truth.records if stream == "sent" and record[0] == "begun")
    assert {each.operation: each.times for each in truth.report.sent} == begun
    items = [document for name, document in truth.documents.items() if name.startswith("queue/")]
    assert [waiting.content for waiting in truth.report.waiting] == [item["body"] for item in items]
    decided = [name.partition("/")[2] for name in truth.documents if name.startswith("consent/")]
    steps = [step.record_id for story in truth.report.consents for step in story.history]
    assert set(steps) == set(decided)
    assert Counter(steps) == {decided[0]: 2}
    values = {value.field: value.value for value in truth.report.here}
    assert values["age_flag"] is truth.documents["person"]["adult"] is True
    said = [value.value for value in truth.report.here if value.field == "guardian_confirmation"]
    version = bundled_policy().version
    assert said == [f"version {version}: agreed", f"version {version}: asked, not answered yet"]


# ---------------------------------------------------------------- and nothing else


@pytest.mark.clause("A1", "C1", "C2")
def test_nothing_else_is_in_the_vault(truth: Truth) -> None:
    reported = {value.field for value in truth.report.here}
    unknown = []
    for name, document in truth.documents.items():
        members = DOCUMENTS.get(re.sub(r"^(consent|policy|queue)/.*", r"\1/*", name))
        for member, value in document.items():
            field = (members or {}).get(member)
            if field is None or (value and field[0] != "=" and field not in reported):
                unknown.append(f"{name}: {member}")
    assert unknown == []
    assert {"log", "sent"} <= {stream for stream, *_ in truth.records} <= set(STREAMS)


@pytest.mark.clause("A1", "C1", "C2")
def test_nothing_else_is_at_the_server(truth: Truth) -> None:
    reported = {value.field for value in truth.report.there}
    order, device = truth.planted["server"]["order_number"], truth.planted["server"]["device_id"]
    unknown = []
    for table, rows in truth.rows.items():
        for row in rows:
            for column, value in row.items():
                field = COLUMNS.get(table, {}).get(column)
                mine = row.get("order_number", row.get("number")) == order and row.get("device_id", device) == device
                if field is None or (mine and value is not None and field[0] != "=" and field not in reported):
                    unknown.append(f"{table}: {column}")
    assert sorted(set(unknown)) == []


def test_the_tables_above_name_every_document_and_column_there_is(truth: Truth) -> None:
    from rocketvpn_sdk.sandbox.tables import metadata

    found = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}
    assert found == {table: set(columns) for table, columns in COLUMNS.items()}, "say what the new column is"
    # Not there when this user's report was made; test_a_newer_version_... and others make them.
    absent = {"journal", "offers", "operator-notices", "pending_binding", "reports", "surveys"}
    names = {re.sub(r"^(consent|policy|queue)/.*", r"\1/*", name) for name in truth.documents}
    assert names | absent == set(DOCUMENTS)


def test_a_document_or_column_that_nobody_has_named_would_be_found(truth: Truth) -> None:
    more = truth._replace(documents={**truth.documents, "shoes": {"size": 44}})
    with pytest.raises(AssertionError, match="shoes: size"):
        test_nothing_else_is_in_the_vault(more)
    more = truth._replace(rows={**truth.rows, "shoes": [{"size": 44}]})
    with pytest.raises(AssertionError, match="shoes: size"):
        test_nothing_else_is_at_the_server(more)
    fewer = truth._replace(report=_without(truth.report, "contact_email"))
    with pytest.raises(AssertionError, match="orders: contact_email"):
        test_nothing_else_is_at_the_server(fewer)


def _without(report: Report, field: str) -> Report:
    return msgspec.structs.replace(report, there=tuple(value for value in report.there if value.field != field))


def test_the_fields_of_the_report_are_all_declared(truth: Truth, world: World) -> None:
    declared = set(world.sandbox.policy.fields)
    assert {value.field for value in (*truth.report.here, *truth.report.there)} <= declared
    named = {
        field
        for table in (*DOCUMENTS.values(), *COLUMNS.values())
        for field in table.values()
        if not field.startswith("=")
    }
    assert named <= declared
