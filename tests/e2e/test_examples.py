"""The examples run as they are written, against a real sandbox."""

from __future__ import annotations

import json
import logging
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import RawConfigParser
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from support.policies import edited
from support.releases import publish
from support.world import World

import rocketvpn_sdk
from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN, rights
from rocketvpn_sdk.groups.updates import Updates
from rocketvpn_sdk.policy import Policy, bundled_policy, parse_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.testing.secrets import MemorySecrets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
EMBEDDING = CODE.findall((ROOT / "docs" / "embedding.md").read_text("utf-8"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "sandbox") as sandbox:
        yield sandbox


@pytest.mark.clause("U4")
def test_the_updater_hands_over_a_verified_file_and_no_other(sandbox: Sandbox, tmp_path: Path):
    program = "import sys, pathlib; print('installed', pathlib.Path(sys.argv[1]).read_text())"

    def run(version: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "examples" / "updater.py"), str(sandbox.client_file), version]
        return subprocess.run(
            [*command, "--", sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    publish(sandbox, "1.1", b"the new app")
    done = run("1.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "installed the new app" in done.stdout
    assert "nothing newer" in run("1.1").stdout
    publish(sandbox, "1.2", b"the next app")
    for package in (sandbox.folder / "releases").rglob("1.2/package"):
        package.write_bytes(b"the evil app")
    refused = run("1.0")
    assert refused.returncode == 1
    assert "not what the operator signed" in refused.stderr
    assert "installed" not in refused.stdout


@pytest.mark.clause("U4")
def test_the_updater_starts_no_genuine_package_of_an_older_version(sandbox: Sandbox, tmp_path: Path, monkeypatch):
    """Somebody who can write to the folder puts one there: it was signed as well, and has a hole, say."""
    updater = runpy.run_path(str(ROOT / "examples" / "updater.py"))
    publish(sandbox, "1.1", b"the app with a hole")
    publish(sandbox, "1.2", b"the app")
    download = Updates.download

    def exchanged(self, *arguments):
        file = download(self, *arguments)
        file.write_bytes(b"the app with a hole")
        return file

    monkeypatch.setattr(Updates, "download", exchanged)
    started = tmp_path / "started"
    with RocketVPN.open(updater["configure"](sandbox.client_file, "1.0", tmp_path)) as rocket:
        assert updater["update"](rocket, tmp_path, ["touch", str(started)]) == 1
    assert not started.exists()


@pytest.mark.clause("A1", "A2", "A3")
@pytest.mark.parametrize(
    ("name", "last"), [("embed.py", "Gone here: True"), ("async_app.py", "Bound again: False")], ids=["plain", "async"]
)
def test_the_embedding_example_runs(sandbox: Sandbox, tmp_path: Path, name: str, last: str):
    command = [sys.executable, str(ROOT / "examples" / name), str(sandbox.client_file)]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as example:
        # What a user does who reads the e-mail: types its code.
        sandbox.mail.subscribe(
            lambda mail: mail.code and (example.stdin.write(f"{mail.code}\n"), example.stdin.flush())
        )
        try:
            assert example.wait(timeout=60) == 0, example.stderr.read()
        except subprocess.TimeoutExpired:
            example.kill()
            raise
        said, problems = example.stdout.read(), example.stderr.read()
    assert last in said
    assert "The server says: confirmed" in said
    assert "203.0.113.9" not in said
    assert not problems


def run_example(name: str, *arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_script_exports_and_shows_what_left(sandbox: Sandbox, tmp_path: Path):
    arguments = sandbox.client_file, "RV-2026-0001", tmp_path
    for _ in range(2):  # on a timer it runs again
        done = run_example("script.py", *arguments, folder=tmp_path, ROCKETVPN_PASSPHRASE="a long passphrase")
        assert (done.returncode, done.stderr) == (0, "")
    assert "authorize.challenge" in done.stdout
    assert len(list(tmp_path.glob("my-data-*.zip"))) == 1
    wrong = run_example("script.py", *arguments, folder=tmp_path, ROCKETVPN_PASSPHRASE="another")
    assert wrong.returncode == 1
    assert "passphrase" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_the_service_runs_until_it_is_stopped_and_goes_on_where_it_was(sandbox: Sandbox, tmp_path: Path):
    """Its stop is systemd's: SIGTERM. What it recorded is sealed by then."""
    for name in ("state", "credentials"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "credentials" / "passphrase").write_text("a long passphrase\n")
    folders = {"STATE_DIRECTORY": tmp_path / "state", "CREDENTIALS_DIRECTORY": tmp_path / "credentials"}
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "service.py"), str(sandbox.client_file)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **{name: str(path) for name, path in folders.items()}},
            stderr=subprocess.PIPE,
            text=True,
        ) as service:
            try:
                said = next(line for line in service.stderr if "running, policy version" in line)
                service.terminate()
                assert service.wait(timeout=60) == 0, said
                assert "stopping" in service.stderr.read()
            finally:
                service.kill()
    secrets = PassphraseSecrets("a long passphrase")
    with RocketVPN.open(World(sandbox, tmp_path / "state" / "vault").config(secrets=secrets)) as rocket:
        kept = [entry.event for entry in rocket.journal.read()]
    assert kept.count("session.connected") == 2
    assert "log.message" in kept


def test_the_service_s_unit_is_one(tmp_path: Path):
    """It starts the example, and sets what that reads."""
    unit = ROOT / "examples" / "rocketvpn-example.service"
    parts = RawConfigParser(strict=False)
    parts.optionxform = str
    parts.read_string(unit.read_text("utf-8"))
    service = dict(parts["Service"])
    assert "/service.py " in service["ExecStart"]
    assert service["LoadCredentialEncrypted"].startswith("passphrase:")
    assert service["StateDirectory"]
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text("utf-8").replace(service["ExecStart"], sys.executable))
        done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
        assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_the_script_in_the_documentation_runs(sandbox: Sandbox, tmp_path: Path):
    page = (ROOT / "docs" / "scripting.md").read_text("utf-8")
    script = re.search(r"```sh\n(.*?)```", page, re.DOTALL)[1]
    command = f'rocketvpn() {{ "{sys.executable}" -m rocketvpn_sdk.cli "$@"; }}\n'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", command + script],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    assert "calls left this device" in done.stdout
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["server_answered"]


def test_the_code_in_the_readme_runs(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = CODE.findall(README)
    client = tomllib.loads(sandbox.client_file.read_text("utf-8"))

    def config(server: str, app_id: str, authenticator: Any) -> Config:
        """Take what the README decides, and the sandbox in place of the server that does not exist."""
        assert server.startswith("https://")
        return Config(
            server=client["server"],
            app_id=app_id,
            trust=Path(client["trust"]),
            policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
            data_dir=tmp_path / "vault",
            secrets=MemorySecrets(),
            authenticator=authenticator,
        )

    monkeypatch.setattr(rocketvpn_sdk, "Config", config, raising=False)
    names = {
        "input": lambda prompt: sandbox.mail.last_code(),
        "key": "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
        "__name__": "readme",
    }
    before = list(logging.getLogger().handlers)
    try:
        exec(compile(code, "README.md", "exec"), names)
        assert names["report"].server_answered
        assert names["peer"]["endpoint"]
    finally:
        for handler in set(logging.getLogger().handlers) - set(before):
            logging.getLogger().removeHandler(handler)
        if "rocket" in names:
            names["rocket"].close()
    assert "RV-2026-0001" not in {row["number"] for row in sandbox.rows()["orders"]}


class Window:
    """What the page on embedding leaves to the app: its windows, its file names, and the paper of a ticket."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.shown: list[tuple[Any, ...]] = []
        self.paper: list[str] = []
        self.names = {
            "show": self.show,
            "show_that_something_waits": self.show,
            "show_prominently": self.show,
            "show_once": lambda text, svg="": self.paper.append(text),
            "ask_for_the_ticket": lambda: self.paper[0],
            "bar": self.show,
            "explain": self.show,
            "profile": SimpleNamespace(name="Home"),
            "wifi": SimpleNamespace(ssid="Lena's Wi-Fi"),
            "path": folder / "file",
            "passphrase": "",
            "public_key": "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=",
            "root": root,
            "last_week": datetime(2026, 1, 1, tzinfo=UTC),
        }

    def show(self, *what: Any, **more: Any) -> bool:
        self.shown.append((*what, more))
        return True


@pytest.fixture
def window(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    # On a user's machine the operating system knows who signed the server's certificate.
    monkeypatch.setattr(rights, "erase_with_ticket", partial(rights.erase_with_ticket, trust=sandbox.ca_file))
    return Window(tmp_path, sandbox.trusted_root)


@pytest.fixture
def rocket(sandbox: Sandbox, tmp_path: Path) -> Iterator[RocketVPN]:
    """Somebody who asked for a deletion that has not begun, was told about, and has a new policy before them."""
    with RocketVPN.open(World(sandbox, tmp_path / "vault").config(witness=True)) as rocket:
        rocket.device.bind("RV-2026-0001")
        sandbox.disclose("RV-2026-0001", recipient="operator", basis="consent", categories=["contact_email"])
        sandbox.faults.delay_deletions = True
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        sandbox.faults.delay_deletions = False
        longer = parse_policy(edited("field", "region", "P30D", "P90D")).document
        sandbox.publish(Policy(msgspec.structs.replace(longer, version=longer.version + 1)))
        yield rocket


@pytest.mark.parametrize("code", EMBEDDING, ids=[code.strip().splitlines()[-1][:30] for code in EMBEDDING])
def test_the_code_for_embedding_runs(
    code: str,
    rocket: RocketVPN,
    window: Window,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    ours = logging.getLogger("rocketvpn_sdk")  # as it was, afterwards: the page sets it up
    monkeypatch.setattr(ours, "handlers", [*ours.handlers])
    monkeypatch.setattr(ours, "level", ours.level)
    exec(compile(code, "embedding.md", "exec"), {**window.names, "rocket": rocket, "__name__": "embedding"})
    said = capsys.readouterr().out
    silent = any(
        word in code for word in ("subscribe", "witnessed", "network_changed", "StreamHandler", "journal.known")
    )
    assert said or window.shown or window.paper or silent
