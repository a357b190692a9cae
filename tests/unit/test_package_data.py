"""The files beside the code: what an installation says that lacks one, and what freezers are told of them."""

from __future__ import annotations

import ast
import inspect
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import rocketvpn_sdk
from rocketvpn_sdk.cli import app, commands

PACKAGE = Path(rocketvpn_sdk.__file__).parent
FOR_DEVELOPERS = {"py.typed", "locale/babel.cfg", "locale/rocketvpn.pot", "policy/rocketvpn.toml"}
"""Nothing reads these where the package runs."""
DATA = {
    file.relative_to(PACKAGE).as_posix()
    for file in PACKAGE.rglob("*")
    if file.is_file() and file.suffix not in (".py", ".pyc", ".po")
} - FOR_DEVELOPERS
_SHOWN = """
import sys
from pathlib import Path
import rocketvpn_sdk
from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.testing.secrets import MemorySecrets

folder = Path(sys.argv[1])
assert Path(rocketvpn_sdk.__file__).is_relative_to(folder), rocketvpn_sdk.__file__
try:
    with RocketVPN.open(
        Config("https://vpn.example", "org.example.vpn", data_dir=folder / "vault", secrets=MemorySecrets())
    ) as rocket:
        print(rocket.rights.view().to_html()[:9])
except RocketVPNError as error:
    print(error.code, error)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))


def shown(copy: Path) -> str:
    """Open a vault and make the report's page, with the package in ``copy``."""
    done = subprocess.run(
        [sys.executable, "-c", _SHOWN, str(copy.parent)],
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
        cwd=copy.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_copy_that_is_whole_shows_the_page(copy: Path) -> None:
    assert shown(copy).lower() == "<!doctype\n"


@pytest.mark.parametrize("name", sorted(name for name in DATA if not name.endswith(".mo")))  # English needs none
def test_a_file_that_is_missing_is_an_error_of_ours_that_names_it(name: str, copy: Path) -> None:
    (copy / name).unlink()
    said = shown(copy)
    assert said.startswith(f"installation-incomplete This program is incomplete: its file rocketvpn_sdk/{name} is")
    assert "Install it again" in said


def test_a_file_that_is_no_text_is_an_error_of_ours(copy: Path) -> None:
    (copy / "rights" / "report" / "page.css").write_bytes(b"\xff")
    assert shown(copy).startswith("installation-incomplete ")


# ---------------------------------------------------------------- freezing


def test_the_hook_names_every_file_that_is_read_a_translation_too(copy: Path) -> None:
    translation = copy / "locale" / "tlh" / "LC_MESSAGES" / "rocketvpn_sdk.mo"
    translation.parent.mkdir(parents=True)
    translation.write_bytes(b"")
    named = runpy.run_path(str(copy / "_pyinstaller" / "hook-rocketvpn_sdk.py"))["datas"]
    placed = {(Path(folder) / Path(file).name).as_posix() for file, folder in named}
    assert all(Path(file).is_relative_to(copy) for file, _ in named)
    migrations = {path.relative_to(copy).as_posix() for path in (copy / "sandbox" / "migrations").rglob("*.py")}
    read = {*DATA, *migrations, "locale/tlh/LC_MESSAGES/rocketvpn_sdk.mo"}
    assert placed == {f"rocketvpn_sdk/{name}" for name in read}


def test_pyinstaller_finds_the_hook() -> None:
    # The same as PyInstaller does with it: https://pyinstaller.org/en/stable/hooks.html
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, function = project["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    (folder,) = getattr(import_module(module), function)()
    assert (Path(folder) / "hook-rocketvpn_sdk.py").is_file()


def test_an_import_statement_names_every_command() -> None:
    (statement,) = [
        node for node in ast.walk(ast.parse(inspect.getsource(commands))) if isinstance(node, ast.ImportFrom)
    ]
    entries = [
        command
        for entry in app._COMMANDS.values()
        for command in (entry.commands.values() if isinstance(entry, app._Group) else [entry])
    ]
    assert {name.name for name in statement.names} == {entry.function.partition(".")[0] for entry in entries}
    commands._import_all()
