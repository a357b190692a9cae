"""The examples run as they are written, against a real sandbox."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.testing.secrets import MemorySecrets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path / "sandbox") as sandbox:
        yield sandbox


@pytest.mark.clause("A1", "A2", "A3")
def test_the_embedding_example_runs(sandbox: Sandbox, tmp_path: Path):
    command = [sys.executable, str(ROOT / "examples" / "embed.py"), str(sandbox.client_file)]
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
        sandbox.mail.subscribe(lambda mail: (example.stdin.write(f"{mail.code}\n"), example.stdin.flush()))
        try:
            assert example.wait(timeout=60) == 0, example.stderr.read()
        except subprocess.TimeoutExpired:
            example.kill()
            raise
        said, problems = example.stdout.read(), example.stderr.read()
    assert "Gone here: True" in said
    assert "The server says: confirmed" in said
    assert "203.0.113.9" not in said
    assert not problems


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


def test_the_code_in_the_readme_runs(sandbox: Sandbox, tmp_path: Path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    client = tomllib.loads(sandbox.client_file.read_text("utf-8"))

    def config(server: str, app_id: str, events: Any) -> Config:
        """Take what the README decides, and the sandbox in place of the server that does not exist."""
        assert server.startswith("https://")
        return Config(
            server=client["server"],
            app_id=app_id,
            trust=Path(client["trust"]),
            policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
            events=events,
            data_dir=tmp_path / "vault",
            secrets=MemorySecrets(),
            authenticator=lambda challenge: sandbox.mail.last_code(),
        )

    names = {
        "Config": config,
        "Event": Event,
        "RocketVPN": RocketVPN,
        "logging": logging,
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
