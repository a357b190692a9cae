"""``rocketvpn updates``: look, download, certify; and ``rocketvpn sandbox publish`` on the other side (U4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine, settings
from support.releases import CONTENT, tree

from rocketvpn_sdk import platforms
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("U4")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "server") as sandbox:
        yield sandbox


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.bin").write_bytes(CONTENT)
    return tree(tmp_path / "app", {"app.bin": b"the app", "lib/one.so": b"one"})


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    file = settings(tmp_path, sandbox.client_file)
    file.write_text(file.read_text() + 'app_version = "1.0"\n')
    return CommandLine(file)


def published(cli: CommandLine, sandbox: Sandbox, app: Path, version: str, *more: str) -> None:
    where = ("--folder", str(sandbox.folder), "--installed", str(app))
    done = cli.run("sandbox", "publish", str(app.parent / "app.bin"), version, *where, *more)
    assert done.code == 0, done.err
    assert f"Published version {version} for {platforms.kind()}, channel stable" in done.out


def test_from_publishing_to_certifying(cli: CommandLine, sandbox: Sandbox, app: Path, tmp_path: Path) -> None:
    published(cli, sandbox, app, "1.1")
    found = cli.run("updates", "check")
    assert found.code == 0
    assert "Version 1.1 of " in found.out
    assert "without asking again" in found.out
    done = cli.run("updates", "download", "--into", str(tmp_path / "app"), "--json")
    assert done.code == 1, "another file has its name there"
    assert done.error["code"] == "download-failed"
    (tmp_path / "downloads").mkdir()
    done = cli.run("updates", "download", "--into", str(tmp_path / "downloads"))
    file = tmp_path / "downloads" / "app.bin"
    assert done.code == 0
    assert file.read_bytes() == CONTENT
    assert cli.run("updates", "certify", str(file)).out == "Genuine: 1 file as the operator signed version 1.1.\n"
    assert cli.run("updates", "certify", str(app), "--installed", "1.1", "--json").document == {
        "genuine": True,
        "version": "1.1",
        "files": 2,
        "withdrawn": False,
    }
    newest = cli.run("updates", "check", "--installed", "1.1")
    assert "Version 1.1 is the newest for this device." in newest.out
    nothing = cli.run("updates", "download", "--installed", "1.1", "--json")
    assert (nothing.code, nothing.document) == (0, {"release": None, "path": None})
    ledger = cli.run("sent", "--json").document["sent"]
    assert {entry["purpose"] for entry in ledger} == {"software"}


def test_what_is_not_genuine_is_named(cli: CommandLine, sandbox: Sandbox, app: Path) -> None:
    published(cli, sandbox, app, "1.0")
    (app / "app.bin").write_bytes(b"the APP")
    (app / "lib" / "one.so").unlink()
    (app / "more").write_bytes(b"more")
    said = cli.run("updates", "certify", str(app))
    assert said.code == 1
    assert "Files that differ: 3." in " ".join(said.err.split())
    for line in ("altered  app.bin", "missing  lib/one.so", "extra    more"):
        assert line in said.out
    document = cli.run("updates", "certify", str(app), "--json").document
    assert document == {
        "genuine": False,
        "version": "1.0",
        "altered": ["app.bin"],
        "missing": ["lib/one.so"],
        "extra": ["more"],
    }


def test_withdrawn_staged_required_and_back(cli: CommandLine, sandbox: Sandbox, app: Path, tmp_path: Path) -> None:
    published(cli, sandbox, app, "0.9", "--roll-back")
    published(cli, sandbox, app, "1.0")
    published(cli, sandbox, app, "1.1", "--rollout", "0")
    assert "this device's turn has not come" in " ".join(cli.run("updates", "check").out.split())
    folder = str(sandbox.folder)
    assert cli.run("sandbox", "revise", "1.0", "--folder", folder, "--withdraw").code == 0
    said = " ".join(cli.run("updates", "check").out.split())
    assert "withdrawn version 1.0" in said
    assert "You can go back to version 0.9: `rocketvpn updates download 0.9`." in said
    (tmp_path / "downloads").mkdir()
    back = cli.run("updates", "download", "0.9", "--into", str(tmp_path / "downloads"))
    assert back.code == 0
    assert "Version 0.9 is here" in back.out
    refused = cli.run("updates", "download", "1.1", "--json")
    assert refused.error["code"] == "release-refused"
    assert cli.run("sandbox", "revise", "1.1", "--folder", folder, "--rollout", "100", "--minimum").code == 0
    document = cli.run("updates", "check", "--json").document
    assert (document["required"], document["release"]["version"], document["roll_backs"]) == (True, "1.1", [])


def test_without_a_connection(cli: CommandLine, sandbox: Sandbox, app: Path) -> None:
    published(cli, sandbox, app, "1.1")
    cli.run("updates", "check")
    asked = len(sandbox.requests)
    assert "Version 1.1 of " in cli.run("updates", "check", "--offline").out
    assert len(sandbox.requests) == asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1.x",), "It is not published: 'version' cannot be published"),
        (("1.1", "--platform", "amiga"), "no such platform"),
        (("1.1", "--installed", "nowhere"), "cannot be read or written"),
    ],
)
def test_what_cannot_be_published(
    cli: CommandLine, sandbox: Sandbox, app: Path, words: tuple[str, ...], said: str
) -> None:
    package = str(app.parent / "app.bin")
    done = cli.run("sandbox", "publish", package, *words, "--folder", str(sandbox.folder))
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_a_folder_without_a_sandbox(cli: CommandLine, app: Path, tmp_path: Path) -> None:
    done = cli.run("sandbox", "publish", str(app.parent / "app.bin"), "1.1", "--folder", str(tmp_path))
    assert done.code == 2
    assert "no sandbox" in done.err
    revised = cli.run("sandbox", "revise", "1.1", "--folder", str(tmp_path))
    assert revised.code == 2


def test_at_a_terminal_a_bar_shows_how_far_it_is(cli: CommandLine, sandbox: Sandbox, app: Path, tmp_path: Path) -> None:
    published(cli, sandbox, app, "1.1")
    (tmp_path / "downloads").mkdir()
    with cli.terminal("updates", "download", "--into", str(tmp_path / "downloads")) as terminal:
        terminal.expect("1.0/1.0 MB")
        terminal.expect("Version 1.1 is here")
        assert terminal.leave() == 0
