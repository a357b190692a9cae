"""The runner of the public TUF suite: what it says without the suite; its list of expected failures is exact."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import tuf_conformance
from support.signed_files import POLICY
from support.tuf_conformance import EXPECTED, ROOT, differences, lacking, load_expected

from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.sandbox.tuf_repository import Repository


def test_without_the_suite_it_says_that_nothing_was_tested(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuf_conformance.main([""]) == 0
    said = capsys.readouterr().out
    assert "NOT tested" in said
    assert "TUF_CONFORMANCE=DIR" in said


def test_a_folder_that_is_not_the_suite_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tuf_conformance.main([str(tmp_path)]) == 1
    assert "not a clone" in capsys.readouterr().out
    (tmp_path / "tuf_conformance").mkdir()
    assert "make dev" in lacking(tmp_path)


@pytest.mark.parametrize(
    ("outcomes", "wrong"),
    [
        ({"a": True, "b": False}, []),
        ({"a": False, "b": False}, ["fails and is not listed: a"]),
        ({"a": True, "b": True}, ["is listed and passes: b"]),
        ({"a": True}, ["is listed and not in the suite: b"]),
        ({}, ["is listed and not in the suite: b", "no test ran"]),
    ],
)
def test_the_list_must_be_exact(outcomes: dict[str, bool], wrong: list[str]) -> None:
    assert differences(outcomes, {"b": "a reason"}) == wrong


def test_each_listed_test_has_one_reason() -> None:
    expected = load_expected(EXPECTED.read_text("utf-8"))
    assert expected
    for test, reason in expected.items():
        assert re.fullmatch(r"test_[a-z_]+\.py::test_\w+(\[.+\])?", test), test
        assert reason.endswith(".")
    for text in ('[[rule]]\nreason = " "\ntests = ["a"]', '[[rule]]\nreason = "x"\ntests = ["a", "a"]'):
        with pytest.raises(ValueError, match="listed twice, or without"):
            load_expected(text)


def test_the_page_about_signed_files_counts_them_right() -> None:
    page = (ROOT / "docs" / "signed-files.md").read_text("utf-8")
    rules = tomllib.loads(EXPECTED.read_text("utf-8"))["rule"]
    assert [f"| {len(rule['tests'])}: " in page for rule in rules] == [True, True]
    assert f"The other {sum(len(rule['tests']) for rule in rules)}\n" in page


class Command:
    """The command, in folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder / "server", SystemClock())
        self.repository.publish({POLICY: b"policy"})
        for name in ("metadata", "targets"):
            (folder / name).mkdir()
        assert self.run("init", self.repository.trusted_root).returncode == 0

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, tuf_conformance.CLIENT, "--metadata-dir", self.folder / "metadata", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run([*map(str, command)], check=False, capture_output=True, text=True, env=environment)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def url(command: Command) -> Iterator[str]:
    """The command's repository, by plain HTTP on this machine."""
    handler = partial(QuietHandler, directory=command.folder / "server")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def test_the_command_fetches_a_file_and_shows_what_it_trusts(command: Command, url: str) -> None:
    targets = ["--target-dir", command.folder / "targets", "--target-base-url", f"{url}/targets"]
    where = ["--metadata-url", f"{url}/metadata"]
    done = command.run(*where, *targets, "--target-name", POLICY, "download")
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (command.folder / "targets").iterdir()] == [b"policy"]
    shown = {path.name for path in (command.folder / "metadata").glob("*.json")}
    assert shown == {"root.json", "timestamp.json", "snapshot.json", "targets.json"}
    for arguments in (["--target-name", "policy.json"], ["--target-name", "policy/none.json"]):
        assert command.run(*where, *targets, *arguments, "download").returncode == 1
    done = command.run("--any-name", *where, *targets, "--target-name", "policy.json", "download")
    assert (done.returncode, "no such file is signed" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("url", ["http://192.0.2.1:9/metadata/", "https://127.0.0.1:9/metadata/"])
def test_the_command_speaks_plain_http_on_this_machine_and_nothing_else(command: Command, url: str) -> None:
    done = command.run("--metadata-url", url, "refresh")
    assert (done.returncode, "only plain HTTP on this machine" in done.stderr) == (1, True), done.stderr
