from __future__ import annotations

import hashlib
import hmac
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from support.memory_vault import MemoryDocuments, MemoryStream
from support.vaults import open_vault

from rocketvpn_sdk.errors import EgressBlocked, VaultFull
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.transport import SENT_KEY, SentLedger
from rocketvpn_sdk.transport.guard import ApprovedRequest
from rocketvpn_sdk.transport.sent import SentKey
from rocketvpn_sdk.vault import SealedLog
from rocketvpn_sdk.vault.partitions import PartitionChoice

PASSED = ApprovedRequest(bundled_policy().operations["tunnel.register"], ("tunnel_public_key", "region"))
BODY = b'{"public_key":"planted-value"}'


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def ledger(stream: MemoryStream, documents: MemoryDocuments) -> SentLedger:
    return SentLedger(stream, documents, bundled_policy)


@pytest.mark.clause("A1")
def test_what_left_is_listed_with_its_fields_and_without_their_values(ledger: SentLedger) -> None:
    ledger.finish(ledger.begin(PASSED, BODY), "201", 2)
    (entry,) = ledger.entries()
    assert (entry.operation, entry.purpose, entry.recipient, entry.identity) == (
        "tunnel.register",
        "service",
        "operator",
        "device",
    )
    assert entry.fields == ("tunnel_public_key", "region")
    assert (entry.size, entry.outcome, entry.tries) == (len(BODY), "201", 2)
    assert "planted-value" not in repr(entry)


@pytest.mark.clause("A1")
def test_the_beginning_survives_a_kill_and_the_value_is_never_stored(ledger: SentLedger, stream: MemoryStream) -> None:
    record_id = ledger.begin(PASSED, BODY)
    assert len(stream.committed) == 1
    ledger.finish(record_id, "201", 1)
    assert len(stream.committed) == 1
    assert len(stream.buffered) == 1
    assert "planted-value" not in str(stream.committed)


def test_a_call_that_nobody_saw_the_end_of_is_unknown(ledger: SentLedger) -> None:
    ledger.begin(PASSED, BODY)
    assert [entry.outcome for entry in ledger.entries()] == ["unknown"]


def test_outcomes_find_their_beginnings(ledger: SentLedger) -> None:
    first, second = ledger.begin(PASSED, b"1"), ledger.begin(PASSED, b"22")
    ledger.finish(second, "409 conflict", 1)
    ledger.finish(first, "not delivered: server-unreachable", 3)
    assert [(entry.size, entry.outcome) for entry in ledger.entries()] == [
        (1, "not delivered: server-unreachable"),
        (2, "409 conflict"),
    ]


@pytest.mark.clause("A3")
def test_a_key_that_another_process_deleted_is_used_no_more(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    with (
        closing(open_vault(tmp_path / "vault", secrets)) as here,
        closing(open_vault(tmp_path / "vault", secrets)) as there,
    ):
        ledger = SentLedger(SealedLog(here, "sent"), here, bundled_policy)
        ledger.begin(PASSED, BODY)
        with there.shredding() as transaction:  # as a deletion of the device does
            transaction.shred(PartitionChoice())
            transaction.drop_all_documents()
        ledger.begin(PASSED, BODY)
        (entry,) = ledger.entries()
        assert ledger.matches(entry, BODY)
        other = SentLedger(SealedLog(there, "sent"), there, bundled_policy)
        assert other.matches(entry, BODY)


def test_since_is_handed_on(documents: MemoryDocuments) -> None:
    now = 100.0
    ledger = SentLedger(MemoryStream(lambda: now), documents, bundled_policy)
    ledger.begin(PASSED, b"1")
    now = 200.0
    ledger.begin(PASSED, b"22")
    assert [entry.size for entry in ledger.entries(since=150.0)] == [2]


def test_until_ends_the_list_and_takes_no_outcome_away(documents: MemoryDocuments) -> None:
    now = 100.0
    ledger = SentLedger(MemoryStream(lambda: now), documents, bundled_policy)
    first = ledger.begin(PASSED, b"1")
    now = 200.0
    ledger.finish(first, "201", 1)
    ledger.begin(PASSED, b"22")
    assert [(entry.size, entry.outcome) for entry in ledger.entries(until=150.0)] == [(1, "201")]
    assert [entry.size for entry in ledger.entries(since=100.0, until=200.0)] == [1]


@pytest.mark.clause("A1")
def test_a_body_can_be_held_against_an_entry(ledger: SentLedger) -> None:
    ledger.begin(PASSED, BODY)
    ledger.begin(PASSED, b"")
    one, empty = ledger.entries()
    assert ledger.matches(one, BODY)
    assert not ledger.matches(one, BODY + b" ")
    assert not ledger.matches(one, b"")
    assert ledger.matches(empty, b"")


def test_asking_makes_no_key_and_a_destroyed_one_matches_nothing(
    ledger: SentLedger, documents: MemoryDocuments
) -> None:
    ledger.begin(PASSED, BODY)
    (entry,) = ledger.entries()
    documents.drop(SENT_KEY)
    assert not ledger.matches(entry, BODY)
    assert SENT_KEY not in documents.stored


def test_two_processes_that_make_a_key_at_once_use_the_same(stream: MemoryStream) -> None:
    class Racing(MemoryDocuments):
        def put(self, name: str, value: msgspec.Struct) -> None:
            super().put(name, value)
            super().put(name, SentKey(b"another process's, a moment later"))

    documents = Racing()
    ledger = SentLedger(stream, documents, bundled_policy)
    ledger.begin(PASSED, BODY)
    (entry,) = ledger.entries()
    assert ledger.matches(entry, BODY)


def test_the_fingerprint_shows_that_a_body_was_this_one(ledger: SentLedger, documents: MemoryDocuments) -> None:
    ledger.begin(PASSED, BODY)
    (entry,) = ledger.entries()
    stored = documents.get(SENT_KEY, SentKey)
    assert stored is not None
    assert entry.fingerprint == hmac.digest(stored.key, BODY, "sha256") != hashlib.sha256(BODY).digest()


def test_the_key_is_made_once_and_found_again(
    ledger: SentLedger, documents: MemoryDocuments, stream: MemoryStream
) -> None:
    ledger.begin(PASSED, BODY)
    SentLedger(stream, documents, bundled_policy).begin(PASSED, BODY)
    ledger.forget()
    ledger.begin(PASSED, BODY)
    assert len({entry.fingerprint for entry in ledger.entries()}) == 1


def test_a_destroyed_key_makes_old_fingerprints_mean_nothing(ledger: SentLedger, documents: MemoryDocuments) -> None:
    ledger.begin(PASSED, BODY)
    documents.drop(SENT_KEY)
    ledger.forget()
    ledger.begin(PASSED, BODY)
    assert len({entry.fingerprint for entry in ledger.entries()}) == 2


@pytest.mark.clause("R1")
def test_the_record_is_kept_as_long_as_the_policy_says_for_the_purpose_rights(
    ledger: SentLedger, stream: MemoryStream
) -> None:
    ledger.begin(PASSED, BODY)
    assert stream.partitions == {("rights", "P90D")}


@pytest.mark.clause("A1")
@pytest.mark.parametrize("kept", ["no-field", "no-place"])
def test_where_it_may_not_be_recorded_nothing_leaves(
    stream: MemoryStream, documents: MemoryDocuments, kept: str
) -> None:
    document = bundled_policy().document
    if kept == "no-field":
        fields = tuple(field for field in document.field if field.id != "sent_record")
    else:
        nowhere = msgspec.convert({}, type(document.field[0].retention))
        fields = tuple(msgspec.structs.replace(field, retention=nowhere) for field in document.field)
    policy = Policy(msgspec.structs.replace(document, field=fields))
    with pytest.raises(EgressBlocked):
        SentLedger(stream, documents, lambda: policy).begin(PASSED, BODY)


def test_a_full_vault_is_passed_on(ledger: SentLedger, stream: MemoryStream) -> None:
    stream.refuse = VaultFull(folder="/x")
    with pytest.raises(VaultFull):
        ledger.begin(PASSED, BODY)


def test_the_key_does_not_show() -> None:
    assert "secret" not in repr(SentKey(b"secret"))
