"""What goes from a log, block by block, and nothing where a block is not as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.sweeping import is_due, stored_bytes, sweep, trim
from rocketvpn_sdk.vault.transaction import Transaction
from rocketvpn_sdk.vault.verify import verify

FORTNIGHT = Duration("P14D")


class Shelf:
    """A log of blocks with two records each, one block a day and purpose."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.vault: Vault = open_vault(folder, UnreliableSecrets(), self.clock)
        self.log = SealedLog(self.vault, "log", block_records=2)
        self.other = SealedLog(self.vault, "sent", block_records=2)

    def days(self, days: int, *purposes: str) -> None:
        for day in range(days):
            for purpose in purposes or ("service",):
                for part in "ab":
                    self.log.append(purpose, FORTNIGHT, f"{purpose} {day}{part}")
            self.log.commit()
            self.clock.advance(DAY)

    def read(self) -> list[str]:
        return [record for _, record in self.log.read()]

    def sizes(self, stream: str = "log") -> list[int]:
        """Return the sealed bytes of each block that is there, oldest first; an empty one has none."""
        query = (
            "SELECT coalesce(length(sealed), 0) FROM blocks b JOIN lanes l ON l.id = b.lane WHERE stream = ?"
            " ORDER BY b.sequence, b.lane"
        )
        with self.vault.read() as (transaction, _):
            return [size for (size,) in transaction.db.execute(query, (stream,))]

    def keys(self) -> tuple[int, int]:
        """Return how many keys of logs there are, and how many tombstones of them."""
        query = "SELECT count(wrapped), count(*) - count(wrapped) FROM keys WHERE lane IN (SELECT id FROM lanes)"
        with self.vault.read() as (transaction, _):
            there, gone = transaction.db.execute(query).fetchone()
        return there, gone

    def trim(self, most_bytes: int) -> int:
        with self.vault.write() as transaction:
            return trim(transaction, "log", most_bytes=most_bytes)

    def sweep(self, most_bytes: int = 1 << 20) -> int:
        with self.vault.write() as transaction:
            return sweep(transaction, most_bytes=most_bytes)

    def due(self) -> bool:
        with self.vault.read(checked=False) as (transaction, _):
            return is_due(transaction)

    def shred(self, purpose: str) -> None:
        with self.vault.write() as transaction:
            transaction.shred([PartitionChoice(purpose=purpose)])


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "vault")
    with closing(shelf.vault):
        yield shelf


# ---------------------------------------------------------------- the cap


@pytest.mark.clause("R1")
@pytest.mark.parametrize(("beyond", "gone"), [(0, 0), (1, 1), ("one", 1), ("one and a byte", 2), ("all", 4)])
def test_the_cap_takes_the_oldest_blocks_and_no_more_than_it_must(shelf: Shelf, beyond: int | str, gone: int) -> None:
    shelf.days(4)
    sizes = shelf.sizes()
    excess = {"one": sizes[0], "one and a byte": sizes[0] + 1, "all": sum(sizes)}.get(str(beyond), beyond)
    assert isinstance(excess, int)
    assert shelf.trim(sum(sizes) - excess) == 2 * gone
    assert shelf.sizes() == sizes[gone:]
    assert shelf.read() == [f"service {day}{part}" for day in range(gone, 4) for part in "ab"]
    assert shelf.keys() == (4 - gone, 0)  # a key goes with its last block
    verify(shelf.vault)


def test_the_cap_is_of_one_stream_and_takes_from_all_its_lanes_by_age(shelf: Shelf) -> None:
    shelf.other.append("service", FORTNIGHT, "another stream")
    shelf.other.commit()
    shelf.days(2, "security", "service")
    logged, sent = sum(shelf.sizes()), sum(shelf.sizes("sent"))
    with shelf.vault.read() as (transaction, _):
        assert [stored_bytes(transaction, stream) for stream in ("log", "sent", "nothing")] == [logged, sent, 0]
    assert sent
    assert shelf.trim(sum(shelf.sizes()[2:])) == 4
    assert shelf.read() == ["security 1a", "security 1b", "service 1a", "service 1b"]
    assert [record for _, record in shelf.other.read()] == ["another stream"]
    assert shelf.trim(0) == 4
    assert [record for _, record in shelf.other.read()] == ["another stream"]
    verify(shelf.vault)


def test_a_key_stays_while_one_of_its_blocks_does(shelf: Shelf) -> None:
    for _ in range(3):
        shelf.log.append("service", FORTNIGHT, "a")
        shelf.log.append("service", FORTNIGHT, "b")
        shelf.log.commit()
    sizes = shelf.sizes()
    assert shelf.keys() == (1, 0)
    assert shelf.trim(sum(sizes[1:])) == 2
    assert (shelf.keys(), len(shelf.read())) == ((1, 0), 4)
    assert shelf.trim(0) == 4
    assert shelf.keys() == (0, 0)
    shelf.days(1)
    assert shelf.read() == ["service 0a", "service 0b"]


def test_what_could_not_be_read_any_more_goes_first_and_counts_as_nothing(shelf: Shelf) -> None:
    shelf.days(1, "security", "service")
    shelf.shred("security")
    assert shelf.trim(sum(shelf.sizes()) - 1) in (0, 2)
    assert shelf.trim(0) in (0, 2)
    assert shelf.read() == []


# ---------------------------------------------------------------- what nothing opens


@pytest.mark.clause("A3", "R1")
def test_a_sweep_removes_what_nothing_opens_and_nothing_else(shelf: Shelf) -> None:
    shelf.days(2, "security", "service")
    assert (shelf.due(), shelf.sweep()) == (False, 0)
    before = shelf.sizes()
    shelf.shred("security")
    assert shelf.due()
    assert shelf.sweep() == before[0] + before[2]
    assert not shelf.due()
    assert shelf.sizes() == [before[1], before[3]]
    assert shelf.keys() == (2, 0)
    assert shelf.read() == ["service 0a", "service 0b", "service 1a", "service 1b"]
    verify(shelf.vault)


@pytest.mark.parametrize(("most", "blocks"), [(0, 1), (1, 1), ("two", 2), ("two and a byte", 2), ("three", 3)])
def test_one_sweep_takes_so_many_bytes_and_at_least_one_block(shelf: Shelf, most: int | str, blocks: int) -> None:
    shelf.days(3)
    sizes = shelf.sizes()
    shelf.shred("service")
    bound = {"two": sum(sizes[:2]), "two and a byte": sum(sizes[:2]) + 1, "three": sum(sizes)}.get(str(most), most)
    assert isinstance(bound, int)
    assert shelf.sweep(bound) == sum(sizes[:blocks])
    assert shelf.due() is (blocks < 3)
    while shelf.due():
        assert shelf.sweep(bound)
    assert shelf.sizes() == []
    assert shelf.keys() == (0, 0)
    verify(shelf.vault)


# ---------------------------------------------------------------- what was not written so


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM blocks WHERE sequence = 0",
        "DELETE FROM blocks WHERE sequence = 1",
        "DELETE FROM blocks WHERE sequence = 2",
        "UPDATE blocks SET sequence = sequence + 1 WHERE sequence = 2",
        "UPDATE lanes SET next_sequence = next_sequence + 1",
        "UPDATE lanes SET first_sequence = first_sequence - 1",
        "UPDATE blocks SET lane = 99",
        "UPDATE blocks SET sealed = NULL WHERE sequence = 0",
        "UPDATE blocks SET key_id = x'00' WHERE sequence = 1",
        "UPDATE keys SET lane = 98 WHERE lane IN (SELECT id FROM lanes)",
    ],
)
@pytest.mark.parametrize("look", [is_due, partial(sweep, most_bytes=1), partial(trim, stream="log", most_bytes=-1)])
def test_attack_blocks_that_are_not_as_they_were_written_are_damage(
    shelf: Shelf, statement: str, look: Callable[[Transaction], object]
) -> None:
    shelf.days(3)

    def looked_at() -> None:
        with shelf.vault.write() as transaction:
            transaction.db.execute(statement)
            look(transaction)

    with pytest.raises(VaultDamaged):
        looked_at()
    assert len(shelf.read()) == 6  # all of it was taken back
