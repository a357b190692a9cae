"""The command line where something is wrong, and the commands for developers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import ROOT, CommandLine, settings
from support.commands import ARGUMENTS, COMMANDS

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

# ---------------------------------------------------------------- what can be wrong


def test_a_wrong_passphrase(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    config = tmp_path / "rocketvpn.toml"
    wrong = CommandLine(config, ROCKETVPN_PASSPHRASE="wrong")
    assert wrong.json("view").error["code"] == "secret-store-locked"
    assert wrong.run("view").code == codes.DEVICE
    status = wrong.json("status")
    assert status.code == codes.DEVICE
    assert status.document["vault"]["state"] == "locked"
    assert status.document["problem"]["code"] == "secret-store-locked"
    assert CommandLine(config, ROCKETVPN_PASSPHRASE="").json("view").code == codes.DEVICE
    assert bound.run("view").code == 0


def test_no_server(sandbox: Sandbox, tmp_path: Path, order: str):
    cli = CommandLine(settings(tmp_path, sandbox.client_file, server="https://localhost:1"))
    done = cli.json("bind", order)
    assert (done.code, done.error["code"]) == (codes.SERVER, "server-unreachable")
    assert cli.run("bind", order).err.startswith("Error: localhost")


@pytest.mark.clause("M1", "M2", "P2")
def test_the_advice_for_minors_is_there_before_anything_is_sent(sandbox: Sandbox, tmp_path: Path, order: str):
    cli = CommandLine(settings(tmp_path, sandbox.client_file, server="https://localhost:1"))
    said = cli.run("bind", order)
    assert said.code == codes.SERVER  # nobody was there to send anything to
    assert said.out.startswith("If you are under 18, ask a parent or guardian")


def test_a_server_that_nobody_vouches_for(sandbox: Sandbox, tmp_path: Path, order: str):
    config = settings(tmp_path, sandbox.client_file)
    kept = [line for line in config.read_text().splitlines() if not line.startswith("trust")]
    config.write_text("\n".join(kept))
    done = CommandLine(config).json("bind", order)
    assert (done.code, done.error["code"]) == (codes.SERVER, "certificate-untrusted")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("colour = 1", "'colour'"),
        ("profile = 7", "'profile'"),
        ('secrets = "memory"', "memory"),
        ('secrets = "somewhere"', "'secrets'"),
        ("= broken", "not TOML"),
        ("x = " + "[" * 5000 + "]" * 5000, "too deep"),
        ("x = " + "9" * 5000, "a number is too long"),
        ("x = 1 #" + "9" * (1 << 20), "longer than"),
        ('data_dir = ""', "'data_dir' is empty"),
        ('profile = ""', "'profile' is empty"),
        ('trust = ""', "'trust' is empty"),
        ('data_dir = "~no-such-user/vault"', "no home folder"),
        ('policy = "none.toml"', "none.toml"),
        ('trust = "none.pem"', "trust"),
    ],
)
def test_settings_that_cannot_work_are_named(sandbox: Sandbox, tmp_path: Path, line: str, said: str):
    path = settings(tmp_path, sandbox.client_file)
    name = line.split(" ")[0]
    kept = [each for each in path.read_text().splitlines() if each.split(" ")[0] != name]
    path.write_text("\n".join([*kept, line]))
    error = CommandLine(path).json("status").error
    assert error["exit_code"] == codes.USAGE
    assert said in error["message"]


def test_settings_in_what_is_no_file(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    for path in (Path("/dev/null"), tmp_path, tmp_path / "fifo"):
        done = CommandLine().process("status", "--json", "--config", str(path))
        assert (done.code, "cannot be read" in done.error["message"]) == (codes.USAGE, True)


def test_settings_may_name_the_home_folder_and_stand_behind_a_link(sandbox: Sandbox, tmp_path: Path, order: str):
    (tmp_path / "home").mkdir()
    path = settings(tmp_path / "there", sandbox.client_file, data_dir="~/mine")
    (tmp_path / "link").symlink_to(path)
    cli = CommandLine(tmp_path / "link", HOME=str(tmp_path / "home"))
    assert cli.json("bind", order).code == 0
    assert (tmp_path / "home" / "mine" / "vault.db").exists()
    assert not (tmp_path / "there" / "~").exists()


def test_settings_that_are_not_there():
    assert "ROCKETVPN_CONFIG" in CommandLine().json("status").error["message"]
    assert "cannot be read" in CommandLine().json("status", "--config", "no-such-file").error["message"]


def test_a_wrong_command_line_is_an_error_in_json_too(cli: CommandLine):
    for arguments in (["view", "--colour"], ["nothing"], ["log", "--limit", "many"], ["delete", "--scope", "all"]):
        done = cli.json(*arguments)
        assert done.code == codes.USAGE
        assert done.error["code"] == "usage"
    plain = cli.run("view", "--colour")
    assert (plain.code, plain.out) == (codes.USAGE, "")
    assert "Usage: rocketvpn view" in plain.err


def test_without_the_extra_it_says_what_to_install():
    program = (
        "import importlib.util as util; find = util.find_spec;"
        "util.find_spec = lambda name, *rest: None if name == 'typer' else find(name, *rest);"
        "from rocketvpn_sdk.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == codes.USAGE
    assert "rocketvpn-sdk[cli]" in done.stderr
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------- policy lint, sandbox


def test_lint_names_the_line(cli: CommandLine, tmp_path: Path):
    bundled = ROOT / "rocketvpn_sdk" / "policy" / "rocketvpn.toml"
    good = cli.json("policy", "lint", str(bundled))
    assert (good.code, good.document["valid"]) == (0, True)

    text = bundled.read_text("utf-8").splitlines()
    line = next(number for number, each in enumerate(text) if each.startswith("purposes"))
    text[line] = 'purposes = ["profit"]'
    bad = tmp_path / "policy.toml"
    bad.write_text("\n".join(text))
    done = cli.json("policy", "lint", str(bad))
    assert (done.code, done.error["code"]) == (codes.REFUSED, "policy-invalid")
    assert f"line {line + 1}:" in done.error["message"]
    assert cli.json("policy", "lint", str(tmp_path / "none.toml")).code == codes.REFUSED


def test_lint_checks_an_apps_events(tmp_path: Path):
    head = "from rocketvpn_sdk import Event\n\nclass Seen(Event, name='app.seen', purpose='service'):\n"
    (tmp_path / "good_events.py").write_text(head + "    region: str\n")
    (tmp_path / "bad_events.py").write_text(head + "    birthday: str\n")
    cli = CommandLine(PYTHONPATH=f"{ROOT}:{tmp_path}")
    bundled = str(ROOT / "rocketvpn_sdk" / "policy" / "rocketvpn.toml")
    assert cli.process("policy", "lint", bundled, "--events", "good_events", "--json").document["event_classes"] == 1
    bad = cli.process("policy", "lint", bundled, "--events", "bad_events", "--json")
    assert (bad.code, "birthday" in bad.error["message"]) == (codes.REFUSED, True)
    assert cli.process("policy", "lint", bundled, "--events", "no_such_module", "--json").code == codes.USAGE


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_says_how_to_reach_it_and_stops_when_told(tmp_path: Path, how: signal.Signals):
    with CommandLine().start(
        "sandbox", "--json", "--folder", str(tmp_path / "server"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            ready = json.loads(process.stdout.readline())
            assert set(ready) == {"url", "local_url", "config", "trust", "orders"}
            assert ready["url"] == ready["local_url"]
            cli = CommandLine(settings(tmp_path / "mine", Path(ready["config"])))
            assert cli.run("bind", ready["orders"][0]["order"]).code == 0
            assert cli.run("delete", "--yes").code == codes.USER
            mail = json.loads(process.stdout.readline())["mail"]
            assert mail["to"] == ready["orders"][0]["contact_email"]
            port = ready["url"].rpartition(":")[2]
            assert cli.json("sandbox", "--folder", str(tmp_path / "other"), "--port", port).code == codes.REFUSED
            process.send_signal(how)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_the_sandbox_behind_a_proxy_says_what_clients_and_the_proxy_call(tmp_path: Path):
    public = [
        "--public-url",
        "https://api.vpn.example",
        "--trusted-proxy",
        "127.0.0.1",
        "--trusted-proxy",
        "10.0.0.0/8",
    ]
    command = ["sandbox", "--json", "--folder", str(tmp_path / "server"), *public, "--proxy-header", "forwarded"]
    with CommandLine().start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            ready = json.loads(process.stdout.readline())
            assert ready["url"] == "https://api.vpn.example"
            assert ready["local_url"].startswith("https://localhost:")
            assert 'server = "https://api.vpn.example"' in Path(ready["config"]).read_text()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--public-url", "http://api.vpn.example", "https://host"),
        ("--public-url", "https://api.vpn.example/v1", "without a path"),
        ("--trusted-proxy", "my-proxy", "an IP address or a network"),
        ("--proxy-header", "x-real-ip", "x-forwarded-for or forwarded"),
    ],
)
def test_a_proxy_that_is_said_wrongly(tmp_path: Path, option: str, value: str, said: str):
    done = CommandLine().json("sandbox", "--folder", str(tmp_path / "server"), option, value)
    assert (done.code, said in done.error["message"]) == (codes.USAGE, True), done.error
    assert not (tmp_path / "server").exists()


def test_a_database_that_cannot_be_used(tmp_path: Path):
    for url in ("no url", "nosuchdatabase://localhost/x"):
        done = CommandLine().json("sandbox", "--folder", str(tmp_path), "--database-url", url)
        assert done.code == codes.USAGE


def test_a_callers_own_interrupt_is_not_ours(cli: CommandLine):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert cli.json("unbind", "--yes").error["code"] == "not-bound"


def test_no_command_advises_to_destroy_what_another_store_opens(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    """The folder was made with a passphrase; these settings name the keyring, and there is none."""
    wrong = CommandLine(settings(tmp_path, sandbox.client_file, secrets=None))
    commands = [name for name in COMMANDS if is_of_the_vault(name) and name != "reset"]
    assert len(commands) == 44
    for name in commands:
        arguments = [*name.split(), *ARGUMENTS.get(name, [])]
        done, plain = wrong.json(*arguments), wrong.run(*arguments)
        assert done.code == plain.code == codes.DEVICE, name
        assert "made-with-passphrase" in done.out, name
        assert "--passphrase" in done.out, name
        for text in (done.out, plain.out, plain.err):
            assert "reset" not in text, name
    settings(tmp_path, sandbox.client_file)
    assert bound.json("status").document["bound"] is True


def is_of_the_vault(name: str) -> bool:
    return (
        name not in {"demo", "erase", "receipt", "uninstall", "lint-logs"}
        and not name.startswith("sandbox")
        and (not name.startswith("policy") or name in ("policy check", "policy accept"))
    )
