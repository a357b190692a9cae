"""What was recorded before a deletion, a withdrawal or the end of its time never appears after it, wherever it was."""

from __future__ import annotations

import gc
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.endings import Process, Told, stored
from support.policies import TEXT

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import VaultBusy
from rocketvpn_sdk.policy import Duration, bundled_policy, parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.transport.guard import ApprovedRequest
from rocketvpn_sdk.vault.partitions import PartitionChoice

pytestmark = pytest.mark.clause("A3", "R1")

BEFORE, AFTER = 1, 2
PASSED = ApprovedRequest(bundled_policy().operations["tunnel.register"], ())
VERSION = parse_policy(TEXT, path="bundled").version


class Machine:
    """Two processes on one vault; the user of it agreed to what is optional."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.secrets, self.clock = folder, MemorySecrets(), FakeClock()
        self.one, self.two = (Process(folder, self.secrets, self.clock) for _ in range(2))
        self.one.open()
        self.one.adult()
        self.one.grant()

    def stored(self) -> set[int]:
        return set(stored(self.folder, self.secrets))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "vault")
    yield machine
    machine.one.close()
    machine.two.close()


def guarded(machine: Machine) -> None:
    """Let the consent rest on a guardian's agreement."""
    machine.one.agree()
    machine.one.minor()
    machine.one.grant()


def shorter(machine: Machine) -> None:
    """A version that keeps everything for a day holds at once."""
    text = re.sub(r'device = "P\d+D"', 'device = "P1D"', TEXT).replace(
        f"version = {VERSION}", f"version = {VERSION + 1}"
    )
    machine.one.rocket._components.versions.offer(parse_policy(text, path="narrower"))


def purged(machine: Machine) -> None:
    machine.clock.advance(31 * DAY)
    machine.one.purge()


def narrowed(machine: Machine) -> None:
    shorter(machine)
    machine.clock.advance(2 * DAY)


WAYS: dict[str, tuple[Callable[[Machine], None], Callable[[Machine], None]]] = {
    "deletion of the logs": (lambda machine: None, lambda machine: machine.one.delete()),
    "withdrawal": (lambda machine: None, lambda machine: machine.one.withdraw()),
    "under age": (lambda machine: None, lambda machine: machine.one.minor()),
    "guardian's agreement withdrawn": (guarded, lambda machine: machine.one.disagree()),
    "purge": (lambda machine: None, purged),
    "shorter retention": (lambda machine: None, narrowed),
}


def again(machine: Machine) -> None:
    """Let it be agreed to again, where that was ended."""
    state = machine.one.rocket.consent.status()
    if not state.adult and not state.guardian:
        machine.one.agree()
    machine.one.grant()


@pytest.mark.one_in(7)
@pytest.mark.parametrize("regranted", [False, True], ids=["", "and agreed to again"])
@pytest.mark.parametrize("where", ["here", "there", "there, handed over", "locked", "locked, minimised", "clock ahead"])
@pytest.mark.parametrize("way", WAYS)
def test_what_waited_does_not_come_back(machine: Machine, way: str, where: str, regranted: bool) -> None:
    prepare, ends = WAYS[way]
    prepare(machine)
    process, other = (machine.one if where == "here" else machine.two), machine.two
    other.open(unlock="locked" not in where)
    machine.clock.advance(61)  # what was answered before is asked anew
    if where == "clock ahead":
        other.clock.wrong = 3600.0
        other.rocket.status()
    for kind, number in (("tried", BEFORE), ("line", BEFORE + 10), ("served", BEFORE + 20)):
        process.record(kind, number)
    other.clock.wrong = 0.0
    if where == "there, handed over":
        process.rocket.journal._bring_in()
    elif where == "locked, minimised":
        process.flush()
    machine.clock.advance(0.001)
    ends(machine)
    if regranted:
        again(machine)
    machine.clock.advance(61)
    if "locked" in where:
        process.rocket.unlock()
    for kind, number in (("tried", AFTER), ("line", AFTER + 10), ("served", AFTER + 20)):
        process.record(kind, number)
    process.flush()
    gone = {BEFORE} if way in ("withdrawal", "under age", "guardian's agreement withdrawn") else {1, 11, 21}
    readable = set(machine.one.read())
    assert not gone & (machine.stored() | readable)
    assert {AFTER + 10, AFTER + 20} <= readable
    missing = {1, 11, 21, 2, 12, 22} - readable - (gone if where == "here" else set())
    assert len(missing) <= process.counted()
    if regranted:
        assert AFTER in readable


def test_what_was_withheld_is_not_kept_by_a_consent_that_comes_later(machine: Machine) -> None:
    """It was recorded in between, and another process had not asked yet."""
    machine.two.open()
    machine.one.withdraw()
    machine.clock.advance(61)
    for process, number in ((machine.one, 3), (machine.two, 4)):
        process.record("tried", number)
    machine.one.grant()
    for process in (machine.one, machine.two):
        process.flush()
    assert machine.stored() == set()


@pytest.mark.parametrize("made_anew", ["by whoever waited", "by another process"])
@pytest.mark.parametrize("how", ["deletion", "reset"])
@pytest.mark.parametrize("minimised", [False, True])
def test_what_waited_for_an_unlock_does_not_come_into_the_vault_that_is_made_next(
    machine: Machine, made_anew: str, how: str, minimised: bool
) -> None:
    """The whole vault went meanwhile, and with it every mark; the place is the same."""
    machine.two.open(unlock=False)
    machine.two.record("served", BEFORE)
    if minimised:
        machine.two.flush()
    machine.clock.advance(1)
    if how == "deletion":
        machine.one.rocket.rights.delete(machine.one.rocket.rights.plan_delete("account"))
    else:
        machine.one.close()
        RocketVPN.reset(machine.one.config())
    if made_anew == "by another process":
        machine.one.close()
        machine.one.open()
    machine.clock.advance(1)
    machine.two.rocket.unlock()
    machine.clock.advance(1)
    machine.two.record("served", AFTER)
    machine.two.flush()
    assert machine.stored() == {AFTER}
    assert machine.two.counted() == 1


@pytest.mark.parametrize("opens", ["adult", "agree"])
def test_what_allows_more_ends_what_waits_elsewhere_and_seals_what_waits_here(tmp_path: Path, opens: str) -> None:
    """What another process recorded under what held before is not kept under what holds now."""
    secrets, clock = MemorySecrets(), FakeClock()
    one, two = (Process(tmp_path / "vault", secrets, clock) for _ in range(2))
    for process, number in ((one, 1), (two, 2)):
        process.open()
        process.record("served", number)
    getattr(one, opens)()
    two.record("served", 3)
    two.flush()
    assert set(stored(tmp_path / "vault", secrets)) == {1, 3}
    assert (one.counted(), two.counted()) == (0, 1)
    one.close()
    two.close()


def test_a_version_that_takes_more_ends_what_waits_elsewhere_when_it_binds(machine: Machine) -> None:
    machine.two.open()
    versions = machine.one.rocket._components.versions
    wider = TEXT.replace('device = "P30D"', 'device = "P60D"').replace('device = "P90D"', 'device = "P120D"')
    policy = parse_policy(wider.replace(f"version = {VERSION}", f"version = {VERSION + 1}"), path="wider")
    versions.shown(versions.offer(policy), "en")
    machine.clock.advance(40 * DAY)
    machine.two.record("served", 1)
    assert versions.settle()
    machine.two.record("served", 2)
    machine.two.flush()
    assert machine.stored() == {2}
    assert machine.two.counted() == 1


def test_a_withdrawal_between_the_question_and_the_seal_withholds_what_comes_after_it(machine: Machine) -> None:
    """A process asked whether it may keep them; another one withdraws; a line comes; then the first one seals."""
    machine.two.open()
    machine.clock.advance(61)
    machine.two.record("tried", 6)
    machine.two.flush()
    journal = machine.two.rocket.journal
    bring_in = journal._bring_in

    def and_then() -> None:
        bring_in()
        journal._bring_in = bring_in
        machine.one.withdraw()
        machine.two.record("tried", 7)

    journal._bring_in = and_then
    machine.two.record("tried", 8)
    machine.two.flush()
    assert machine.stored() == set()
    assert machine.two.counted() == 2


def test_what_is_recorded_in_the_same_tick_of_a_slow_clock_as_a_deletion_goes_with_it(machine: Machine) -> None:
    """Nobody can tell which came first: it is dropped, and counted."""
    machine.two.open()
    machine.clock.advance(61)
    for process in (machine.one, machine.two):
        process.rocket._components.vault.moments.now = lambda: 61.0
        process.rocket.journal._moment = lambda: 61.0
    machine.two.record("served", 1)
    machine.one.delete()
    machine.two.flush()
    assert machine.stored() == set()
    assert machine.two.counted() == 1


def begun(process: Process) -> int:
    return sum(entry.outcome == "unknown" for entry in process.rocket._components.api.sent.entries())


@pytest.mark.clause("A1")
@pytest.mark.parametrize("at", range(1, 6))
def test_a_call_that_goes_is_recorded_whenever_another_process_deletes(machine: Machine, at: int) -> None:
    """A deletion is about what was done, and this is about to be: nothing leaves unrecorded."""
    machine.two.open()
    reached = []

    def delete() -> None:
        reached.append(at)
        machine.clock.advance(1)
        with machine.one.rocket._components.vault.shredding() as transaction:
            transaction.shred(PartitionChoice())
        machine.clock.advance(1)

    machine.two.left, machine.two.meanwhile = at, delete
    machine.two.rocket._components.api.sent.begin(PASSED, b"{}")
    machine.two.meanwhile = None  # what follows reads, and passes such points as well
    assert (begun(machine.two), bool(reached)) == (1, True) or not reached
    assert reached or at > 3


@pytest.mark.clause("A1")
def test_a_call_in_the_same_tick_of_a_slow_clock_as_a_deletion_is_recorded(machine: Machine) -> None:
    machine.one.rocket._components.vault.moments.now = lambda: 61.0
    with machine.one.rocket._components.vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    machine.one.rocket._components.api.sent.begin(PASSED, b"{}")
    assert begun(machine.one) == 1


@pytest.mark.clause("A1")
def test_a_call_that_could_not_be_recorded_did_not_go_and_is_not_recorded_later(machine: Machine) -> None:
    machine.two.open()
    sent = machine.two.rocket._components.api.sent
    sent.begin(PASSED, b"{}")
    sent._stream.append("rights", Duration("P30D"), ("ended", "0", "200", 1))
    with machine.one.rocket._components.vault.write(), pytest.raises(VaultBusy):
        sent.begin(PASSED, b"{}")
    sent._stream.commit()
    assert begun(machine.two) == 1
    assert [record[1] for _, record in sent._stream.read() if record[0] == "ended"] == ["0"]


# ---------------------------------------------------------------- the kinds of marks


@pytest.mark.parametrize(
    ("which", "gone"),
    [
        (PartitionChoice(), {1, 11, 21}),
        (PartitionChoice(stream="log"), {1, 11, 21}),
        (PartitionChoice(purpose="improvement"), {1}),
        (PartitionChoice(stream="log", purpose="service"), {11, 21}),
        ((PartitionChoice(purpose="improvement"), PartitionChoice(stream="log", purpose="service")), {1, 11, 21}),
        (PartitionChoice(stream="sent"), set()),
    ],
)
def test_a_mark_ends_what_it_names_and_nothing_else(machine: Machine, which: Any, gone: set[int]) -> None:
    machine.two.open()
    machine.clock.advance(61)
    for kind, number in (("tried", 1), ("line", 11), ("served", 21)):
        machine.two.record(kind, number)
    with machine.one.rocket._components.vault.shredding() as transaction:
        transaction.shred(which)
    machine.two.flush()
    assert machine.stored() == {1, 11, 21} - gone
    assert machine.two.rocket.journal.stats().dropped == len(gone)


@pytest.mark.parametrize("blind", ["one", "two"])
def test_a_mark_counts_where_a_process_cannot_tell_the_run_of_the_machine(machine: Machine, blind: str) -> None:
    machine.two.open()
    machine.one.rocket._components.vault.moments.boot = machine.two.rocket._components.vault.moments.boot = "a run"
    getattr(machine, blind).rocket._components.vault.moments.boot = ""
    machine.clock.advance(61)
    machine.two.record("served", BEFORE)
    machine.clock.advance(1)
    machine.one.delete()
    machine.clock.advance(1)
    machine.two.record("served", AFTER)
    machine.two.flush()
    assert machine.stored() == {AFTER}


@pytest.mark.parametrize("which", [PartitionChoice(), PartitionChoice(purpose="rights")], ids=["all", "of a purpose"])
def test_a_mark_of_no_stream_ends_what_another_process_holds_of_any(machine: Machine, which: PartitionChoice) -> None:
    machine.two.open()
    components = machine.two.rocket._components
    streams = [components.sent, components.witness._stream]
    machine.clock.advance(61)
    for stream in streams:
        stream.append("rights", Duration("P30D"), ["before"])
    with machine.one.rocket._components.vault.shredding() as transaction:
        transaction.shred(which)
    machine.clock.advance(61)
    for stream in streams:
        stream.append("rights", Duration("P30D"), ["after"])
        assert [record for _, record in stream.read()] == [["after"]]


@pytest.mark.parametrize(("boot", "ahead"), [("another boot", 0.0), (None, 3600.0)])
def test_a_mark_of_another_run_of_the_machine_ends_nothing(machine: Machine, boot: str | None, ahead: float) -> None:
    machine.two.open()
    machine.clock.advance(61)
    machine.two.record("served", 1)
    vault = machine.one.rocket._components.vault
    vault.moments.boot = boot if boot is not None else vault.moments.boot
    vault.moments.now = lambda: machine.clock.monotonic() + ahead
    with vault.shredding() as transaction:
        transaction.shred(PartitionChoice())
    machine.two.flush()
    assert machine.stored() == {1}


# ---------------------------------------------------------------- memory


def held(*parts: str) -> set[str]:
    """Return every text with such a beginning that objects of this process hold, as far as Python can find them.

    It comes in parts, so that nothing of the test itself holds it.
    """
    gc.collect()
    text = "".join(parts)
    found = set()
    for thing in gc.get_objects():
        inside = gc.get_referents(thing)
        while inside:
            part = inside.pop()
            if type(part) in (str, bytes):
                shown = part if type(part) is str else part.decode("latin-1")
                for after in shown.split(text)[1:]:  # no pattern, which would be cached
                    found.add(text + "".join(itertools.takewhile(str.islower, after)))
            elif not gc.is_tracked(part):  # what holds only plain values is not among the objects above
                inside += gc.get_referents(part)
    return found


def keys(rocket: RocketVPN) -> set[bytes]:
    """Return the keys of pseudonyms, and those that they were made from."""
    made = rocket._components.journal._log._pseudonym_keys.values()
    opened = rocket._components.vault._keyed_store.keys._opened
    return {each.key for each in made} | {opened[each.key_id] for each in made if each.key_id in opened}


def has_any(rocket: RocketVPN, known: set[bytes]) -> bool:
    return bool(known & (keys(rocket) | set(rocket._components.vault._keyed_store.keys._opened.values())))


@pytest.mark.parametrize("way", ["deletion of the logs", "deletion of the device", "withdrawal", "refusal"])
def test_nothing_that_was_ended_stays_in_memory(machine: Machine, way: str) -> None:
    """Neither in the process that ends it, nor, from its next write on, in another one."""
    machine.two.open()
    machine.clock.advance(61)
    numbers = {"deletion of the logs": 7_345, "deletion of the device": 8_345, "withdrawal": 9_345, "refusal": 6_345}
    before = f"zebra{numbers[way]}."
    here, there = ("sealed", "buffered", "given"), "there"

    def told(process: Process, word: str) -> None:
        process.rocket.journal.record(Told(event_name=before + word))

    for process in (machine.one, machine.two):
        process.rocket.journal._log.pseudonym_key("improvement", Duration("P30D"))
    known = keys(machine.two.rocket)
    assert len(known) == 2
    told(machine.one, here[0])
    machine.one.flush()
    told(machine.one, here[1])
    machine.one.rocket.journal._bring_in()
    told(machine.one, here[2])
    told(machine.two, there)
    machine.two.flush()  # the last block stays in memory, to be written again with what comes next
    assert {text.removeprefix(before) for text in held(before)} - {""} == {*here, there}
    if way == "withdrawal":
        machine.one.withdraw()
    elif way == "refusal":
        consent = machine.one.rocket.consent
        consent.deny(consent.notice("improvement"))
    else:
        scope = "logs" if way == "deletion of the logs" else "device"
        machine.one.rocket.rights.delete(machine.one.rocket.rights.plan_delete(scope))
    assert {text.removeprefix(before) for text in held(before)} - {""} <= {there}
    if way != "deletion of the device":
        assert not keys(machine.one.rocket)
        assert not has_any(machine.one.rocket, known)
        machine.two.record("served", 1)
        machine.two.flush()
        assert held(before) <= {before}
        assert not keys(machine.two.rocket)
        assert not has_any(machine.two.rocket, known)


def test_a_purge_leaves_nothing_in_memory_of_what_it_ends(machine: Machine) -> None:
    before = f"zebra{5_345}."
    machine.one.rocket.journal.record(Told(event_name=before + "sealed"))
    machine.one.flush()
    assert {text.removeprefix(before) for text in held(before)} - {""} == {"sealed"}
    machine.clock.advance(31 * DAY)
    machine.one.purge()
    assert {text.removeprefix(before) for text in held(before)} - {""} == set()


def test_pseudonyms_of_before_a_deletion_and_after_it_share_no_key(machine: Machine) -> None:
    """Also where another process deleted, and nothing was written here since: they would tell that both are one."""
    machine.two.open()
    log = machine.two.rocket._components.journal._log
    before = log.pseudonym_key("improvement", Duration("P30D"))
    assert log.pseudonym_key("improvement", Duration("P30D")) == before
    machine.one.delete()
    assert log.pseudonym_key("improvement", Duration("P30D")) != before


@pytest.mark.parametrize("stream", ["sent", "witness"])
def test_the_other_streams_forget_too(machine: Machine, stream: str) -> None:
    components = machine.one.rocket._components
    log = components.sent if stream == "sent" else components.witness._stream
    log.append("rights", Duration("P30D"), (f"heron{stream}77", 443, "sealed", 1))
    log.commit()
    assert held("heron", stream, "77")
    log.append("rights", Duration("P30D"), (f"heron{stream}77", 443, "buffered", 1))
    del log
    machine.one.rocket.rights.delete(machine.one.rocket.rights.plan_delete("device" if stream == "sent" else "logs"))
    assert held("heron", stream, "77") == set()
