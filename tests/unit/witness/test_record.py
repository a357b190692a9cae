"""What was noted of the app's connections is kept by the day, for as long as each version lets it, and added up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.policies import TEXT, edited
from support.vaults import UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import VaultLocked
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import Policy, State, bundled_policy, parse_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.witness.hook import Notes
from rocketvpn_sdk.witness.record import WitnessRecord

NOON = datetime(2027, 1, 15, 12, tzinfo=UTC).timestamp()
pytestmark = pytest.mark.clause("A1")


def without_it() -> Policy:
    """Return a version that does not declare the witness's field."""
    document = bundled_policy().document
    fields = tuple(field for field in document.field if field.id != "witness_record")
    return Policy(replace(document, field=fields))


class Post:
    """A witness's record in a vault, and the notes that the hook would make."""

    def __init__(self, folder: Path, *, unlock: bool = True) -> None:
        self.clock = FakeClock(NOON)
        self.vault = open_vault(folder, UnreliableSecrets(), self.clock, unlock=unlock)
        self.in_force = PolicyState(bundled_policy())
        self.notes = Notes(self.clock, most=3)
        permit = Permit(lambda: self.in_force, State, self.clock.time)
        self.record = WitnessRecord(self.vault, permit, self.notes)

    def seen(self) -> list[tuple[str, int, str, int]]:
        return [(each.host, each.port, each.module, each.times) for each in self.record.read().connections]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path / "vault")
    yield post
    post.vault.close()


def test_connections_are_added_up_by_place_and_module_over_the_days(post: Post) -> None:
    for host, port, module in [("b.example", 443, "app"), ("a.example", 443, "app"), ("b.example", 443, "app")]:
        post.notes.add(host, port, module)
    assert post.record.unsealed == 2
    post.record.save()
    assert post.record.unsealed == 0
    post.clock.advance(DAY)
    for host, port, module in [("b.example", 443, "app"), ("b.example", 80, "app"), ("b.example", 443, "app.other")]:
        post.notes.add(host, port, module)
    found = post.record.read()
    assert [(each.host, each.port, each.module, each.times) for each in found.connections] == [
        ("a.example", 443, "app", 1),
        ("b.example", 80, "app", 1),
        ("b.example", 443, "app", 3),
        ("b.example", 443, "app.other", 1),
    ]
    first, second = date(2027, 1, 15), date(2027, 1, 16)
    assert [(each.first, each.last) for each in found.connections] == [
        (first, first),
        (second, second),
        (first, second),
        (second, second),
    ]
    assert (found.missed, found.watching) == (0, False)


def test_what_found_no_room_is_counted_and_no_connection(post: Post) -> None:
    for number in range(5):
        post.notes.add(f"{number}.example", 443, "app")
    post.record.save()
    post.notes.add("late.example", 443, "app")
    found = post.record.read()
    assert [each.host for each in found.connections] == ["0.example", "1.example", "2.example", "late.example"]
    assert found.missed == 2


@pytest.mark.clause("U1")
def test_what_no_policy_declares_is_neither_kept_nor_kept_in_memory(post: Post) -> None:
    post.notes.add("a.example", 443, "app")
    post.in_force = PolicyState(without_it())
    post.record.save()
    assert post.record.unsealed == 0
    post.in_force = PolicyState(bundled_policy())
    assert post.seen() == []


@pytest.mark.clause("R1", "X2")
def test_it_is_kept_for_the_shortest_time_that_a_version_in_force_names(post: Post) -> None:
    week = parse_policy(edited("field", "witness_record", "P90D", "P7D", text=TEXT))
    for in_force, days in ((PolicyState(bundled_policy()), 90), (PolicyState(bundled_policy(), week), 7)):
        post.in_force = in_force
        post.notes.add("a.example", 443, "app")
        assert len(post.seen()) == 1
        post.clock.advance((days - 1) * DAY)
        post.record.save()
        if days == 7:
            assert len(post.seen()) == 1
        post.clock.advance(DAY)
        assert post.seen() == []


def test_what_is_forgotten_is_gone_from_memory_too(post: Post) -> None:
    post.notes.add("a.example", 443, "app")
    post.record.forget()
    assert post.record.unsealed == 0
    post.notes.add("b.example", 443, "app")
    post.record.save()
    post.clock.advance(1)
    with post.vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    post.record.forget()
    assert post.seen() == []


def test_closing_writes_what_is_left_and_a_locked_vault_says_so(post: Post, tmp_path: Path) -> None:
    post.notes.add("a.example", 443, "app")
    post.record.close()
    assert post.record.unsealed == 0
    assert post.seen() == [("a.example", 443, "app", 1)]
    locked = Post(tmp_path / "locked", unlock=False)
    locked.notes.add("a.example", 443, "app")
    with pytest.raises(VaultLocked):
        locked.record.save()
    assert locked.record.unsealed == 1  # the next time writes it
    locked.vault.unlock()
    assert locked.seen() == [("a.example", 443, "app", 1)]
    locked.vault.close()


def test_without_the_witness_nothing_is_written_and_what_was_is_still_read(post: Post) -> None:
    post.notes.add("a.example", 443, "app")
    post.record.save()
    off = WitnessRecord(post.vault, Permit(lambda: post.in_force, State, post.clock.time))
    off.save()
    off.forget()
    off.close()
    assert off.unsealed == 0
    assert [each.host for each in off.read().connections] == ["a.example"]
    assert off.read().watching is False
