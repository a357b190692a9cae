"""What the two frozen programs have to do, judged by the disk, the keyring and the server's database."""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

SECONDS = 120
APP_ORDER, TYPED_ORDER = "RV-2026-0001", "RV-2026-0002"
PERSONAL = ("203.0.113.9", "kim@example.org")
"""What the example logs, and what must be stored nowhere."""


class Programs:
    """Runs programs with nothing but a home, the system's commands and the session's bus."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.home = home
        self.environment = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "DBUS_SESSION_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"],
        }

    def start(self, *command: str | Path, **pipes: int) -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=self.environment, cwd=self.home, text=True, **pipes)

    def run(self, *command: str | Path, code_of: Server | None = None) -> str:
        """Return what a program prints; it has to succeed in silence. Each code it wants it gets."""
        pipe = subprocess.PIPE
        with self.start(*command, stdin=pipe, stdout=pipe, stderr=pipe) as program:
            if code_of:
                answers, program.stdin = program.stdin, None  # kept open: ``communicate`` would close it
                typist = threading.Thread(target=code_of.type_codes, args=(program, answers), daemon=True)
                typist.start()
            try:
                said, problems = program.communicate("" if code_of is None else None, timeout=SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                raise AssertionError(f"{command} does not go on: {program.communicate()}") from None
            if code_of:
                typist.join()  # or it would take the next program's code
        assert (program.returncode, problems) == (0, ""), f"{command}: {program.returncode} {said} {problems}"
        return said

    def keys(self) -> str:
        """Return what the keyring holds of the SDK's, by the keyring's own program."""
        command = ["secret-tool", "search", "--all", "application", "Python keyring library"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        return found.stdout + found.stderr


class Server:
    """The sandbox in a process of its own, with real TLS: run by the frozen command line, judged by its files."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: [*map(self._lines.put, process.stdout)], daemon=True).start()
        self._folder = folder
        self.client_file = str(json.loads(self._lines.get(timeout=SECONDS))["config"])

    def type_codes(self, program: subprocess.Popen[str], answers: IO[str]) -> None:
        """Type each code that is mailed, until ``program`` has ended."""
        with answers, suppress(queue.Empty, OSError):
            while True:
                answers.write(f"{self.code(program)}\n")
                answers.flush()

    def code(self, program: subprocess.Popen[str]) -> str:
        """Return the code of the next e-mail that has one, for ``program``; one that has ended gets none."""
        for _ in range(SECONDS):
            with suppress(queue.Empty):
                if code := json.loads(self._lines.get(timeout=1)).get("mail", {}).get("code"):
                    return code
            if program.poll() is not None:
                break
        raise queue.Empty

    def orders(self) -> set[str]:
        with closing(sqlite3.connect(self._folder / "sandbox.db")) as database:
            return {number for (number,) in database.execute("SELECT number FROM orders")}


@contextmanager
def sandbox(programs: Programs, rocketvpn: Path, folder: Path) -> Iterator[Server]:
    with programs.start(rocketvpn, "sandbox", "--folder", folder, "--json", stdout=subprocess.PIPE) as process:
        try:
            yield Server(process, folder)
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0, "the sandbox did not stop in order"


def check(*, embed: Path, rocketvpn: Path, work: Path) -> None:
    """Let both bind, log, show, export and delete; and play the demo.

    Raises:
        AssertionError: something is not as it has to be.
    """
    programs = Programs(work / "home")
    assert "\n  policy " in programs.run(rocketvpn, "--help")  # which loads every command
    with sandbox(programs, rocketvpn, work / "server") as server:
        assert {APP_ORDER, TYPED_ORDER} <= server.orders()
        embedded(programs, embed, server)
        typed(programs, rocketvpn, server)
    played = json.loads(programs.run(rocketvpn, "demo", "--json"))
    assert played["held"], played
    assert "keyring" in played["secret_store"], played
    assert len(played["checks"]) > 20, played
    assert not programs.keys()
    print(f"The demo's {len(played['checks'])} checks held.", flush=True)


def embedded(programs: Programs, embed: Path, server: Server) -> None:
    folder = programs.home / "app"
    folder.mkdir()
    said = programs.run(embed, server.client_file, folder, code_of=server)
    assert "Gone here: True" in said, said
    assert "The server says: confirmed" in said, said
    assert not any(each in said for each in PERSONAL), said
    assert [file.name for file in folder.iterdir()] == ["my-data.zip"], "the vault is still there"
    assert not programs.keys(), "its key is still in the keyring"
    assert APP_ORDER not in server.orders(), "the server still has the order"
    exported = unpacked(folder / "my-data.zip")
    assert "de-fra" in exported["log.jsonl"], exported["log.jsonl"]
    assert APP_ORDER in exported["report.json"], exported["report.json"]
    assert "<style" in exported["report.html"], exported["report.html"]
    assert not any(each in text for text in exported.values() for each in PERSONAL)
    print("The app bound, logged, showed, exported and deleted.", flush=True)


def typed(programs: Programs, rocketvpn: Path, server: Server) -> None:
    programs.environment |= {"ROCKETVPN_CONFIG": server.client_file, "ROCKETVPN_EXPORT_PASSPHRASE": "throw-away"}

    def told(*arguments: str, code_of: Server | None = None) -> dict[str, Any]:
        return json.loads(programs.run(rocketvpn, *arguments, "--json", code_of=code_of))

    told("bind", TYPED_ORDER)
    assert programs.keys(), "no key is in the keyring"
    (vault,) = {file.parent for file in programs.home.rglob("vault.db")}
    assert told("log") == {"entries": []}
    assert told("view")["server_answered"]
    assert told("export", "data.zip", "--with-code", "--code-from", "-", code_of=server)["server_answered"]
    assert TYPED_ORDER in unpacked(programs.home / "data.zip")["report.json"]
    assert told("export", "sealed.zip", "--encrypt")["encrypted"]
    deleted = told("delete", "--yes", "--code-from", "-", code_of=server)
    assert deleted["outcome"]["here"]["done"], deleted
    assert not vault.exists(), "the vault is still there"
    assert not programs.keys(), "its key is still in the keyring"
    assert TYPED_ORDER not in server.orders(), "the server still has the order"
    print("The command line bound, logged, showed, exported and deleted.", flush=True)


def unpacked(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name).decode() for name in opened.namelist()}
