"""What waits for the server: in order, changed in place, and gone with its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.vaults import open_vault

from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import Queue, QueueItem, Vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", MemorySecrets())
    yield vault
    vault.close()


@pytest.fixture
def queue(vault: Vault) -> Queue:
    return Queue(vault)


def item(name: str) -> QueueItem:
    return QueueItem(id=name, operation="rights.request", body={}, created_at=1.0, idempotency_key=name)


def add(vault: Vault, queue: Queue, *names: str) -> None:
    with vault.write() as transaction:
        for name in names:
            queue.add(transaction, item(name))


def test_items_keep_their_order(vault: Vault, queue: Queue) -> None:
    assert queue.items() == ()
    add(vault, queue, "one", "two")
    add(vault, queue, "three")
    assert [each.id for each in queue.items()] == ["one", "two", "three"]
    assert queue.documents(queue.items()) == ("queue", "queue/one", "queue/two", "queue/three")


def test_an_item_is_changed_in_place_and_what_it_was_is_owed(vault: Vault, queue: Queue) -> None:
    add(vault, queue, "one", "two")
    vault.rotate()
    queue.update(msgspec.structs.replace(item("one"), state="refused", problem="denied"))
    assert [(each.id, each.state) for each in queue.items()] == [("one", "refused"), ("two", "waiting")]
    assert vault.status().rotation_owed_since is not None


def test_an_item_that_was_taken_off_meanwhile_does_not_come_back(vault: Vault, queue: Queue) -> None:
    add(vault, queue, "one", "two")
    queue.remove(item("one"))
    queue.update(msgspec.structs.replace(item("one"), attempts=1))
    assert [each.id for each in queue.items()] == ["two"]
    assert vault.get("queue/one", QueueItem) is None
    assert vault.status().rotation_owed_since is not None


def test_an_item_of_nothing_can_be_updated(vault: Vault, queue: Queue) -> None:
    queue.update(item("one"))
    assert queue.items() == ()
