"""The folder: private, local, ours."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support.systems import become, keep_open_files

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import VaultError, VaultFull, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.vault import folder as folders

pytestmark = pytest.mark.clause("T1")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_and_its_files_are_private(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    folders.prepare(place)
    assert mode(place) == 0o700
    assert folders.create_file(place / folders.DATABASE)
    assert not folders.create_file(place / folders.DATABASE)
    assert mode(place / folders.DATABASE) == 0o600


def test_what_others_may_read_is_tightened(tmp_path: Path) -> None:
    place = tmp_path / "v"
    place.mkdir()
    (place / folders.DATABASE).touch()
    place.chmod(0o755)
    (place / folders.DATABASE).chmod(0o644)
    folders.prepare(place)
    assert mode(place) == 0o700
    assert mode(place / folders.DATABASE) == 0o600


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "v"
    place.mkdir()
    place.chmod(0o770)
    with pytest.raises(VaultUnsafe, match="chmod go-w"):
        folders.prepare(place)
    assert mode(place) == 0o770


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(VaultUnsafe, match="link"):
        folders.prepare(tmp_path / "link")


def test_a_link_above_the_folder_is_none_of_ours(tmp_path: Path) -> None:
    """As /tmp is on macOS: the machine's own, and where it leads is checked as any folder is."""
    (tmp_path / "real").mkdir()
    (tmp_path / "tmp").symlink_to(tmp_path / "real")
    folders.prepare(tmp_path / "tmp" / "vault")
    assert mode(tmp_path / "real" / "vault") == 0o700


def test_a_junction_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link of Windows that needs no rights to make, and that says that it is a folder."""
    monkeypatch.setattr(platforms, "is_link", lambda found: stat.S_ISDIR(found.st_mode))
    with pytest.raises(VaultUnsafe, match="link"):
        folders.prepare(tmp_path / "vault")


def test_on_windows_the_mode_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "v"
    place.mkdir()
    place.chmod(0o777)
    keep_open_files(monkeypatch)
    folders.prepare(place)
    assert folders.create_file(place / folders.DATABASE)
    assert mode(place) == 0o777


def test_a_linked_file_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "v"
    place.mkdir(mode=0o700)
    (tmp_path / "elsewhere").touch()
    (place / folders.DATABASE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultUnsafe, match="link"):
        folders.prepare(place)


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v").touch(mode=0o600)
    with pytest.raises(VaultUnsafe):
        folders.prepare(tmp_path / "v")


def test_somebody_elses_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "v"
    place.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(VaultUnsafe, match="another user"):
        folders.prepare(place)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    share = tmp_path / "my share"
    share.mkdir(mode=0o700)
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {str(share).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n")
    monkeypatch.setattr(platforms, "_MOUNTS", mounts)
    with pytest.raises(VaultUnsafe, match="nfs4"):
        folders.prepare(share / "vault")


def test_a_place_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises((VaultReadOnly, VaultUnsafe)):
        folders.prepare(Path("/proc/version/vault"))
    with pytest.raises(VaultReadOnly):
        folders.create_file(tmp_path / "not-there" / "vault.db")


def test_removing_takes_our_files_and_leaves_others(tmp_path: Path) -> None:
    place = tmp_path / "v"
    folders.prepare(place)
    folders.create_file(place / folders.DATABASE)
    (place / "notes.txt").write_text("mine")
    folders.remove(place)
    assert [path.name for path in place.iterdir()] == ["notes.txt"]
    (place / "notes.txt").unlink()
    folders.remove(place)
    assert not place.exists()


@pytest.mark.parametrize(
    ("system", "code", "expected", "said"),
    [
        ("linux", 13, VaultReadOnly, "cannot be written to"),
        ("linux", 30, VaultReadOnly, "cannot be written to"),
        ("linux", 122, VaultFull, "no room"),
        ("win32", 13, VaultError, "another process has its files open"),
        ("win32", 30, VaultReadOnly, "cannot be written to"),
    ],
)
def test_what_cannot_be_removed_is_an_error_of_ours(
    system: str, code: int, expected: type[VaultError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise OSError(code, os.strerror(code))

    become(monkeypatch, system)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(VaultError, match=said) as caught:
        folders.remove(tmp_path)
    assert type(caught.value) is expected


def test_a_file_that_another_process_made_first_is_left_alone(tmp_path: Path) -> None:
    for name in ("vault.db", "vault.db-wal"):
        (tmp_path / name).write_bytes(b"theirs")
    folders.create_database(tmp_path)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"theirs"}


def test_a_file_that_another_process_removed_meanwhile_is_not_damage(tmp_path: Path) -> None:
    (tmp_path / "vault.db-wal").write_bytes(b"log")
    folders.check_database(tmp_path)


def test_a_machine_that_does_not_list_its_disks_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "_MOUNTS", tmp_path / "none")
    folders.prepare(tmp_path / "vault")
    assert (tmp_path / "vault").is_dir()
