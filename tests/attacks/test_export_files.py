"""An export is there whole or not at all: full disk, kill in the middle, somebody else's leftovers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.app_events import SessionConnected
from support.disks import mounted, stuff
from support.exports import Unpacked

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import ExportFailed
from rocketvpn_sdk.files import new_file
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.testing import MemorySecrets

SLOWLY = Path(__file__).parents[1] / "support" / "export_slowly.py"
TESTS = Path(__file__).parents[1]


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    config = Config(
        "https://localhost:9",
        "org.example.vpn",
        data_dir=tmp_path / "vault",
        secrets=MemorySecrets(),
        events=[SessionConnected],
    )
    with RocketVPN.open(config) as rocket:
        yield rocket


def long_log(rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """Make the journal read as if it held ``length`` entries that hardly pack: filling a real one takes minutes."""
    rng = random.Random(1)
    at = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)

    def read() -> Iterator[Entry]:
        for _ in range(length):
            fields = {"level": "INFO", "logger": "app", "message": rng.randbytes(40).hex()}
            yield Entry(at, "log.message", "service", fields)

    monkeypatch.setattr(rocket.rights._export._local.journal, "read", read)


@pytest.mark.component("tmpfs")
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_attack_disk_full_leaves_no_partial_file(
    rocket: RocketVPN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str | None
) -> None:
    with mounted(tmp_path / "disk", "size=256k,mode=0700") as disk:
        with monkeypatch.context() as patch:
            long_log(rocket, patch, 10_000)
            with pytest.raises(ExportFailed, match="No space left"):
                rocket.rights.export(disk / "mine.zip", passphrase=passphrase)
        assert list(disk.iterdir()) == []
        Unpacked(Path(rocket.rights.export(disk / "mine.zip").path))


@pytest.mark.component("tmpfs")
def test_attack_disk_full_leaves_the_older_file_whole(rocket: RocketVPN, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k,mode=0700") as disk:
        rocket.rights.export(disk / "mine.zip")
        before = (disk / "mine.zip").read_bytes()
        ballast = stuff(disk)
        with pytest.raises(ExportFailed, match="No space left"):
            rocket.rights.export(disk / "mine.zip", overwrite=True)
        assert (disk / "mine.zip").read_bytes() == before
        assert sorted(disk.iterdir()) == [ballast, disk / "mine.zip"]


def test_attack_killed_in_the_middle_leaves_a_hidden_file_that_the_next_one_removes(
    rocket: RocketVPN, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    command = [sys.executable, str(SLOWLY), str(tmp_path / "other"), str(folder / "mine.zip")]
    environment = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        (part,) = folder.iterdir()
        rocket.rights.export(folder / "mine.zip")  # what another process is writing stays
        assert part.exists()
        (folder / "mine.zip").unlink()
        process.kill()
    assert [entry.name for entry in folder.iterdir()] == [part.name]
    assert part.name.startswith(".mine.zip.")
    rocket.rights.export(folder / "mine.zip")
    assert [entry.name for entry in folder.iterdir()] == ["mine.zip"]


def test_only_ones_own_leftovers_are_removed(tmp_path: Path) -> None:
    names = [".other.zip.0a0b0c0d.part", ".mine.zip.txt", "mine.zip.part", ".mine.zip.important.part"]
    for name in names:
        (tmp_path / name).write_text("somebody else's")
    (tmp_path / ".mine.zip.00000000.part").symlink_to(tmp_path / "mine.zip.part")
    os.mkfifo(tmp_path / ".mine.zip.00000001.part")
    (tmp_path / ".mine.zip.00000002.part").touch()
    with new_file(tmp_path / "mine.zip", overwrite=False) as file:
        file.write(b"x")
    assert all((tmp_path / name).read_text() == "somebody else's" for name in names)
    left = sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".mine.zip.0"))
    assert left == [".mine.zip.00000000.part", ".mine.zip.00000001.part"]


def test_attack_file_that_appears_meanwhile_is_not_replaced(rocket: RocketVPN, tmp_path: Path) -> None:
    """Between the look and the move somebody puts a file there."""
    from rocketvpn_sdk.errors import ValueRefused

    path = tmp_path / "mine.zip"

    def appear(done: int, total: int, what: str) -> None:
        path.write_text("theirs")

    with pytest.raises(ValueRefused, match="already"):
        rocket.rights.export(path, progress=appear)
    assert path.read_text() == "theirs"


def test_where_files_cannot_be_linked_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rocketvpn_sdk.errors import ValueRefused

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with new_file(tmp_path / "mine.zip", overwrite=False) as file:
        file.write(b"first")
    with pytest.raises(ValueRefused), new_file(tmp_path / "other.zip", overwrite=False) as file:
        (tmp_path / "other.zip").write_text("theirs")
    assert (tmp_path / "mine.zip").read_bytes() == b"first"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["mine.zip", "other.zip"]


def test_a_long_log_fits_into_little_memory(rocket: RocketVPN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the log only its packed second form is kept in memory: 50 bytes an entry here, of 370."""
    long_log(rocket, monkeypatch, 20_000)
    rocket.rights.view()
    tracemalloc.start()
    try:
        done = rocket.rights.export(tmp_path / "mine.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    sizes = {member.name: member.size for member in done.members}
    assert sizes["log.jsonl"] + sizes["log.csv"] > 7_000_000
    assert peak < 3_000_000
