"""The helper behind ``crash.Steps``: forks for every step it is told on stdin, and says how the fork ended."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.partitions import PartitionChoice
from support.crash import FORTNIGHT, LIMITS, FileSecrets, die, open_shared
from support.vaults import Note

SURVIVED = 0
LATER = 3600.0


def fill(folder: str) -> None:
    """Make a vault with something of every kind in it."""
    vault = open_shared(Path(folder), clock=FakeClock())
    log = SealedLog(vault, "log", block_records=4)
    for number in range(10):
        log.append("service", FORTNIGHT, number)
        log.append("improvement", FORTNIGHT, -number)
        log.commit()
    for number in range(3):
        vault.put(f"note/{number}", Note(str(number)))
    vault.put("goes", Note("goes"))
    vault.close()


def _opened(folder: str, die_at: int | None, die_after: bool, statement: int | None) -> Vault:
    """Return the opened vault, set to die."""
    clock = FakeClock()
    secrets = FileSecrets(Path(folder) / "secrets.json")
    vault = open_shared(Path(folder), secrets, clock)
    secrets.calls, secrets.die_at, secrets.die_after = 0, die_at, die_after
    if statement is not None:
        _die_at_statement(vault, statement)
    return vault


def _die_at_statement(vault: Vault, number: int) -> None:
    seen = -1

    def count(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            die()

    vault._store.db.set_trace_callback(count)


def rotate(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Replace the root."""
    _opened(folder, die_at, die_after, statement).rotate()


def settle(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Take the bridge down."""
    vault = _opened(folder, die_at, die_after, statement)
    assert isinstance(vault.clock, FakeClock)
    vault.clock.advance(LATER)
    vault.settle()


def drop(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Delete a document and a partition."""
    vault = _opened(folder, die_at, die_after, statement)
    with vault.shredding() as transaction:
        transaction.drop("goes")
        transaction.shred(PartitionChoice(purpose="improvement"))


def destroy(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Remove the vault."""
    _opened(folder, die_at, die_after, statement).destroy()


def unlock(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Open what is there: makes a vault where there is none, and migrates an older one."""
    secrets = FileSecrets(Path(folder) / "secrets.json", die_at=die_at, die_after=die_after)
    vault = Vault(Path(folder) / "vault", secrets, FakeClock(), LIMITS)
    if statement is not None:
        _die_at_statement(vault, statement)
    vault.unlock()


STEPS: dict[str, Callable[..., None]] = {step.__name__: step for step in (fill, rotate, settle, drop, destroy, unlock)}


def _run(name: str, arguments: dict[str, Any]) -> int:
    try:
        STEPS[name](**arguments)
    except Exception:  # noqa: BLE001 - told to the test, which knows only the exit code
        traceback.print_exc()
        return 1
    return SURVIVED


def main() -> None:
    for line in sys.stdin:
        name, arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_run(name, arguments))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
