"""What stands in for a vault where there is none does what a vault does, as far as anything outlives the process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.vaults import Note, open_vault

from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.rights.in_memory import InMemoryDocuments, InMemoryStream
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault


class Other(msgspec.Struct, frozen=True):
    number: int


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vault(tmp_path: Path, clock: FakeClock) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", MemorySecrets(), clock)
    yield vault
    vault.close()


@pytest.mark.parametrize("which", ["vault", "memory"])
def test_documents_are_held_replaced_and_forgotten(vault: Vault, which: str) -> None:
    documents: Any = vault if which == "vault" else InMemoryDocuments()
    assert documents.get("a", Note) is None
    documents.put("a", Note("one"))
    documents.put_all({"b": Note("two"), "c": Note("three")})
    documents.put("a", Note("four"))
    assert [documents.get(name, Note) for name in "abc"] == [Note("four"), Note("two"), Note("three")]
    documents.drop("a", "c", "never there")
    assert [documents.get(name, Note) for name in "abc"] == [None, Note("two"), None]


def test_a_document_of_another_kind_is_none() -> None:
    documents = InMemoryDocuments()
    documents.put("a", Other(1))
    assert documents.get("a", Note) is None


@pytest.mark.parametrize("which", ["vault", "memory"])
def test_records_are_read_from_a_time_on_and_before_another(vault: Vault, clock: FakeClock, which: str) -> None:
    stream: Any = SealedLog(vault, "sent") if which == "vault" else InMemoryStream(clock.time)
    begun = clock.time()
    for number in range(4):
        stream.append_now("service", Duration("P14D"), (number,))
        clock.advance(10)

    def numbers(**bounds: float) -> list[int]:
        return [record[0] for _, record in stream.read(**bounds)]

    assert numbers() == [0, 1, 2, 3]
    assert numbers(since=begun + 10) == [1, 2, 3]
    assert numbers(until=begun + 20) == [0, 1]
    assert numbers(since=begun + 10, until=begun + 30) == [1, 2]
    assert numbers(since=begun, until=begun) == []
