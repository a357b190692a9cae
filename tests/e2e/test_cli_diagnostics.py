"""``rocketvpn diagnostics``: what is shown is what is saved and sent; and a sandbox with a relay of its own (U3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.app_events import Crashed
from support.command_line import PASSPHRASE, CommandLine, settings

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli.settings import Chosen, make_config
from rocketvpn_sdk.sandbox import Sandbox

pytestmark = pytest.mark.clause("U3")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("reports") / "server") as sandbox, sandbox.relayed():
        yield sandbox


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    cli = CommandLine(settings(tmp_path, sandbox.client_file))
    assert cli.run("bind", sandbox.order()).code == 0
    return cli


def agree(cli: CommandLine) -> None:
    cli.run("age", "--adult")
    for consent in (("improvement",), ("improvement", "--recipient", "relay"), ("rights", "--recipient", "relay")):
        assert cli.run("consent", "grant", *consent, "--yes").code == 0


def app_crashes(cli: CommandLine) -> None:
    """Record something, as the app does whose vault this is."""
    config = make_config(Chosen(config=cli.config), authenticator=None, ask_passphrase=lambda _: PASSPHRASE)
    with RocketVPN.open(msgspec.structs.replace(config, events=[Crashed])) as rocket:
        rocket.journal.record(Crashed(failure="dns"))


def test_show_save_and_send(cli: CommandLine, sandbox: Sandbox, tmp_path: Path) -> None:
    nothing = cli.run("diagnostics", "show")
    assert nothing.code == 0
    assert "nothing to report" in nothing.out
    assert "consent grant rights --recipient relay" in nothing.out
    agree(cli)
    app_crashes(cli)
    shown = cli.run("diagnostics", "show").out
    assert "It does not say who you are" in shown
    document = cli.json("diagnostics", "show").document
    assert document["records"] == 1
    assert cli.run("diagnostics", "save", str(tmp_path / "report.json")).code == 0
    assert cli.run("diagnostics", "save", str(tmp_path / "report.json")).code == 2
    saved = (tmp_path / "report.json").read_text()
    assert handled(saved) == handled(document["report"])
    assert cli.json("diagnostics", "send").error["code"] == "confirmation-required"
    sent = cli.json("diagnostics", "send", "--yes").document
    assert sent["queued"]["not_before"]
    (item,) = cli.json("queue").document["queue"]
    assert item["operation"] == "diagnostics.send"
    assert cli.json("diagnostics", "show").document == {"report": None}
    assert cli.json("diagnostics", "send", "--yes").document == {"report": None, "queued": None}
    assert cli.run("queue", "cancel", item["id"]).code == 0
    assert sandbox.reports == []


def test_saving_nothing_writes_nothing(cli: CommandLine, tmp_path: Path) -> None:
    agree(cli)
    assert cli.run("diagnostics", "save", str(tmp_path / "report.json")).code == 1
    assert not (tmp_path / "report.json").exists()


def test_nobody_sends_without_each_consent(cli: CommandLine) -> None:
    agree(cli)
    app_crashes(cli)
    cli.run("consent", "withdraw", "rights", "--recipient", "relay")
    done = cli.json("diagnostics", "send", "--yes")
    assert done.error["code"] == "egress-blocked"
    assert "'relay'" in done.error["message"]
    assert cli.json("queue").document["queue"] == []


def handled(report: str) -> str:
    """Return a report without its handle, which is made when the first one is sent."""
    lines = report.splitlines()
    at = next(at for at, line in enumerate(lines) if "erasure_handle" in line)
    return "\n".join((*lines[: at + 2], *lines[at + 3 :]))
