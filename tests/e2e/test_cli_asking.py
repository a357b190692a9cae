"""What cannot be taken back is asked about first; without somebody to ask, nothing happens without ``--yes``."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.codes import other_than
from support.command_line import CommandLine

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox


def refused(cli: CommandLine, *arguments: str) -> None:
    done = cli.json(*arguments)
    assert (done.code, done.error["code"]) == (codes.USER, "confirmation-required")
    assert cli.run(*arguments).code == codes.USER  # through a pipe nobody can be asked either


def test_minor_is_not_said_by_a_slip_and_destroys_nothing_unasked(bound: CommandLine):
    assert bound.json("age", "--adult").code == 0
    assert bound.json("consent", "grant", "improvement", "--yes").code == 0
    refused(bound, "age", "--minor")
    assert bound.json("age").document["adult"] is True
    purposes = bound.json("consent", "list").document["purposes"]
    granted = {each["purpose"]: each["state"] for each in purposes if each["recipient"] is None}
    assert granted["improvement"] == "granted"
    with bound.terminal("age", "--minor") as terminal:
        terminal.expect("for a year.")
        terminal.expect("Type minor to go on: ")
        terminal.type("yes\n")
        terminal.expect("Nothing was changed.")
        assert terminal.leave() == codes.REFUSED
    assert bound.json("age").document["adult"] is True
    with bound.terminal("age", "--minor") as terminal:
        terminal.expect("Type minor to go on: ")
        terminal.type("minor\n")
        assert terminal.leave() == codes.DONE
    assert bound.json("age").document["adult"] is False


def test_a_code_that_cannot_be_right_is_asked_for_again_and_costs_no_try(cli: CommandLine, sandbox: Sandbox):
    number = sandbox.order(email="kim@example.org")
    with cli.terminal("view", "--owner", f" {number.lower().replace('-', ' – ')} ") as terminal:
        for typed, problem in (
            ("12345\n", "No code of 8 digits looks like that."),
            ("123 45O\n", "No code of 8 digits"),
        ):
            terminal.expect("The code that was sent to")
            terminal.type(typed)
            terminal.expect(problem)
        code = sandbox.mail.last_code()
        terminal.expect("The code that was sent to")
        terminal.type(other_than(code) + "\n")
        terminal.expect("That code was not accepted.")
        terminal.type(f" {code[:3]}-{code[3:]} \n")
        terminal.expect("At the server, by its own account")
        assert terminal.leave() == codes.DONE


def test_what_was_wrong_with_a_code_is_said_where_there_is_no_other_one(
    cli: CommandLine, sandbox: Sandbox, tmp_path: Path
):
    number, file = sandbox.order(email="kim@example.org"), tmp_path / "code"
    for typed in ("12345\n", "12345"):
        error = cli.json("view", "--owner", number, "--code-from", "-", typed=typed).error
        assert (error["code"], error["cause"]) == ("authentication-failed", "malformed-code")
        assert "does not look like a code" in error["message"]
    file.write_text("12345")
    assert cli.json("view", "--owner", number, "--code-from", str(file)).error["cause"] == "malformed-code"
    wrong = other_than(sandbox.mail.last_code())
    assert cli.json("view", "--owner", number, "--code-from", "-", typed=wrong).error["cause"] == "wrong-code"
    assert cli.json("view", "--owner", number, "--code-from", "-").error["code"] == "authentication-cancelled"
    lost = cli.json("view", "--owner", number, "--code-from", str(tmp_path / "no such file"))
    assert lost.code == codes.USAGE
    assert "cannot be read" in lost.error["message"]


def test_an_owner_deletes_nothing_unasked(cli: CommandLine, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rocketvpn_sdk.cli.ask.authenticator", lambda _: lambda _: sandbox.mail.last_code())
    number = sandbox.order(email="kim@example.org")
    refused(cli, "delete", "--owner", number)
    assert number in {row["number"] for row in sandbox.rows()["orders"]}


def test_a_device_is_not_taken_off_its_order_unasked(bound: CommandLine):
    refused(bound, "unbind")
    assert bound.json("status").document["bound"] is True
    with bound.terminal("unbind") as terminal:
        terminal.expect("This device will be taken off")
        terminal.expect("Type unbind to go on: ")
        terminal.type("unbind\n")
        assert terminal.leave() == codes.DONE
    assert bound.json("unbind").error["code"] == "not-bound"  # nothing to ask about


def test_a_ticket_is_not_made_worthless_unasked(cli: CommandLine, sandbox: Sandbox):
    cli.json("bind", sandbox.order(email=None))
    number = cli.json("ticket", "make", "--scope", "device").document["number"]
    refused(cli, "ticket", "revoke", number)
    assert [each["ticket_id"] for each in cli.json("ticket", "list").document["tickets"]] == [number]


def test_a_request_is_not_called_off_unasked(bound: CommandLine, sandbox: Sandbox):
    sandbox.faults.delay_deletions = True
    bound.json("delete", "--scope", "logs", "--yes")
    (request,) = bound.json("requests").document["requests"]
    refused(bound, "requests", "--cancel", request["id"])
    assert bound.json("requests", request["id"]).document == {"request": request}
