"""Consoles that lack letters: what cannot be shown becomes "?", and no command dies of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from support.command_line import CommandLine, settings

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.sandbox import Sandbox

ENCODINGS = ("cp437", "cp1252", "ascii")
NAME = "Zoë Łukasz 東"


def spoken(cli: CommandLine, encoding: str, *arguments: str, typed: bytes = b"") -> tuple[int, str, str]:
    """Run a command at a console of that encoding; return its code and what it showed."""
    out, err = io.BytesIO(), io.BytesIO()
    with (
        mock.patch.dict(os.environ, cli.environment, clear=True),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding)),
        mock.patch.object(sys, "stdout", io.TextIOWrapper(out, encoding, write_through=True)),
        mock.patch.object(sys, "stderr", io.TextIOWrapper(err, encoding, write_through=True)),
    ):
        code = run(list(arguments))
        return code, out.getvalue().decode(encoding), err.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_console_shows_everything(bound: CommandLine, encoding: str, tmp_path: Path) -> None:
    for command in (
        ["--help"],
        ["policy", "show"],
        ["status"],
        ["view"],
        ["delete", "--plan"],
        ["consent", "list"],
        ["sent"],
        ["log", "tail", "--help"],
        ["export", str(tmp_path / f"{NAME}.zip")],
    ):
        code, out, err = spoken(bound, encoding, *command)
        assert (code, err) == (0, ""), command
        assert len(out) > 40
    assert (tmp_path / f"{NAME}.zip").is_file()
    code, out, _ = spoken(bound, encoding, "doctor")
    assert out


def test_a_process_of_its_own(cli: CommandLine, tmp_path: Path) -> None:
    environment = {**cli.environment, "PYTHONIOENCODING": "cp437:strict", "LC_ALL": "C", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "rocketvpn_sdk.cli", "status", "--config", str(tmp_path / NAME)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (codes.USAGE, b"")
    assert "Zo??" in done.stderr.decode("cp437")


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-8"])
def test_json_loses_no_letter(cli: CommandLine, encoding: str, tmp_path: Path) -> None:
    """``?`` in a document for programs would be another value."""
    code, out, _ = spoken(cli, encoding, "status", "--json", "--config", str(tmp_path / NAME))
    assert code == codes.USAGE
    assert str(tmp_path / NAME) in json.loads(out)["error"]["message"]
    assert out.isascii()


@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
def test_a_drawing_is_shown_whole_or_not_at_all(cli: CommandLine, sandbox: Sandbox, encoding: str) -> None:
    assert cli.json("bind", sandbox.order()).code == codes.DONE
    code, out, _ = spoken(cli, encoding, "ticket", "make", "--scope", "device")
    assert code == codes.DONE
    assert ("▀" in out) is (encoding == "cp437")
    assert "??" not in out
    assert "rocketvpn erase" in out


def test_an_error_repeats_what_the_console_cannot_show(cli: CommandLine, tmp_path: Path) -> None:
    code, out, err = spoken(cli, "ascii", "status", "--config", str(tmp_path / NAME))
    assert (code, out) == (codes.USAGE, "")
    assert "Zo? ?ukasz ?" in " ".join(err.split())


def test_what_the_console_sends_wrongly_is_a_wrong_value(cli: CommandLine) -> None:
    code, _, err = spoken(cli, "ascii", "bind", "-", typed="RV-é\n".encode())
    assert code == codes.USAGE
    assert "another encoding" in err


def test_two_passphrases_with_unreadable_letters_are_not_one(sandbox: Sandbox, tmp_path: Path) -> None:
    """Both would read as the same, if what cannot be read became "?"."""
    cli = CommandLine(settings(tmp_path, sandbox.client_file), ROCKETVPN_PASSPHRASE="")
    with cli.terminal("bind", sandbox.order()) as terminal:
        terminal.expect("New passphrase")
        os.write(terminal._master, b"caf\xe9\n")
        terminal.expect("another encoding")
        assert terminal.leave() == codes.USAGE
        assert "Traceback" not in terminal.text
