"""The command line with a sandbox to talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import CommandLine, settings

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.sandbox import running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("cli") / "server") as sandbox:
        yield sandbox


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> Iterator[CommandLine]:
    yield CommandLine(settings(tmp_path, sandbox.client_file))
    sandbox.faults.clear()


@pytest.fixture
def order(sandbox: Sandbox) -> str:
    return sandbox.order()


@pytest.fixture
def code_file(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The newest code that was mailed, for ``--code-from``."""
    file = tmp_path / "code"
    sandbox.mail.subscribe(lambda message: message.code and tmp_path.exists() and file.write_text(message.code))
    return file


@pytest.fixture
def bound(cli: CommandLine, order: str) -> CommandLine:
    assert cli.run("bind", order).code == 0
    return cli
