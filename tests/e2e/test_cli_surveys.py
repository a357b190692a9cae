"""``rocketvpn surveys``, ``offers``, ``policy notices`` and ``sandbox sign``: as a user and an operator run them."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.command_line import CommandLine, settings
from support.noticing import BREACH, noticed
from support.offering import OFFER, offered_by
from support.surveying import SURVEY, listed

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.wire import NoticeList, OfferList, SurveyList

ID = SURVEY.id
GIVEN = ("--answer", "speed=slow", "--answer", "used-for=work,games", "--answer", "words=Ask kim@example.org", "--yes")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("lists") / "server") as sandbox, sandbox.relayed():
        sandbox.sign(listed())
        yield sandbox


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    cli = CommandLine(settings(tmp_path, sandbox.client_file))
    assert cli.run("bind", sandbox.order()).code == 0
    cli.run("age", "--adult")
    return cli


def agree(cli: CommandLine, *consents: tuple[str, ...]) -> None:
    for consent in consents:
        assert cli.run("consent", "grant", *consent, "--yes").code == 0


def into_a_file(cli: CommandLine, *arguments: str) -> str:
    """Run a command as a person who sends its output elsewhere: typed at a terminal, printed into a pipe."""
    master, slave = pty.openpty()
    try:
        with cli.start(*arguments, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            return process.communicate(timeout=60)[0]
    finally:
        os.close(master)
        os.close(slave)


SURVEYS = (("surveys",), ("surveys", "--recipient", "relay"), ("rights", "--recipient", "relay"))


@pytest.mark.clause("U5")
def test_a_survey_is_listed_shown_answered_and_taken_back(cli: CommandLine) -> None:
    nothing = cli.run("surveys", "list")
    assert nothing.code == 0
    assert "no survey for you" in nothing.out
    assert "consent grant surveys --recipient relay" in nothing.out
    assert cli.json("surveys", "show", ID).error["exit_code"] == 1
    agree(cli, *SURVEYS)
    assert SURVEY.title["en"] in cli.run("surveys", "list").out
    shown = cli.run("surveys", "show", ID, "--language", "de").out
    assert "Wie schnell ist deine Verbindung? (one of these, needed)" in shown
    assert "fast: Fast" in shown
    assert cli.json("surveys", "answer", ID).error["code"] == "confirmation-required"
    assert cli.json("surveys", "answer", ID, "--answer", "speed").error["exit_code"] == 2
    assert cli.json("surveys", "answer", ID, "--answer", "stars=2", "--yes").error["code"] == "value-refused"
    assert cli.json("surveys", "answer", ID, *GIVEN[:-1]).error["code"] == "confirmation-required"
    done = cli.run("surveys", "answer", ID, *GIVEN)
    assert done.code == 0
    assert "Ask [email]" in done.out
    assert "kim@example.org" not in done.out
    assert f"surveys erase {ID}" in done.out
    assert cli.json("surveys", "list").document == {"surveys": []}
    (item,) = cli.json("queue").document["queue"]
    assert item["operation"] == "surveys.answer"
    assert cli.json("surveys", "erase", ID).document == {"survey": ID, "waiting": 0}
    assert cli.json("surveys", "erase", ID).error["code"] == "value-refused"
    assert [each["id"] for each in cli.json("surveys", "list").document["surveys"]] == [ID]
    assert cli.json("surveys", "decline", ID).document == {"survey": ID, "declined": True}
    assert cli.json("surveys", "list").document == {"surveys": []}
    assert cli.json("surveys", "decline", ID).error["code"] == "value-refused"


@pytest.mark.clause("U5")
def test_a_person_is_asked_question_by_question(cli: CommandLine) -> None:
    agree(cli, *SURVEYS)
    cli.run("surveys", "list")
    with cli.terminal("surveys", "answer", ID) as terminal:
        for question, given in (("speed:", "fast"), ("used-for:", "films, games"), ("stars:", ""), ("words:", "More.")):
            terminal.expect(question)
            terminal.expect("> ")
            terminal.type(f"{given}\n")
        terminal.expect("Type send to go on")
        terminal.type("send\n")
        assert terminal.leave() == 0
    (item,) = cli.json("queue").document["queue"]
    assert item["operation"] == "surveys.answer"


@pytest.mark.clause("U6", "S1")
def test_offers_are_listed_taken_and_hidden(cli: CommandLine, sandbox: Sandbox) -> None:
    other = msgspec.structs.replace(OFFER, id="read-only")
    sandbox.sign(OfferList(offers=(*offered_by(sandbox).offers, other)))
    assert "consent grant cross_service --recipient partner" in cli.run("offers", "list").out
    agree(cli, ("cross_service",))
    out = cli.run("offers", "list").out
    assert OFFER.text["en"] in out
    assert f"offers take {OFFER.id}" in out
    assert cli.json("offers", "take", OFFER.id).error["code"] == "confirmation-required"
    assert cli.json("offers", "take", OFFER.id, "--yes").error["code"] == "egress-blocked"
    agree(cli, ("cross_service", "--recipient", "partner"))
    assert cli.json("offers", "take", OFFER.id, "--yes").document["link"].startswith("https://")
    assert cli.json("offers", "hide", "read-only").document == {"offer": "read-only", "hidden": True}
    assert cli.json("offers", "list").document == {"offers": []}


@pytest.mark.clause("X2", "T2")
def test_a_notice_stands_in_the_status_and_below_each_command_until_it_was_read(
    cli: CommandLine, sandbox: Sandbox
) -> None:
    sandbox.sign(noticed())
    assert cli.json("policy", "notices").document == {"notices": []}
    cli.run("policy", "check")
    status = cli.run("status")
    assert BREACH.title["en"] in status.out
    assert f"What you can do: {BREACH.do['en']}" in " ".join(status.out.split())
    assert "rocketvpn policy notices" in cli.run("sent").err
    assert [each["id"] for each in cli.json("status").document["notices"]] == [BREACH.id]
    assert BREACH.what["en"] in " ".join(cli.run("policy", "notices").out.split())
    assert cli.json("status").document["notices"] != []  # nobody saw it
    assert BREACH.title["en"] in into_a_file(cli, "policy", "notices")
    assert cli.json("status").document["notices"] != []  # a file does not read
    with cli.terminal("policy", "notices") as terminal:
        assert terminal.leave() == 0
        assert BREACH.title["en"] in terminal.text
    assert cli.json("status").document["notices"] == []
    assert [each["shown"] for each in cli.json("policy", "notices").document["notices"]] == [True]
    assert cli.run("sent").err == ""
    sandbox.sign(NoticeList())


@pytest.mark.clause("U5", "U6", "X2")
@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("surveys", '[[surveys]]\nid = "s"\ntitle.en = "T"\nwhy.en = "W"\nopens = 2026-11-01\ncloses = 2026-12-01\n'
         '[[surveys.questions]]\nid = "q"\nkind = "text"\ntext.en = "?"\n', SurveyList),
        ("offers", '[[offers]]\nid = "o"\ntitle.en = "T"\ntext.en = "X"\nopens = 2026-11-01\ncloses = 2026-12-01\n',
         OfferList),
        ("notices", '[[notices]]\nid = "n"\nkind = "breach"\npublished = 2026-11-01\ntitle.en = "T"\nwhat.en = "W"\n'
         'do.en = "D"\n', NoticeList),
    ],
)  # fmt: skip
def test_an_operator_signs_a_list_from_a_file(tmp_path: Path, name: str, text: str, kind: type) -> None:
    with Sandbox(tmp_path / "server") as sandbox:
        cli = CommandLine()
        file = tmp_path / "list.toml"
        file.write_text(text)
        folder = ("--folder", str(sandbox.folder))
        done = cli.json("sandbox", "sign", name, str(file), *folder).document
        assert done["published"] == f"{name}/{name}.json"
        content = sandbox._running().repository.target(done["published"])
        assert content is not None
        assert len(getattr(msgspec.json.decode(content, type=kind), name)) == 1
        (tmp_path / "list.json").write_bytes(content)
        assert cli.run("sandbox", "sign", name, str(tmp_path / "list.json"), *folder).code == 0
        for bad in (text.replace('id = "', 'id = "No Such '), text + text, "]", text.replace("title.en", "titel.en")):
            file.write_text(bad)
            assert "not published" in cli.json("sandbox", "sign", name, str(file), *folder).error["message"]
        assert cli.json("sandbox", "sign", "policies", str(file), *folder).error["exit_code"] == 2
        assert cli.json("sandbox", "sign", name, str(tmp_path / "none.toml"), *folder).error["exit_code"] == 2
        assert cli.json("sandbox", "sign", name, str(file), "--folder", str(tmp_path)).error["exit_code"] == 2
