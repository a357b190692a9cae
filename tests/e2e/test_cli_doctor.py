"""``rocketvpn doctor``, and completion in a shell."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.command_line import CommandLine, settings

from rocketvpn_sdk.doctor import CHECKS
from rocketvpn_sdk.sandbox import Sandbox


def test_a_sound_device(bound: CommandLine) -> None:
    done = bound.run("doctor")
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith("Nothing is wrong.")
    assert all(len(line) <= 80 for line in done.out.splitlines())
    lines = [line.split() for line in done.out.splitlines()]
    assert [line[1] for line in lines if line[:1] == ["ok"]] == list(CHECKS)


def test_what_is_wrong_is_the_exit_code_and_has_a_remedy(bound: CommandLine, sandbox: Sandbox) -> None:
    assert bound.config is not None
    folder = bound.config.parent / "vault"
    away = CommandLine(settings(folder.parent / "away", sandbox.client_file, server="https://localhost:9"))
    done = away.json("doctor", "--data-dir", str(folder))
    assert done.code == 4
    assert done.document["sound"] is False
    found = {each["check"]: each for each in done.document["findings"]}
    assert found["server"]["code"] == "server-unreachable"
    assert found["server"]["remedy"]
    assert found["content"]["state"] == "ok"
    assert away.json("doctor", "--data-dir", str(folder), "--offline").code == 0
    folder.chmod(0o770)
    done = bound.json("doctor", "--offline")
    assert done.code == 3
    assert "--data-dir" in done.document["findings"][0]["remedy"], "the command line's own remedy"


@pytest.mark.parametrize(
    ("typed", "words", "completed"),
    [
        ("rocketvpn doc", 1, "doctor"),
        ("rocketvpn doctor --off", 2, "--offline"),
        ("rocketvpn consent with", 2, "withdraw"),
    ],
)
def test_a_shell_completes_commands_and_options(cli: CommandLine, typed: str, words: int, completed: str) -> None:
    asked = {"_ROCKETVPN_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(words)}
    command = [sys.executable, "-m", "rocketvpn_sdk.cli"]
    done = subprocess.run(command, env={**cli.environment, **asked}, capture_output=True, text=True, timeout=60)
    assert completed in done.stdout.split()
