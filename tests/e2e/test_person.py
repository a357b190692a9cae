"""A person's path from binding to the receipt, at a terminal and in a browser; and that nothing of them is left."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.app_events import SessionConnected
from support.browser import Watched, browser
from support.command_line import PASSPHRASE, CommandLine, settings
from support.exports import Unpacked
from support.until import until
from support.world import tunnel_key

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.demo.traces import Search, all_files
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.mail import masked
from rocketvpn_sdk.testing.sandbox import running_sandbox

if TYPE_CHECKING:
    from playwright.sync_api import Browser

APP_ID = "org.example.vpn"
OLD_EMAIL = "ada.lovelace@example.org"
NEW_EMAIL = "ada.king@mail.example.net"
ADDRESS = "203.0.113.77"
LINE = "handshake took 812 ms"

Turn = tuple[str, str | Callable[[], str]]


class Person:
    """Somebody with a computer (``home``), a stick beside it that keeps what they saved, and an order."""

    def __init__(self, sandbox: Sandbox, home: Path, stick: Path, store: str) -> None:
        self.sandbox, self.home, self.stick, self.store = sandbox, home, stick, store
        self.order = sandbox.order(email=OLD_EMAIL)
        self.key = tunnel_key()
        config = settings(home / ".config" / "vpn", sandbox.client_file, data_dir=None, secrets=store)
        session = {"DBUS_SESSION_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"]} if store == "keyring" else {}
        self.cli = CommandLine(config, TERM="dumb", **session)
        self.planted = {
            "order number": self.order,
            "old e-mail": OLD_EMAIL,
            "new e-mail": NEW_EMAIL,
            "address": ADDRESS,
            "log line": LINE,
            "tunnel key": self.key,
        }

    def types(self, *command: str, turns: tuple[Turn, ...] = (), code: int = codes.DONE) -> str:
        """Run a command at a terminal, answer what it asks, and return all that it said, in one line."""
        with self.cli.terminal(*command) as terminal:
            for asked, answer in turns:
                terminal.expect(asked)
                terminal.type(f"{answer if isinstance(answer, str) else answer()}\n")
            assert terminal.leave() == code, terminal.text
        return " ".join(terminal.text.split())

    @property
    def app(self) -> Config:
        """The settings of the app itself, which has the same vault, and neither a file of settings nor a terminal."""
        return Config(
            self.sandbox.url,
            APP_ID,
            secrets=PassphraseSecrets(PASSPHRASE) if self.store == "passphrase" else None,
            trust=self.sandbox.ca_file,
            trusted_root=self.sandbox.trusted_root,
            policy=self.sandbox.policy,
            events=[SessionConnected],
        )


@pytest.fixture
def make_person(_home: Path, tmp_path: Path) -> Iterator[Callable[[str], Person]]:
    stick = tmp_path / "stick"
    stick.mkdir()
    with running_sandbox(tmp_path / "server") as sandbox:
        yield lambda store: Person(sandbox, _home, stick, store)


@pytest.mark.component("browser")
@pytest.mark.clause("A1", "A2", "A3", "A4", "R2")
def test_a_person_from_binding_to_the_receipt(make_person: Callable[[str], Person]):
    person = make_person("passphrase")
    binds(person)
    uses_the_app(person)
    agrees_to_something(person)
    with browser() as running:
        looks_at_the_page(person, running, email=OLD_EMAIL)
        corrects(person)
        looks_at_the_page(person, running, email=NEW_EMAIL)
    takes_it_along(person)
    asks_who_knows_and_what_waits(person)
    what_a_search_finds_before(person)
    deletes(person)
    what_a_search_finds_after(person)
    person.sandbox.stop()
    checks_the_receipt(person)


@pytest.mark.component("keyring")
@pytest.mark.clause("A3", "R2")
def test_nothing_of_a_person_is_left_in_the_keyring(make_person: Callable[[str], Person]):
    person = make_person("keyring")
    binds(person)
    uses_the_app(person)
    corrects(person)
    takes_it_along(person)
    what_a_search_finds_before(person)
    deletes(person)
    what_a_search_finds_after(person)


# ---------------------------------------------------------------- the steps


def binds(person: Person) -> None:
    said = person.types("bind", person.order)
    assert said.index("If you are under 18, ask a parent or guardian") < said.index("This device is bound")
    assert person.order not in said


def uses_the_app(person: Person) -> None:
    with RocketVPN.open(person.app) as rocket:
        person.planted["device number"] = rocket.device.binding.device_id
        handler, app = rocket.journal.handler(), logging.getLogger("app.tunnel")
        app.addHandler(handler)
        app.warning("handshake took 812 ms to %s for %s", ADDRESS, OLD_EMAIL)
        app.removeHandler(handler)
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=47))
        rocket.call("tunnel.register", public_key=person.key)


def agrees_to_something(person: Person) -> None:
    assert person.cli.json("age", "--adult").document["adult"] is True
    said = person.types("consent", "grant", "improvement", turns=(("Type agree to go on:", "agree"),))
    assert said.index("To design new services") < said.index("Type agree")
    assert "The server knows." in said


def looks_at_the_page(person: Person, running: Browser, *, email: str) -> None:
    file = person.stick / "report.html"
    asked = ("The code that was sent to", person.sandbox.mail.last_code)
    options = ("--html", str(file), "--samples", "9", "--yes", "--with-code")
    assert "Only you can read it" in person.types("view", *options, turns=(asked,))
    watched = Watched(running, file)
    page = watched.page
    assert page.title() == "What is held about you"
    for details in page.locator("details > summary").all():
        details.click()
    summary = page.locator("section[aria-labelledby=short]").inner_text()
    assert "You agreed to 1 optional use of your information." in summary
    assert "The operator's server says that it holds" in summary
    shown = page.locator("main").inner_text()
    assert [mail for mail in (OLD_EMAIL, NEW_EMAIL) if mail in shown] == [email]
    assert f"{LINE} to [ip] for [email]" in shown
    assert page.get_by_text(email, exact=True).first.is_visible()
    page.wait_for_load_state("networkidle")
    assert (watched.requests, watched.said) == ([], [])


def corrects(person: Person) -> None:
    replace, mail = ("Type replace to replace it:", "replace"), person.sandbox.mail
    asked = [(f"The code that was sent to {masked(to)}:", mail.last_code) for to in (OLD_EMAIL, NEW_EMAIL)]
    said = person.types("correct", "contact_email", NEW_EMAIL, turns=(asked[0], replace, asked[1]))
    assert f"The server has contact_email = {OLD_EMAIL} now." in said
    assert f"The server now holds contact_email = {NEW_EMAIL}" in said


def takes_it_along(person: Person) -> None:
    file = person.stick / "my-data.zip"
    asked = ("The code that was sent to", person.sandbox.mail.last_code)
    assert "Whoever can read this file" in person.types("export", str(file), "--with-code", turns=(asked,))
    taken = Unpacked(file)  # checks the manifest
    assert NEW_EMAIL in taken.text("report.json")
    assert {"order_number", "contact_email"} <= {held["field"] for held in taken.json("report.json")["there"]}


def asks_who_knows_and_what_waits(person: Person) -> None:
    person.sandbox.disclose(person.order, recipient="operator", basis="consent", categories=["contact_email"])
    asked = ("The code that was sent to", person.sandbox.mail.last_code)
    assert "because you agreed to it: contact email" in person.types("disclosures", turns=(asked,))
    assert person.cli.json("requests").document["requests"] == []
    assert person.cli.json("queue").document["queue"] == []
    sent = person.types("sent")
    assert all(operation in sent for operation in ("tunnel.register", "consent", "data.correct"))
    assert not [name for name, value in person.planted.items() if value in sent]  # fields, and never their values


def deletes(person: Person) -> None:
    said = person.types(
        *("delete", "--with-code", "--receipt", str(person.stick / "receipt.json")),
        turns=(
            ("The code that was sent to a…@mail.example.net:", person.sandbox.mail.last_code),
            ("Type delete to go on:", "delete"),
        ),
    )
    assert said.index("Stays at the server") < said.index("payment record, until") < said.index("Type delete")
    assert "On this device everything about you is gone" in said
    assert "It keeps the payment record until" in said.partition("has deleted this, and has signed that")[2]


def checks_the_receipt(person: Person) -> None:
    """On another computer, with the receipt and the operator's root; the operator is gone."""
    root = person.stick / "root.json"
    root.write_bytes(person.sandbox.trusted_root.read_bytes())
    receipt = person.stick / "receipt.json"
    elsewhere = CommandLine(HOME=str(person.stick))
    done = elsewhere.run("receipt", str(receipt), "--root", str(root))
    assert (done.code, done.err) == (codes.DONE, "")
    assert done.out.startswith("The receipt holds.")
    assert "payment record, until" in done.out.partition("Held back")[2]

    altered = json.loads(receipt.read_bytes())
    altered["claims"]["held_back"] = []
    receipt.write_text(json.dumps(altered), "utf-8")
    refused = elsewhere.json("receipt", str(receipt), "--root", str(root))
    assert (refused.code, refused.error["code"]) == (codes.REFUSED, "receipt-invalid")


# ---------------------------------------------------------------- deletion equals absence


def found(person: Person, *folders: Path, without: tuple[str, ...] = ()) -> set[str]:
    """Return which planted values stand in the files of ``folders``, in any form; ``without`` is cut out first."""
    search = Search(person.planted)
    names: set[str] = set()
    for path in all_files(*folders):
        content = path.read_bytes()
        for text in without:
            content = content.replace(text.encode(), b"")
        names |= {trace.value for trace in search.data(content, path.name)}
        names |= {trace.value for trace in search.data(path.name.encode(), path.name)}
    return names


def in_keyring(person: Person) -> str:
    """Ask the Secret Service itself for every entry that the keyring's library makes."""
    if person.store != "keyring":
        return ""
    command = ["secret-tool", "search", "--all", "application", "Python keyring library"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def what_a_search_finds_before(person: Person) -> None:
    """The search works: it finds what the person saved and what the server holds, and the vault is sealed."""
    with zipfile.ZipFile(person.stick / "my-data.zip") as taken:
        taken.extractall(person.stick / "my-data")
    everything = set(person.planted)
    assert found(person, person.stick) == everything - {"address", "old e-mail"}  # never stored; corrected
    assert found(person, person.sandbox.folder) == everything - {"address", "log line", "old e-mail"}
    assert found(person, person.home) == set()
    assert "rocketvpn-sdk/" in in_keyring(person) or person.store != "keyring"
    assert person.home in person.app.folder.parents
    assert all_files(person.app.folder)


def what_a_search_finds_after(person: Person) -> None:
    assert not person.app.folder.exists()
    assert person.cli.json("status").document["vault"] is None
    assert found(person, person.home) == set()
    until(lambda: "rocketvpn-sdk" not in in_keyring(person))  # other tests use this keyring, and tidy up after them

    rows = person.sandbox.rows()
    (request,) = rows["rights_requests"]
    # A receipt names the device that it is for; it stays, so that a confirmation that was lost can be asked for again.
    assert found(person, person.sandbox.folder, without=(request["receipt"],)) == set()
    claims = json.loads((person.stick / "receipt.json").read_bytes())["claims"]
    assert [held["field"] for held in claims["held_back"]] == ["payment_record"]
    kept = [row for row in rows["payments"] if row["order_number"] is None]
    assert len(kept) == 1  # what is held back is there, as it was said, and tied to nobody
    assert kept[0]["hold_until"].isoformat() == claims["held_back"][0]["until"]
