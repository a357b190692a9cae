"""Standard streams that are full, closed, gone or of an odd encoding: a sentence of ours, and no traceback."""

from __future__ import annotations

import errno
import io
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple
from unittest import mock

import pytest
from support.command_line import CommandLine, settings
from support.commands import ARGUMENTS, COMMANDS
from support.forms import GATE

from rocketvpn_sdk.cli import codes, files
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.errors import ExportFailed
from rocketvpn_sdk.sandbox import Sandbox

LOST = "could not be written to the standard output"
STANDS = "What was done before stands"


class Broken(io.RawIOBase):
    """A stream that takes nothing."""

    def __init__(self, number: int) -> None:
        self.number: int | None = number

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.number is None:
            return len(data)
        raise OSError(self.number, os.strerror(self.number))


class Spoken(NamedTuple):
    code: int
    out: str
    err: str


def spoken(cli: CommandLine, arguments: list[str], out: Broken | None, encoding: str = "utf-8") -> Spoken:
    """Run a command in this process; ``out``: its standard output instead of one that is kept."""
    kept, told = io.BytesIO(), io.BytesIO()
    err = io.TextIOWrapper(told, encoding, write_through=True)
    stream = io.TextIOWrapper(io.BufferedWriter(out) if out else kept, encoding)  # type: ignore[type-var] # raw streams of two kinds
    with (
        mock.patch.dict(os.environ, cli.environment, clear=True),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(), encoding)),
        mock.patch.object(sys, "stdout", stream),
        mock.patch.object(sys, "stderr", err),
    ):
        code = run(arguments)
    if out is not None:
        out.number = None  # what is left in the buffer
    stream.flush()
    return Spoken(code, kept.getvalue().decode(encoding), " ".join(told.getvalue().decode(encoding).split()))


@pytest.fixture(scope="module")
def workshop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A bound device; what a command changes on it does not matter to the next one."""
    cli = CommandLine(settings(tmp_path_factory.mktemp("streams"), sandbox.client_file))
    assert cli.run("bind", sandbox.order(limit=90)).code == 0
    yield cli
    sandbox.faults.clear()


def mailed(sandbox: Sandbox) -> str:
    """Wait for the code that is e-mailed next."""
    came = queue.Queue[str]()
    sandbox.mail.subscribe(lambda message: came.put(message.code or ""))
    return came.get(timeout=60)


def line(command: str, folder: Path, *more: str) -> list[str]:
    given = ["/dev/null/x", *ARGUMENTS[command][1:]] if command == "export" else ARGUMENTS.get(command, [])
    place = ["--folder", str(folder / "server")] if command == "sandbox" else []
    return [*command.split(), *given, *place, *more]


@pytest.mark.one_in(7)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_takes_nothing(workshop: CommandLine, command: str, number: int, tmp_path: Path) -> None:
    for more in ([], ["--json"]):
        done = spoken(workshop, line(command, tmp_path, *more), Broken(number))
        assert done.code not in (codes.DONE, codes.INTERRUPTED)
        assert "Error: " in done.err
        reason = "nobody reads it any more" if number == errno.EPIPE else os.strerror(number)
        assert LOST not in done.err or reason in done.err
        if more:
            assert LOST in done.err, "the document was lost"
            assert STANDS in done.err


@pytest.mark.parametrize("name", ["", "consent", "--help", "--version", "no-such", "log --help", "policy --json"])
def test_a_help_that_cannot_be_printed(cli: CommandLine, name: str) -> None:
    done = spoken(cli, name.split(), Broken(errno.ENOSPC))
    assert done.code in (codes.REFUSED, codes.USAGE)
    assert done.err


def test_what_was_erased_is_erased_though_it_cannot_be_said(cli: CommandLine, sandbox: Sandbox) -> None:
    number = sandbox.order()
    assert cli.json("bind", number).code == 0
    ticket = cli.json("ticket", "make", "--scope", "device").document["ticket"]
    arguments = ["erase", "--ticket", ticket, "--trust", str(sandbox.ca_file), "--yes", "--json"]
    done = spoken(cli, arguments, Broken(errno.ENOSPC))
    assert done.code == codes.REFUSED
    assert STANDS in done.err
    assert number not in [row["order_number"] for row in sandbox.rows()["devices"]]
    again = spoken(cli, arguments, None)
    assert again.code == codes.DONE, "within a day the same ticket brings the same receipt"
    assert json.loads(again.out)["erased"] is True


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE])
@pytest.mark.parametrize("command", ["delete", "owner", "erase"])
def test_a_receipt_that_exists_once_comes_on_the_other_stream(
    cli: CommandLine, sandbox: Sandbox, command: str, number: int, tmp_path: Path, code_file: Path
) -> None:
    order = sandbox.order()
    with_ticket = [] if command == "owner" else ["--ticket", "--code-from", str(code_file)]
    bound = cli.json("bind", order, *with_ticket).document
    code_file.unlink(missing_ok=True)
    code, trust = tmp_path / "pipe", ["--trust", str(sandbox.ca_file)]
    arguments = {
        "delete": ["delete", "--yes", "--scope", "device"],
        "owner": ["delete", "--owner", order, "--yes", "--code-from", str(code)],
        "erase": ["erase", "--ticket", bound.get("panic_ticket", {}).get("ticket", ""), "--yes", *trust],
    }[command]
    if command == "owner":
        os.mkfifo(code)
        threading.Thread(target=lambda: code.write_text(mailed(sandbox)), daemon=True).start()
    done = spoken(cli, [*arguments, "--receipt", "-"], Broken(number))
    assert done.code == codes.REFUSED
    said = done.err.split("Error: ")
    assert json.loads(said[0][said[0].index('{"') :])["format"] == "rocketvpn-erasure-receipt/1"
    assert "It is deleted, but the receipt could not be written to the standard output" in said[1]


def test_a_receipt_that_no_file_takes_is_not_lost_with_the_document(
    cli: CommandLine, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.json("bind", sandbox.order(email=None)).code == 0

    def full(*_: object, **__: object) -> None:
        raise ExportFailed(folder="x", problem="no space", cause="full")

    monkeypatch.setattr(files, "write", full)
    for more in (["--json"], []):
        arguments = ["delete", "--scope", "logs", "--yes", "--receipt", str(tmp_path / "receipt")]
        done = spoken(cli, [*arguments, *more], Broken(errno.ENOSPC) if more else None)
        assert '"format": "rocketvpn-erasure-receipt/1"' in (done.err if more else done.out)
        assert "It is deleted, but the receipt could not be saved" in done.err


def test_what_is_shown_before_it_is_sent_has_to_be_seen(cli: CommandLine, sandbox: Sandbox) -> None:
    assert spoken(cli, ["bind", sandbox.order()], Broken(errno.ENOSPC)).code == codes.REFUSED
    assert cli.json("status").document["bound"] is False


# ---------------------------------------------------------------- in processes of their own

SHELL = {
    "closed output": ">&-",
    "closed input": "<&-",
    "closed errors": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "nobody reads": "| true",
    "errors and output closed": ">&- 2>&-",
}


def in_shell(cli: CommandLine, words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    script = f"set -o pipefail; {sys.executable} -m rocketvpn_sdk {words} {redirection}"
    return subprocess.run(
        ["/bin/bash", "-c", script], env=cli.environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.one_in(7)
@pytest.mark.parametrize("how", SHELL)
@pytest.mark.parametrize("words", ["status", "policy show --json", "--help", "no-such-command", "age --adult"])
def test_a_process_with_closed_streams(bound: CommandLine, words: str, how: str) -> None:
    done = in_shell(bound, words, SHELL[how])
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    usage = codes.USAGE if words == "no-such-command" else codes.DONE
    if ">&-" in SHELL[how].replace("2>&-", ""):
        assert done.returncode == codes.REFUSED
        assert "2>&-" in SHELL[how] or "Nothing was done" in done.stderr
        assert bound.json("age").document["adult"] is None
    elif how == "nobody reads":
        assert done.returncode in (usage, codes.REFUSED)
    else:
        assert done.returncode == usage


def test_a_binding_is_not_begun_without_an_output(cli: CommandLine, order: str) -> None:
    done = in_shell(cli, f"bind {order}", ">&-")
    assert (done.returncode, "Nothing was done" in done.stderr) == (codes.REFUSED, True)
    assert cli.json("status").document["bound"] is False


def test_a_receipt_is_not_lost_on_a_full_disk(bound: CommandLine) -> None:
    done = in_shell(bound, "delete --yes --scope device --receipt -", ">/dev/full")
    assert (done.returncode, "Traceback" in done.stderr) == (codes.REFUSED, False)
    assert '"format": "rocketvpn-erasure-receipt/1"' in done.stderr
    assert "Exception ignored" not in done.stderr


LITTLE = {
    "files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))",
    "threads": "import _thread, signal; _thread.stack_size(1 << 46); signal.signal(2, signal.default_int_handler)",
}
"""Python code that leaves a process hardly anything. (The thread is for SIGINT, which whoever runs us may ignore.)"""


def with_little(
    cli: CommandLine, code: str, *arguments: str, stdout: int | IO[str] = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    code = f"{code}\nfrom rocketvpn_sdk.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=cli.environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.one_in(7)
@pytest.mark.parametrize("files", [4, 5, 6, 7, 9, 12])
@pytest.mark.parametrize("words", ["status", "status --json", "policy show", "policy lint x", "--help"])
def test_a_process_that_may_open_few_files(bound: CommandLine, words: str, files: int) -> None:
    done = with_little(bound, LITTLE["files"].format(files), *words.split())
    assert "Traceback" not in done.stderr
    for blamed in (LOST, "Install it again"):
        assert blamed not in " ".join((done.stderr + done.stdout).split()), "it is there, and not at fault"
    assert done.returncode in codes.MEANINGS
    assert done.returncode == codes.DONE or "rror" in done.stderr + done.stdout


@pytest.mark.parametrize("files", [4, 5, 6])
def test_an_output_that_takes_nothing_where_few_files_can_be_opened(bound: CommandLine, files: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = with_little(bound, LITTLE["files"].format(files), "status", "--json", stdout=full)
    assert done.returncode in (codes.REFUSED, codes.USAGE, codes.DEVICE), "that of what could not be opened"
    assert "Traceback" not in done.stderr
    assert LOST in " ".join(done.stderr.split())
    assert "Exception ignored" not in done.stderr


def test_a_process_that_may_start_no_thread(bound: CommandLine) -> None:
    done = with_little(bound, LITTLE["threads"], "status", "--json")
    assert (done.returncode, done.stderr) == (codes.REFUSED, "")
    assert "no more threads can be started" in json.loads(done.stdout)["error"]["message"]


# ---------------------------------------------------------------- encodings, locales, terminals

EVERYWHERE: list[dict[str, str]] = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"TERM": "dumb", "COLUMNS": "1"},
    {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error"},
]
AT_THE_GATE: list[dict[str, str]] = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
    {"PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "utf-16"},
    {"COLUMNS": "abc", "LINES": "²"},
    {"NO_COLOR": "1", "FORCE_COLOR": "1"},
]
SURROUNDINGS = EVERYWHERE + (AT_THE_GATE if GATE else [])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=lambda each: " ".join(f"{k}={v}" for k, v in each.items()))
def test_odd_surroundings(bound: CommandLine, surroundings: dict[str, str], tmp_path: Path) -> None:
    environment = bound.environment | surroundings
    encoding = "utf-16" if "utf-16" in surroundings.values() else "latin-1"
    for words, wanted in (
        ("view", 0), ("status --json", 0), ("policy show", 0), ("", 2), ("correct language ä", 2), ("log --since ☃", 2)
    ):  # fmt: skip
        command = [sys.executable, "-m", "rocketvpn_sdk", *words.split()]
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
        assert "Traceback" not in err, words
        assert done.returncode == wanted, (words, err)
        assert wanted or not err
        if "--json" in words:
            json.loads(out)


@pytest.mark.one_in(7)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_every_encoding(
    workshop: CommandLine, command: str, encoding: str, tmp_path: Path
) -> None:
    if command in ("demo", "sandbox"):  # they run long, and have tests of their own
        assert spoken(workshop, [command, "--help"], None, encoding).code == codes.DONE
        return
    plain = spoken(workshop, line(command, tmp_path), None, encoding)
    assert plain.out or plain.err
    document = spoken(workshop, line(command, tmp_path, "--json"), None, encoding)
    assert document.out.isascii()
    json.loads(document.out)
