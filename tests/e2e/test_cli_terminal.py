"""The command line at a terminal: what it asks, and how it reads."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from support.codes import other_than
from support.command_line import CommandLine, settings

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.cli.plain import ascii_json, clean
from rocketvpn_sdk.sandbox import Sandbox

COMMANDS = (
    *("demo", "sandbox", "bind", "status", "log", "view", "sent", "correct", "export", "disclosures", "requests"),
    *("delete", "unbind", "reset", "policy"),
)


@pytest.fixture
def bound(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    cli = CommandLine(settings(tmp_path, sandbox.client_file), TERM="xterm-256color")
    assert cli.run("bind", sandbox.order()).code == 0
    return cli


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["policy", "lint"]], ids=" ".join)
def test_help_fits_80_columns(command: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert "..." not in text.replace("[ARGS]...", "")  # no sentence was cut
    assert "\x1b" not in text


def test_the_exit_codes_are_in_the_help(capsys: pytest.CaptureFixture):
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for code, meaning in codes.MEANINGS.items():
        assert re.search(rf"^ +{code}  {re.escape(meaning)}$", text, re.MULTILINE)


def test_the_version(capsys: pytest.CaptureFixture):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rocketvpn ")


@pytest.mark.clause("A3")
def test_no_other_word_than_the_one_asked_for_deletes(bound: CommandLine):
    with bound.terminal("delete") as terminal:
        terminal.expect("Type delete to go on: ")
        terminal.type("yes\n")
        terminal.expect("Nothing was deleted")
        assert terminal.leave() == codes.REFUSED
    assert bound.json("status").document["bound"] is True


@pytest.mark.clause("A3")
def test_an_interrupted_confirmation_loses_nothing(bound: CommandLine):
    with bound.terminal("delete") as terminal:
        terminal.expect("Type delete to go on: ")
        terminal.type("\x03")
        terminal.expect("Interrupted.")
        assert terminal.leave() == codes.INTERRUPTED
    status = bound.json("status").document
    assert (status["bound"], status["waiting"]) == (True, 0)


@pytest.mark.clause("A3", "A4")
def test_deleting_asks_for_the_word_and_then_for_the_code(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    with bound.terminal("delete") as terminal:
        terminal.expect("What stops working")
        terminal.expect("Type delete to go on: ")
        terminal.type("delete\n")
        terminal.expect("The code that was sent to k…@example.org: ")
        wrong = other_than(sandbox.mail.last_code())
        terminal.type(f"{wrong}\n")
        terminal.expect("That code was not accepted.")
        terminal.expect("The code that was sent to")
        terminal.type(f"{sandbox.mail.last_code()}\n")
        terminal.expect("File for the receipt, or Enter for none: ")
        terminal.type(f"{tmp_path}/no/such/folder/receipt.json\n")
        terminal.expect("It cannot be saved there")
        terminal.expect("File for the receipt, or Enter for none: ")
        terminal.type(f"{tmp_path}/receipt.json\n")
        terminal.expect("The server says that it has deleted this")
        assert terminal.leave() == 0
    assert (tmp_path / "receipt.json").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "vault").exists()


def test_a_new_passphrase_is_asked_for_twice_and_never_shown(sandbox: Sandbox, tmp_path: Path):
    cli = CommandLine(settings(tmp_path, sandbox.client_file), ROCKETVPN_PASSPHRASE="")
    order = sandbox.order()
    for second, code in (("anther secret", codes.DEVICE), ("a secret", codes.DONE)):
        with cli.terminal("bind", order) as terminal:
            terminal.expect("New passphrase")
            terminal.type("a secret\n")
            terminal.expect("Once more: ")
            terminal.type(f"{second}\n")
            assert terminal.leave() == code
            assert "secret\n" not in terminal.text.replace("\r", "")
    with cli.terminal("status") as terminal:
        terminal.expect("Passphrase: ")
        terminal.type("\n")
        terminal.expect("no passphrase was given")
        assert terminal.leave() == codes.DEVICE
    with cli.terminal("status") as terminal:
        terminal.expect("Passphrase: ")
        terminal.type("a secret\n")
        terminal.expect("unlocked")
        assert terminal.leave() == 0


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_it_reads_without_colour(bound: CommandLine, name: str, value: str):
    bound.environment[name] = value
    with bound.terminal("view") as terminal:
        terminal.expect("You can have all of it deleted")
        assert terminal.leave() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.text)
    assert name != "TERM" or "\x1b" not in terminal.text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text)
    assert not [line for line in plain.splitlines() if len(line) > 80]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\x1b[2Jb\rc\x07", r"a\x1b[2Jb\rc\x07"),
        ("\x9b2J\x9d0;pwned\x9c", r"\x9b2J\x9d0;pwned\x9c"),
        ("\u202egnp.exe\u2066\u2069\u200e\u200f", r"\u202egnp.exe\u2066\u2069\u200e\u200f"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("ze\u200bro\ufeff\u00ad\u2060", r"ze\u200bro\ufeff\xad\u2060"),
        ("\u3164\u115f\ufe0f\U000e0101\u034f\u2800\U000e0041", r"\u3164\u115f\ufe0f\U000e0101\u034f\u2800\U000e0041"),
        ("Zoë's iPhone – 日本", "Zoë's iPhone – 日本"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\udcff", "?"),
    ],
)
def test_what_a_server_says_cannot_steer_the_terminal(said: str, shown: str):
    assert clean(said) == shown


def test_no_letter_that_steers_or_hides_comes_through():
    """Held against the Unicode names and categories that Python brings, letter by letter."""
    hidden = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}
    for number in range(0x110000):
        if unicodedata.category(chr(number)) in hidden:
            assert clean(chr(number)).isascii(), hex(number)


def test_json_is_printable_ascii():
    value = {"".join(map(chr, range(0x300))): "\u202e\u2028\x7f\x9b😀\udcff"}
    text = ascii_json(value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value
