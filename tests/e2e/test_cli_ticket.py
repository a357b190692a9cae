"""``rocketvpn ticket`` and ``bind --ticket``, as people and scripts run them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine, answered, settings

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.rights import read_ticket
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A3")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("ticket") / "server") as running:
        yield running


@pytest.fixture
def device(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    return CommandLine(settings(tmp_path, sandbox.client_file))


def test_the_sheet_is_whole_narrow_and_shown_once(device: CommandLine, sandbox: Sandbox, tmp_path: Path) -> None:
    said = answered(device, sandbox, "bind", sandbox.order(), "--ticket")
    lines = [line.rstrip() for line in said.splitlines()]
    assert max(len(line) for line in lines) <= 80
    at = next(number for number, line in enumerate(lines) if re.fullmatch(r"  localhost:\d+ /", line))
    ticket = read_ticket("".join(lines[at : at + 3]))
    assert ticket.server == sandbox.url
    drawing = ticket.terminal(on_dark=False)  # through a pipe it goes to paper
    assert {line.rstrip() for line in drawing.splitlines()} <= set(lines)
    for part in ("everything that the server holds about you", "once", "not stored here", "rocketvpn erase",
                 f"rocketvpn ticket revoke {ticket.ticket_id[:8]}"):  # fmt: skip
        assert part in " ".join(said.split()), part

    listed = device.run("ticket", "list")
    assert ticket.ticket_id[:8] in listed.out
    assert ticket.groups[3] not in listed.out
    revoke = ("ticket", "revoke", ticket.ticket_id[:8].upper(), "--yes")
    assert device.json(*revoke).error["code"] == "authentication-required"  # it is one for the account
    assert json.loads(answered(device, sandbox, *revoke, "--json")) == {"revoked": ticket.ticket_id}
    assert device.run("ticket", "list").out == "There is no ticket of this device that could be used.\n"


def test_a_script_gets_all_of_it_in_one_document(device: CommandLine, sandbox: Sandbox) -> None:
    device.json("bind", sandbox.order(email=None))
    made = device.json("ticket", "make", "--scope", "device").document
    assert set(made) == {"ticket", "url", "number", "scope", "server", "svg"}
    assert read_ticket(made["ticket"]) == read_ticket(made["url"])
    (listed,) = device.json("ticket", "list").document["tickets"]
    assert (listed["ticket_id"], listed["scope"], listed["current"]) == (made["number"], "device", True)
    for number in ("", "zzzz", made["number"][:3]):
        assert device.json("ticket", "revoke", number).code == codes.USAGE


def test_a_ticket_that_is_not_made_leaves_the_binding(device: CommandLine, sandbox: Sandbox) -> None:
    done = device.json("bind", sandbox.order(email="kim@example.org"), "--ticket")  # nobody can be asked for the code
    assert done.code == codes.USER
    assert done.error["message"].startswith("This device is bound, and no ticket was made.")
    assert done.error["remedy"] == "Make one with `rocketvpn ticket make`."
    assert device.json("status").document["bound"] is True


@pytest.mark.timeout(60)
def test_nobody_waits_for_who_writes_into_a_pipe(device: CommandLine, sandbox: Sandbox, tmp_path: Path) -> None:
    device.json("bind", sandbox.order(email=None))
    ticket = device.json("ticket", "make", "--scope", "device").document["ticket"]
    os.mkfifo(tmp_path / "pipe")
    done = device.json("erase", "--ticket", ticket, "--root", str(tmp_path / "pipe"), "--yes")
    assert "pipe, not a file" in done.document["error"]["message"]


@pytest.mark.parametrize("command", [("make",), ("list",), ("revoke", "abcd")])
def test_without_a_vault_it_says_so(device: CommandLine, command: tuple[str, ...]) -> None:
    assert device.json("ticket", *command).error["code"] == "not-bound"
