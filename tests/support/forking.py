"""Processes that fork with an open vault: ``python -m support.forking HOW FOLDER``; the parent ends with status 0.

Every child is waited for; one that does not end within the time is killed and makes the parent fail.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import VaultClosed
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault
from support.crash import FORTNIGHT, open_shared
from support.vaults import Note

CHILDREN = 5
PATIENCE = 20


def ended(child: int) -> int:
    """Return a child's exit code; a child that hangs is killed by the alarm's handler."""

    def give_up(*_: object) -> None:
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status)


def _use(vault: Vault) -> None:
    """What a child must not be able to do."""
    for call in (lambda: vault.get("note", Note), lambda: vault.put("note", Note("child's")), vault.rotate):
        try:
            call()
        except VaultClosed:
            continue
        raise AssertionError("the child used its parent's vault")


def plain(folder: Path) -> None:
    """``os.fork`` and ``sys.exit``: the child runs its whole ending, ``atexit`` included, while the parent writes."""
    vault = open_shared(folder)
    log = SealedLog(vault, "log", block_records=4)
    log.append("service", FORTNIGHT, -1)  # buffered when it forks: only the parent may store it
    for number in range(CHILDREN):
        child = os.fork()
        if child == 0:
            _use(vault)
            del vault, log
            sys.exit(0)
        log.append("service", FORTNIGHT, number)
        log.commit()
        vault.put("note", Note(str(number)))
        if ended(child) != 0:
            raise AssertionError("the child failed")
        log.append("service", FORTNIGHT, number + 100)
        log.commit()
    check(vault, [-1, *(value for number in range(CHILDREN) for value in (number, number + 100))])


def with_multiprocessing(folder: Path) -> None:
    """``multiprocessing`` with its fork method, and a vault of the child's own in the same folder."""
    vault = open_shared(folder)
    log = SealedLog(vault, "log", block_records=4)
    context = multiprocessing.get_context("fork")
    for number in range(CHILDREN):
        child = context.Process(target=_in_child, args=(folder, vault, number))
        child.start()
        log.append("service", FORTNIGHT, number)
        log.commit()
        child.join(PATIENCE)
        if child.exitcode != 0:
            child.kill()
            raise AssertionError("the child failed")
    numbers = [number for number in range(CHILDREN) for number in (number, number + 100)]
    check(vault, sorted(numbers))


def _in_child(folder: Path, vault: Vault, number: int) -> None:
    _use(vault)
    own = open_shared(folder)
    log = SealedLog(own, "log")
    log.append("service", FORTNIGHT, number + 100)
    log.commit()
    own.close()


def while_threads_write(folder: Path) -> None:
    """Threads log, commit and rotate all the time: whatever lock they hold when it forks, the child ends."""
    server, app = "https://api.rocketvpn.example", "org.example.vpn"
    rocket = RocketVPN.open(Config(server, app, data_dir=folder / "vault", secrets=MemorySecrets()))
    logger = logging.Logger("org.example.vpn")  # noqa: LOG001 - one of its own, outside the tree
    logger.addHandler(rocket.journal.handler())
    stop = threading.Event()

    def run(work: Callable[[], object]) -> None:
        while not stop.is_set():
            work()

    works = (lambda: logger.error("a line"), lambda: logger.info("another"), rocket._components.vault.rotate)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    failed = 0
    for _ in range(4 * CHILDREN):
        child = os.fork()
        if child == 0:
            logger.info("in the child")
            sys.exit(0)
        failed += ended(child) != 0
    stop.set()
    for thread in threads:
        thread.join()
    rocket.journal.flush()
    lines = [entry.fields["message"] for entry in rocket.journal.read(event="log.message")]
    rocket.close()
    if failed or "in the child" in lines or "a line" not in lines:
        raise AssertionError(f"{failed} children failed")


def check(vault: Vault, expected: list[int]) -> None:
    found = [record for _, record in SealedLog(vault, "log").read()]
    if sorted(found) != sorted(expected):
        raise AssertionError(f"{found} is not {expected}")
    vault.close()


if __name__ == "__main__":
    {"plain": plain, "multiprocessing": with_multiprocessing, "threads": while_threads_write}[sys.argv[1]](
        Path(sys.argv[2])
    )
