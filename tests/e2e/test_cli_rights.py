"""Taking along, knowing who was told, and what was asked for, on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.command_line import ROOT, CommandLine, answered, settings
from support.dpop_client import Peer
from support.exports import Unpacked

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

EXPORT = {"path", "size", "encrypted", "made_at", "members", "server_answered", "server_problem"}
DISCLOSURE = {
    "recipient", "sentence", "kind", "basis", "categories", "day", "safeguard", "contract", "country", "bound_by",
    "undeclared",
}  # fmt: skip
REQUEST = {
    "id", "exercise", "scope", "status", "waits_here", "problem", "asked_at", "received_at", "expected_by", "reason",
    "processing_details", "results_url", "expires_at", "waits_until", "by_another",
}  # fmt: skip
LISTED = {"requests", "server_answered", "server_problem"}


@pytest.fixture
def offline(bound: CommandLine, sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    text = sandbox.client_file.read_text("utf-8").replace(sandbox.url, "https://localhost:9")
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "client.toml").write_text(text)
    config = settings(tmp_path, tmp_path / "offline" / "client.toml")
    return CommandLine(config)


def narrow(text: str) -> bool:
    return all(len(line) <= 80 for line in text.splitlines()) and "\x1b" not in text


def documented(command: str) -> set[str]:
    """Return the names that the page on scripting lists for ``command``'s JSON."""
    page = (ROOT / "docs" / "scripting.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| `rocketvpn {command}[^|]*\|[^|]*\|([^|]*)\|$", page, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


def test_the_page_on_scripting_lists_what_json_prints():
    assert documented("export FILE") == EXPORT
    assert documented("disclosures") == DISCLOSURE | {"disclosures"}
    assert documented("requests") == LISTED | {"request"}


# ---------------------------------------------------------------- export


@pytest.mark.clause("A1")
def test_exporting(bound: CommandLine, order: str, tmp_path: Path):
    file = tmp_path / "my-data.zip"
    done = bound.run("export", str(file))
    assert done.code == 0
    assert done.err == ""
    assert narrow(done.out.replace(str(file), ""))
    assert "Whoever can read this file" in done.out
    assert order in Unpacked(file).text("report.json")

    again = bound.json("export", str(file))
    assert (again.code, again.error["code"]) == (codes.USAGE, "value-refused")
    replaced = bound.json("export", str(file), "--force")
    assert replaced.code == 0
    assert set(replaced.document) == EXPORT
    assert replaced.document["size"] == file.stat().st_size
    lost = bound.json("export", str(tmp_path / "no" / "my-data.zip"))
    assert (lost.code, lost.error["code"]) == (codes.REFUSED, "export-failed")


def test_an_encrypted_export_takes_its_passphrase_from_the_environment(bound: CommandLine, tmp_path: Path):
    from pyrage import passphrase

    nobody = bound.json("export", str(tmp_path / "my-data.zip"), "--encrypt")
    assert nobody.code == codes.USER
    bound.environment["ROCKETVPN_EXPORT_PASSPHRASE"] = "for the export"
    done = bound.run("export", str(tmp_path / "my-data.zip"), "--encrypt")
    assert "age --decrypt my-data.zip.age" in done.out
    Unpacked(passphrase.decrypt((tmp_path / "my-data.zip.age").read_bytes(), "for the export"))
    assert not (tmp_path / "my-data.zip").exists()


def test_at_a_terminal_the_passphrase_is_asked_for_twice_and_a_bar_shows(
    bound: CommandLine, sandbox: Sandbox, tmp_path: Path
):
    bound.environment["TERM"] = "xterm-256color"
    with bound.terminal("export", str(tmp_path / "my-data.zip"), "--encrypt") as terminal:
        terminal.expect("Passphrase for the export")
        terminal.type("one thing\n")
        terminal.expect("Once more")
        terminal.type("another thing\n")
        terminal.expect("differ")
        assert terminal.leave() == codes.USAGE
    assert "one thing" not in terminal.text
    assert list(tmp_path.glob("*.age")) == []
    with bound.terminal("export", str(tmp_path / "my-data.zip")) as terminal:
        terminal.expect("━")
        terminal.expect("Written")
        assert terminal.leave() == 0


def test_offline_an_export_says_what_is_missing(offline: CommandLine, tmp_path: Path):
    done = offline.run("export", str(tmp_path / "my-data.zip"))
    assert done.code == 0
    assert "server-unreachable" in done.out
    assert offline.json("export", str(tmp_path / "other.zip")).document["server_answered"] is False


# ---------------------------------------------------------------- disclosures


@pytest.mark.clause("S2", "S3")
def test_who_was_told(bound: CommandLine, sandbox: Sandbox, order: str):
    assert bound.json("disclosures").error["code"] == "authentication-required"
    assert "nothing about you to anybody" in answered(bound, sandbox, "disclosures")
    day = date(2026, 11, 3)
    sandbox.disclose(order, recipient="operator", basis="consent", categories=["contact_email"], on=day)
    sandbox.disclose(order, recipient="Data\x1b[2Jbroker " + "x" * 80, basis="a hunch", categories=["account"], on=day)
    shown = answered(bound, sandbox, "disclosures")
    words = " ".join(shown.split())
    assert narrow(shown)
    assert "2026-11-03 operator (operator)" in words
    assert "because you agreed to it: contact email" in words
    assert "safeguard: Bound by this policy." in words
    assert "! undeclared: recipient and basis" in words
    assert "https://rocketv.org/" in words
    assert "This part is held back." in bound.run("view").out.partition("Given to authorities")[2]
    assert "The policy does not declare" in answered(bound, sandbox, "view", "--with-code").partition("Given to")[2]
    told = json.loads(answered(bound, sandbox, "disclosures", "--json"))["disclosures"]
    assert [set(each) for each in told] == [DISCLOSURE, DISCLOSURE]
    assert sorted(each["undeclared"] for each in told) == [[], ["recipient", "basis"]]


def test_offline_nobody_says_who_was_told(offline: CommandLine):
    assert offline.json("disclosures").code == codes.SERVER


# ---------------------------------------------------------------- requests


@pytest.mark.clause("A1")
def test_requests_are_listed_shown_and_called_off(bound: CommandLine, sandbox: Sandbox):
    assert "asked for nothing" in bound.run("requests").out
    sandbox.faults.delay_deletions = True
    assert bound.json("delete", "--scope", "logs", "--yes").code == codes.PENDING
    document = bound.json("requests").document
    assert set(document) == LISTED
    (request,) = document["requests"]
    assert set(request) == REQUEST
    table = bound.run("requests").out
    assert narrow(table)
    assert all(part in table for part in (request["id"], "deletion of logs", "open"))
    one = bound.run("requests", request["id"]).out
    assert "expected by" in one
    assert bound.json("requests", request["id"]).document == {"request": request}

    sandbox.faults.begin_deletions()
    refused = bound.json("requests", "--cancel", request["id"], "--yes")
    assert (refused.code, refused.error["reason"]) == (codes.REFUSED, "request-begun")
    sandbox.faults.release_deletions()
    bound.json("delete", "--resume")

    sandbox.faults.delay_deletions = True
    bound.json("delete", "--scope", "logs", "--yes")
    (_, newest) = bound.json("requests").document["requests"]
    assert bound.json("requests", "--cancel", newest["id"], "--yes").document["request"]["status"] == "revoked"
    assert bound.json("requests", "no-such-id").error["code"] == "value-refused"
    assert bound.json("requests", "a", "--cancel", "b").code == codes.USAGE


def test_offline_what_waits_here_is_listed(offline: CommandLine):
    offline.json("delete", "--scope", "logs", "--yes")
    shown = offline.run("requests")
    assert shown.code == 0
    assert "waits here" in shown.out
    assert "server-unreachable" in shown.out


# ---------------------------------------------------------------- a conflict


@pytest.fixture
def laptop(sandbox: Sandbox, order: str) -> Iterator[Peer]:
    with Peer(sandbox.url, sandbox.ca_file) as peer:
        yield peer.bind(order)


@pytest.mark.clause("A2")
@pytest.mark.parametrize(("typed", "kept"), [("mine", "mine@example.org"), ("theirs", "theirs@example.org")])
def test_after_a_conflict_the_user_says_which_value_to_keep(
    bound: CommandLine, sandbox: Sandbox, laptop: Peer, typed: str, kept: str
):
    """While the user reads the question, another device moves the address."""
    bound.environment["TERM"] = "dumb"
    with bound.terminal("correct", "contact_email", "mine@example.org") as terminal:
        terminal.expect("The code that was sent to")
        terminal.type(f"{sandbox.mail.last_code()}\n")
        terminal.expect("The server has contact_email =")
        terminal.expect("Type replace")
        stepped = laptop.step_up(sandbox.mail.last_code)
        assert laptop.patch({"contact_email": "theirs@example.org"}, token=stepped).is_success
        laptop.confirm_address(lambda: sandbox.mail.last_code("theirs@example.org"))
        terminal.type("replace\n")
        terminal.expect("mine:   mine@example.org")
        terminal.expect("theirs: theirs@example.org")
        terminal.expect("mine or theirs")
        terminal.type(f"{typed}\n")
        if typed == "mine":
            terminal.expect("The code that was sent to m…@example.org:")
            terminal.type(f"{sandbox.mail.last_code('mine@example.org')}\n")
        terminal.expect("now holds" if typed == "mine" else "Nothing was corrected")
        assert terminal.leave() == 0
    token = laptop.step_up(sandbox.mail.last_code)
    held = {field["id"]: field["value"] for field in laptop.call("GET", "/v1/data", token=token).json()["fields"]}
    assert held["contact_email"] == kept


@pytest.mark.clause("A2")
def test_a_value_that_nobody_was_shown_is_replaced_only_on_a_word(bound: CommandLine, sandbox: Sandbox, laptop: Peer):
    assert bound.json("age", "--adult").code == 0
    assert bound.json("correct", "language", "fr").code == 0  # there was none
    unseen = bound.run("correct", "language", "de")
    assert unseen.code == codes.USER
    assert "The server has another language now: fr." in unseen.err
    assert bound.json("correct", "language", "de").error["code"] == "confirmation-required"
    token = laptop.step_up(sandbox.mail.last_code)
    held = {field["id"]: field["value"] for field in laptop.call("GET", "/v1/data", token=token).json()["fields"]}
    assert held["language"] == "fr"
    assert bound.json("correct", "language", "fr").code == 0  # it is what is asked for
    assert bound.json("correct", "language", "de", "--yes").code == 0


def test_a_script_gets_both_values_of_a_conflict(bound: CommandLine, monkeypatch: pytest.MonkeyPatch):
    from rocketvpn_sdk.errors import Conflict
    from rocketvpn_sdk.rights import Rights

    def changed(self: Rights, changes: dict[str, str | None], seen: object) -> None:
        raise Conflict(operation="data.correct", here=dict(changes), there={"language": "fr"})

    monkeypatch.setattr(Rights, "correct", changed)
    error = bound.json("correct", "language", "de", "--yes").error
    assert (error["code"], error["here"], error["there"]) == ("conflict", {"language": "de"}, {"language": "fr"})


def test_a_correction_that_cannot_be_read_back_is_pending(bound: CommandLine, monkeypatch: pytest.MonkeyPatch):
    from datetime import UTC, datetime

    from rocketvpn_sdk.rights import Here, Outcome, Rights, Server

    pending = Outcome(
        here=Here(done=True, at=datetime(2026, 11, 2, tzinfo=UTC)),
        server=Server(state="in_progress", problem="server-unreachable"),
    )
    monkeypatch.setattr(Rights, "correct", lambda self, changes, seen: pending)
    done = bound.json("correct", "language", "de")
    assert (done.code, done.document["outcome"]["server"]["problem"]) == (codes.PENDING, "server-unreachable")
