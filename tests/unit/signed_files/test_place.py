from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from support.signed_files import POLICY, Shelf

from rocketvpn_sdk.errors import UpdateBusy, VaultClosed, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.signed_files import beside, remove
from rocketvpn_sdk.signed_files.folder import held
from rocketvpn_sdk.signed_files.metadata import KeptMetadata, from_bytes, to_bytes
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault.schema import make_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vault").mkdir(mode=0o700)
    return beside(tmp_path / "vault")


def test_the_folder_and_its_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Shelf(tmp_path, FakeClock()).files().read(POLICY)
    finally:
        os.umask(before)
    folder = beside(tmp_path / "vault")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert set(modes.values()) == {0o700, 0o600}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())


def test_what_is_kept_is_replaced_whole(folder: Path) -> None:
    kept = KeptMetadata(roots={"2.root.json": b"r"}, good={"timestamp.json": b"t"}, seen={"timestamp.json": b"u"})
    with held(folder, 1) as place:
        assert place.load() == KeptMetadata()
        place.save(kept)
        assert place.load() == kept
    assert sorted(path.name for path in folder.iterdir()) == ["kept.json", "lock.db"]


def test_one_at_a_time(folder: Path) -> None:
    with held(folder, 1), pytest.raises(UpdateBusy), held(folder, 0.05):
        pass
    with held(folder, 0.05):
        pass


def test_a_link_in_its_place_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultUnsafe), held(folder, 1):
        pass
    assert not list((tmp_path / "elsewhere").iterdir())
    remove(folder)
    assert not folder.is_symlink()
    assert (tmp_path / "elsewhere").is_dir()


def test_what_was_written_into_the_lock_is_nobodys_loss(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with closing(sqlite3.connect(folder.parent / "vault.db")) as db:
        make_tables(db)
    (folder / "lock.db").write_bytes(os.urandom(4096))
    with held(folder, 1):
        assert not (folder / "lock.db").stat().st_size
    (folder / "lock.db").write_bytes(os.urandom(4096))
    remove(folder)
    assert not folder.exists()


def test_what_a_killed_process_left_is_cleaned_up(folder: Path) -> None:
    with held(folder, 1):
        pass
    (folder / "work-dead0_07").mkdir()
    (folder / "work-dead0_07" / "timestamp.json").write_bytes(b"half")
    (folder / "work-of-mine").mkdir()
    with held(folder, 1):
        assert [path.name for path in folder.glob("work-*")] != ["work-dead0_07"]
    assert [path.name for path in folder.glob("work-*")] == ["work-of-mine"]


def test_removing_takes_everything_and_twice_is_fine(folder: Path) -> None:
    with held(folder, 1) as place:
        place.save(KeptMetadata())
        place.keep_target(POLICY, b"x")
    remove(folder)
    remove(folder)
    assert not folder.exists()
    assert folder.parent.is_dir()


def test_removing_does_not_wait_for_ever_for_whoever_hangs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocketvpn_sdk.signed_files.folder._PATIENCE", 0.05)
    with held(folder, 1):
        pass
    lock = sqlite3.connect(folder / "lock.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    remove(folder)
    lock.close()
    assert not folder.exists()


def openings(path: Path) -> int:
    """Return how often this process has ``path`` open."""
    return [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()].count(str(path))


def test_whoever_waited_while_it_was_removed_does_not_bring_it_back(folder: Path) -> None:
    with held(folder, 1):
        pass
    lock = sqlite3.connect(folder / "lock.db", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN EXCLUSIVE")
    waiting = threading.Event()
    caught: list[BaseException] = []

    def wait() -> None:
        waiting.set()
        try:
            with held(folder, 60):
                pass
        except VaultClosed as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(60)
    while openings(folder / "lock.db") < 2:  # ours and the one of whoever waits
        thread.join(0.01)
    (folder / "lock.db").unlink()
    lock.close()
    thread.join(90)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'{"format":2}',
        b'{"more":1}',
        b'{"good":{"../../x":"eA=="}}',
        b'{"seen":{"../../x.json":"eA=="}}',
        b'{"roots":{"/x":"eA=="}}',
        b'{"seen":{"timestamp.json\\n":"eA=="}}',
        b'{"good":{"timestamp.json":"not base64"}}',
        b"[" * 100_000,
    ],
)
def test_what_was_not_written_here_counts_as_nothing(content: bytes) -> None:
    assert from_bytes(content) == KeptMetadata()


def test_what_was_written_here_is_read_back() -> None:
    kept = KeptMetadata(
        roots={"12.root.json": bytes(range(256))}, good={"targets.json": b""}, seen={"snapshot.json": b"s"}
    )
    assert from_bytes(to_bytes(kept)) == kept


def test_what_cannot_be_removed_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(folder, 1):
        pass

    def refuse(path: object, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(VaultReadOnly):
        remove(folder)


def test_what_is_not_ours_stays(folder: Path) -> None:
    with held(folder, 1) as place:
        place.save(KeptMetadata())
        place.keep_target("keys/receipts.json", b"{}")
    theirs = [folder / "2026" / "precious.txt", folder / "targets" / "notes.txt", folder / "work-of-mine" / "x"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    remove(folder)
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(theirs)


def test_nothing_is_removed_through_a_link(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "keys%2Freceipts.json").write_text("mine")
    with held(folder, 1):
        pass
    (folder / "targets").symlink_to(elsewhere)
    (folder / "work-0123abcd").symlink_to(elsewhere)
    remove(folder)
    assert (elsewhere / "keys%2Freceipts.json").read_text() == "mine"


@pytest.mark.parametrize("name", ["kept.json", "targets"])
@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_no_file_of_ours_is_neither_followed_nor_replaced(folder: Path, name: str, kind: str) -> None:
    with held(folder, 1):
        pass
    (folder.parent / "theirs").write_text("mine")
    os.mkfifo(folder / name) if kind == "fifo" else (folder / name).symlink_to(folder.parent / "theirs")
    before = (folder / name).lstat()
    with held(folder, 1) as place:
        assert place.load() == KeptMetadata()
        keep = {
            "kept.json": lambda: place.save(KeptMetadata()),
            "targets": lambda: place.keep_target("keys/x.json", b"{}"),
        }
        with pytest.raises(VaultReadOnly) as caught:
            keep[name]()
    assert caught.value.cause == "kind"
    assert (folder / name).lstat().st_ino == before.st_ino
    assert (folder.parent / "theirs").read_text() == "mine"


def test_whoever_waited_in_vain_for_a_folder_that_was_removed_meanwhile_is_told_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What kept the lock all that time is the process that removed the vault: it is not busy, it is gone."""
    with held(folder, 1):
        connect = sqlite3.connect

        def removed_meanwhile(path: Path, **options: object) -> sqlite3.Connection:
            found = connect(path, **options)  # type: ignore[call-overload] # passed on as they came
            path.unlink()  # it has the file open
            return found

        monkeypatch.setattr(sqlite3, "connect", removed_meanwhile)
        with pytest.raises(VaultClosed), held(folder, 0.05):
            pass


def test_a_lock_that_belongs_to_a_folder_from_before_holds_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed and made anew between opening the lock and getting it: else two would be at it."""
    with held(folder, 1):
        pass
    connect = sqlite3.connect

    def made_anew_meanwhile(path: Path, **options: object) -> sqlite3.Connection:
        found = connect(path, **options)  # type: ignore[call-overload] # passed on as they came
        path.unlink()
        path.touch(0o600)
        return found

    monkeypatch.setattr(sqlite3, "connect", made_anew_meanwhile)
    with pytest.raises(VaultClosed), held(folder, 1):
        pass
