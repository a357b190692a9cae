"""Files that commands write: private, whole, over nothing that is no file; and ``-`` is the standard output."""

from __future__ import annotations

import json
import os
import plistlib
import stat
import subprocess
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.exports import Unpacked

from rocketvpn_sdk.cli import codes

WRITERS = {
    "view": ("view", "--html"),
    "export": ("export", "--force"),
    "labels": ("policy", "labels", "--store", "apple", "--output"),
}


def poured(cli: CommandLine, *arguments: str) -> tuple[int, bytes, str]:
    process = cli.start(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        out = process.stdout.buffer.read()  # type: ignore[attr-defined] # a text stream over bytes
        err = process.stderr.read() if process.stderr else ""
    return process.returncode, out, err


def test_a_dash_is_the_standard_output(bound: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, page, err = poured(bound, "view", "--html", "-")
    assert (code, err) == (0, "")
    assert page.startswith(b"<!DOCTYPE html>")
    assert page.rstrip().endswith(b"</html>")
    code, packed, err = poured(bound, "export", "-")
    assert (code, err) == (0, "")
    assert "report.json" in Unpacked(packed).members
    code, listed, err = poured(bound, "policy", "labels", "--store", "apple", "--output", "-")
    assert (code, err) == (0, "")
    assert plistlib.loads(listed)
    code, receipts, err = poured(bound, "consent", "receipts", "--output", "-")
    assert (code, err) == (0, "")
    assert all(json.loads(line) for line in receipts.splitlines())
    assert list(tmp_path.glob("-*")) == []


def test_a_receipt_is_printed_apart_from_what_is_said(
    bound: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, receipt, err = poured(bound, "delete", "--scope", "device", "--yes", "--receipt", "-")
    assert code == 0
    assert json.loads(receipt)["format"] == "rocketvpn-erasure-receipt/1"
    assert "What was done" in err
    assert not list(tmp_path.glob("-*"))


@pytest.mark.parametrize("arguments", [("view", "--html", "-"), ("export", "-"), ("delete", "--yes", "--receipt", "-")])
def test_two_documents_do_not_go_into_one_output(bound: CommandLine, arguments: tuple[str, ...]) -> None:
    done = bound.json(*arguments)
    assert (done.code, done.error["code"]) == (codes.USAGE, "value-refused")
    assert "--json" in done.error["message"]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", ["fifo", "link", "dangling"])
def test_attack_what_is_no_file_is_left_alone(bound: CommandLine, tmp_path: Path, writer: str, kind: str) -> None:
    path = tmp_path / "place"
    (tmp_path / "victim").write_text("mine")
    os.mkfifo(path) if kind == "fifo" else path.symlink_to(tmp_path / ("victim" if kind == "link" else "nowhere"))
    before = path.lstat()
    done = bound.json(*WRITERS[writer], str(path), *(["--yes"] if writer == "view" else []))
    assert (done.code, done.error["code"]) == (codes.USAGE, "value-refused")
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_is_for_this_user_alone(bound: CommandLine, tmp_path: Path, writer: str) -> None:
    path = tmp_path / "place"
    assert bound.run("age", "--adult").code == 0
    assert bound.run("consent", "grant", "improvement", "--yes").code in (codes.DONE, codes.PENDING)
    before = os.umask(0)
    try:
        for _ in range(2):  # new, and over an older one that others could read
            assert bound.json(*WRITERS[writer], str(path), *(["--yes"] if writer == "view" else [])).code == 0
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            path.chmod(0o644)
        assert bound.json("consent", "receipts", "--output", str(tmp_path / "new" / "receipts")).code == 0
    finally:
        os.umask(before)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert {stat.S_IMODE(entry.stat().st_mode) & 0o077 for entry in made} == {0}


def test_what_helps_depends_on_the_cause(bound: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    error = bound.json("status", "--data-dir", str(tmp_path / "loop" / "vault")).error
    assert (error["code"], error["cause"]) == ("vault-read-only", "links")
    assert "Remove the link" in error["action"]
