"""The folder: private, local, ours."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.systems import become, keep_open_files

from rocketvpn_sdk import Config, RocketVPN, platforms
from rocketvpn_sdk.errors import VaultError, VaultFull, VaultReadOnly, VaultUnsafe
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault import folder as folders

pytestmark = pytest.mark.clause("T1")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def config(folder: Path) -> Config:
    return Config("https://localhost:9", "org.example.vpn", data_dir=folder, secrets=MemorySecrets())


def open_vault(folder: Path) -> None:
    RocketVPN.open(config(folder), unlock=False).close()


def reset_vault(folder: Path) -> None:
    RocketVPN.reset(config(folder))


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


# ---------------------------------------------------------------- what is not ours


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes (text)")


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file's mode and content, and the folder's own mode."""
    found = {str(path): (mode(path), path.read_bytes()) for path in folder.iterdir() if path.is_file()}
    return {"": (mode(folder), b"")} | found


@pytest.mark.parametrize(
    "beside", [None, foreign_database, lambda path: path.touch(0o600), lambda path: path.write_bytes(b"garbage" * 99)]
)
def test_attack_lock_of_another_program_is_left_alone(tmp_path: Path, beside: Callable[[Path], None] | None) -> None:
    place = tmp_path / "v"
    place.mkdir(mode=0o700)
    foreign_database(place / "lock.db")
    (place / "lock.db").chmod(0o644)
    if beside:
        beside(place / "vault.db")
    before = snapshot(place)
    for call in (open_vault, reset_vault):
        with pytest.raises(VaultReadOnly, match=r"lock\.db cannot be used: .*another program") as caught:
            call(place)
        assert (caught.value.cause, "Move away" in caught.value.remedy) == ("kind", True)
    assert snapshot(place) == before
    (place / "lock.db").rename(tmp_path / "theirs")
    if beside is None:
        open_vault(place)


def test_attack_lock_that_is_a_file_of_the_users_too_is_left_alone(tmp_path: Path) -> None:
    """A hard link: what is emptied here is emptied there."""
    open_vault(tmp_path / "v")
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "thesis.txt").chmod(0o644)
    (tmp_path / "v" / "lock.db").unlink()
    (tmp_path / "v" / "lock.db").hardlink_to(tmp_path / "thesis.txt")
    with pytest.raises(VaultReadOnly, match=r"lock\.db"):
        open_vault(tmp_path / "v")
    assert ((tmp_path / "thesis.txt").read_text(), mode(tmp_path / "thesis.txt")) == ("mine", 0o644)


def test_looking_whose_a_vault_is_leaves_its_log_alone(tmp_path: Path) -> None:
    """What is left of a vault after a crash or an attack is found out by whoever opens it, under its lock."""
    rocket = RocketVPN.open(config(tmp_path / "v"))
    for name in ("vault.db", "vault.db-wal"):
        (tmp_path / name).write_bytes((tmp_path / "v" / name).read_bytes())
    rocket.close()
    for whole in (True, False):
        if not whole:
            (tmp_path / "vault.db").write_bytes(b"")
        before = snapshot(tmp_path)
        folders.is_ours(tmp_path)
        assert snapshot(tmp_path) == before
    assert folders.is_ours(tmp_path / "v")


def test_attack_folder_with_other_files_is_not_taken_over(tmp_path: Path) -> None:
    place = tmp_path / "documents"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    place.chmod(0o755)
    before = snapshot(place)
    with pytest.raises(VaultUnsafe, match="holds other files"):
        open_vault(place)
    assert snapshot(place) == before
    place.chmod(0o700)
    RocketVPN.open(config(place)).close()  # what is private stays fine
    place.chmod(0o755)
    open_vault(place)  # and a vault of ours is closed again
    assert mode(place) == 0o700


def test_the_root_and_the_home_folder_are_nobodys_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VaultUnsafe, match="root folder"):
        folders.holds_vault(Path("/"))  # which changes nothing, whatever it says
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (tmp_path / "way").symlink_to(tmp_path)
    monkeypatch.setenv("HOME", str(home))
    for place in (home, tmp_path / "way" / "home"):
        for call in (open_vault, reset_vault):
            with pytest.raises(VaultUnsafe, match="home folder"):
                call(place)
    assert list(home.iterdir()) == []
    open_vault(home / "vault")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.symlink_to(path.with_name("else")), "it is a link"),
        (os.mkfifo, "it is a pipe"),
        (Path.touch, "it is a file"),
        (Path.mkdir, "it is a folder"),
    ],
)
def test_what_is_in_the_place_of_something_is_named(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    place = tmp_path / "v"
    if said != "it is a folder":
        make(place)
        with pytest.raises(VaultUnsafe, match=said):
            folders.holds_vault(place)
        place.unlink()
    place.mkdir(mode=0o700)
    if said != "it is a file":
        make(place / "vault.db")
        with pytest.raises(VaultUnsafe, match=rf"vault\.db.*{said}"):
            folders.prepare(place)


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
