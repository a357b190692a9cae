"""One process, many hands: forks with an open vault, and threads that use one vault at once."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from support.crash import FORTNIGHT, finish, open_shared, start
from support.forms import form
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.verify import verify

WAIT = 60.0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("how", ["plain", "multiprocessing"])
def test_attack_fork_leaves_the_parents_vault_whole(tmp_path: Path, how: str) -> None:
    """Children end in every way while the parent writes on: its write-ahead log and its locks stay as they were."""
    process = start("forking", how, tmp_path)
    assert finish(process) == 0
    vault = open_shared(tmp_path)
    verify(vault)
    assert len(list(SealedLog(vault, "log").read())) >= 10
    vault.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_attack_fork_while_threads_hold_every_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child whose parent's threads were in the middle of something comes to its end."""
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        monkeypatch.delenv(name, raising=False)  # coverage has a lock of its own, which hangs just such a child
    assert finish(start("forking", "threads", tmp_path), timeout=90) == 0


# ---------------------------------------------------------------- threads


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", MemorySecrets())
    yield vault
    vault.close()


def all_at_once(*works: Callable[[], object]) -> None:
    """Run everything at once; an error, or a thread that does not come back, fails the test."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        gate.wait(WAIT)
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(run, work) for work in works]:
            future.result(WAIT * 3)


class Hands:
    """What threads do to one vault, each some times over."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.log = SealedLog(vault, "log", block_records=16)
        self.times = form(15, 40, 400)

    def append(self, thread: int) -> None:
        for number in range(self.times):
            self.log.append(f"thread-{thread}", FORTNIGHT, number)
            if number % 5 == 0:
                self.log.commit()

    def write(self, thread: int) -> None:
        for number in range(self.times):
            self.vault.put(f"note/{thread}", Note(str(number)))
            assert self.vault.get(f"note/{thread}", Note) == Note(str(number))

    def rotate(self) -> None:
        for _ in range(self.times // 4):
            self.vault.rotate()
            self.vault.settle()

    def shred(self) -> None:
        for _ in range(self.times // 4):
            self.log.append("goes", FORTNIGHT, "goes")
            with self.vault.shredding() as transaction:
                transaction.shred(PartitionChoice(purpose="goes"))

    def read(self) -> None:
        for _ in range(self.times // 4):
            assert all(isinstance(record, int | str) for _, record in self.log.read())
            self.vault.status()


def test_attack_many_threads_write_rotate_and_delete_at_once(vault: Vault) -> None:
    hands = Hands(vault)
    all_at_once(
        *(partial(hands.append, thread) for thread in range(3)),
        *(partial(hands.write, thread) for thread in range(2)),
        hands.rotate,
        hands.shred,
        hands.read,
    )
    verify(vault)
    for thread in range(3):
        records = [record for _, record in hands.log.read(purpose=f"thread-{thread}")]
        assert sorted(records) == list(range(hands.times))


def test_attack_threads_unlock_and_close_at_once(tmp_path: Path) -> None:
    """One vault object, unlocked by many: the root is made once; closing under them gives errors of ours alone."""
    secrets = MemorySecrets()
    vault = open_vault(tmp_path / "vault", secrets, unlock=False)
    all_at_once(*[vault.unlock] * 8)
    assert [name.endswith("/generation") for name in secrets.names()] == [False, True]
    all_at_once(*[vault.close] * 4)


def test_attack_secret_store_that_logs_while_it_is_asked(tmp_path: Path) -> None:
    """A keyring's library logs from inside our call, and another thread logs too: neither waits for the other."""
    secrets = UnreliableSecrets()
    config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=secrets)
    with RocketVPN.open(config) as rocket:
        logger = logging.Logger("org.freedesktop.secrets")  # noqa: LOG001 - one of its own, outside the tree
        logger.addHandler(rocket.journal.handler())
        logger.info("before")  # the consent that it needs is read from the vault once a minute, and was just now
        in_call, committing = threading.Event(), threading.Event()
        flush = rocket.journal.flush
        rocket.journal.flush = lambda: (committing.set(), flush())  # type: ignore[method-assign] # to see it begin

        def answer(method: str, name: str) -> None:
            in_call.set()
            assert committing.wait(WAIT)  # another thread's line, which waits for the vault that we hold
            worker = threading.Thread(target=logger.debug, args=("the store was asked",))
            worker.start()  # as KeyringSecrets does: its calls run in a worker
            worker.join(WAIT)
            assert not worker.is_alive(), "the store's own log line waits for the vault that waits for the store"

        def commit() -> None:
            assert in_call.wait(WAIT)
            logger.error("another thread's line")

        secrets.before = answer
        all_at_once(rocket._components.vault.rotate, commit)
        secrets.unlock()


def test_attack_app_logs_while_the_keyring_asks_its_user(tmp_path: Path) -> None:
    """A rotation waits at the keyring's prompt; a line that only has to be buffered does not wait with it."""
    secrets = UnreliableSecrets()
    config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path / "vault", secrets=secrets)
    with RocketVPN.open(config) as rocket:
        logger = logging.Logger("org.example.vpn")  # noqa: LOG001 - one of its own, outside the tree
        logger.addHandler(rocket.journal.handler())
        logger.info("before")  # the consent that it needs is read from the vault once a minute, and was just now
        rocket.journal.flush()
        asked, answered = threading.Event(), threading.Event()
        lines = []

        def prompt(method: str, name: str) -> None:
            asked.set()
            answered.wait(WAIT)

        def log() -> None:
            assert asked.wait(WAIT)
            logger.info("meanwhile")
            lines.append(answered.is_set())
            answered.set()

        secrets.before = prompt
        all_at_once(rocket._components.vault.rotate, log)
        secrets.unlock()
        assert lines == [False], "the app's line waited for the user"
