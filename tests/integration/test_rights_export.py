"""Taking along (A1): what is in the file is what the other calls say, member by member."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from support.app_events import NetworkChanged, SessionConnected
from support.exports import Unpacked
from support.world import World, bytes_of

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli.plain import plain
from rocketvpn_sdk.errors import ConfigurationError, ExportFailed, ValueRefused, VaultLocked

PASSPHRASE = "correct horse battery staple"
MEMBERS = {
    "README.txt",
    "report.json",
    "log.csv",
    "log.jsonl",
    "sent.csv",
    "witness.csv",
    "consents.jsonld",
    "requests.json",
    "disclosures.json",
    "manifest.json",
    *(f"schema/{name}.json" for name in ("report", "log", "requests", "disclosures", "manifest")),
}


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World, order: str):
    with RocketVPN.open(world.config(events=[SessionConnected, NetworkChanged])) as rocket:
        rocket.device.bind(order)
        rocket.consent.declare_age(adult=True)
        rocket.consent.grant(rocket.consent.notice("improvement"))
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
        rocket.journal.record(NetworkChanged(traffic=4096))
        log(rocket, "=1+1")
        log(rocket, 'it\'s fine, Kåre said "so"')
        world.sandbox.disclose(order, recipient="District court", basis="court", categories=["account"])
        yield rocket


def log(rocket: RocketVPN, line: str) -> None:
    record = logging.makeLogRecord({"msg": line, "levelname": "INFO", "levelno": logging.INFO, "name": "app"})
    rocket.journal.handler().handle(record)


def builtins(value: object) -> Any:
    return json.loads(msgspec.json.encode(value))


# ---------------------------------------------------------------- what is in it


@pytest.mark.clause("A1", "S2", "S3")
def test_it_says_what_the_other_calls_say(rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.rights.delete(rocket.rights.plan_delete("logs"))
    rocket.journal.record(SessionConnected(region="nl-ams", protocol="wireguard", duration=70))
    log(rocket, "=1+1")
    view = rocket.rights.view(with_code=True)
    done = rocket.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    assert set(out.members) - {"report.html"} == MEMBERS
    report = out.json("report.json")
    assert report["server_answered"] is True
    assert [held["field"] for held in report["there"]] == [held.field for held in view.there]
    assert {held["field"]: held["value"] for held in report["there"]}["contact_email"] == "kim@example.org"
    entries = list(rocket.journal.read())
    assert out.json_lines("log.jsonl") == [builtins(entry) for entry in entries]
    assert out.json("requests.json") == builtins(rocket.rights.requests())
    assert out.json("disclosures.json")["disclosures"] == builtins(rocket.rights.disclosures())
    record = "dpv:hasRecordOfActivity"  # each receipt is a copy with an id of its own
    (receipt,) = rocket.consent.receipts()
    assert [each[record] for each in out.json("consents.jsonld")] == [receipt.document[record]]
    assert (done.server_answered, done.server_problem, done.encrypted) == (True, None, False)
    assert done.size == (tmp_path / "mine.zip").stat().st_size
    assert builtins(done.members) == out.manifest["members"]
    assert out.manifest["policy_version"] == rocket.policy.current.version
    assert order_of(rocket) in out.text("report.json")


def order_of(rocket: RocketVPN) -> str:
    binding = rocket.device.binding
    assert binding is not None
    return binding.order_number


def test_the_ledger_is_in_it_with_the_calls_that_the_export_itself_made(rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.rights.export(tmp_path / "mine.zip", with_code=True)
    rows = Unpacked(tmp_path / "mine.zip").table("sent.csv")
    entries = list(rocket.rights.sent())
    assert [row["operation"] for row in rows] == [entry.operation for entry in entries]
    assert [row["operation"] for row in rows][-3:] == ["data.view", "disclosures.read", "rights.list"]
    for row, entry in zip(rows, entries, strict=True):
        assert (row["outcome"], row["fields"].split(), int(row["size"])) == (
            entry.outcome,
            list(entry.fields),
            entry.size,
        )
        assert datetime.fromisoformat(row["at"]) == datetime.fromtimestamp(entry.at, UTC)


def test_the_two_forms_of_the_log_say_the_same(rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    entries, rows = out.json_lines("log.jsonl"), out.table("log.csv")
    assert len(entries) == len(rows) == 4
    for entry, row in zip(entries, rows, strict=True):
        assert (row["at"], row["event"], row["purpose"]) == (entry["at"], entry["event"], entry["purpose"])
        fields = {name: str(value) for name, value in entry["fields"].items() if value is not None}
        assert {name: cell for name, cell in row.items() if cell and name not in ("at", "event", "purpose")} == fields


def test_every_json_member_is_what_its_schema_says(rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    for name in ("report", "requests", "disclosures", "manifest"):
        jsonschema.validate(out.json(f"{name}.json"), out.json(f"schema/{name}.json"))
    for entry in out.json_lines("log.jsonl"):
        jsonschema.validate(entry, out.json("schema/log.json"))


def test_attack_formula_in_a_log_line(rocket: RocketVPN, tmp_path: Path) -> None:
    """A spreadsheet must not run what a log line says; a program gets it as it was stored."""
    for line in ("+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "'=1", "\uff1d1"):
        log(rocket, line)
    rocket.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    stored = [entry["fields"]["message"] for entry in out.json_lines("log.jsonl") if "message" in entry["fields"]]
    assert "=1+1" in stored
    assert len(stored) == 8
    raw = out.text("log.csv")
    assert not [cell for cell in raw.split('","') if cell.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\uff1d"))]
    assert [row["message"] for row in out.table("log.csv") if row["message"]] == stored


def test_no_secret_of_the_device_is_in_it(rocket: RocketVPN, tmp_path: Path) -> None:
    from rocketvpn_sdk.identity import CREDENTIALS, Credentials

    rocket.rights.export(tmp_path / "mine.zip")
    credentials = rocket._components.vault.get(CREDENTIALS, Credentials)
    assert credentials is not None
    everything = b"".join(Unpacked(tmp_path / "mine.zip").members.values())
    assert credentials.device_id.encode() in everything
    assert credentials.refresh_token.encode() not in everything
    assert credentials.private_key.hex().encode() not in everything


@pytest.mark.clause("P3", "T2")
def test_the_readme_says_what_is_there_and_what_is_not(rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.rights.export(tmp_path / "mine.zip", with_code=True)
    out = Unpacked(tmp_path / "mine.zip")
    words = out.text("README.txt")
    for name in set(out.members) - {"README.txt"}:
        assert name.partition("/")[0] in words, name
    assert "https://rocketv.org/" in words
    assert "The server answered" in words
    assert all(len(line) <= 120 for line in words.splitlines())


# ---------------------------------------------------------------- with what cannot be asked


def test_offline_it_has_what_is_here_and_says_what_is_missing(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        done = offline.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    assert (done.server_answered, done.server_problem) == (False, "server-unreachable")
    for name in ("report", "requests", "disclosures"):
        said = out.json(f"{name}.json")
        assert (said["server_answered"], said["server_problem"]) == (False, "server-unreachable")
    assert out.json("disclosures.json")["disclosures"] == []
    assert len(out.json_lines("log.jsonl")) == 4
    assert "IS MISSING" in out.text("README.txt")


def test_unbound_it_says_so(world: World, tmp_path: Path) -> None:
    with RocketVPN.open(world.config()) as rocket:
        assert rocket.rights.export(tmp_path / "mine.zip").server_problem == "not-bound"


def test_locked_there_is_nothing_to_write(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    rocket.close()
    with RocketVPN.open(world.config(), unlock=False) as locked, pytest.raises(VaultLocked):
        locked.rights.export(tmp_path / "mine.zip")
    assert not (tmp_path / "mine.zip").exists()


def test_a_log_that_goes_on_meanwhile_does_not_break_it(rocket: RocketVPN, tmp_path: Path) -> None:
    stop = threading.Event()

    def talk() -> None:
        for _ in range(2000):
            if stop.is_set():
                return
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))

    talker = threading.Thread(target=talk)
    talker.start()
    seen: list[tuple[int, int, str]] = []
    try:
        for round_ in range(3):
            rocket.rights.export(tmp_path / f"{round_}.zip", progress=lambda *step: seen.append(step))
    finally:
        stop.set()
        talker.join()
    out = Unpacked(tmp_path / "2.zip")
    assert len(out.json_lines("log.jsonl")) == len(out.table("log.csv")) > 4
    assert all(done <= total for done, total, _ in seen)
    assert {"report.json", "log.jsonl"} <= {what for _, _, what in seen}


# ---------------------------------------------------------------- the file


def test_it_is_private_and_replaces_nothing_unless_told_to(rocket: RocketVPN, tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    old = os.umask(0)
    try:
        rocket.rights.export(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(ValueRefused, match="already"):
        rocket.rights.export(path)
    assert path.read_bytes() == before
    rocket.rights.export(str(path), overwrite=True)
    assert path.read_bytes() != before
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == ["mine.zip"]


def test_attack_link_in_the_place_of_the_file(rocket: RocketVPN, tmp_path: Path) -> None:
    """What a link points to is neither written nor replaced, and the link stays."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "mine.zip").symlink_to(tmp_path / "victim")
    (tmp_path / "dangling.zip").symlink_to(tmp_path / "nowhere")
    for name in ("mine.zip", "dangling.zip"):
        with pytest.raises(ValueRefused):
            rocket.rights.export(tmp_path / name)
        with pytest.raises(ValueRefused, match="left alone"):
            rocket.rights.export(tmp_path / name, overwrite=True)
    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "mine.zip").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_cannot_be_written_is_our_error(rocket: RocketVPN, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "no" / "mine.zip", tmp_path / "file" / "mine.zip", tmp_path / ("x" * 300)):
        with pytest.raises(ExportFailed):
            rocket.rights.export(path)
    for path in (tmp_path, Path("/"), Path(), Path("a\0b"), tmp_path / "mine.zip.age"):
        with pytest.raises(ValueRefused):
            rocket.rights.export(path)


def test_what_progress_raises_ends_it_and_leaves_nothing(rocket: RocketVPN, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()

    def cancel(done: int, total: int, what: str) -> None:
        assert list(folder.iterdir()) != []  # the hidden file
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rocket.rights.export(folder / "mine.zip", progress=cancel)
    assert list(folder.iterdir()) == []


def test_two_exports_to_one_place_at_once_leave_one_whole_file(rocket: RocketVPN, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    refused: list[BaseException] = []

    def export() -> None:
        try:
            rocket.rights.export(folder / "mine.zip")
        except ValueRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=export) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert [entry.name for entry in folder.iterdir()] == ["mine.zip"]
    Unpacked(folder / "mine.zip")


# ---------------------------------------------------------------- behind a passphrase


@pytest.fixture
def sealed(rocket: RocketVPN, tmp_path: Path) -> Path:
    done = rocket.rights.export(tmp_path / "mine.zip", passphrase=PASSPHRASE)
    assert done.encrypted
    assert done.path == str(tmp_path / "mine.zip.age")
    return Path(done.path)


@pytest.mark.clause("T1")
def test_a_passphrase_encrypts_all_of_it(sealed: Path, order: str, tmp_path: Path) -> None:
    from pyrage import DecryptError, passphrase

    raw = sealed.read_bytes()
    assert raw.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert b"PK\x03\x04" not in raw
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o600
    with pytest.raises(DecryptError):
        passphrase.decrypt(raw, "another")
    opened = Unpacked(passphrase.decrypt(raw, PASSPHRASE))
    assert order in opened.text("report.json")
    assert sorted(entry.name for entry in sealed.parent.iterdir() if entry.is_file()) == ["mine.zip.age"]
    stored = bytes_of(tmp_path)
    for value in (PASSPHRASE, order, "kim@example.org", "nl-ams"):
        assert value.encode() not in stored


@pytest.mark.component("age")
def test_the_real_age_opens_it(sealed: Path, order: str, tmp_path: Path) -> None:
    from support.command_line import Terminal

    out = tmp_path / "opened.zip"
    age = shutil.which("age")
    assert age
    with Terminal([age, "--decrypt", "--output", str(out), str(sealed)], dict(os.environ)) as terminal:
        terminal.expect("passphrase")
        terminal.type(PASSPHRASE + "\n")
        assert terminal.leave() == 0
    assert order in Unpacked(out).text("report.json")
    assert subprocess.run([age, "--version"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("passphrase", ["", "  ", "\ud800"])
def test_a_passphrase_that_is_none_is_refused(rocket: RocketVPN, tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(ValueRefused, match="passphrase"):
        rocket.rights.export(tmp_path / "mine.zip", passphrase=passphrase)
    assert list(tmp_path.glob("*.zip*")) == []


def test_without_the_extra_it_says_which_one_is_missing(
    rocket: RocketVPN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrage", None)
    with pytest.raises(ConfigurationError, match="extra 'age'"):
        rocket.rights.export(tmp_path / "mine.zip", passphrase=PASSPHRASE)
    assert list(tmp_path.glob("*.zip*")) == []


def test_what_the_result_says_fits_into_json(rocket: RocketVPN, tmp_path: Path) -> None:
    done = plain(rocket.rights.export(tmp_path / "mine.zip"))
    assert set(done) == {
        "path", "size", "encrypted", "made_at", "members", "server_answered", "server_problem",
    }  # fmt: skip
