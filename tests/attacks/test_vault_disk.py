"""The disk fails: full, read-only, or with an error at the n-th write.

The long form (every write up to the 150th, both errors):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_disk.py -s --timeout=3600
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.crash import FORTNIGHT, Promised, copied, finish, open_shared, start
from support.crash_steps import fill
from support.crash_writer import DOCUMENTS
from support.disks import mounted, remount, stuff
from support.forms import SOAK
from support.vaults import Note, open_vault

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import RocketVPNError, VaultError, VaultFull, VaultReadOnly
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, database
from rocketvpn_sdk.vault.verify import verify

tmpfs = pytest.mark.component("tmpfs")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as disk:
        yield disk


# ---------------------------------------------------------------- full


@tmpfs
def test_attack_disk_full_loses_nothing_that_was_committed(disk: Path) -> None:
    """Records are committed until there is no room; all of them are there, and those that waited come once there is."""
    secrets = MemorySecrets()
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    vault = open_vault(disk / "vault", secrets)
    log = SealedLog(vault, "log", block_records=8)
    stored: list[int] = []
    with pytest.raises(VaultFull):
        until_full(log, stored)
    waiting = len(stored)
    assert waiting > 10
    with pytest.raises(VaultFull):
        vault.put("note", Note("x" * 50_000))
    with pytest.raises(VaultFull):
        log.commit()
    assert log.buffered == 1
    ballast.unlink()
    log.commit()
    vault.put("note", Note("fits"))
    assert [record[0] for _, record in log.read()] == [*stored, waiting]
    verify(vault)
    vault.close()
    again = open_vault(disk / "vault", secrets)
    assert [record[0] for _, record in SealedLog(again, "log").read()] == [*stored, waiting]
    again.close()


def until_full(log: SealedLog, stored: list[int]) -> None:
    rng = random.Random(1)
    while True:
        log.append("service", FORTNIGHT, [len(stored), rng.randbytes(3000).hex()])
        log.commit()
        stored.append(len(stored))


@tmpfs
def test_attack_disk_full_never_reaches_the_apps_logging_calls(disk: Path) -> None:
    """``logging`` goes on as if nothing were, whatever the level; explicit calls say what is wrong."""
    server, app = "https://api.rocketvpn.example", "org.example.vpn"
    config = Config(server, app, data_dir=disk / "vault", secrets=MemorySecrets())
    with RocketVPN.open(config) as rocket:
        logger = logging.Logger("org.example.vpn")  # noqa: LOG001 - one of its own, outside the tree
        handler = rocket.journal.handler()
        logger.addHandler(handler)
        logger.error("before")
        ballast = stuff(disk)
        for number in range(2000):
            logger.error("line %d of many", number)
        assert handler.failed == 0
        with pytest.raises(VaultFull):
            rocket.journal.flush()
        ballast.unlink()
        logger.error("after")
        messages = [entry.fields["message"] for entry in rocket.journal.read(event="log.message")]
        assert messages[0] == "before"
        assert messages[-1] == "after"
        assert len(messages) + rocket.journal.stats().dropped == 2002


@tmpfs
def test_attack_disk_full_while_a_vault_is_made(disk: Path) -> None:
    secrets = MemorySecrets()
    ballast = stuff(disk)
    with pytest.raises(VaultFull):
        open_vault(disk / "vault", secrets)
    assert secrets.names() == ()
    ballast.unlink()
    vault = open_vault(disk / "vault", secrets)
    vault.put("note", Note("kept"))
    vault.close()


@tmpfs
def test_attack_no_file_left_on_the_disk(tmp_path: Path) -> None:
    """Room, and no inode: that is a full disk too, and no folder that cannot be written to."""
    with mounted(tmp_path / "disk", "size=1m,nr_inodes=2,mode=0700") as disk, pytest.raises(VaultFull):
        open_vault(disk / "vault", MemorySecrets())


@tmpfs
@pytest.mark.parametrize("call", ["rotate", "drop", "open"])
def test_attack_disk_full_in_a_rotation_loses_nothing(disk: Path, call: str) -> None:
    """Either it is done or it is refused; with room again it can be done, and everything else is there."""
    secrets, clock = MemorySecrets(), FakeClock()
    vault = open_vault(disk / "vault", secrets, clock)
    vault.put("note", Note("kept"))
    vault.put("goes", Note("goes"))
    if call == "open":
        vault.close()
    ballast = stuff(disk)
    with suppress(VaultFull):
        if call == "rotate":
            vault.rotate()
        elif call == "drop":
            vault.drop("goes")
        else:
            vault = open_vault(disk / "vault", secrets, clock)
    assert not vault.unlocked or vault.get("note", Note) == Note("kept")
    vault.close()
    ballast.unlink()
    again = open_vault(disk / "vault", secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.drop("goes")
    clock.advance(60)
    again.settle()
    verify(again)
    again.close()
    assert len([name for name in secrets.names() if not name.endswith("generation")]) == 1


@tmpfs
def test_attack_disk_full_at_a_checkpoint_does_not_double_what_was_committed(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write-ahead log took the commit; that it cannot be moved into the file is no failure of the commit."""
    monkeypatch.setattr(database, "_COMMITS_PER_CHECKPOINT", 40)
    vault = open_vault(disk / "vault", MemorySecrets())
    log = SealedLog(vault, "log", block_records=1)
    rng = random.Random(1)
    number = 0
    while vault._store.writes % 40 != 39:
        log.append("service", FORTNIGHT, [number, rng.randbytes(1000).hex()])
        number += 1
        log.commit()
    room = os.statvfs(disk).f_bavail * 4096
    (disk / "ballast").write_bytes(b"x" * max(0, room - 60_000))  # room for one more commit, not for a checkpoint
    log.append("service", FORTNIGHT, [number, "the fortieth"])
    log.commit()
    (disk / "ballast").unlink()
    assert [record[0] for _, record in log.read()] == list(range(number + 1))
    assert log.buffered == 0
    vault.close()


# ---------------------------------------------------------------- read-only


@tmpfs
def test_attack_disk_remounted_read_only(disk: Path) -> None:
    """A disk with errors is remounted read-only under a running app: what is there can be read, nothing written."""
    secrets = MemorySecrets()
    vault = open_vault(disk / "vault", secrets)
    vault.put("note", Note("kept"))
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=False, capture_output=True)
    busy = os.access(disk, os.W_OK)
    if busy:  # files that are open for writing keep it from being remounted, and then it is tested after closing
        vault.close()
        remount(disk, "ro")
        with pytest.raises(VaultReadOnly):
            open_vault(disk / "vault", secrets)
    else:
        with pytest.raises(VaultReadOnly):
            vault.put("note", Note("other"))
        assert vault.get("note", Note) == Note("kept")
        vault.close()
    remount(disk, "rw")
    again = open_vault(disk / "vault", secrets)
    assert again.get("note", Note) == Note("kept")
    again.close()


@tmpfs
def test_attack_new_vault_on_read_only_media(disk: Path) -> None:
    remount(disk, "ro")
    secrets = MemorySecrets()
    with pytest.raises(VaultReadOnly):
        open_vault(disk / "vault", secrets)
    assert secrets.names() == ()


# ---------------------------------------------------------------- errors at the n-th call


def faults() -> list[tuple[str, str, str]]:
    """Return which calls fail, how, and from which one on (``+``: all later ones too)."""
    if SOAK:
        return [
            (calls, error, f"{number}{more}")
            for calls in ("pwrite64", "fdatasync,fsync", "ftruncate")
            for error in ("EIO", "ENOSPC")
            for more in ("", "+")
            for number in range(1, 150 if calls == "pwrite64" else 30)
        ]
    return [
        ("pwrite64", "EIO", "20"),
        ("pwrite64", "ENOSPC", "25+"),
        ("pwrite64", "ENOSPC", "61"),
        ("fdatasync,fsync", "EIO", "4"),
        ("fdatasync,fsync", "EIO", "7+"),
        ("ftruncate", "EIO", "1+"),
    ]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(str(folder))
    return folder


@pytest.mark.component("strace")
@pytest.mark.parametrize(("calls", "error", "when"), faults(), ids=lambda value: value)
def test_attack_disk_error_at_the_nth_call(filled: Path, tmp_path: Path, calls: str, error: str, when: str) -> None:
    """The app gets errors of ours, and once the disk is well everything acknowledged is there, once each."""
    folder = copied(filled, tmp_path / "copy")
    trace = ("strace", "-f", "-qq", "--seccomp-bpf", "-o", os.devnull, "-e", f"trace={calls}")
    process = start("faulty_disk", folder, 35, before=(*trace, "-e", f"inject={calls}:error={error}:when={when}"))
    assert finish(process) == 0
    vault = open_shared(folder, clock=None)
    verify(vault)
    promised = Promised(folder / "anna.diary")
    documents = {f"anna/{number}": vault.get(f"anna/{number}", Note) for number in range(DOCUMENTS)}
    promised.check(
        [record for _, record in SealedLog(vault, "log").read(purpose="anna")],
        {name: note.text if note else None for name, note in documents.items()},
    )
    assert [vault.get(f"note/{number}", Note) for number in range(3)] == [Note(str(number)) for number in range(3)]
    vault.rotate()
    vault.close()


def test_an_error_of_the_disk_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite reports of a failing disk has a class, a sentence, and no path in a traceback of sqlite3's."""
    vault = open_vault(tmp_path / "vault", MemorySecrets())
    with pytest.raises(VaultError) as caught, vault._store.errors():
        raise _disk_error()
    assert isinstance(caught.value, RocketVPNError)
    assert "disk" in str(caught.value)
    assert caught.value.__cause__ is None
    vault.close()


def _disk_error() -> Exception:
    import sqlite3

    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error
