"""Two processes of one user hold the same vault: both write, delete, rotate and read, for seconds on end.

The long form (a minute; says how long appends took):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_two_processes.py -s --timeout=600
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from support.crash import FORTNIGHT, Promised, finish, open_shared, shared_secrets, start
from support.crash_writer import DOCUMENTS, SHARED
from support.forms import SOAK, form, say
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import SecretStoreError, VaultBusy, VaultClosed
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault, lifecycle
from rocketvpn_sdk.vault.keyed_store import KeyedStore
from rocketvpn_sdk.vault.keys import generation_name
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.rotation import Rotation
from rocketvpn_sdk.vault.verify import verify

NAMES = ("anna", "bert")
SAME_MOMENT = 0.05
"""Two processes' clocks go by their own monotonic clocks between two looks at the wall clock."""


def test_attack_two_processes_write_rotate_and_delete_at_once(tmp_path: Path) -> None:
    """No loss, no deadlock, no error, and nothing that was deleted is readable again."""
    seconds = form(2, 5, 60)
    open_shared(tmp_path).close()
    # Numbers of their own, since both write to one partition.
    writers = [start("crash_writer", tmp_path, name, seed, seed * 10**9, seconds) for seed, name in enumerate(NAMES)]
    for writer in writers:
        assert finish(writer, timeout=seconds + 45) == 0
    vault = open_shared(tmp_path)
    counted = verify(vault)
    log = SealedLog(vault, "log")
    for name in NAMES:
        check_own(vault, log, name, Promised(tmp_path / f"{name}.diary"))
    check_shared(tmp_path, {record for _, record in log.read(purpose=SHARED)})
    vault.settle()
    assert len(shared_secrets(tmp_path).roots()) == 1
    vault.close()
    if SOAK:
        report(tmp_path, counted)


def check_own(vault: Vault, log: SealedLog, name: str, promised: Promised) -> None:
    assert promised.calls > 20
    documents = {f"{name}/{number}": vault.get(f"{name}/{number}", Note) for number in range(DOCUMENTS)}
    promised.check(
        [record for _, record in log.read(purpose=name)],
        {document: note.text if note else None for document, note in documents.items()},
    )


def check_shared(folder: Path, found: set[int]) -> None:
    """Judge the partition that both wrote and both deleted, by the moments that each noted around its calls."""
    lines = [json.loads(line)[1:] for name in NAMES for line in (folder / f"{name}.shared").read_text().splitlines()]
    shreds = [(begun, ended) for what, *rest in lines if what == "shred" for begun, ended in [rest]]
    assert shreds
    for what, *rest in lines:
        if what == "record":
            number, begun, buffered = rest
            if any(buffered < start - SAME_MOMENT for start, _ in shreds):
                assert number not in found, f"{number} was deleted and is back"
            elif all(begun > ended + SAME_MOMENT for _, ended in shreds):
                assert number in found, f"{number} was written after the last deletion and is lost"


def report(folder: Path, counted: Any) -> None:
    taken = sorted(each for name in NAMES for each in json.loads((folder / f"{name}.latencies").read_text()))
    p50, p99 = (taken[int(len(taken) * share)] * 1000 for share in (0.5, 0.99))
    say(f"{len(taken)} appends: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {taken[-1] * 1000:.1f} ms; {counted}")


# ---------------------------------------------------------------- the races, one by one


@pytest.fixture
def secrets() -> UnreliableSecrets:
    return UnreliableSecrets()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pair(tmp_path: Path, secrets: UnreliableSecrets, clock: FakeClock) -> Iterator[tuple[Vault, Vault]]:
    """Two openings of one vault, as two processes have them."""
    one = open_vault(tmp_path / "vault", secrets, clock)
    two = open_vault(tmp_path / "vault", secrets, clock)
    yield one, two
    one.close()
    two.close()


@contextmanager
def meanwhile(secrets: UnreliableSecrets, number: int, what: Any) -> Iterator[None]:
    """Let another process do ``what`` just before the ``number``-th call to the secret store."""
    left = [number]

    def before(method: str, name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            secrets.unlock()  # what the other one calls is not counted
            what()

    secrets.before = before
    yield
    secrets.unlock()


@pytest.mark.parametrize("number", range(6))
def test_attack_root_replaced_while_another_process_fetches_it(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, number: int
) -> None:
    """Between reading which root holds and fetching it, it is replaced: never damage, never an outdated copy."""
    one, two = pair
    one.put("note", Note("kept"))
    one.rotate()
    with meanwhile(secrets, number, one.rotate):
        assert two.get("note", Note) == Note("kept")
    with meanwhile(secrets, number, one.rotate):
        two.put("note", Note("kept"))
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


@pytest.mark.parametrize("number", range(6))
def test_attack_root_replaced_while_another_process_opens(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, clock: FakeClock, number: int
) -> None:
    """Opening sees one state: an old root with a new file is neither damage nor an older copy."""
    one, _ = pair
    one.put("note", Note("kept"))
    clock.advance(60)
    with meanwhile(secrets, number, one.rotate):
        third = open_vault(one.folder, secrets, clock)
    assert third.get("note", Note) == Note("kept")
    third.close()


def test_attack_two_rotations_wait_for_one_lock(pair: tuple[Vault, Vault], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one gets the lock when its root is gone already: it begins anew, and reports no damage."""
    one, two = pair
    one.put("note", Note("kept"))
    exclusively = two._store.exclusively
    others = [one.rotate]

    def later() -> Any:
        if others:
            others.pop()()
        return exclusively()

    monkeypatch.setattr(two._store, "exclusively", later)
    two.rotate()
    assert one.status().generation == 3
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


RACES = {
    "after it was fetched": (lifecycle, "find_root"),
    "after the keys under it were found": (KeyedStore, "require_keys"),
    "after it was fetched for a write": (KeyedStore, "load"),
}


@pytest.mark.parametrize("times", [1, 99], ids=["once", "all the time"])
@pytest.mark.parametrize(("owner", "name"), RACES.values(), ids=RACES)
def test_attack_root_replaced_right(
    pair: tuple[Vault, Vault], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int
) -> None:
    """Who comes too late looks anew; after some tries that is an error, and nothing is damaged."""
    one, two = pair
    one.put("note", Note("kept"))
    one.rotate()
    call, left, busy = getattr(owner, name), [times], [False]

    def late(*arguments: Any) -> Any:
        found = call(*arguments)
        if arguments[0] in (two._store, two._keyed_store) and left[0] and not busy[0]:
            left[0] -= 1
            busy[0] = True
            one.rotate()
            busy[0] = False
        return found

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, late)
        with nullcontext() if times == 1 else pytest.raises(VaultBusy):
            if name == "require_keys":
                assert two.get("note", Note) == Note("kept")
            else:
                two.put("note", Note("kept"))
    assert left[0] < times
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


def test_attack_root_replaced_at_every_look_at_the_secret_store(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets
) -> None:
    one, two = pair
    one.put("note", Note("kept"))
    one.rotate()

    def before(method: str, name: str) -> None:
        secrets.unlock()  # what the other one calls is its own
        one.rotate()
        secrets.before = before

    secrets.before = before
    with pytest.raises(VaultBusy):
        two.get("note", Note)
    secrets.unlock()
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


def at_the_lock(monkeypatch: pytest.MonkeyPatch, vault: Vault, what: Callable[[], object], times: int = 99) -> None:
    """Let another process do ``what`` whenever ``vault`` is about to take the lock."""
    exclusively, left = vault._store.exclusively, [times]

    def later() -> Any:
        if left[0]:
            left[0] -= 1
            what()
        return exclusively()

    monkeypatch.setattr(vault._store, "exclusively", later)


def test_attack_another_process_is_always_faster_to_rotate(
    pair: tuple[Vault, Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    one.put("note", Note("kept"))
    at_the_lock(monkeypatch, two, one.rotate)
    with pytest.raises(VaultBusy):
        two.rotate()
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


def test_attack_another_process_is_faster_to_settle(
    pair: tuple[Vault, Vault], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    one.put("note", Note("kept"))
    one.rotate()
    assert two.get("note", Note) == Note("kept")
    clock.advance(60)
    at_the_lock(monkeypatch, two, one.settle)
    two.settle()
    at_the_lock(monkeypatch, two, one.rotate)
    one.rotate()
    assert two.get("note", Note) == Note("kept")
    clock.advance(60)
    two.settle()
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


def test_attack_another_process_is_faster_to_make_the_vault(
    tmp_path: Path, secrets: UnreliableSecrets, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Vault] = []
    vault = open_vault(tmp_path / "vault", secrets, clock, unlock=False)
    at_the_lock(monkeypatch, vault, lambda: others.append(open_vault(tmp_path / "vault", secrets, clock)), times=1)
    vault.unlock()
    others[0].put("note", Note("kept"))
    assert vault.get("note", Note) == Note("kept")
    assert len(secrets.names()) == 2  # the root, and the count of its replacements
    for each in (vault, *others):
        each.close()


def test_a_lock_that_another_process_does_not_let_go(pair: tuple[Vault, Vault]) -> None:
    one, two = pair
    one.put("note", Note("kept"))
    with one._store.exclusively(), pytest.raises(VaultBusy):
        two.rotate()
    assert two.get("note", Note) == Note("kept")


@pytest.mark.parametrize("number", range(12))
def test_attack_file_system_whose_locks_do_nothing(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Another process rotates in the middle of a rotation: one of the two gives way, and nothing is lost."""
    one, two = pair
    one.put("note", Note("kept"))
    one.rotate()
    assert two.get("note", Note) == Note("kept")
    monkeypatch.setattr(two._store, "exclusively", nullcontext)
    with meanwhile(secrets, number, two.rotate), suppress(VaultBusy, SecretStoreError):
        one.rotate()
    two.rotate()
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")
    verify(one)


def test_attack_rotation_tidied_away_by_another_process_in_its_middle(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same file system: the planned root is taken for one that was left behind; ours must not go on with it."""
    one, two = pair
    one.put("note", Note("kept"))
    deposit = Rotation._deposit

    def later(rotation: Rotation, new: Any) -> None:
        deposit(rotation, new)
        two._keyed_store._rotation.repair(two._keyed_store.fresh_keys().root)

    with monkeypatch.context() as patch:
        patch.setattr(Rotation, "_deposit", later)
        with pytest.raises(VaultBusy):
            one.rotate()
    root = one._keyed_store.keys.root
    assert set(secrets.names()) == {root.name, generation_name(root.vault_id)}
    one.rotate()
    assert one.get("note", Note) == two.get("note", Note) == Note("kept")


@pytest.mark.clause("A3")
def test_attack_settling_an_old_rotation_forgives_a_new_debt(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """What was dropped under the present root is owed until *that* root is gone, whatever became of the one before."""
    one, two = pair
    one.put("note", Note("goes"))
    one.rotate()
    assert two.get("note", Note) == Note("goes")
    secrets.lock()
    two.drop("note")  # the keys are dropped; the keyring is locked, so the rotation is owed
    secrets.unlock()
    assert one.status().rotation_owed_since is not None
    clock.advance(60)
    one.settle()
    assert one.status().rotation_owed_since is not None
    one.rotate()
    assert one.status().rotation_owed_since is None


@pytest.mark.clause("A3")
def test_attack_deletion_in_the_middle_of_anothers_rotation_stays_owed(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """Keys are dropped after the new root took over and before the old one is gone: the new root could open them."""
    one, two = pair
    one.put("note", Note("goes"))

    def drop() -> None:
        with two.write() as transaction:
            transaction.drop("note")
            transaction.request_rotation(clock.time())

    def before(method: str, name: str) -> None:
        if method == "set" and name.endswith("generation"):
            secrets.unlock()
            drop()

    secrets.before = before
    one.rotate()
    assert one.status().rotation_owed_since is not None


def test_a_root_that_the_store_would_not_give_up_is_owed(pair: tuple[Vault, Vault], secrets: UnreliableSecrets) -> None:
    """A rotation whose old root is still there says so in ``status``, also when nothing had been deleted."""
    one, _ = pair

    def before(method: str, name: str) -> None:
        if method == "delete":
            secrets.lock()
            secrets.before(method, name)

    secrets.before = before
    with pytest.raises(Exception, match="locked"):
        one.rotate()
    secrets.unlock()
    assert one.status().rotation_owed_since is not None
    one.rotate()
    assert one.status().rotation_owed_since is None


@pytest.mark.clause("A3")
def test_attack_late_flush_into_a_partition_that_was_never_stored(pair: tuple[Vault, Vault], clock: FakeClock) -> None:
    """A process buffers its first records of a kind; everything is deleted; then it flushes: they stay deleted."""
    one, two = pair
    first = SealedLog(one, "log")
    first.append("service", FORTNIGHT, "stored before")
    first.commit()
    late = SealedLog(two, "log")
    late.append("security", FORTNIGHT, "buffered before")
    clock.advance(1)
    with one.shredding() as transaction:
        transaction.shred(PartitionChoice())
    clock.advance(1)
    late.append("security", FORTNIGHT, "after")
    late.commit()
    assert [record for _, record in late.read()] == ["after"]


def late_flush(pair: tuple[Vault, Vault], clock: FakeClock, which: PartitionChoice, **partition: str) -> list[Any]:
    """Buffer in one process, delete in the other, flush; return what is there. There is no partition at all before."""
    one, two = pair
    partition = {"stream": "log", "purpose": "service"} | partition
    late = SealedLog(two, partition["stream"])
    late.append(partition["purpose"], FORTNIGHT, "buffered before")
    clock.advance(1)
    with one.shredding() as transaction:
        transaction.shred(which)
    clock.advance(1)
    late.append(partition["purpose"], FORTNIGHT, "after")
    late.commit()
    return [record for _, record in late.read()]


PICKED = {
    "everything": (PartitionChoice(), {}),
    "its stream": (PartitionChoice(stream="log"), {}),
    "its purpose": (PartitionChoice(purpose="service"), {}),
    "both": (PartitionChoice("log", "service"), {}),
}
NOT_PICKED = {
    "another stream": (PartitionChoice(stream="log"), {"stream": "sent"}),
    "another purpose": (PartitionChoice(purpose="service"), {"purpose": "security"}),
    "another purpose of the stream": (PartitionChoice("log", "service"), {"purpose": "security"}),
    "another stream of the purpose": (PartitionChoice("log", "service"), {"stream": "sent"}),
}


@pytest.mark.clause("A3")
@pytest.mark.parametrize(("which", "partition"), PICKED.values(), ids=PICKED)
def test_attack_late_flush_where_no_partition_was_ever_stored(
    pair: tuple[Vault, Vault], clock: FakeClock, which: PartitionChoice, partition: dict[str, str]
) -> None:
    """A deletion in a vault without a single partition holds for what another process had buffered before it."""
    assert late_flush(pair, clock, which, **partition) == ["after"]


@pytest.mark.parametrize(("which", "partition"), NOT_PICKED.values(), ids=NOT_PICKED)
def test_a_deletion_takes_nothing_from_partitions_that_it_did_not_pick(
    pair: tuple[Vault, Vault], clock: FakeClock, which: PartitionChoice, partition: dict[str, str]
) -> None:
    assert late_flush(pair, clock, which, **partition) == ["buffered before", "after"]


@pytest.mark.clause("A3")
def test_attack_late_flush_of_another_process_where_no_partition_was_ever_stored(tmp_path: Path) -> None:
    """The same with a process of its own: it buffers, everything is deleted here, it flushes."""
    vault = open_shared(tmp_path)
    late = start("crash_buffered", tmp_path)
    assert late.stdout is not None
    assert late.stdout.readline() == "buffered\n"
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    assert finish(late) == 0
    assert [record for _, record in SealedLog(vault, "log").read()] == ["after"]
    verify(vault)
    vault.close()


def test_attack_deletion_by_a_process_whose_clock_had_run_ahead(
    tmp_path: Path, secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """The other one, whose clock never did, may lose what it had buffered then, and nothing that it records after."""
    one = open_vault(tmp_path / "vault", secrets, clock)
    log = SealedLog(one, "log")
    log.append("service", FORTNIGHT, "stored before")
    log.commit()
    clock.turn(10 * DAY)
    one.now()
    clock.turn(-10 * DAY)
    two = open_vault(tmp_path / "vault", secrets, clock)
    late = SealedLog(two, "log")
    late.append("service", FORTNIGHT, "buffered before")
    with one.shredding() as transaction:
        transaction.shred(PartitionChoice())
    late.commit()
    for number in range(3):
        clock.advance(1)
        late.append("service", FORTNIGHT, number)
        late.commit()
    assert [record for _, record in late.read()] == [0, 1, 2]
    one.close()
    two.close()


def test_attack_two_processes_remove_the_vault_and_one_makes_it_anew(
    pair: tuple[Vault, Vault], secrets: UnreliableSecrets, clock: FakeClock
) -> None:
    """The slower one must not take the new vault's files away."""
    one, two = pair
    one.put("note", Note("goes"))
    one.destroy()
    fresh = open_vault(one.folder, secrets, clock)
    fresh.put("note", Note("new"))
    two.destroy()
    with pytest.raises(VaultClosed):
        two.get("note", Note)
    again = open_vault(one.folder, secrets, clock)
    assert again.get("note", Note) == Note("new")
    again.close()
    fresh.close()
