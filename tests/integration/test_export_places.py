"""Where an export may go: to a file of the user's, and over nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.exports import Unpacked

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import ExportFailed, ValueRefused
from rocketvpn_sdk.testing import FakeClock, MemorySecrets


def config(folder: Path, **more: Any) -> Config:
    return Config("https://localhost:9", "org.example.vpn", data_dir=folder, secrets=MemorySecrets(), **more)


@pytest.fixture
def rocket(tmp_path: Path) -> Iterator[RocketVPN]:
    with RocketVPN.open(config(tmp_path / "vault")) as rocket:
        yield rocket


def _device(path: Path) -> None:
    """Make another /dev/full: the machine's own is no place to find out whether it would be replaced."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("needs root, to make a device")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", [os.mkfifo, Path.mkdir, _device, "/proc/self/mem", "socket"])
def test_attack_what_is_no_file_is_never_replaced(
    rocket: RocketVPN, tmp_path: Path, kind: Callable[[Path], None] | str, overwrite: bool
) -> None:
    path = tmp_path / "mine.zip"
    with socket.socket(socket.AF_UNIX) as listening:
        if callable(kind):
            kind(path)
        elif kind == "socket":
            listening.bind(str(path))
        else:
            path = Path(kind)
        before = path.lstat()
        with pytest.raises((ValueRefused, ExportFailed)):
            rocket.rights.export(path, overwrite=overwrite)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_a_folder_that_is_reached_through_a_link_is_the_users_own(rocket: RocketVPN, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "Documents").symlink_to(tmp_path / "disk")
    done = rocket.rights.export(tmp_path / "Documents" / "mine.zip")
    assert done.path == str(tmp_path / "Documents" / "mine.zip")
    assert (tmp_path / "disk" / "mine.zip").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", [os.mkfifo, lambda path: path.symlink_to(path.with_name("victim"))])
def test_attack_what_appears_meanwhile_is_left_alone(
    rocket: RocketVPN, tmp_path: Path, kind: Callable[[Path], None]
) -> None:
    path = tmp_path / "mine.zip"
    (tmp_path / "victim").write_text("mine")

    def appear(done: int, total: int, what: str) -> None:
        if not os.path.lexists(path):
            kind(path)

    with pytest.raises(ValueRefused, match="left alone"):
        rocket.rights.export(path, progress=appear, overwrite=True)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not path.is_file() or path.is_symlink()


def test_the_vaults_own_folder_takes_no_export(rocket: RocketVPN, tmp_path: Path) -> None:
    folder = Path(rocket.status().vault.folder)
    (folder / "updates").mkdir()
    (tmp_path / "way").symlink_to(folder)
    before = sorted(folder.iterdir())
    for path in (folder / "mine.zip", folder / "updates" / "mine.zip", tmp_path / "way" / "mine.zip"):
        with pytest.raises(ValueRefused, match="vault's own folder"):
            rocket.rights.export(path)
    assert sorted(folder.iterdir()) == before


def test_the_vaults_own_folder_takes_no_export_under_its_new_name_either(rocket: RocketVPN, tmp_path: Path) -> None:
    (tmp_path / "vault").rename(tmp_path / "moved")
    for path in (tmp_path / "moved" / "mine.zip", tmp_path / "moved" / "updates" / "mine.zip"):
        with pytest.raises(ValueRefused, match="vault's own folder"):
            rocket.rights.export(path)
    assert not list((tmp_path / "moved").glob("*.zip"))
    rocket.rights.export(tmp_path / "mine.zip")


def test_a_folder_that_cannot_be_listed_is_refused_before_any_work_as_it_is_after(tmp_path: Path) -> None:
    """What a killed process left there could not be found."""
    code = (
        "import sys; from pathlib import Path; from rocketvpn_sdk.files import new_file, refuse_place\n"
        "for call in (refuse_place, lambda path, **more: new_file(path, **more).__enter__()):\n"
        "    try: print(call(Path(sys.argv[1]), overwrite=False))\n"
        "    except Exception as error: print(error)"
    )
    (tmp_path / "blind").mkdir(mode=0o300)
    shy = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
    if not os.geteuid() and shutil.which(shy[0]) is None:
        pytest.skip("needs setpriv, or an ordinary user")
    command = [*(() if os.geteuid() else shy), sys.executable, "-c", code, str(tmp_path / "blind" / "mine.zip")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    first, second = done.stdout.splitlines()
    assert "this user has no access" in first
    assert first == second


@pytest.mark.parametrize("path", [None, b"mine.zip", 7, "a\0b", "\ud800.zip", "", "..", "mine\0.zip", "~/mine.zip"])
def test_a_name_that_no_file_can_have_is_refused(rocket: RocketVPN, path: Any) -> None:
    with pytest.raises(ValueRefused) as caught:
        rocket.rights.export(path)
    str(caught.value).encode()  # it can be printed


def test_a_relative_path_is_meant_from_where_one_is(
    rocket: RocketVPN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rocket.rights.export("mine.zip").path == str(tmp_path / "mine.zip")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ValueRefused, match="is gone"):
        rocket.rights.export("mine.zip")


@pytest.mark.parametrize(
    ("moment", "year"), [(0.0, 1980), (100.0, 1980), (4354819200.0, 2107), (253402300789.0, 2107), (1.8e9, 2027)]
)
def test_a_clock_that_no_zip_can_say_is_still_in_the_manifest(tmp_path: Path, moment: float, year: int) -> None:
    with RocketVPN.open(config(tmp_path / "vault", clock=FakeClock(moment))) as rocket:
        done = rocket.rights.export(tmp_path / "mine.zip")
    assert Unpacked(Path(done.path)).manifest["made_at"] == utc(moment).isoformat().replace("+00:00", "Z")
    with zipfile.ZipFile(done.path) as opened:
        assert {member.date_time[0] for member in opened.infolist()} == {year}
