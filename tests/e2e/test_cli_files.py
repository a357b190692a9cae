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
    done = bound.json(*WRITERS[writer], str(path), *(["--yes"] if writer != "export" else []))
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
            assert bound.json(*WRITERS[writer], str(path), *(["--yes"] if writer != "export" else [])).code == 0
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
    assert "Remove the link" in error["remedy"]


INTO = {
    **WRITERS,
    "receipt": ("delete", "--scope", "logs", "--yes", "--receipt"),
    "records": ("consent", "receipts", "--output"),
    "server": ("sandbox", "--database-url", "none://", "--folder"),
    "used ticket": ("erase", "--ticket", "none", "--yes", "--receipt"),
}


@pytest.mark.parametrize("name", ["vault.db", "lock.db", "new"])
@pytest.mark.parametrize("writer", INTO)
def test_attack_nothing_is_written_into_a_vault(bound: CommandLine, tmp_path: Path, writer: str, name: str) -> None:
    for folder in (tmp_path / "vault", tmp_path / "link"):
        if folder.name == "link":
            folder.symlink_to(tmp_path / "vault")
        before = {entry.name: entry.read_bytes() for entry in (tmp_path / "vault").iterdir() if entry.is_file()}
        where = str(folder if writer in ("records", "server") else folder / name)
        done = bound.json(*INTO[writer], where, *(["--yes"] if writer in ("view", "labels") else []))
        assert (done.code, done.error["code"]) == (codes.USAGE, "value-refused"), done
        after = {entry.name: entry.read_bytes() for entry in (tmp_path / "vault").iterdir() if entry.is_file()}
        assert set(after) == set(before)
        assert after["lock.db"] == before["lock.db"]
    assert bound.json("status").document["bound"] is True


def test_attack_an_offered_receipt_is_not_put_into_the_vault(bound: CommandLine, tmp_path: Path) -> None:
    with bound.terminal("delete", "--scope", "logs") as terminal:
        terminal.expect("Type delete to go on: ")
        terminal.type("delete\n")
        for name in ("new", "lock.db"):
            terminal.expect("or Enter for none: ")
            terminal.type(f"{tmp_path / 'vault' / name}\n")
            terminal.expect("It cannot be saved there")
        terminal.expect("or Enter for none: ")
        terminal.type("\n")
        assert terminal.leave() == codes.DONE
    assert not (tmp_path / "vault" / "new").exists()


def test_labels_replace_a_file_only_where_somebody_said_so(cli: CommandLine, tmp_path: Path) -> None:
    labels, file = ("policy", "labels", "--store", "apple", "--output"), tmp_path / "mine"
    file.write_text("mine")
    assert cli.json(*labels, str(file)).error["code"] == "confirmation-required"
    assert file.read_text() == "mine"
    assert cli.json(*labels, str(file), "--yes").code == 0
    assert plistlib.loads(file.read_bytes())


@pytest.mark.parametrize("writer", ["view", "export", "labels", "receipt"])
def test_a_file_may_be_called_dash(
    bound: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bound.json(*INTO[writer], "./-").code == 0
    assert (tmp_path / "-").stat().st_size > 100


def test_without_a_record_nothing_is_said_to_be_written(bound: CommandLine, tmp_path: Path) -> None:
    done = bound.run("consent", "receipts", "--output", str(tmp_path / "records"))
    assert (done.code, "Nothing was written." in done.out, "Written to" in done.out) == (0, True, False)
    assert not (tmp_path / "records").exists()


def test_a_refused_argument_has_the_name_that_the_command_line_gives_it(bound: CommandLine, tmp_path: Path) -> None:
    assert "value of ORDER cannot" in bound.json("bind", "no/order").error["message"]
    assert "value of FILE cannot" in bound.json("export", str(tmp_path)).error["message"]
    assert "command" in bound.json("export", str(tmp_path)).error["remedy"]
