"""``rocketvpn queue``: what waits for the server, in a terminal and for programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import CommandLine, settings

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.sandbox import Sandbox


@pytest.fixture
def waiting(bound: CommandLine, sandbox: Sandbox) -> CommandLine:
    """Two requests that the server did not take: a no, and a deletion of the log."""
    sandbox.faults.fail(20, retry_after=None)
    assert bound.json("age", "--adult").code == 0
    assert bound.json("consent", "deny", "rights", "--recipient", "relay", "--yes").code == 0
    assert bound.json("delete", "--scope", "logs", "--yes").code == codes.PENDING
    sandbox.faults.clear()
    return bound


def test_help_fits_80_columns(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["queue", "--help"]) == 0
    assert not [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]


def test_it_shows_what_waits_and_cancels_what_loses_no_right(waiting: CommandLine) -> None:
    shown = waiting.run("queue")
    assert shown.code == 0
    text = " ".join(shown.out.split())
    assert "Ask the server to delete your data." in text
    assert "waiting for a connection after 1 try" in text
    assert "the server has to hear that" in text
    no, deletion = waiting.json("queue").document["queue"]
    assert (no["can_cancel"], deletion["can_cancel"]) == (False, True)
    assert (deletion["operation"], deletion["state"], deletion["tries"]) == ("rights.request", "waiting", 1)
    refused = waiting.json("queue", "cancel", no["id"])
    assert (refused.code, refused.error["code"]) == (codes.REFUSED, "not-cancellable")
    done = waiting.json("queue", "cancel", deletion["id"])
    assert done.code == 0
    assert "stays done" in done.document["cancelled"]["sentence"]
    assert [item["id"] for item in waiting.json("queue").document["queue"]] == [no["id"]]
    assert waiting.json("queue", "cancel", deletion["id"]).code == codes.USAGE


def test_cancelled_in_a_terminal_says_what_that_means(waiting: CommandLine) -> None:
    deletion = waiting.json("queue").document["queue"][1]
    shown = waiting.run("queue", "cancel", deletion["id"])
    assert "The server is not told. What was done on this device stays done." in " ".join(shown.out.split())


def test_nothing_waits_on_a_new_device(sandbox: Sandbox, tmp_path: Path) -> None:
    cli = CommandLine(settings(tmp_path, sandbox.client_file))
    assert cli.json("queue").document == {"queue": []}
    assert "Nothing waits" in cli.run("queue").out
    assert cli.json("queue", "cancel", "x").error["code"] == "not-bound"


@pytest.mark.parametrize("arguments", [("cancel",), ("drop", "x")])
def test_what_cannot_work_is_said(bound: CommandLine, arguments: tuple[str, ...]) -> None:
    assert bound.json("queue", *arguments).code == codes.USAGE
    assert "Nothing waits" in bound.run("queue").out


@pytest.mark.clause("A3")
def test_what_waits_besides_a_deletion_is_neither_dropped_nor_called_one(bound: CommandLine, sandbox: Sandbox):
    assert bound.json("age", "--adult").code == 0
    sandbox.faults.fail(50, retry_after=None)
    assert bound.json("consent", "deny", "rights", "--recipient", "relay", "--yes").code == 0
    status = bound.run("status")
    assert "1 request not confirmed" in status.out
    assert "delete --resume" not in status.out
    assert "rocketvpn queue" in status.out
    assert bound.json("delete", "--forget").document == {"forgotten": 0}
    assert bound.json("status").document["waiting"] == 1
