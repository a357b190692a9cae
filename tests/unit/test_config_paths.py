"""Paths in a ``Config``: absolute once, and a default that depends on nothing but the user."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import msgspec
import platformdirs
import pytest
from support.policies import VERSION, edited
from support.systems import become

from rocketvpn_sdk import Config, platforms
from rocketvpn_sdk.errors import ConfigurationError

APP = "org.example.vpn"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has these variables")


def config(**values: object) -> Config:
    return Config("https://api.rocketvpn.example", APP, **values)  # type: ignore[arg-type] # whatever a test passes


def test_the_cause_is_said_where_a_file_cannot_be_read(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("trust", "trusted_root", "policy", "receipts"):
        with pytest.raises(ConfigurationError, match="in a circle") as caught:
            config(**{name: tmp_path / "loop" / "file"})
        assert "line 0" not in str(caught.value)
        assert "line 0" not in caught.value.message


@pytest.mark.parametrize("name", ["data_dir", "trust", "receipts", "policy"])
def test_a_relative_path_is_meant_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for file in ("ca.pem", "rocketvpn.toml"):
        (tmp_path / file).write_text(edited("", "", VERSION, "version = 7") if file.endswith("toml") else "", "utf-8")
    monkeypatch.chdir(tmp_path)
    given = {"trust": "ca.pem", "policy": "rocketvpn.toml"}.get(name, name)
    made = config(**{"data_dir": tmp_path / "elsewhere", name: Path(given)})
    monkeypatch.chdir("/")
    if name == "policy":
        assert made.resolved_policy.version == 7
    else:
        assert getattr(made, name) == tmp_path / given
    assert made.folder == tmp_path / ("data_dir" if name == "data_dir" else "elsewhere")
    assert msgspec.structs.replace(made, profile="b").folder == made.folder


def test_a_relative_path_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigurationError, match="is gone"):
        config(data_dir=Path("data"))
    assert config(data_dir=tmp_path).folder == tmp_path


@LINUX
@pytest.mark.parametrize("given", ["", "data", "~/data", "./data", "~", " "])
@pytest.mark.parametrize("home", ["", "home", "~", "."])
def test_no_variable_makes_the_folder_depend_on_where_one_is(given: str, home: str, monkeypatch: pytest.MonkeyPatch):
    """Whatever platformdirs does: a relative XDG_DATA_HOME is to be ignored, and the user's entry has a home too."""
    monkeypatch.setenv("XDG_DATA_HOME", given)
    usual = config().folder
    assert usual == Path.home() / ".local" / "share" / APP / "rocketvpn" / "default"
    monkeypatch.setenv("HOME", home)
    assert config().folder == Path(pwd.getpwuid(os.getuid()).pw_dir, *usual.parts[-5:])


@LINUX
def test_a_user_without_a_home_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("XDG_DATA_HOME")
    for home in (None, "", "~"):
        monkeypatch.delenv("HOME", raising=False) if home is None else monkeypatch.setenv("HOME", home)
        with pytest.raises(ConfigurationError, match="no home folder: pass data_dir, or set HOME"):
            _ = config().folder
        assert config(data_dir=tmp_path).folder == tmp_path
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert config().folder == tmp_path / APP / "rocketvpn" / "default"
        monkeypatch.delenv("XDG_DATA_HOME")


@pytest.mark.parametrize("system", ["darwin", "win32"])
@pytest.mark.parametrize("found", ["~/x", "x", None])
def test_elsewhere_platformdirs_says_it_or_nobody_does(system: str, found: str | None, monkeypatch: pytest.MonkeyPatch):
    def asked(*_: object, **__: object) -> Path:
        if found is None:
            raise RuntimeError
        return Path(found)

    become(monkeypatch, system)
    monkeypatch.setattr(platformdirs, "user_data_path", asked)
    assert platforms.data_folder(APP) is None
    monkeypatch.setattr(platformdirs, "user_data_path", lambda app, **_: Path("/home", app))
    assert platforms.data_folder(APP) == Path("/home", APP)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["policy", "trusted_root", "trust"])
def test_nobody_waits_for_who_writes_into_a_pipe(name: str, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for place in ("pipe", "link"):
        with pytest.raises(ConfigurationError, match=r"pipe, not a file|something else than a file"):
            config(**{name: tmp_path / place})


def test_a_file_may_be_reached_through_a_link_and_has_a_bound(tmp_path: Path):
    (tmp_path / "root.json").write_bytes(b"x" * (128 << 10))
    (tmp_path / "link").symlink_to(tmp_path / "root.json")
    assert config(trusted_root=tmp_path / "link").resolved_root == b"x" * (128 << 10)
    (tmp_path / "root.json").write_bytes(b"x" * ((128 << 10) + 1))
    with pytest.raises(ConfigurationError, match="too long"):
        config(trusted_root=tmp_path / "link")


@pytest.mark.parametrize("name", ["data_dir", "trust", "receipts", "policy", "trusted_root"])
@pytest.mark.parametrize("path", ["~", "~/vpn", "~someone/vpn"])
def test_a_tilde_that_nobody_expanded_makes_no_folder_of_that_name(name: str, path: str):
    with pytest.raises(ConfigurationError, match="expanduser"):
        config(**{name: Path(path)})


def test_a_tilde_elsewhere_is_a_letter_like_any(tmp_path: Path):
    assert config(data_dir=tmp_path / "~").folder == tmp_path / "~"
    assert config(data_dir=Path("a~b/~c")).folder == Path.cwd() / "a~b" / "~c"
