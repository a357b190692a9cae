"""What the command line prints, in stories as people live them: word for word what is in tests/data/transcripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.command_line import CommandLine, settings
from support.dpop_client import Peer
from support.transcripts import FOLDER, Transcript, files

from rocketvpn_sdk.config import Config
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox


class World:
    """A device, its order, and the server it talks to."""

    def __init__(self, sandbox: Sandbox, clock: FakeClock, folder: Path) -> None:
        self.sandbox, self.clock, self.folder = sandbox, clock, folder
        self.order = sandbox.order(email="lena@example.org")
        self.cli = CommandLine(settings(folder, sandbox.client_file))
        self.story = Transcript(self.cli, files(folder) | {self.order: "RV-ORDER"})
        self.run = self.story.run

    def offline(self) -> None:
        """From here on nobody answers."""
        settings(self.folder, self.sandbox.client_file, server="https://localhost:9")

    def waiting(self) -> list[str]:
        """The numbers of the requests that wait."""
        return [each["id"] for each in self.cli.json("requests").document["requests"] if each["status"] == "open"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world whose clock stands still, whose devices have names of one length, and where nothing is tried twice."""
    clock = FakeClock()
    monkeypatch.setattr("rocketvpn_sdk.sandbox.accounts._FIRST", ("Red",))
    monkeypatch.setattr("rocketvpn_sdk.sandbox.accounts._SECOND", ("Fox", "Owl"))
    config = partial(Config, clock=clock, limits=Limits(retry_attempts=0))
    monkeypatch.setattr("rocketvpn_sdk.cli.settings.Config", config)
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        monkeypatch.setattr("rocketvpn_sdk.cli.ask.authenticator", lambda _: lambda _: sandbox.mail.last_code())
        with TemporaryDirectory(dir="/tmp", prefix="lena-") as home:  # its length decides where lines are wrapped
            monkeypatch.chdir(home)
            yield World(sandbox, clock, Path(home))


def first_days(world: World) -> None:
    run = world.run
    run("status")
    run("view")
    run("bind", "RV-0000-0000")
    run("bind", world.order)
    run("status", "--online")
    run("view", "--with-code")
    run("age", "--adult")
    run("age")
    run("consent", "list")
    run("features")
    run("consent", "show", "improvement")
    run("consent", "grant", "improvement", "--yes")
    run("consent", "deny", "rights", "--recipient", "relay", "--yes")
    run("consent", "list")
    run("consent", "withdraw", "improvement")
    run("consent", "withdraw", "improvement")
    run("consent", "receipts")
    run("log")
    run("log", "stats")
    run("sent", "--limit", "3", "--witness")
    run("sent", "--until", "2020-01-01")
    run("disclosures")
    run("queue")
    run("requests")
    run("unbind", "--yes")
    run("status")
    run("reset", "--yes")
    run("status")


def a_minor(world: World) -> None:
    run = world.run
    run("bind", world.order)
    run("age", "--minor", "--yes")
    run("age")
    run("consent", "list")
    run("consent", "grant", "improvement", "--yes")
    run("guardian", "confirm", "123456")
    run("guardian", "request", "mum@family.example")
    code = world.sandbox.mail.last_code("mum@family.example")
    run("guardian", "confirm", "-", typed="00000000" if code != "00000000" else "11111111")
    world.story.name(code, "CODE")
    run("guardian", "confirm", "-", typed=code)
    run("age")
    run("consent", "grant", "improvement", "--yes")
    run("guardian", "withdraw")
    run("guardian", "withdraw")
    run("guardian", "request", "mum@family.example", "--of-age")
    grown = world.sandbox.mail.last_code("mum@family.example")
    world.story.name(grown, "CODE")
    run("guardian", "confirm", "-", typed=grown)
    run("age")


def rights(world: World) -> None:
    run, sandbox = world.run, world.sandbox
    run("bind", world.order)
    run("view")
    run("correct", "contact_email", "new@example.org", "--yes")
    run("correct", "contact_email", "new@example.org", "--yes")
    run("correct", "language", "--remove", "--yes")
    run("correct", "order_number", "RV-1", "--yes")
    agreed = ("operator", "consent", "contact_email", date(2026, 11, 3))
    for recipient, basis, category, day in (agreed, ("Broker", "a hunch", "account", date(2026, 11, 4))):
        sandbox.disclose(world.order, recipient=recipient, basis=basis, categories=[category], on=day)
    run("disclosures")
    run("export", "mine.zip")
    sandbox.faults.delay_deletions = True
    run("delete", "--scope", "logs", "--yes")
    run("queue")
    run("requests")
    (waits,) = world.waiting()
    run("requests", waits)
    run("requests", "--cancel", waits, "--yes")
    run("delete", "--scope", "logs", "--yes")
    run("delete", "--resume")
    sandbox.faults.release_deletions()
    run("delete", "--resume")
    run("delete", "--resume")
    run("delete", "--plan")
    run("delete", "--yes", "--receipt", "receipt.json")
    run("receipt", "receipt.json")
    run("status")
    run("doctor")
    run("reset", "--yes")
    run("reset", "--yes")


def offline(world: World) -> None:
    run = world.run
    run("bind", world.order)
    run("age", "--adult")
    world.offline()
    run("status", "--online")
    run("view")
    run("doctor")
    run("disclosures")
    run("consent", "grant", "improvement", "--yes")
    run("consent", "list")
    run("correct", "language", "de", "--yes")
    run("export", "mine.zip")
    run("delete", "--scope", "device", "--plan")
    run("delete", "--scope", "logs", "--yes")
    run("requests")
    run("queue")
    run("status")
    run("delete", "--forget", "--yes")
    run("delete", "--scope", "account", "--yes")
    run("delete", "--resume")
    run("delete", "--forget", "--yes")
    run("delete", "--forget", "--yes")


def owner_and_ticket(world: World) -> None:
    run, sandbox = world.run, world.sandbox
    run("bind", world.order)
    made = world.cli.json("ticket", "make").document
    run("ticket", "list")
    world.story.name(made["number"], "TICKET-NUMBER")
    world.story.name(made["number"][:8], "TICKET")
    with Peer(sandbox.url, sandbox.ca_file, now=world.clock.time) as laptop:
        world.clock.advance(86_400)
        laptop.bind(world.order)
        run("unbind", "nobody", "--yes")
        run("status", "--devices")
    run("view", "--owner", world.order)
    run("delete", "--scope", "logs", "--yes")
    ca = str(sandbox.ca_file)
    world.story.name(ca, "CA-FILE")
    run("erase", "--ticket", "-", "--trust", ca, "--yes", typed=made["ticket"])
    world.story.name(made["ticket"], "TICKET-TEXT")
    run("erase", "--ticket", "-", "--trust", ca, "--yes", typed=made["ticket"])
    run("status", "--online")
    run("delete", "--scope", "account", "--plan")
    run("delete", "--yes")


def the_policy(world: World) -> None:
    run = world.run
    run("policy", "show")
    run("policy", "explain", "contact_email")
    run("policy", "explain", "A2")
    run("policy", "explain", "improvement")
    run("policy", "explain", "nonsense")
    run("policy", "labels")
    run("bind", world.order)
    run("policy", "check")
    run("policy", "accept", "--yes")


STORIES = (first_days, a_minor, rights, offline, owner_and_ticket, the_policy)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_is_printed_is_what_was_read_and_found_right(world: World, story: Callable[[World], None]):
    story(world)
    world.story.check(story.__name__)


def test_each_transcript_has_its_story():
    assert {file.stem for file in FOLDER.iterdir()} == {story.__name__ for story in STORIES}
