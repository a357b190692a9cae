"""`rocketvpn features`."""

from __future__ import annotations

import pytest
from support.command_line import CommandLine

from rocketvpn_sdk.cli.app import run


def features(cli: CommandLine) -> dict[str, dict[str, object]]:
    return {each["feature"]: each for each in cli.json("features").document["features"]}


@pytest.mark.clause("P2")
def test_each_choice_that_it_prints_is_a_command_and_together_they_make_it_work(bound: CommandLine) -> None:
    text = bound.run("features").out
    assert "works     tunnel: Connect through a tunnel." in text
    assert "does not  diagnostics:" in text
    assert features(bound)["diagnostics"]["works"] is False
    printed = [
        line.strip()
        for line in text.partition("diagnostics:")[2].partition("does not")[0].splitlines()
        if "rocketvpn " in line
    ]
    commands = [line.removeprefix("rocketvpn ").split() for line in printed]
    assert [command[0] for command in commands] == ["age", "consent", "consent", "consent"]
    assert bound.json("age", "--adult").code == 0
    for command in commands[1:]:
        assert features(bound)["diagnostics"]["works"] is False
        assert bound.json(*command, "--yes").code == 0
    assert features(bound)["diagnostics"]["works"] is True
    assert "does not  diagnostics:" not in bound.run("features").out


@pytest.mark.clause("P2")
def test_what_is_refused_switches_off_nothing_else(bound: CommandLine) -> None:
    assert bound.json("age", "--adult").code == 0
    before = features(bound)
    assert bound.json("consent", "deny", "improvement", "--yes").code == 0
    assert {name: each["works"] for name, each in features(bound).items()} == {
        name: each["works"] for name, each in before.items()
    }


def test_the_help_fits_80_columns(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["features", "--help"]) == 0
    assert not [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]
