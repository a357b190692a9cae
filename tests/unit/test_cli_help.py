"""The command line's help, with the Typer that is installed: these tests run with the oldest one allowed, too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
import typer.main

from rocketvpn_sdk.cli import app as command_line
from rocketvpn_sdk.cli.app import run

GROUPS = ["consent", "guardian", "ticket", "policy"]
"""Those that do nothing by themselves; ``log`` shows the log."""
WIDTHS = [1, 40, 60, 80, 110, 200]
SHARED = ["--config", "--data-dir", "--profile", "--passphrase", "--code-from", "--json", "--verbose"]


def commands() -> dict[str, Any]:
    """Return every command, group and the root by what people type."""
    root = typer.main.get_command(command_line._app([]))
    found: dict[str, Any] = {"": root}
    for name, command in root.commands.items():
        found[name] = command
        found |= {f"{name} {inner}": leaf for inner, leaf in getattr(command, "commands", {}).items()}
    return found


ALL = commands()


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def check_readable(text: str, width: int) -> None:
    assert "?" not in text
    assert "Error" not in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= max(width, 40)
    assert text.startswith("Usage: rocketvpn")
    assert {"Options:"} <= set(lines)
    assert len(lines) > 6


def test_there_are_as_many_commands_as_there_were() -> None:
    assert len(ALL) == 1 + 34 + 40


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["", *GROUPS])
def test_without_a_command_the_help_is_printed(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the standard error stream, with the code of a usage error, as before: nothing was asked for."""
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = asked(capsys, *name.split())
    assert (code, out) == (2, "")
    check_readable(err, width)
    assert "\nCommands:\n" in err
    assert asked(capsys, *name.split(), "--help") == (0, err, "")


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_shared_options_alone_are_no_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = asked(capsys, *name.split(), "--data-dir", "somewhere")
    assert (code, out) == (2, "")
    check_readable(err, 80)
    code, out, err = asked(capsys, *name.split(), "--json")
    assert (code, err) == (2, "")
    assert '"code": "usage"' in out
    assert "command is missing" in out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ALL)
def test_every_help_is_readable_at_every_width(
    name: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = asked(capsys, *name.split(), "--help")
    assert (code, err) == (0, "")
    check_readable(out, width)
    assert re.search(r"^  [A-Z][^\n]+", out, re.MULTILINE), "it says what it does"
    assert asked(capsys, *name.split(), "-h")[1] == out


@pytest.mark.parametrize("columns", ["", "abc", "²", "-5", "0", "9" * 30, "1e3"])
def test_a_width_that_is_none_is_80(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    code, out, _ = asked(capsys, "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert asked(capsys, "no-such-command")[0] == 2


@pytest.mark.parametrize("name", ["", *GROUPS, "log"])
def test_the_shared_options_are_in_the_help_of_what_has_commands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = asked(capsys, *name.split(), "--help")[1]
    assert [option for option in SHARED if re.search(rf"^  (-v, )?{option}\b", text, re.MULTILINE)] == SHARED


def started(*arguments: str, flags: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-m", *arguments],
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_docstrings_the_help_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """``python -OO`` takes every docstring away."""
    code = (
        "import sys; from rocketvpn_sdk.cli.app import run\n"
        "for name in sys.argv[1:]:\n"
        "    print('@', name, run([*name.split(), '--help']), flush=True)"
    )
    environment = {**os.environ, "COLUMNS": "80"}
    texts = {}
    for level in ("-OO", ""):
        command = [sys.executable, *level.split(), "-c", code, *ALL]
        texts[level] = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=True)
    assert texts["-OO"].stdout == texts[""].stdout
    assert texts["-OO"].stderr == ""
    assert texts["-OO"].stdout.count("Usage: ") == len(ALL)


def test_the_package_is_the_command_line_too() -> None:
    for arguments in (["--version"], ["--help"], [], ["consent"], ["no-such-command"]):
        whole, part = started("rocketvpn_sdk", *arguments), started("rocketvpn_sdk.cli", *arguments)
        assert (whole.returncode, whole.stdout, whole.stderr) == (part.returncode, part.stdout, part.stderr)
    assert started("rocketvpn_sdk", "status", "--help").stdout.startswith("Usage: rocketvpn status")
