"""What a command does where an option is not given: it asks first, and nothing that could be left out happens."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from rocketvpn_sdk.cli import app as command_line
from rocketvpn_sdk.cli import ask
from rocketvpn_sdk.cli.commands import policy
from rocketvpn_sdk.cli.options import command_in
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.errors import EventUndeclared
from rocketvpn_sdk.policy import bundled_policy


def options() -> list[tuple[str, Any]]:
    root: Any = typer.main.get_command(command_line._app([]))
    found = []
    for name, command in root.commands.items():
        inner = {f"{name} {each}": leaf for each, leaf in getattr(command, "commands", {}).items()}
        for full, each in {name: command, **inner}.items():
            found += [(full, option) for option in each.params]
    return found


def test_no_flag_is_set_by_itself() -> None:
    flags = [(name, each) for name, each in options() if getattr(each, "is_flag", False)]
    assert len(flags) > 20
    assert [(name, each.name) for name, each in flags if each.default not in (False, None)] == []


def test_what_asks_first_is_told_not_to_with_yes_alone() -> None:
    with_yes = {name for name, each in options() if each.name == "yes"}
    assert len(with_yes) >= 10
    assert {"delete", "reset", "policy accept", "unbind"} <= with_yes


def test_a_passphrase_in_another_encoding_is_said_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(prompt: str, stream: Any = None) -> str:
        raise UnicodeDecodeError("utf-8", b"hunter2\xff", 7, 8, "invalid start byte")

    monkeypatch.setattr(getpass, "getpass", typed)
    with pytest.raises(CommandError) as caught:
        ask._hidden("Passphrase: ")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ("view", "view"),
        ("--json view --samples 3", "view"),
        ("--config file view", "view"),
        ("--config=file delete", "delete"),
        ("--profile sent delete", "delete"),
        ("--json", None),
        ("--config", None),
        ("--nothing view", None),
        ("", None),
    ],
)
def test_the_command_is_found_behind_shared_options_so_that_no_other_one_is_loaded(
    arguments: str, command: str | None
) -> None:
    assert command_in(arguments.split()) == command


def test_the_events_of_a_module_are_its_own_and_are_checked_by_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    head = "from rocketvpn_sdk import Event\nfrom support.app_events import Crashed\n"
    kind = "class Own(Event, name='app.own', purpose='service'):\n    "
    for name, field in (("fitting_events", "region"), ("other_events", "birthday")):
        (tmp_path / f"{name}.py").write_text(f"{head}{kind}{field}: str\n")
    before = list(sys.path)
    assert policy._check(bundled_policy(), "fitting_events") == 1
    assert policy._check(bundled_policy(), "support.app_events") == 4
    with pytest.raises(EventUndeclared, match="birthday"):
        policy._check(bundled_policy(), "other_events")
    with pytest.raises(CommandError, match="cannot be imported"):
        policy._check(bundled_policy(), "no_such_module_of_events")
    assert sys.path == before
