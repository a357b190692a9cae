"""``log import``, ``log tail --follow`` and ``log export``: files on their way in and out, and the log as it grows."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import msgspec
import pytest
from support.command_line import PASSPHRASE, CommandLine

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.settings import Chosen, make_config

pytestmark = pytest.mark.clause("C2")

OLD = """2020-01-01 00:00:00 ERROR tunnel: from another time
Jun 24 tunnel: connected to 203.0.113.9 as lena@post.example
WARN password=hunter2 was refused
Traceback (most recent call last):
  File "/home/lena/app.py", line 3, in main

[info] done
"""
PERSONAL = ("203.0.113.9", "lena", "hunter2")


def messages(cli: CommandLine, *options: str) -> list[str]:
    return [entry["fields"]["message"] for entry in cli.json("log", *options).document["entries"]]


def logged(cli: CommandLine, *lines: tuple[str, int, str]) -> None:
    """Log lines as the app does whose vault this is."""
    config = make_config(Chosen(config=cli.config), authenticator=None, ask_passphrase=lambda _: PASSPHRASE)
    with RocketVPN.open(msgspec.structs.replace(config)) as rocket:
        handler = rocket.journal.handler()
        for name, level, text in lines:
            handler.handle(logging.LogRecord(name, level, "app.py", 1, text, None, None))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(OLD, "utf-8")
    return path


# ---------------------------------------------------------------- import


def test_a_plain_log_is_taken_in_scrubbed_and_the_file_stays_unless_somebody_says_otherwise(
    bound: CommandLine, old: Path
) -> None:
    (file,) = bound.json("log", "import", str(old)).document["files"]
    assert (file["kept"], file["too_old"], file["not_kept"], file["removed"]) == (3, 1, 0, False)
    assert old.read_text("utf-8") == OLD
    entries = bound.json("log").document["entries"]
    assert [entry["fields"]["level"] for entry in entries] == ["INFO", "WARNING", "INFO"]
    assert {entry["fields"]["logger"] for entry in entries} == {"imported"}
    assert not [value for value in PERSONAL if value in json.dumps(entries)]
    assert "Traceback" in entries[1]["fields"]["message"]
    assert messages(bound)[2] == "[info] done"


def test_the_file_goes_if_that_is_asked_for(bound: CommandLine, old: Path) -> None:
    shown = bound.run("log", "import", "--remove", str(old))
    assert "removed" in shown.out
    assert not old.exists()
    assert len(messages(bound)) == 3


def test_at_a_terminal_one_is_asked(bound: CommandLine, old: Path) -> None:
    with bound.terminal("log", "import", str(old)) as terminal:
        terminal.expect("Type remove to remove them:")
        terminal.type("no\n")
        terminal.expect("still there")
        assert terminal.leave() == codes.DONE
    assert old.exists()
    with bound.terminal("log", "import", str(old)) as terminal:
        terminal.expect("Type remove to remove them:")
        terminal.type("remove\n")
        assert terminal.leave() == codes.DONE
    assert not old.exists()


def test_a_file_of_windows_is_read_as_its_mark_says(bound: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes("ERROR from 203.0.113.9\r\n".encode("utf-16"))
    assert bound.json("log", "import", str(path)).code == codes.DONE
    assert messages(bound) == ["ERROR from [ip]"]


@pytest.mark.parametrize("kind", ["folder", "missing", "link", "pipe"])
def test_what_is_no_plain_file_is_refused(bound: CommandLine, tmp_path: Path, old: Path, kind: str) -> None:
    path = tmp_path / "other.log"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(old)
    elif kind == "pipe":
        os.mkfifo(path)
    refused = bound.json("log", "import", "--remove", str(path))
    assert refused.error["code"] == "value-refused"
    assert old.exists()
    assert messages(bound) == []


def test_a_file_that_grows_meanwhile_stays(bound: CommandLine, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rocketvpn_sdk.cli.commands import log_import

    entries_in = log_import.entries_in

    def grown(lines):
        yield from entries_in(lines)
        with old.open("a") as file:
            file.write("one more\n")

    monkeypatch.setattr(log_import, "entries_in", grown)
    (file,) = bound.json("log", "import", "--remove", str(old)).document["files"]
    assert (file["changed"], file["removed"]) == (True, False)
    assert "one more" in old.read_text("utf-8")


def test_many_lines_are_all_taken_in(bound: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(f"INFO step {number} of many\n" for number in range(3000)), "utf-8")
    (file,) = bound.json("log", "import", "--remove", str(path)).document["files"]
    assert (file["kept"], file["not_kept"], file["removed"]) == (3000, 0, True)
    assert len(messages(bound, "--limit", "0")) == 3000


# ---------------------------------------------------------------- filters and --follow


def test_lines_are_chosen_by_logger_level_and_text(bound: CommandLine) -> None:
    logged(
        bound,
        ("app.tunnel", logging.INFO, "handshake done"),
        ("app.tunnel.dns", logging.ERROR, "lookup failed"),
        ("app.tunnels", logging.ERROR, "Handshake lost"),
    )
    assert len(messages(bound, "--logger", "app.tunnel")) == 2
    assert len(messages(bound, "--level", "error")) == 2
    assert len(messages(bound, "--text", "HANDSHAKE")) == 2
    assert len(messages(bound, "--text", "handshake", "--logger", "app.tunnel")) == 1
    assert len(bound.json("log", "tail", "--level", "ERROR", "-n", "1").document["entries"]) == 1
    assert bound.json("log", "--level", "LOUD").error["code"] == "value-refused"


def test_tail_follows_what_another_process_records(bound: CommandLine) -> None:
    logged(bound, ("app", logging.INFO, "first line"), ("other", logging.INFO, "not wanted"))
    with bound.terminal("log", "tail", "--follow", "--logger", "app") as terminal:
        terminal.expect("first line")
        logged(bound, ("app", logging.INFO, "second line"), ("other", logging.INFO, "not wanted"))
        terminal.expect("second line")
        logged(bound, ("app", logging.INFO, "second line"))
        terminal.expect("second line")
        terminal.type("\x03")
        assert terminal.leave() == codes.INTERRUPTED
    assert "not wanted" not in terminal.text
    assert terminal.text.count("first line") == 1


# ---------------------------------------------------------------- export


def attributes(record: dict) -> dict:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in record["attributes"]}


def test_the_log_is_exported_as_opentelemetry_writes_it_and_shown_first(bound: CommandLine, tmp_path: Path) -> None:
    logged(bound, ("app.tunnel", logging.ERROR, "from 203.0.113.9"), ("app", logging.INFO, "not wanted"))
    path = tmp_path / "log.json"
    shown = bound.run("log", "export", "--otlp", "--logger", "app.tunnel", "--yes", str(path))
    content = path.read_text("utf-8")
    assert content in shown.out
    assert "Written" in shown.out
    (resource,) = json.loads(content)["resourceLogs"]
    (record,) = resource["scopeLogs"][0]["logRecords"]
    assert record["severityNumber"] == 17
    assert record["body"] == {"stringValue": "from [ip]"}
    assert int(record["timeUnixNano"]) % (60 * 10**9) == 0
    assert attributes(record) == {
        "event.name": "log.message", "rocketvpn.purpose": "service", "logger": "app.tunnel",
    }  # fmt: skip
    assert bound.run("log", "export", "--otlp", "--yes", str(path)).code == codes.USAGE  # it is there already
    assert json.loads(bound.run("log", "export", "--otlp", "-").out)["resourceLogs"]


def test_nothing_is_written_unless_somebody_has_seen_it(bound: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    assert bound.json("log", "export", "--otlp", str(path)).error["code"] == "confirmation-required"
    assert bound.run("log", "export", str(path)).code == codes.USAGE
    with bound.terminal("log", "export", "--otlp", str(path)) as terminal:
        terminal.expect("resourceLogs")
        terminal.expect("Type write to write the file:")
        terminal.type("no\n")
        assert terminal.leave() != codes.DONE
    assert not path.exists()
