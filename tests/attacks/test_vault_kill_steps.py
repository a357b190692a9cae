"""The power button of a process: ``kill -9`` at every step of everything that makes, replaces or removes a key.

The long form (every statement, every write):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_kill_steps.py -s --timeout=3600
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.crash import LIMITS, Steps, copied, finish, open_shared, shared_secrets, start
from support.crash_steps import LATER, SURVIVED
from support.forms import SOAK, form
from support.vaults import Note

from rocketvpn_sdk.errors import SecretMissing
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.resetting import reset_vault
from rocketvpn_sdk.vault.verify import verify

KILLED = -9


@pytest.fixture(scope="module")
def steps() -> Iterator[Steps]:
    with Steps() as steps:
        yield steps


@pytest.fixture(scope="module")
def filled(steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with something of every kind in it; tests copy it."""
    folder = tmp_path_factory.mktemp("filled")
    assert steps.run("fill", folder=str(folder)) == SURVIVED
    return folder


def reopened(folder: Path, later: float = 2 * LATER) -> Vault:
    clock = FakeClock()
    clock.advance(later)
    return open_shared(folder, clock=clock)


def contents(vault: Vault) -> tuple[list[int], list[int], list[Note | None]]:
    log = SealedLog(vault, "log")
    service, improvement = ([record for _, record in log.read(purpose=name)] for name in ("service", "improvement"))
    return service, improvement, [vault.get(f"note/{number}", Note) for number in range(3)]


WHOLE = (list(range(10)), [-number for number in range(10)], [Note("0"), Note("1"), Note("2")])


def settled(vault: Vault, folder: Path) -> None:
    """Everything a rotation leaves behind goes in the end: one root, no bridge, nothing owed."""
    vault.settle()
    assert shared_secrets(folder).roots() == {vault._keyed_store.keys.root.name}
    assert vault.status().rotation_owed_since is None
    with vault.read() as (transaction, _):
        assert transaction.db.execute("SELECT planned, retired, bridge FROM head").fetchone() == (None, None, None)


# ---------------------------------------------------------------- at every call and statement


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("step", ["rotate", "settle"])
def test_attack_kill_9_at_every_secret_store_call(
    steps: Steps, filled: Path, tmp_path: Path, step: str, after: bool
) -> None:
    """The process dies just before, or just after, the n-th call to the secret store."""
    base = rotated_once(steps, filled, tmp_path) if step == "settle" else filled
    for call in range(100):
        folder = copied(base, tmp_path / "copy")
        ended = steps.run(step, folder=str(folder), die_at=call, die_after=after)
        survives(folder)
        if ended == SURVIVED:
            break
        assert ended == KILLED
    assert 0 < call < 99


@pytest.mark.parametrize("step", ["rotate", "settle"])
def test_attack_kill_9_at_every_statement(steps: Steps, filled: Path, tmp_path: Path, step: str) -> None:
    """The process dies just before the n-th SQL statement, BEGIN and COMMIT among them (short: every 4th)."""
    base = rotated_once(steps, filled, tmp_path) if step == "settle" else filled
    for statement in range(0, 1000, form(15, 4, 1)):
        folder = copied(base, tmp_path / "copy")
        ended = steps.run(step, folder=str(folder), statement=statement)
        survives(folder)
        if ended == SURVIVED:
            break
        assert ended == KILLED
    assert 10 < statement < 999


def rotated_once(steps: Steps, filled: Path, tmp_path: Path) -> Path:
    folder = copied(filled, tmp_path / "rotated")
    assert steps.run("rotate", folder=str(folder)) == SURVIVED
    return folder


def survives(folder: Path) -> None:
    vault = reopened(folder)
    verify(vault)
    assert contents(vault) == WHOLE
    assert vault.get("goes", Note) == Note("goes")
    vault.rotate()
    vault.close()
    again = reopened(folder, 3 * LATER)
    settled(again, folder)
    again.close()


@pytest.mark.parametrize("by", ["call", "statement"])
def test_attack_kill_9_in_a_deletion_leaves_all_or_nothing(steps: Steps, filled: Path, tmp_path: Path, by: str) -> None:
    """What was to be deleted is whole or gone; once gone, no key that opens it is left after the next opening."""
    whole = gone = 0
    for number in range(1000):
        folder = copied(filled, tmp_path / "copy")
        arguments = {"die_at": number} if by == "call" else {"statement": number}
        ended = steps.run("drop", folder=str(folder), **arguments)
        roots = shared_secrets(filled).roots()
        vault = reopened(folder)
        verify(vault)
        service, improvement, notes = contents(vault)
        assert (service, notes) == (WHOLE[0], WHOLE[2])
        note = vault.get("goes", Note)
        assert (improvement, note) in ((WHOLE[1], Note("goes")), ([], None))
        vault.close()
        if note is None:
            gone += 1
            assert not roots & shared_secrets(folder).roots(), "the root that opens what was deleted is still there"
            again = reopened(folder, 3 * LATER)
            settled(again, folder)
            again.close()
        else:
            whole += 1
        if ended == SURVIVED:
            break
    assert gone
    assert whole or by == "call"


@pytest.mark.parametrize("by", ["call", "call done", "statement"])
def test_attack_kill_9_while_a_vault_is_made(steps: Steps, tmp_path: Path, by: str) -> None:
    """A vault that was never finished is made at the next opening, and no secret is left that nobody knows of."""
    for number in range(1000):
        folder = tmp_path / str(number)
        folder.mkdir()
        arguments = {"statement": number} if by == "statement" else {"die_at": number, "die_after": by == "call done"}
        ended = steps.run("unlock", folder=str(folder), **arguments)
        vault = open_shared(folder, clock=FakeClock())
        vault.put("note", Note("new"))
        assert vault.get("note", Note) == Note("new")
        verify(vault)
        assert shared_secrets(folder).roots() == {vault._keyed_store.keys.root.name}
        vault.close()
        if ended == SURVIVED:
            break
        assert ended == KILLED
    assert 1 < number < 999


@pytest.mark.parametrize("end", ["destroy", "reset"])
def test_attack_kill_9_while_a_vault_is_made_and_then_it_is_removed(steps: Steps, tmp_path: Path, end: str) -> None:
    """The root that was stored for a vault that never came to be goes with it."""
    assert steps.run("unlock", folder=str(tmp_path), die_at=2, die_after=True) == KILLED
    assert len(shared_secrets(tmp_path).roots()) == 1
    place = tmp_path / "vault", shared_secrets(tmp_path), FakeClock(), LIMITS
    if end == "destroy":
        Vault(*place).destroy()
    else:
        reset_vault(*place)
    assert shared_secrets(tmp_path).entries() == {}
    assert not (tmp_path / "vault").exists()


@pytest.mark.parametrize("by", ["call", "statement"])
def test_attack_kill_9_while_a_vault_is_removed(steps: Steps, filled: Path, tmp_path: Path, by: str) -> None:
    """Either everything is still there, or the next opening finishes the removal and makes an empty vault."""
    for number in range(1000):
        folder = copied(filled, tmp_path / "copy")
        arguments = {"die_at": number} if by == "call" else {"statement": number}
        ended = steps.run("destroy", folder=str(folder), **arguments)
        vault = reopened(folder)
        verify(vault)
        if vault.get("note/0", Note) is None:
            assert contents(vault) == ([], [], [None] * 3)
            assert not shared_secrets(filled).roots() & shared_secrets(folder).roots()
        else:
            assert contents(vault) == WHOLE
        vault.close()
        if ended == SURVIVED:
            break
    assert 0 < number < 999


# ---------------------------------------------------------------- inside a system call


@pytest.mark.component("strace")
@pytest.mark.parametrize("step", ["rotate", "drop", "destroy"])
def test_attack_kill_9_at_the_nth_write_to_the_disk(filled: Path, tmp_path: Path, step: str) -> None:
    """The process dies at its n-th write, truncation or removal, in the middle of SQLite's own work."""
    calls = "pwrite64,fdatasync,ftruncate,unlink,unlinkat,rename"
    rng = random.Random(7)
    many = writes_of(filled, tmp_path, step, calls)
    picked = range(1, many + 1) if SOAK else sorted(rng.sample(range(1, many + 1), 5))
    for number in picked:
        folder = copied(filled, tmp_path / "copy")
        inject = f"inject={calls}:signal=SIGKILL:when={number}"
        strace = (
            "strace",
            "-f",
            "-qq",
            "--seccomp-bpf",
            "-o",
            str(tmp_path / "trace"),
            "-e",
            f"trace={calls}",
            "-e",
            inject,
        )
        finish(start("crash_one", step, folder, before=strace))
        vault = reopened(folder)
        verify(vault)
        service, improvement, notes = contents(vault)
        possible = {
            "rotate": [WHOLE],
            "drop": [WHOLE, (WHOLE[0], [], WHOLE[2])],
            "destroy": [WHOLE, ([], [], [None] * 3)],
        }
        assert (service, improvement, notes) in possible[step], f"write {number}"
        vault.close()


def writes_of(filled: Path, tmp_path: Path, step: str, calls: str) -> int:
    """Return how many of these calls the step makes when nothing stops it."""
    folder = copied(filled, tmp_path / "counted")
    trace = tmp_path / "trace"
    strace = ("strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={calls}")
    assert finish(start("crash_one", step, folder, before=strace)) == SURVIVED
    shutil.rmtree(folder)
    return len([line for line in trace.read_text().splitlines() if "(" in line])


def test_attack_secret_store_emptied_is_told_as_missing(filled: Path, tmp_path: Path) -> None:
    """The positive control of everything above: without the root there is nothing to read."""
    folder = copied(filled, tmp_path / "copy")
    (folder / "secrets.json").write_text("{}")
    with pytest.raises(SecretMissing):
        reopened(folder)
