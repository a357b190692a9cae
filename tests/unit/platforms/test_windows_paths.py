"""Paths that mean something else on Windows than they say."""

from __future__ import annotations

import warnings
from pathlib import Path, PureWindowsPath

import pytest
from support.systems import become, forget_drives

from rocketvpn_sdk import Config, platforms
from rocketvpn_sdk.errors import ConfigurationError, ValueRefused, VaultUnsafe
from rocketvpn_sdk.files import new_file
from rocketvpn_sdk.platforms import windows_paths
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import folder as folders


def problem(path: str, room: int = 0) -> str:
    return windows_paths.problem(PureWindowsPath(path), room=room) or ""


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Users\kim\AppData\Local\org.example.vpn\rocketvpn\default",
        r"D:\a b\ü\mine.zip",
        "mine.zip",
        r"..\out\mine.zip",
        r"C:\console\nullify\com10\auxiliary.txt",
        r"\\?\C:\folder",
        r"\\server\share\folder\mine.zip",
        r"C:\.hidden\..\x",
    ],
)
def test_a_path_that_says_what_it_means(path: str) -> None:
    assert problem(path) == ""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("C:mine.zip", "a path with a drive needs a backslash behind it"),
        ("C:", "a path with a drive needs a backslash behind it"),
        (r"\folder\mine.zip", "a path that begins with a backslash needs a drive before it"),
        ("/folder", "a path that begins with a backslash needs a drive before it"),
        (r"C:\x\NUL", "keeps the name NUL for a device"),
        (r"C:\con\x", "keeps the name con for a device"),
        ("aux.zip", "keeps the name aux.zip for a device"),
        (r"C:\x\Com7 .tar.gz", "for a device"),
        (r"C:\x\lpt¹", "for a device"),
        (r"C:\x\CONOUT$", "for a device"),
        (r"C:\x\mine.zip:hidden", "must not have a colon (mine.zip:hidden)"),
        (r"C:\x\mine.zip.", "must not end with a full stop or a space (mine.zip.)"),
        (r"C:\vault \mine.zip", "must not end with a full stop or a space (vault )"),
    ],
)
def test_a_path_that_windows_reads_otherwise(path: str, said: str) -> None:
    assert said in problem(path)


def test_names_of_devices_are_those_that_python_knows() -> None:
    for name in [
        "CON",
        "PRN",
        "AUX",
        "NUL",
        *(f"{kind}{n}" for kind in ("COM", "LPT") for n in range(12)),
        "COMB",
        "A",
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of is_reserved, since 3.13
            known = PureWindowsPath(f"C:\\x\\{name}.txt").is_reserved()
        assert bool(problem(f"C:\\x\\{name}.txt")) is known, name


def test_a_long_path_counts_with_the_names_that_come_below_it() -> None:
    path = "C:\\" + "\\".join(["a" * 48] * 5)
    assert len(path) == 247
    assert problem(path, room=12) == ""
    assert problem(path, room=13) == "the path has more than 246 characters, which Windows takes only behind \\\\?\\"
    assert problem("\\\\?\\" + path, room=300) == ""


@pytest.mark.parametrize(
    ("path", "elsewhere"),
    [
        (r"\\server\share\vault", True),
        ("//server/share/vault", True),
        (r"\\?\UNC\server\share\vault", True),
        (r"\\?\unc\server\share\vault", True),
        (r"C:\vault", False),
        (r"\\?\C:\vault", False),
        (r"\\.\C:\vault", False),
        ("vault", False),
    ],
)
def test_a_share_is_known_by_its_path(path: str, elsewhere: bool) -> None:
    assert windows_paths.is_share(PureWindowsPath(path)) is elsewhere


# ---------------------------------------------------------------- where paths come in


def test_only_windows_has_these_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("linux", "darwin"):
        become(monkeypatch, system)
        assert platforms.path_problem(tmp_path / "NUL") is None
    become(monkeypatch, "linux")  # F_FULLFSYNC is nothing that Linux has
    with new_file(tmp_path / "NUL", overwrite=True) as file:
        file.write(b"x")


def test_an_export_is_not_written_where_nobody_would_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    become(monkeypatch, "win32")
    for name in ("mine.zip:hidden", "C:mine.zip", "nul.zip", "mine.zip ", "a" * 245):
        with pytest.raises(ValueRefused, match="path"), new_file(Path(name), overwrite=True):
            pytest.fail("it was opened")
    assert list(tmp_path.iterdir()) == []


def test_a_vault_is_refused_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    become(monkeypatch, "win32")
    for name in ("C:vault", "NUL", "a" * 180):
        with pytest.raises(VaultUnsafe):
            folders.prepare(Path(name))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["data_dir", "receipts"])
def test_a_config_says_so_when_it_is_made(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    with pytest.raises(ConfigurationError, match=rf"{setting} cannot be used \(a path with a drive"):
        Config("https://api.example.org", "org.example.vpn", **{setting: Path("C:folder")})


@pytest.mark.clause("T1")
def test_a_vault_on_a_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "win32")
    forget_drives(monkeypatch)
    monkeypatch.setattr(Path, "resolve", lambda self: PureWindowsPath(r"\\server\share\vault"))  # as from a drive Z:
    with pytest.raises(VaultUnsafe, match="a share"):
        folders.prepare(tmp_path / "vault")


def test_our_longest_names_fit_into_the_room_that_is_left_for_them(tmp_path: Path) -> None:
    from support.signed_files import POLICY, Shelf

    from rocketvpn_sdk.signed_files import beside

    longest = 0
    replace = Path.replace

    def noting(self: Path, target: Path) -> Path:
        nonlocal longest
        longest = max([longest, *(len(str(path.relative_to(vault))) for path in vault.rglob("*"))])
        return replace(self, target)

    vault = tmp_path / "vault"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", noting)
        Shelf(tmp_path, FakeClock()).files().read(POLICY)
    assert beside(vault).is_dir()
    assert 20 < longest < folders.ROOM
