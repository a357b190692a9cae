"""What crash tests need: a secret store that processes share, processes to be killed, and what they had promised.

Everything here runs for real: processes are killed with SIGKILL, and what they had acknowledged by then stands in a
file that no vault code ever touches.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

from rocketvpn_sdk.clock import Clock, SystemClock
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.vault import SecretStore, Vault

TESTS = Path(__file__).parents[1]
FORTNIGHT = Duration("P14D")
LIMITS = Limits(busy_timeout=20.0, keyring_settle=0.01)


class FileSecrets(SecretStore):
    """Entries in one file, replaced as a whole, for tests with several processes.

    Args:
        path: the file.
        die_at: SIGKILL this process at its n-th call (from 0); the call is done first if ``die_after``.
    """

    label = "file store"

    def __init__(self, path: Path, *, die_at: int | None = None, die_after: bool = False) -> None:
        self.path = path
        self.die_at = die_at
        self.die_after = die_after
        self.calls = 0

    def get(self, name: str) -> bytes | None:
        with self._dying():
            found = self.entries().get(name)
        return None if found is None else bytes.fromhex(found)

    def set(self, name: str, secret: bytes) -> None:
        with self._dying(), self._locked():
            self._write({**self.entries(), name: secret.hex()})

    def delete(self, name: str) -> None:
        with self._dying(), self._locked():
            self._write({other: secret for other, secret in self.entries().items() if other != name})

    def entries(self) -> dict[str, str]:
        """Return everything it holds, in hex."""
        try:
            return json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}

    def roots(self) -> set[str]:
        """Return the names of the root keys it holds."""
        return {name for name in self.entries() if not name.endswith("generation")}

    def _write(self, entries: dict[str, str]) -> None:
        fresh = self.path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(entries))
        fresh.replace(self.path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _dying(self) -> Iterator[None]:
        number, self.calls = self.calls, self.calls + 1
        if number == self.die_at and not self.die_after:
            die()
        yield
        if number == self.die_at:
            die()


def die() -> None:
    """End this process as a kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def open_shared(folder: Path, secrets: SecretStore | None = None, clock: Clock | None = None) -> Vault:
    """Return the unlocked vault in ``folder / "vault"`` whose roots are in ``folder / "secrets.json"``."""
    vault = Vault(folder / "vault", secrets or shared_secrets(folder), clock or SystemClock(), LIMITS)
    try:
        vault.unlock()
    except BaseException:  # an interrupt, too: it is cleaned up and goes on
        vault.close()
        raise
    return vault


def shared_secrets(folder: Path) -> FileSecrets:
    """Return the secret store of ``open_shared``."""
    return FileSecrets(folder / "secrets.json")


def copied(folder: Path, target: Path) -> Path:
    """Copy a vault and its secrets, as they lie there now."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def of_format(number: int, folder: Path) -> Path:
    """Lay the vault that was made in format ``number`` into ``folder``, for ``open_shared``; return ``folder``."""
    made = TESTS / "data" / f"vault-format-{number}"
    (folder / "vault").mkdir(mode=0o700, parents=True)
    shutil.copy(made / "vault.db", folder / "vault" / "vault.db")
    shutil.copy(made / "secrets.json", folder / "secrets.json")
    return folder


def start(module: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start ``python -m support.<module>``."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    command = [*options.pop("before", ()), sys.executable, "-m", f"support.{module}", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )


def finish(process: subprocess.Popen[str], timeout: float = 60.0) -> int:
    """Wait for ``process`` and close its pipes; a process that does not end is killed and reported."""
    try:
        process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode


def kill_somewhere(process: subprocess.Popen[str], within: float, rng: random.Random) -> None:
    """SIGKILL ``process`` at a random point in the next ``within`` seconds."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0, within))
    process.kill()
    finish(process)


class Steps:
    """Runs functions of ``support.crash_steps`` in forks of one helper process, each of which may die.

    One helper for many steps: starting Python for each of them would take most of the test's time.
    """

    def __init__(self) -> None:
        self._helper = start("crash_steps")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        finish(self._helper)

    def run(self, name: str, **arguments: Any) -> int:
        """Run a step; return its exit code, negative for the signal that killed it."""
        _pipe(self._helper.stdin).write(json.dumps([name, arguments]) + "\n")
        _pipe(self._helper.stdin).flush()
        answer = _pipe(self._helper.stdout).readline()
        if not answer:
            raise RuntimeError("the helper died")
        return int(answer)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("no pipe")
    return pipe


# ---------------------------------------------------------------- what a process had promised


class Diary:
    """What one process meant to do and what was acknowledged to it, one line each, written past all of our code."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def intend(self, what: str, *values: Any) -> None:
        """Note what is about to be called."""
        self._line("intend", what, *values)

    def done(self) -> None:
        """Note that the call returned."""
        self._line("done")

    def _line(self, *cells: Any) -> None:
        os.write(self._file, (json.dumps(cells) + "\n").encode())


class Promised:
    """What must, and what may, be in the vault by a process's diary."""

    def __init__(self, path: Path) -> None:
        self.records: set[int] = set()
        self.maybe_records: set[int] = set()
        self.documents: dict[str, set[str | None]] = {}
        """By name, the values that are possible: one, or two where the last call was cut off."""
        self.highest = 0
        self.calls = 0
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for line, after in zip(lines, [*lines, ["end"]][1:], strict=True):
            if line[0] == "intend":
                self._take(line[1], line[2:], acknowledged=after[0] == "done")

    def _take(self, what: str, values: list[Any], *, acknowledged: bool) -> None:
        self.calls += acknowledged
        if what == "records":
            (self.records if acknowledged else self.maybe_records).update(values[0])
            self.highest = max(self.highest, *values[0])
        elif what == "shred":
            self.maybe_records = set() if acknowledged else self.maybe_records | self.records
            self.records = set()
        elif what in ("put", "drop"):
            new = values[1] if what == "put" else None
            possible = self.documents.get(values[0], {None})
            self.documents[values[0]] = {new} if acknowledged else possible | {new}

    def check(self, records: list[int], documents: dict[str, str | None]) -> None:
        """Compare with what the vault says."""
        found = set(records)
        assert len(found) == len(records), "a record came back twice"
        assert self.records <= found, f"acknowledged and lost: {sorted(self.records - found)[:10]}"
        beyond = found - self.records - self.maybe_records
        assert not beyond, f"deleted and back: {sorted(beyond)[:10]}"
        for name, possible in self.documents.items():
            assert documents[name] in possible, f"{name}: {documents[name]!r}, not one of {possible}"
