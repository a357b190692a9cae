"""``rocketvpn consent``, ``age`` and ``guardian``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.command_line import ROOT, CommandLine
from support.policies import NEWEST

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.sandbox import Sandbox

COMMANDS = [
    *(("consent", name) for name in ("list", "show", "grant", "deny", "withdraw", "receipts")),
    *(("guardian", name) for name in ("request", "confirm", "withdraw")),
]


@pytest.fixture
def adult(bound: CommandLine) -> CommandLine:
    assert bound.json("age", "--adult").code == 0
    return bound


def said(cli: CommandLine) -> dict[str, str]:
    purposes = cli.json("consent", "list").document["purposes"]
    return {part["purpose"]: part["state"] for part in purposes if part["recipient"] is None}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(command: tuple[str, ...], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command, "--help"]) == 0
    assert not [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]


def test_every_command_is_in_the_page_on_scripting():
    page = (ROOT / "docs" / "scripting.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `rocketvpn (consent|guardian) (\w+)", page, re.MULTILINE))
    assert listed == set(COMMANDS)


def test_a_consent_from_notice_to_receipt(adult: CommandLine, sandbox: Sandbox, tmp_path: Path):
    shown = adult.run("consent", "show", "improvement")
    assert "To design new services" in shown.out
    assert "How long" in shown.out
    assert "take it back at any time" in " ".join(shown.out.split())
    refused = adult.json("consent", "grant", "improvement")
    assert refused.error["code"] == "confirmation-required"
    assert refused.code == codes.USER
    done = adult.json("consent", "grant", "improvement", "--yes")
    assert done.code == 0
    assert (done.document["state"], done.document["server"]) == ("granted", "told")
    assert done.document["notice"]["policy_version"] == NEWEST
    assert "proof" not in done.document["notice"]
    assert said(adult) == {"improvement": "granted", "surveys": "unset", "cross_service": "unset"}
    listed = adult.run("consent", "receipts").out
    (receipt,) = adult.json("consent", "receipts", "--output", str(tmp_path / "kept")).document["receipts"]
    (file,) = (tmp_path / "kept").iterdir()
    assert json.loads(file.read_text("utf-8"))["dpv:hasRecordOfActivity"] == receipt["dpv:hasRecordOfActivity"]
    assert file.stem.removeprefix("consent-") in listed
    assert "improvement" in listed
    gone = adult.run("consent", "withdraw", "improvement")
    assert "It is withdrawn" in gone.out
    assert "The server knows" in gone.out
    assert "nothing to withdraw" in adult.run("consent", "withdraw", "improvement").out
    assert adult.json("consent", "deny", "rights", "--recipient", "relay", "--yes").document["state"] == "denied"
    assert "withdrawn" in adult.run("consent", "list").out


def test_at_a_terminal_the_user_is_asked(adult: CommandLine):
    with adult.terminal("consent", "grant", "improvement") as terminal:
        terminal.expect("To design new services")
        terminal.expect("Type agree to go on:")
        terminal.type("no\n")
        assert terminal.leave() == codes.REFUSED
    assert said(adult)["improvement"] == "unset"
    with adult.terminal("consent", "grant", "improvement") as terminal:
        terminal.expect("Type agree to go on:")
        terminal.type("agree\n")
        assert terminal.leave() == codes.DONE
    assert said(adult)["improvement"] == "granted"


def test_a_consent_until_a_day(adult: CommandLine):
    assert adult.json("consent", "grant", "improvement", "--yes", "--until", "2031-05-01").code == 0
    (part,) = [
        part
        for part in adult.json("consent", "list").document["purposes"]
        if part["purpose"] == "improvement" and part["recipient"] is None
    ]
    assert part["until"] == "2031-05-01T00:00:00Z"
    assert "until 2031-05-01" in adult.run("consent", "list").out
    assert adult.json("consent", "grant", "improvement", "--yes", "--until", "soon").code == codes.USAGE


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("consent", "show", "advertising"), "purpose-unknown", codes.USAGE),
        (("consent", "show", "service"), "consent-not-needed", codes.REFUSED),
        (("consent", "grant", "improvement", "--yes"), "age-unknown", codes.REFUSED),
        (("guardian", "confirm", "123456"), "guardian-error", codes.REFUSED),
        (("guardian", "request", "nobody"), "value-refused", codes.USAGE),
    ],
)
def test_refusals_say_what_to_do(bound: CommandLine, arguments: tuple[str, ...], code: str, exit_code: int):
    done = bound.json(*arguments)
    assert (done.error["code"], done.code) == (code, exit_code)
    assert done.error["remedy"]


def test_a_guardian_from_letter_to_withdrawal(bound: CommandLine, sandbox: Sandbox):
    assert bound.json("age", "--minor", "--yes").code == 0
    assert "without a guardian's agreement" in " ".join(bound.run("consent", "list").out.split())
    assert bound.json("consent", "grant", "improvement", "--yes").error["code"] == "guardian-needed"
    settled = bound.json("age", "--adult").error
    assert "guardian request" in settled["remedy"]
    asked = bound.json("guardian", "request", "-", typed="mum@family.example\n")
    assert asked.document["policy_version"] == NEWEST
    assert "family.example" not in asked.out
    code = sandbox.mail.last_code("mum@family.example")
    assert bound.json("guardian", "confirm", "-", typed=f"{code}\n").document["guardian"] is True
    assert "a guardian agreed" in bound.run("age").out
    assert bound.json("consent", "grant", "improvement", "--yes").code == 0
    assert bound.json("guardian", "withdraw").document == {"withdrawn": True}
    assert said(bound)["improvement"] == "unset"
    assert "No guardian had agreed" in bound.run("guardian", "withdraw").out
