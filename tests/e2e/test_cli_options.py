"""The shared options before and after every command, and what is typed for numbers and times."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest
from support.command_line import CommandLine
from support.commands import ARGUMENTS, COMMANDS, places

from rocketvpn_sdk.cli import codes, options
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.cli.settings import Chosen

NO_VAULT = {
    "demo", "sandbox", "sandbox publish", "sandbox revise", "sandbox sign", "erase", "receipt", "uninstall",
    "policy show", "policy explain", "policy diff", "policy labels", "policy lint",
    "policy stubs",
}  # fmt: skip
CODES = {"bind", "status", "view", "correct", "export", "delete", "disclosures", "unbind"}
CODES |= {"ticket make", "ticket list", "ticket revoke"}
"""Commands that may have a code e-mailed."""
VALUES = {
    "config": "f.toml",
    "data_dir": "d",
    "profile": "p",
    "code_from": "-",
    "passphrase": None,
    "json": None,
    "verbose": None,
}


def test_the_walk_knows_every_command() -> None:
    assert len(COMMANDS) == 60
    assert set(COMMANDS) >= NO_VAULT | CODES


class Seen(NamedTuple):
    """What a command was given."""

    json: bool
    chosen: dict[str, Any]
    code_from: str | None
    verbose: bool


class Reached(CommandError):
    """Ends a command where it would begin."""

    code = "reached"


@pytest.fixture
def seen() -> Iterator[list[Seen]]:
    """Collects what commands are given, and lets none begin."""
    found: list[Seen] = []

    def make_context(out: Any, values: dict[str, Any], code_from: str | None) -> None:
        chosen = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
        found.append(Seen(out.json, chosen, code_from, logging.getLogger("rocketvpn_sdk").level == logging.DEBUG))
        raise Reached("Reached.", exit_code=77)

    environment = {name: value for name, value in os.environ.items() if name != "ROCKETVPN_CONFIG"}
    with mock.patch.dict(os.environ, environment, clear=True), mock.patch.object(options, "make_context", make_context):
        yield found


def given(option: str, value: str | None = None) -> list[str]:
    name, value = f"--{option.replace('_', '-')}", value or VALUES[option]
    return [name] if value is None else [name, value]


def is_taken(command: str, option: str) -> bool:
    if option in ("json", "verbose") or (command, option) == ("receipt", "config"):
        return True
    return command in CODES if option == "code_from" else command not in NO_VAULT


@pytest.mark.one_in(7)
@pytest.mark.parametrize("option", VALUES)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_at_every_place(
    command: str, option: str, seen: list[Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(places(command)):
        for words in (given(option), ["=".join(given(option))]):
            code = run(put(command, {place: words}))
            out, err = capsys.readouterr()
            if not is_taken(command, option):
                assert (code, out, seen) == (codes.USAGE, "", [])
                said = " ".join(err.split())
                assert f"--{option.replace('_', '-')} means nothing to `rocketvpn {command}`" in said
                assert "no vault" in said or "no e-mailed code" in said
                continue
            assert code == 77, err
            check_given(command, option, VALUES[option], seen.pop())


def put(command: str, words: dict[int, list[str]]) -> list[str]:
    """Return ``command`` with its arguments, and ``words`` before its first word (0), its second one, or behind it."""
    names = command.split()
    line = [word for place, name in enumerate(names) for word in (*words.get(place, []), name)]
    return [*line, *ARGUMENTS.get(command, []), *words.get(len(names), [])]


def check_given(command: str, option: str, value: str | None, seen: Seen) -> None:
    if option == "json":
        assert seen.json
    elif option == "code_from":
        assert seen.code_from == value
    elif option == "verbose":
        assert seen.verbose
    elif (command, option) != ("receipt", "config"):  # its own option, which it reads itself
        assert seen.chosen == {
            "config": None, "data_dir": None, "profile": None, "passphrase": False, option: value or True
        }  # fmt: skip


@pytest.mark.parametrize("option", [name for name, value in VALUES.items() if value])
@pytest.mark.parametrize("command", ["status", "consent list", "log tail", "view", "log"])
def test_of_two_the_one_that_stands_last_counts(command: str, option: str, seen: list[Seen]) -> None:
    taken = is_taken(command, option)
    for first, last in itertools.combinations(range(places(command)), 2):
        code = run(put(command, {first: given(option, "first"), last: given(option, "last")}))
        assert code == (77 if taken else codes.USAGE)
        if taken:
            check_given(command, option, "last", seen.pop())


@pytest.mark.parametrize("command", COMMANDS)
def test_all_of_them_at_once_in_front(command: str, seen: list[Seen]) -> None:
    names = [option for option in VALUES if is_taken(command, option)]
    assert run(put(command, {0: [word for option in names for word in given(option)]})) == 77
    assert seen[0].json


def test_before_the_commands_name_an_option_does_what_it_does_behind_it(bound: CommandLine, tmp_path: Path) -> None:
    for arguments in (["status"], ["consent", "list"], ["log", "tail"], ["log"]):
        behind = bound.run(*arguments, "--json")
        assert bound.run("--json", *arguments) == behind
        assert bound.run(arguments[0], "--json", *arguments[1:]) == behind
        elsewhere = str(tmp_path / "elsewhere")
        assert bound.run("--data-dir", elsewhere, *arguments) == bound.run(*arguments, "--data-dir", elsewhere)


@pytest.mark.parametrize(
    "arguments", [["--json", "no-such"], ["--json", "log", "--limit", "x"], ["status", "--json", "x"]]
)
def test_what_is_wrong_with_the_line_is_told_as_it_asks_for(arguments: list[str], cli: CommandLine) -> None:
    assert cli.run(*arguments).error["code"] == "usage"


def test_only_the_command_that_was_asked_for_is_loaded() -> None:
    code = (
        "import sys; from rocketvpn_sdk.cli.app import run; run(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.startswith('rocketvpn_sdk.cli.commands.')], file=sys.stderr)"
    )
    for front in ([], ["--json"], ["-v"], ["--data-dir", "status"], ["--profile=x", "--passphrase", "--config", "log"]):
        command = [sys.executable, "-c", code, *front, "sent", "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr.strip() == "['rocketvpn_sdk.cli.commands.sent']"
        assert done.stdout.startswith("Usage: rocketvpn sent")


def test_a_shell_completes_after_an_option_too() -> None:
    for words, wanted in (
        ("--json stat", "status"),
        ("--data-dir x consent wi", "withdraw"),
        ("log --json ta", "tail"),
    ):
        environment = {**os.environ, "_ROCKETVPN_COMPLETE": "complete_bash", "COMP_WORDS": f"rocketvpn {words}"}
        environment["COMP_CWORD"] = str(len(words.split()))
        command = [sys.executable, "-m", "rocketvpn_sdk"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert wanted in done.stdout.split()


def test_the_settings_are_those_that_options_can_name() -> None:
    assert set(Chosen.__struct_fields__) | {"json", "code_from", "verbose"} == set(VALUES)


@pytest.mark.parametrize("option", [name for name, value in VALUES.items() if value])
@pytest.mark.parametrize("command", ["delete", "reset", "consent list", "log tail"])
def test_an_empty_option_is_not_one_that_was_left_out(
    command: str, option: str, seen: list[Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    if not is_taken(command, option):
        return
    name = f"--{option.replace('_', '-')}"
    for place in range(places(command)):
        for words in ([name, ""], [f"{name}="]):
            assert run(put(command, {place: words})) == codes.USAGE
            assert "it is empty" in capsys.readouterr().err
    assert seen == []


def test_no_other_option_or_argument_is_empty(bound: CommandLine) -> None:
    for words in (
        ["view", "--html", ""], ["view", "--owner", ""], ["export", ""], ["delete", "--yes", "--receipt", ""],
        ["delete", "--yes", "--owner="], ["unbind", "", "--yes"], ["correct", "language", ""], ["log", "--event", ""],
        ["bind", ""], ["consent", "receipts", "--output", ""], ["erase", "--ticket", ""], ["receipt", "x", "--root="],
    ):  # fmt: skip
        done = bound.json(*words)
        assert (done.code, done.error["code"]) == (codes.USAGE, "usage"), words
        assert "it is empty" in done.error["message"]
    assert bound.json("status").document["bound"] is True


# ---------------------------------------------------------------- numbers and times

NUMBERS = ["9" * 30, "9" * 5000, "-1", "1e3", "1.5", "", " ", "NaN", "0x10", "²", "½", "١e", "१२", "10", "1_0"]
TIMES = [
    "0000-01-01", "0001-01-01", "0001-01-01T00:00+23:59", "10000-01-01", "9999-12-31", "9999-12-31T23:59:59-23:59",
    "99999999999999", "9" * 30, "999999w", "-1d", "0d", "²d", "12h", "１２h", "2026-13-01", "2026-02-30", "2026-W01-1",
    "20261122", "", " ", "2026-11-22T08:30:00.123456789Z", "\u202e2026-11-22", "1970-01-01", "1969-12-31",
]  # fmt: skip
NUMBER_OPTIONS = [
    ["log", "--limit"], ["log", "tail", "--lines"], ["log", "tail", "-n"], ["sent", "--limit"], ["view", "--samples"],
    ["sandbox", "--folder", "/dev/null/x", "--port"],
]  # fmt: skip
TIME_OPTIONS = [
    ["log", "--since"], ["sent", "--since"], ["sent", "--until"],
    ["consent", "grant", "improvement", "--yes", "--until"],
]  # fmt: skip


@pytest.mark.parametrize("option", NUMBER_OPTIONS, ids=" ".join)
def test_every_number_is_taken_or_refused_in_a_sentence(bound: CommandLine, option: list[str]) -> None:
    for number in NUMBERS:
        check_sentence(bound.json(*option, number), number)


def test_a_number_may_have_any_scripts_digits(bound: CommandLine) -> None:
    for number in ("３", "٣", " 3"):
        for option in NUMBER_OPTIONS[:-1]:
            assert bound.json(*option, number).code == 0
    done = bound.json("view", "--samples", "１００１")
    assert (done.code, "at most 1000" in done.error["message"]) == (codes.USAGE, True)


@pytest.mark.parametrize("option", TIME_OPTIONS, ids=" ".join)
def test_every_time_is_taken_or_refused_in_a_sentence(bound: CommandLine, option: list[str]) -> None:
    assert bound.run("age", "--adult").code == 0
    for text in TIMES:
        check_sentence(bound.json(*option, text), text)


def check_sentence(done: Any, typed: str) -> None:
    document = json.loads(done.out)
    assert done.err == ""
    if done.code == 0:
        assert "error" not in document
    else:
        assert done.code in (codes.USAGE, codes.REFUSED), (typed, document)
        assert document["error"]["message"]
        assert "The system says" not in document["error"]["message"] or "/dev/null" in document["error"]["message"]


@pytest.mark.parametrize("flag", ["--verbose", "-v"])
def test_verbose_shows_the_steps_on_standard_error_and_nothing_personal(
    flag: str, bound: CommandLine, order: str
) -> None:
    for words in (["view", "--json", flag], [flag, "view", "--json"]):
        done = bound.run(*words)
        assert done.code == 0
        assert done.document
        lines = done.err.splitlines()
        assert lines[0] == "info vault.vault: vault opened"
        assert lines[-1] == "info vault.vault: vault closed"
        assert any(re.fullmatch(r"debug transport\.exchange: data\.view, try 1: status 200 .*", x) for x in lines)
        assert order not in done.err
    quiet = bound.run("view", "--json")
    assert quiet.err == ""
    assert logging.getLogger("rocketvpn_sdk").level == logging.NOTSET
