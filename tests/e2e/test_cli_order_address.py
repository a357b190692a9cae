"""An order's e-mail address on the command line: codes, what waits, and the recovery code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.dpop_client import Peer

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

pytestmark = pytest.mark.clause("A2", "A3", "A4")


@pytest.fixture
def unreachable(sandbox: Sandbox) -> str:
    """An order without an address."""
    return sandbox.order(email=None)


@pytest.fixture
def laptop(sandbox: Sandbox, unreachable: str) -> Iterator[Peer]:
    """Another device of it."""
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        yield peer.bind(unreachable)


def test_a_deletion_by_another_device_is_shown_and_called_off(cli: CommandLine, unreachable: str, laptop: Peer) -> None:
    cli.run("bind", unreachable)
    request = laptop.ask_deletion("account").json()["request_id"]

    shown = cli.run("status", "--online")
    assert f"rocketvpn requests --cancel {request}" in " ".join(shown.out.split())
    assert "another device asked for it" in " ".join(shown.err.split()), "and each command that learns it says so"
    assert cli.json("status", "--online").document["server_order"]["changes"][0]["id"] == request
    listed = cli.run("requests")
    assert re.search(rf"{request} +\S+ +deletion of account +waits$", listed.out, re.MULTILINE)
    assert re.search(rf"{request} waits until \S+; another device asked for it", " ".join(listed.out.split()))
    assert f"Call it off: `rocketvpn requests --cancel {request}`." in listed.out
    assert max(map(len, listed.out.splitlines())) <= 80
    assert "deletion of account, by another device" in cli.run("requests", request).out
    assert cli.json("requests", "--cancel", request, "--yes").document["request"]["status"] == "revoked"
    assert cli.run("status", "--online").err == ""


def test_deleting_without_an_address_says_when_and_who_can_object(cli: CommandLine, unreachable: str) -> None:
    cli.run("bind", unreachable)
    plan = " ".join(cli.run("delete", "--plan").out.split())
    assert "in 7 days, since your order has no confirmed e-mail address" in plan
    done = cli.run("delete", "--yes")
    assert done.code == codes.PENDING
    assert "unless a device of your order calls it off" in " ".join(done.out.split())
    resumed = cli.json("delete", "--resume")
    assert resumed.code == codes.PENDING


def test_a_first_address_waits_and_is_removed_again(
    cli: CommandLine, sandbox: Sandbox, unreachable: str, laptop: Peer, code_file: Path
) -> None:
    cli.run("bind", unreachable)
    cli.run("age", "--adult")
    arguments = ("correct", "contact_email", "me@example.org")
    assert cli.json(*arguments).document["outcome"]["server"]["state"] == "waiting_for_user"
    held = cli.run("view").out
    assert "me@example.org is to take its place" in " ".join(held.split())
    confirmed = cli.run("correct", "contact_email", "--confirm", "--code-from", str(code_file))
    assert (confirmed.code, confirmed.err) == (codes.PENDING, "")
    assert "counts from" in confirmed.out
    assert laptop.call("GET", "/v1/order").json()["changes"][0]["kind"] == "first_address"
    assert "this device asked for it" in " ".join(cli.run("status", "--online").out.split())
    assert cli.run("correct", "contact_email", "--remove", "--yes").code == codes.DONE
    assert "changes" not in laptop.call("GET", "/v1/order").json()
    assert cli.json("correct", "contact_email", "--confirm").error["code"] == "request-refused"
    for wrong in (("--confirm", "--remove"), ("x@example.org", "--confirm")):
        assert cli.json("correct", "contact_email", *wrong).code == codes.USAGE
    assert cli.json("correct", "language", "--confirm").code == codes.USAGE


def test_a_recovery_code_is_shown_once_and_entered_in_place_of_a_mailed_one(
    bound: CommandLine, sandbox: Sandbox, code_file: Path, tmp_path: Path
) -> None:
    sheet = bound.run("recovery", "--code-from", str(code_file))
    assert (sheet.code, sheet.err) == (codes.DONE, "")
    code = "".join(re.findall(r"\b[0-9A-HJKMNP-TV-Z]{4}\b(?= -|$)", sheet.out, re.MULTILINE))
    assert len(code) == 32
    assert max(map(len, sheet.out.splitlines())) <= 80
    paper = tmp_path / "paper"
    paper.write_text(code.lower())
    again = bound.json("recovery", "--code-from", str(paper)).document
    assert set(again) == {"recovery_code", "made_on"}
    assert len(again["recovery_code"].replace("-", "")) == 32
    assert bound.json("recovery", "--code-from", str(paper)).error["code"] == "authentication-failed", "used"
    assert bound.json("recovery").error["code"] == "authentication-required"
