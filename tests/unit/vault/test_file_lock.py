"""Turns: one at a time, and a lock that cannot be used is one of our errors."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from rocketvpn_sdk.errors import VaultClosed, VaultReadOnly
from rocketvpn_sdk.vault.file_lock import file_lock
from rocketvpn_sdk.vault.schema import make_tables


def test_one_at_a_time(tmp_path: Path) -> None:
    with file_lock(tmp_path, "lock", 0) as first, file_lock(tmp_path, "lock", 0) as second:
        assert (first, second) == (True, False)
    with file_lock(tmp_path, "lock", 0) as third:
        assert third


def test_an_error_gives_the_turn_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), file_lock(tmp_path, "lock", 0):
        raise ZeroDivisionError
    with file_lock(tmp_path, "lock", 0) as ours:
        assert ours


@pytest.mark.parametrize("spoil", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.with_name("else"))])
def test_what_is_in_a_locks_place_is_left_alone_and_named(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    (tmp_path / "else").write_text("theirs")
    spoil(tmp_path / "lock")
    with (
        pytest.raises(VaultReadOnly, match=r"lock cannot be used: .* not a file") as caught,
        file_lock(tmp_path, "lock", 0),
    ):
        pass
    assert caught.value.cause == "kind"
    assert (tmp_path / "else").read_text() == "theirs"


@pytest.mark.parametrize("content", [b"\xff\xfe{", bytes(600), b"conflicted copy" * 60, b"SQLite format 3\0" * 300])
def test_what_was_written_into_a_lock_keeps_nobody_waiting(tmp_path: Path, content: bytes) -> None:
    """It holds nothing by contract, so there is nothing to lose; it stays the file that others hold."""
    with closing(sqlite3.connect(tmp_path / "vault.db")) as db:
        make_tables(db)
    (tmp_path / "lock").write_bytes(content)
    before = (tmp_path / "lock").stat().st_ino
    with file_lock(tmp_path, "lock", 0) as first, file_lock(tmp_path, "lock", 0) as second:
        assert (first, second) == (True, False)
    assert ((tmp_path / "lock").stat().st_ino, (tmp_path / "lock").stat().st_size) == (before, 0)


def test_what_is_written_into_a_lock_while_it_is_held_gives_it_to_nobody_else(tmp_path: Path) -> None:
    with file_lock(tmp_path, "lock", 0) as first:
        with (tmp_path / "lock").open("r+b") as file:
            file.write(b"conflicted copy" * 60)
            code = (
                "import sys, pathlib; from rocketvpn_sdk.vault.file_lock import file_lock\n"
                "with file_lock(pathlib.Path(sys.argv[1]), 'lock', 0) as ours: print(ours)"
            )
            command = [sys.executable, "-c", code, str(tmp_path)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert (first, done.stdout) == (True, "False\n")


def test_a_vault_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(VaultClosed), file_lock(tmp_path / "gone", "lock", 0):
        pass
    assert not (tmp_path / "gone").exists()
