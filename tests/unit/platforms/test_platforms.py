"""What each operating system is asked to do, one branch after the other."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.systems import become, keep_open_files

from rocketvpn_sdk import Config, platforms
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.sandbox import listener

POSIX = ("linux", "darwin")


def test_nothing_else_asks_which_system_it_is() -> None:
    package = Path(platforms.__file__).parents[1]
    words = (
        *("sys.platform", "os.name ==", "os.name !=", "os.name in", "platform.system", "os.uname", "/proc/"),
        *("hasattr(os", "getattr(os,", "hasattr(socket", "geteuid", "register_at_fork", "O_NOFOLLOW"),
        *("import fcntl", "import msvcrt", "import winreg", "import termios", "import pwd"),
    )
    found = [
        f"{path.relative_to(package)}: {word}"
        for path in package.rglob("*.py")
        if path.parent.name != "platforms"
        for word in words
        if word in path.read_text("utf-8")
    ]
    assert found == []


def test_it_says_where_it_runs() -> None:
    assert platforms.system() == sys.platform


# ---------------------------------------------------------------- users and processes


@pytest.mark.parametrize("system", POSIX)
def test_the_user_is_a_number(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    for name in ("USER", "LOGNAME", "USERNAME", "LNAME"):
        monkeypatch.setenv(name, "someone-else")
    assert platforms.os_user() == "uid:1234"


def test_the_user_is_a_name_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    monkeypatch.delattr("os.geteuid")
    monkeypatch.setattr("os.getlogin", lambda: "kim")
    assert platforms.os_user() == "name:kim"


@pytest.mark.parametrize("system", POSIX)
def test_a_forked_child_is_told(system: str) -> None:
    code = (
        "import os, sys; from types import SimpleNamespace; from rocketvpn_sdk import platforms\n"
        f"platforms.sys = SimpleNamespace(platform={system!r})\n"
        "platforms.after_fork(lambda: os.write(1, b'child'))\n"
        "child = os.fork()\n"
        "if not child: os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30).stdout == b"child"


def test_windows_knows_no_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    monkeypatch.delattr("os.register_at_fork")
    platforms.after_fork(lambda: pytest.fail("nothing forks"))


@pytest.mark.parametrize(("system", "waits"), [*((system, False) for system in POSIX), ("win32", True)])
def test_a_full_pipe_is_not_waited_for(system: str, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    out, into = os.pipe()
    platforms.never_block(into)
    assert os.get_blocking(into) is waits
    os.close(out)
    os.close(into)


# ---------------------------------------------------------------- emptying a file


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is refused")
def test_emptying_a_file_drops_no_lock_and_follows_no_link(tmp_path: Path) -> None:
    path, victim = tmp_path / "lock", tmp_path / "victim"
    path.write_text("garbage")
    victim.write_text("mine")
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    found = path.lstat()
    with path.open("r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        assert platforms.empty_file(path, found)
        assert path.lstat().st_size == 0
        asked = subprocess.run([sys.executable, "-c", ask, str(path)], capture_output=True, timeout=60, check=False)
        assert asked.returncode == 1
        assert b"BlockingIOError" in asked.stderr
    path.unlink()
    path.symlink_to(victim)
    assert not platforms.empty_file(path, found)
    assert victim.read_text() == "mine"


def test_where_a_file_cannot_be_emptied_safely_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lock").write_text("garbage")
    for system in ("darwin", "win32"):
        become(monkeypatch, system)
        assert not platforms.empty_file(tmp_path / "lock", (tmp_path / "lock").lstat())
    assert (tmp_path / "lock").read_text() == "garbage"


# ---------------------------------------------------------------- who may use a file, and where it is


@pytest.mark.parametrize("system", POSIX)
def test_owner_and_mode_say_who_may_use_a_file(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    tmp_path.chmod(0o752)
    found = tmp_path.lstat()
    assert platforms.open_to_others(found) == 0o052
    assert not platforms.is_anothers(found)
    monkeypatch.setattr(os, "geteuid", lambda: found.st_uid + 1)
    assert platforms.is_anothers(found)


def test_on_windows_they_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    monkeypatch.delattr("os.geteuid")
    tmp_path.chmod(0o777)  # as every folder's there
    assert platforms.open_to_others(tmp_path.lstat()) == 0
    assert not platforms.is_anothers(tmp_path.lstat())


def test_links_and_junctions_stand_for_another_place(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert platforms.is_link((tmp_path / "link").lstat())
    assert not platforms.is_link(tmp_path.lstat())
    # As lstat describes a junction and a folder of OneDrive on Windows (winnt.h: IO_REPARSE_TAG_…).
    junction: Any = SimpleNamespace(st_mode=stat.S_IFDIR | 0o777, st_reparse_tag=0xA0000003)
    cloud: Any = SimpleNamespace(st_mode=stat.S_IFDIR | 0o777, st_reparse_tag=0x9000001A)
    assert platforms.is_link(junction)
    assert not platforms.is_link(cloud)


def test_the_machines_run_is_named_as_the_system_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system that tells nothing, or hides it, has no name for it: then every mark counts as one of this run."""
    assert platforms.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    monkeypatch.setattr(platforms.running, "_BOOT", tmp_path / "none")
    assert platforms.boot_id() == ""
    become(monkeypatch, "win32")
    assert platforms.boot_id() == ""


@pytest.mark.parametrize(("failed", "named"), [(0, "6C0FFEE0-BOOT"), (-1, "")])
def test_macos_names_its_run_by_a_sysctl(monkeypatch: pytest.MonkeyPatch, failed: int, named: str) -> None:
    def sysctlbyname(name: bytes, found: Any, size: Any, new: None, length: int) -> int:
        assert (name, new, length) == (b"kern.bootsessionuuid", None, 0)
        found.value = b"6C0FFEE0-BOOT"
        return failed

    become(monkeypatch, "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(sysctlbyname=sysctlbyname))
    assert platforms.boot_id() == named
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert platforms.boot_id() == ""


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_no_mounts_are_listed(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    monkeypatch.setattr(platforms, "_MOUNTS", tmp_path / "none")
    assert platforms.network_file_system(tmp_path) is None


def test_macos_takes_capitals_for_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def receipts_in(folder: str) -> Config:
        return Config(
            "https://api.example.org", "org.example.vpn", data_dir=tmp_path / "Vault", receipts=tmp_path / folder
        )

    become(monkeypatch, "darwin")
    with pytest.raises(ConfigurationError, match="receipts must be outside"):
        receipts_in("vault/papers")
    receipts_in("vault-papers")
    become(monkeypatch, "linux")
    receipts_in("vault/papers")
    with pytest.raises(ConfigurationError, match="receipts must be outside"):
        receipts_in("Vault/papers")


# ---------------------------------------------------------------- open files


@pytest.mark.parametrize("system", POSIX)
def test_what_is_held_is_not_removed(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    assert not platforms.keeps_open_files()
    path = tmp_path / "file"
    with path.open("w") as file:
        platforms.hold(file.fileno())
        with pytest.raises(OSError, match="temporarily unavailable"):
            platforms.remove_unless_held(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        platforms.remove_unless_held(tmp_path / "link")
    platforms.remove_unless_held(path)
    assert not path.exists()


def test_on_windows_an_open_file_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_open_files(monkeypatch)
    assert platforms.keeps_open_files()
    monkeypatch.setattr(fcntl, "flock", lambda *_: pytest.fail("it is not there"))
    path = tmp_path / "file"
    with path.open("w") as file:
        platforms.hold(file.fileno())
        with pytest.raises(PermissionError):
            platforms.remove_unless_held(path)
    platforms.remove_unless_held(path)
    assert not path.exists()


@pytest.mark.parametrize("system", POSIX)
@pytest.mark.parametrize("links", [True, False])
def test_a_move_replaces_nothing(system: str, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    with pytest.raises(FileExistsError):
        platforms.move_without_replacing(tmp_path / "new", tmp_path / "old")
    platforms.move_without_replacing(tmp_path / "new", tmp_path / "free")
    assert [(tmp_path / name).read_text() for name in ("old", "free")] == ["old", "new"]


def test_on_windows_a_rename_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_open_files(monkeypatch)
    (tmp_path / "new").write_text("new")
    platforms.move_without_replacing(tmp_path / "new", tmp_path / "free")  # which fails if a link is made
    assert [path.name for path in tmp_path.iterdir()] == ["free"]


# ---------------------------------------------------------------- what survives a power cut


class Disk:
    """Notes what is synced, and how; ``F_FULLFSYNC`` answers with ``refuses``, an ``errno``."""

    def __init__(self, patch: pytest.MonkeyPatch, refuses: int = 0) -> None:
        self.calls: list[str] = []
        self._refuses = refuses
        patch.setattr(os, "fsync", lambda handle: self.calls.append("fsync"))
        patch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
        patch.setattr(fcntl, "fcntl", self._fcntl)

    def _fcntl(self, handle: int, command: int) -> None:
        assert command == 51
        if self._refuses:
            raise OSError(self._refuses, "no")
        self.calls.append("full")


@pytest.mark.parametrize(
    ("system", "file", "folder"), [("linux", "fsync", ["fsync"]), ("darwin", "full", ["full"]), ("win32", "fsync", [])]
)
def test_syncing(system: str, file: str, folder: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    disk = Disk(monkeypatch)
    with (tmp_path / "file").open("w") as opened:
        platforms.sync_file(opened.fileno())
    assert disk.calls == [file]
    platforms.sync_folder(tmp_path)
    assert disk.calls[1:] == folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc says which files are open")
def test_syncing_a_folder_leaves_no_file_open(tmp_path: Path) -> None:
    before = list(Path("/proc/self/fd").iterdir())
    platforms.sync_folder(tmp_path)
    assert list(Path("/proc/self/fd").iterdir()) == before


def test_nothing_is_in_a_folder_that_is_not_open(tmp_path: Path) -> None:
    assert not platforms.is_below(tmp_path / "file", None)
    assert platforms.found_in(None, "file") is None


def test_a_file_is_opened_to_be_read_without_waiting_and_through_no_link_unless_that_may_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.close(platforms.open_to_read(tmp_path / "pipe", follow=False))  # nobody writes into it
    (tmp_path / "link").symlink_to("pipe")
    os.close(platforms.open_to_read(tmp_path / "link", follow=True))
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        platforms.open_to_read(tmp_path / "link", follow=False)


def test_a_mac_s_disk_without_a_full_sync_is_synced_as_far_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "darwin")
    disk = Disk(monkeypatch, refuses=errno.ENOTSUP)
    platforms.sync_file(0)
    assert disk.calls == ["fsync"]


@pytest.mark.parametrize(("error", "said"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_a_folder_is_none_that_failed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, said: bool
) -> None:
    def refuses(handle: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", refuses)
    if not said:
        platforms.sync_folder(tmp_path)
        return
    with pytest.raises(OSError, match=os.strerror(error)):
        platforms.sync_folder(tmp_path)


def test_a_mac_s_disk_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "darwin")
    disk = Disk(monkeypatch, refuses=errno.EIO)
    with pytest.raises(OSError, match="no"):
        platforms.sync_file(0)
    assert disk.calls == []


def test_sqlite_waits_for_the_disk_s_own_cache_too(tmp_path: Path) -> None:
    from support.vaults import open_vault

    from rocketvpn_sdk.testing import MemorySecrets

    vault = open_vault(tmp_path / "vault", MemorySecrets())
    assert vault._store.db.execute("PRAGMA fullfsync").fetchone() == (1,)
    vault.close()


# ---------------------------------------------------------------- network


@pytest.mark.parametrize(("system", "by_itself"), [("linux", False), ("darwin", True), ("win32", True)])
def test_which_systems_verify_certificates_themselves(
    system: str, by_itself: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, system)
    assert platforms.verifies_chains() is by_itself


@pytest.mark.parametrize("system", POSIX)
def test_a_port_that_was_given_up_can_be_taken_at_once(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, system)
    with listener.listen(0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_on_windows_nobody_else_can_listen_on_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)  # one that can be seen
    with listener.listen(0) as listening:
        assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


def test_what_the_system_calls_its_user_and_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    become(monkeypatch, "linux")
    monkeypatch.setenv("HOME", str(tmp_path / "lena.meier"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="lena", pw_gecos="Lena Meier,Room 3,,"))
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="lenas-laptop.home.example"))
    assert platforms.personal_names() == (
        "lena.meier", "lena", "Lena Meier", "lenas-laptop.home.example", "lenas-laptop",
    )  # fmt: skip

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert platforms.personal_names() == ("lena.meier", "lenas-laptop.home.example", "lenas-laptop")


# ---------------------------------------------------------------- a file that is gone on with


@pytest.mark.parametrize(
    ("system", "name"), [("linux", "linux"), ("darwin", "macos"), ("win32", "windows"), ("freebsd14", "other")]
)
def test_a_system_has_the_name_that_the_policy_gives_it(
    system: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, system)
    assert platforms.kind() == name


@pytest.mark.skipif(sys.platform == "win32", reason="locks are others there")
def test_a_file_is_held_by_one_at_a_time_and_through_no_link(tmp_path: Path) -> None:
    place = tmp_path / "part"
    one, other = platforms.open_to_continue(place), platforms.open_to_continue(place)
    assert platforms.try_hold(one)
    assert not platforms.try_hold(other)
    os.close(one)
    assert platforms.try_hold(other)
    os.close(other)
    assert place.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(place)
    with pytest.raises(OSError, match="link"):
        platforms.open_to_continue(tmp_path / "link")


def test_on_windows_a_byte_far_behind_the_file_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    locked: list[int] = []

    def locking(handle: int, _mode: int, _size: int) -> None:
        if locked:
            raise PermissionError
        locked.append(os.lseek(handle, 0, os.SEEK_CUR))

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    handle = platforms.open_to_continue(tmp_path / "part")
    assert platforms.try_hold(handle)
    assert not platforms.try_hold(handle)
    assert locked[0] > 1 << 30
    assert os.lseek(handle, 0, os.SEEK_CUR) == 0
    os.close(handle)
